/* The life of a worker process. See protocol.h; nothing here holds anything that anybody waits for.
 *
 * A task runs on a private weir_future that nobody else sees, of a private slab, so that everything
 * a task may call works as it does on a thread; at the end, what it has left there is copied into
 * the task's slot. A task that ends its only thread (pthread_exit) unwinds through here: its future
 * has been ended as failed by then, and the process leaves. Compiled with -fexceptions, as
 * executor/task.c. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "executor/executor_impl.h"
#include "executor/task_impl.h"
#include "process/idle.h"
#include "process/plan.h"
#include "sync/futex.h"
#include "sync/thread.h"

struct worker {
    const struct weir__plan *plan;
    const struct weir__segment *segment; /* numbers in private memory */
    struct weir__station *station;
    size_t index;
    weir_executor executor;     /* what struct weir_task wants to have; nobody can get at it */
    struct weir_future *future; /* RUNNING for ever; used for one task after the other */
    struct weir__slot *slot;    /* of the task that runs */
    uint64_t running;           /* the word of that slot while it runs */
    uint64_t done_tail;
    size_t ran;
    struct weir__spin spin;
    uint32_t large_written;     /* large results ever */
    size_t part_used;           /* bytes of our part in use */
};

/* Never asked: nobody but the task sees the future, and it has no handle. */
static bool no_withdrawal(void *owner, struct weir_future *future)
{
    (void)owner;
    (void)future;
    return false;
}

static enum weir__help no_help(void *owner, struct weir_future *future)
{
    (void)owner;
    (void)future;
    return WEIR__HELP_NO;
}

static const struct weir__future_host worker_future_host = {
    .withdraw = no_withdrawal, .help = no_help};

/* [X5] */
static void ring_doorbell(struct worker *worker)
{
    _Atomic uint32_t *doorbell = &weir__segment_commons(worker->segment)->doorbell;
    uint32_t listening = 1;
    uint64_t one = 1;
    if (weir__load_seq_cst(doorbell) != 1 || !weir__cas_acq_rel(doorbell, &listening, 0u)) /* [X5] */
        return;
    /* relaxed: advice, for spin.h */
    weir__store_relaxed(&weir__segment_commons(worker->segment)->rung_ns, weir__now_ns());
    if (write(worker->plan->doorbell_fd, &one, sizeof one) < 0)
        return; /* its counter is full, so the parent is awake; or it is gone, and so are we */
}

static void report_done(struct worker *worker, uint64_t hint)
{
    struct weir__station *station = worker->station;
    /* relaxed: the parent only moves it on, so the ring is at most fuller than it looks */
    if (worker->done_tail - weir__load_relaxed(&station->done_head) < WEIR__DONE_RING) {
        /* relaxed: published by the tail */
        weir__store_relaxed(&station->done[worker->done_tail % WEIR__DONE_RING], hint);
        weir__store_seq_cst(&station->done_tail, ++worker->done_tail); /* seq_cst [X5] */
    } else {
        weir__store_seq_cst(&station->overflow, 1u); /* seq_cst [X6] [X5] */
    }
    ring_doorbell(worker);
}

/* Room in our part, from the front if the parent has copied all that was there: what is used over and
 * over is in the cache, and takes no more memory than what is under way. Waits for that if there is no
 * room. */
static uint64_t reserve_part(struct worker *worker, size_t size)
{
    _Atomic uint32_t *collected = &worker->station->collected;
    size = WEIR__ROUND_UP(size, (size_t)WEIR__CACHE_LINE);
    bool fits = worker->part_used + size <= worker->segment->part_bytes;
    uint32_t seen;
    /* acquire [X2]: the parent's copying is over */
    while ((seen = weir__load_acquire(collected)) != worker->large_written && !fits)
        weir__futex_wait_shared(collected, seen);
    if (seen == worker->large_written)
        worker->part_used = 0;
    uint64_t offset = worker->part_used;
    worker->part_used += size;
    worker->large_written++;
    return offset;
}

/* False: there is no room for that much, ever. */
static bool place_result(struct worker *worker, const void *data, size_t size)
{
    const struct weir__segment *segment = worker->segment;
    struct weir__slot *slot = worker->slot;
    slot->result_large = size > segment->result_bytes;
    slot->result_size = 0;
    if (size > segment->result_bytes && size > segment->payload_bytes)
        return false;
    char *place = weir__slot_result(segment, slot);
    if (slot->result_large) {
        slot->result_offset = reserve_part(worker, size);
        place = weir__segment_part(segment, worker->index) + slot->result_offset;
    }
    if (size)
        memcpy(place, data, size);
    slot->result_size = size;
    return true;
}

/* The task of the slot is over: tell. Does not return if this worker is to die for it. */
static void finish_slot(struct worker *worker, uint32_t outcome)
{
    struct weir__slot *slot = worker->slot;
    uint64_t word = worker->running;
    uint32_t generation = weir__word_generation(word);
    uint32_t index = (uint32_t)(((char *)slot - (char *)weir__segment_slot(worker->segment, 0)) /
                                (ptrdiff_t)worker->segment->slot_stride);
    weir__store_relaxed(&worker->station->running_since_ns, (int64_t)0); /* for statistics */
    slot->outcome = outcome;
    slot->end_ns = weir__now_ns();
    /* acq_rel [X2] */
    if (!weir__cas_acq_rel(&slot->word, &word,
                           weir__word(generation, WEIR__SLOT_DONE, worker->index)))
        _exit(1); /* CONDEMNED, or spoilt: the parent has the word */
    report_done(worker, (uint64_t)generation << 32 | index);
}

static void task_ended(struct weir_task *task, weir_status status)
{
    struct worker *worker = task->context;
    struct weir_future *future = task->future;
    struct weir__slot *slot = worker->slot;
    uint32_t outcome = status == WEIR_OK ? WEIR__OUTCOME_OK : WEIR__OUTCOME_FAILED;
    size_t size;
    const void *result = weir__future_result(future, &size);
    slot->error = future->error;
    slot->error_is_status = future->flags & WEIR__ERROR_IS_STATUS ? 1 : 0;
    if (!place_result(worker, result, size)) {
        if (outcome == WEIR__OUTCOME_OK)
            outcome = WEIR__OUTCOME_TOO_BIG;
        else /* of a message, the beginning */
            place_result(worker, result, worker->segment->result_bytes);
    }
    finish_slot(worker, outcome);
}

/* Make the private future that of the slot's task. False: out of memory. */
static bool dress_future(struct worker *worker)
{
    struct weir_future *future = worker->future;
    struct weir__slot *slot = worker->slot;
    const struct weir__segment *segment = worker->segment;
    weir__future_forget_result(future);
    future->flags = 0;
    future->error = 0;
    future->fn = slot->fn;
    weir__future_details(future)->name = slot->input & WEIR__INPUT_NAMED ? slot->name : NULL;
    weir__store_relaxed(&future->word, (uint64_t)(WEIR__RUNNING | WEIR__DETAILED)); /* as at first */
    if (!(slot->input & WEIR__INPUT_BYTES)) {
        future->arg = slot->pointer;
        return true;
    }
    size_t size = slot->arg_size;
    if (!(slot->input & WEIR__INPUT_LARGE)) {
        size = size < segment->arg_bytes ? size : segment->arg_bytes;
        future->arg = weir__future_inline_arg(future);
        memcpy(future->arg, weir__slot_arg(slot), size);
        return true;
    }
    char *buffer = weir__segment_buffer(segment, slot->arg_buffer % segment->buffers);
    size = size < segment->payload_bytes ? size : segment->payload_bytes;
    future->arg = buffer;
    if (!(slot->input & WEIR__INPUT_PRESERVE))
        return true;
    future->arg = malloc(size);
    if (!future->arg)
        return false;
    memcpy(future->arg, buffer, size);
    future->flags |= WEIR__ARG_ON_HEAP;
    return true;
}

static void undress_future(struct worker *worker)
{
    struct weir_future *future = worker->future;
    if (future->flags & WEIR__ARG_ON_HEAP)
        free(future->arg);
    weir__future_forget_result(future);
    future->flags = 0;
}

static void run_slot(struct worker *worker)
{
    struct weir__slot *slot = worker->slot;
    int64_t now_ns = weir__now_ns();
    /* relaxed: for the parent's clock, and for statistics */
    weir__store_relaxed(&slot->start_ns, now_ns);
    weir__store_relaxed(&worker->station->running_since_ns, now_ns);
    if (now_ns > slot->start_by_ns) {
        slot->result_size = 0;
        slot->result_large = 0;
        finish_slot(worker, WEIR__OUTCOME_EXPIRED);
        return;
    }
    struct weir_task task = {.future = worker->future,
                             .executor = &worker->executor,
                             .asked = &slot->asked,
                             .context = worker,
                             .worker = worker->index,
                             .start_ns = now_ns,
                             .end = task_ended};
    if (!dress_future(worker)) {
        worker->future->error = WEIR_ENOMEM;
        worker->future->flags |= WEIR__ERROR_IS_STATUS;
        task_ended(&task, WEIR_EFAILED);
        return;
    }
    weir__task_run(&task);
    undress_future(worker);
}

/* Own the task of a hint, and run it. False: the hint was stale. */
static bool take(struct worker *worker, uint64_t hint)
{
    uint32_t generation = weir__word_generation(hint), index = (uint32_t)hint;
    if (index >= worker->segment->slots)
        return false;
    struct weir__slot *slot = weir__segment_slot(worker->segment, index);
    uint64_t word = weir__word(generation, WEIR__SLOT_QUEUED, 0);
    uint64_t claimed = weir__word(generation, WEIR__SLOT_CLAIMED, worker->index);
    uint64_t running = weir__word(generation, WEIR__SLOT_RUNNING, worker->index);
    if (!weir__cas_acq_rel(&slot->word, &word, claimed)) /* acq_rel [X1] */
        return false;
    word = claimed;
    if (!weir__cas_acq_rel(&slot->word, &word, running)) /* acq_rel [X1]: not taken back */
        return false;
    worker->slot = slot;
    worker->running = running;
    run_slot(worker);
    return true;
}

_Noreturn static void leave(struct worker *worker)
{
    const struct weir__plan *plan = worker->plan;
    weir__store_relaxed(&worker->station->phase, (uint32_t)WEIR__PHASE_LEAVING); /* says why only */
    if (plan->worker_fini)
        plan->worker_fini(plan->fini_data, worker->index);
    _exit(0);
}

/* A task ended the thread, which is the process. */
static void unwound(void *argument)
{
    leave(argument);
}

static void work(struct worker *worker)
{
    uint64_t hint;
    while (weir__idle_next(worker->segment, worker->index, &worker->spin, &hint))
        if (take(worker, hint) && ++worker->ran == worker->plan->tasks_per_worker)
            return;
}

static bool open_worker(struct worker *worker)
{
    const struct weir__plan *plan = worker->plan;
    struct weir__slab *slab =
        weir__slab_create(&worker_future_host, NULL, worker->segment->arg_bytes,
                          worker->segment->result_bytes, false);
    worker->future = slab ? weir__slab_take(slab, NULL) : NULL;
    if (!worker->future ||
        !weir__future_add_details(worker->future, NULL, &(struct weir__details){.name = NULL}))
        return false;
    weir__future_adopt(worker->future, 1, WEIR__RUNNING);
    return weir__child_limit(&plan->limits) &&
           (!plan->worker_init || plan->worker_init(plan->init_data, worker->index) == WEIR_OK);
}

_Noreturn void weir__process_worker_serve(const struct weir__plan *plan, size_t index)
{
    struct worker worker = {.plan = plan,
                            .segment = &plan->segment,
                            .station = weir__segment_station(&plan->segment, index),
                            .index = index,
                            .spin.most_ns = plan->spin_ns};
    bool opened = open_worker(&worker);
    /* relaxed: read when this process is dead, or for statistics */
    weir__store_relaxed(&worker.station->phase,
                        (uint32_t)(opened ? WEIR__PHASE_READY : WEIR__PHASE_INIT_FAILED));
    if (!opened)
        _exit(1);
    pthread_cleanup_push(unwound, &worker);
    work(&worker);
    pthread_cleanup_pop(0);
    leave(&worker);
}

_Noreturn void weir__process_worker_main(const struct weir__plan *plan, size_t index, pid_t parent)
{
    int keep[WEIR__KEEP_FDS_MAX + 1];
    memcpy(keep, plan->keep_fds, plan->keep_fds_count * sizeof keep[0]);
    keep[plan->keep_fds_count] = plan->doorbell_fd;
    weir__child_follow(parent);
    setpgid(0, 0);
    weir__child_clean(keep, plan->keep_fds_count + 1);
    weir__thread_name(plan->name, index);
    weir__thread_is_worker(NULL, NULL);
    weir__process_worker_serve(plan, index);
}
