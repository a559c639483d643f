/* The collector: the one thread in the parent that ends tasks, and looks after workers.
 *
 * What a worker reports is checked against the private record of the slot, under the lock, and taken:
 * from then on the task is the collector's alone. Then, without the lock, its result is copied, it is
 * counted, its place is given back, and its future ends, with its callbacks. The slot goes back last,
 * together with others; there are so many more slots than places.
 *
 * A callback may wait for another task of this executor. It does so by collecting (run_here below):
 * what has been taken is in a list that whoever collects goes on with, not on a stack.
 *
 * Going to sleep [X5]: after a look around for a while, in which nobody has to ring, the doorbell is
 * set to 1, then the rings are looked at once more. Everything else that wakes it is level-triggered:
 * the eventfd, the zygote's socket, the timer, pidfds. */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "executor/task_impl.h"
#include "process/idle.h"
#include "process/pool.h"
#include "sync/futex.h"
#include "sync/thread.h"

enum { BATCH = 64, STEPS = 256 };

static struct weir__slot *slot_of(struct weir__process_pool *pool, uint32_t slot)
{
    return weir__segment_slot(weir__pool_segment(pool), slot);
}

void weir__process_end_locked(struct weir__process_pool *pool, uint32_t slot, enum weir__end end)
{
    struct weir__record *record = &pool->record[slot];
    weir__process_take_locked(pool, slot);
    record->end = end;
    record->next = 0;
    *(pool->last_taken ? &pool->record[pool->last_taken - 1].next : &pool->first_taken) = slot + 1;
    pool->last_taken = slot + 1;
}

void weir__process_done_locked(struct weir__process_pool *pool, uint32_t slot, size_t worker)
{
    struct weir__record *record = &pool->record[slot];
    if (!record->open)
        return; /* it was found in a scan before */
    /* acquire [X2] */
    if (weir__load_acquire(&slot_of(pool, slot)->word) ==
        weir__word(record->generation, WEIR__SLOT_DONE, worker)) {
        record->worker = worker;
        weir__process_end_locked(pool, slot, WEIR__END_DONE);
    }
}

size_t weir__process_drain_locked(struct weir__process_pool *pool, size_t worker, size_t most)
{
    struct weir__station *station = weir__segment_station(weir__pool_segment(pool), worker);
    struct weir__post *post = &pool->post[worker];
    /* seq_cst [X5]: after the doorbell was set to 1, if it was */
    uint64_t waiting = weir__load_seq_cst(&station->done_tail) - post->done_head;
    if (waiting > WEIR__DONE_RING) {
        pool->nonsense = true;
        return 0;
    }
    size_t taken = waiting < most ? (size_t)waiting : most;
    for (size_t i = 0; i < taken; i++, post->done_head++) {
        /* relaxed: published by the tail */
        uint64_t hint = weir__load_relaxed(&station->done[post->done_head % WEIR__DONE_RING]);
        uint32_t slot = (uint32_t)hint;
        if (slot < weir__pool_segment(pool)->slots &&
            pool->record[slot].generation == weir__word_generation(hint))
            weir__process_done_locked(pool, slot, worker);
    }
    if (taken)
        weir__store_relaxed(&station->done_head, post->done_head); /* how full it is: a hint */
    return taken;
}

/* A worker could not report all [X6]: look at every open task. Requires: lock. */
static void collect_overflow_locked(struct weir__process_pool *pool, size_t worker)
{
    for (uint32_t i = pool->oldest, next; i; i = next) {
        next = pool->record[i - 1].next;
        weir__process_done_locked(pool, i - 1, worker);
    }
}

static void give_slots_locked(struct weir__process_pool *pool)
{
    while (pool->freed_count)
        weir__process_give_slot_locked(pool, pool->freed[--pool->freed_count]);
}

static bool has_reports(struct weir__process_pool *pool, size_t worker)
{
    struct weir__station *station = weir__segment_station(weir__pool_segment(pool), worker);
    /* seq_cst [X5] [X6] */
    return weir__load_seq_cst(&station->done_tail) != pool->post[worker].done_head ||
           weir__load_seq_cst(&station->overflow);
}

static bool any_reports(struct weir__process_pool *pool)
{
    bool any = false;
    for (size_t i = 0; i < weir__pool_segment(pool)->workers && !any; i++)
        any = has_reports(pool, i);
    return any && !pool->spoilt; /* only the collector sets spoilt */
}

static bool sees_anything(void *argument)
{
    struct weir__process_pool *pool = argument;
    /* relaxed: who rings has written to the eventfd as well */
    return weir__load_relaxed(&pool->called) || any_reports(pool);
}

/* Take what workers have reported. True: there was something. */
static bool collect(struct weir__process_pool *pool)
{
    if (!any_reports(pool))
        return false;
    weir__lock_take(&pool->base.lock);
    give_slots_locked(pool);
    for (size_t i = 0; i < weir__pool_segment(pool)->workers; i++) {
        struct weir__station *station = weir__segment_station(weir__pool_segment(pool), i);
        weir__process_drain_locked(pool, i, BATCH);
        /* acq_rel [X6]: cleared before the look */
        if (weir__load_seq_cst(&station->overflow) &&
            weir__exchange_acq_rel(&station->overflow, 0u))
            collect_overflow_locked(pool, i);
    }
    weir__lock_release(&pool->base.lock);
    if (pool->nonsense)
        weir__process_break(pool, true);
    return true;
}

/* What a worker has told of a task, read once. */
struct outcome {
    uint32_t outcome;
    int32_t error;
    const char *data;
    size_t size;
    bool large, error_is_status;
    int64_t start_ns, end_ns;
};

/* False: it makes no sense. */
static bool read_outcome(struct weir__process_pool *pool, uint32_t slot, size_t worker,
                         struct outcome *out)
{
    struct weir__segment *segment = weir__pool_segment(pool);
    volatile struct weir__slot *from = slot_of(pool, slot);
    uint64_t size = from->result_size, offset = from->result_offset;
    out->outcome = from->outcome;
    out->error = from->error;
    out->error_is_status = from->error_is_status;
    out->large = from->result_large;
    out->end_ns = from->end_ns;
    out->start_ns = weir__load_relaxed(&slot_of(pool, slot)->start_ns); /* DONE was acquired */
    if (out->large ? size > segment->payload_bytes || offset > segment->part_bytes - size
                   : size > segment->result_bytes)
        return false;
    out->size = (size_t)size;
    out->data = out->large ? weir__segment_part(segment, worker) + offset
                           : weir__slot_result(segment, slot_of(pool, slot));
    return out->outcome <= WEIR__OUTCOME_TOO_BIG;
}

static int64_t clamp(int64_t value, int64_t least, int64_t most)
{
    return value < least ? least : value > most ? most : value;
}

/* Store the result or the message in the future; returns how the task ended. */
static weir_status settle(struct weir_future *future, const struct outcome *outcome)
{
    weir__future_forget_result(future);
    if (outcome->outcome == WEIR__OUTCOME_TOO_BIG)
        return WEIR_ETOOBIG;
    weir_status status = outcome->outcome == WEIR__OUTCOME_OK ? WEIR_OK : WEIR_EFAILED;
    future->error = status == WEIR_OK ? 0 : outcome->error;
    if (weir__future_store(future, outcome->data, outcome->size) != WEIR_OK) {
        future->error = WEIR_ENOMEM;
        future->flags |= WEIR__ERROR_IS_STATUS;
        return WEIR_EFAILED;
    }
    if (status == WEIR_EFAILED && outcome->error_is_status)
        future->flags |= WEIR__ERROR_IS_STATUS;
    if (status == WEIR_EFAILED && outcome->size) {
        char *message = weir__future_result(future, NULL);
        message[outcome->size - 1] = '\0'; /* whatever the worker says */
        future->flags |= WEIR__HAS_MESSAGE;
    }
    return status;
}

/* Tell the worker that its large result has been copied. */
static void release_part(struct weir__process_pool *pool, size_t worker)
{
    struct weir__station *station = weir__segment_station(weir__pool_segment(pool), worker);
    weir__store_release(&station->collected, ++pool->post[worker].collected); /* release [X2] */
    weir__futex_wake_shared(&station->collected, 1);
}

/* Count a task that has run, or died, and end it. */
static void end_run(struct weir__process_pool *pool, size_t worker, struct weir_future *future,
                    weir_status status, int64_t start_ns, int64_t end_ns)
{
    struct weir__post *post = &pool->post[worker];
    int64_t submit_ns = weir__load_relaxed(&future->submit_ns); /* ours */
    uint64_t run_ns = (uint64_t)(end_ns - start_ns);
    weir__count_run(&post->counters, run_ns, (uint64_t)(start_ns - submit_ns), status != WEIR_OK);
    /* relaxed: a number of its own, one writer */
    weir__store_relaxed(&post->busy_ns, weir__load_relaxed(&post->busy_ns) + run_ns);
    weir__places_release(&pool->base, post->cell);
    weir__future_end(future, status, NULL);
}

static void end_counted(struct weir__process_pool *pool, struct weir_future *future,
                        weir_status status, weir__counter *counter)
{
    weir__add_seq_cst(counter, (uint64_t)1); /* seq_cst [A1] */
    weir__places_freed(&pool->base);
    weir__future_end(future, status, NULL);
}

static void end_done(struct weir__process_pool *pool, uint32_t slot, struct weir_future *future,
                     size_t worker)
{
    struct outcome outcome;
    int64_t now_ns = weir__now_ns(), submit_ns = weir__load_relaxed(&future->submit_ns); /* ours */
    bool sense = read_outcome(pool, slot, worker, &outcome);
    bool timed = future->flags & WEIR__TIMED;
    if (sense && outcome.outcome == WEIR__OUTCOME_EXPIRED)
        sense = timed && now_ns > future->details->start_by_ns;
    if (!sense) {
        end_counted(pool, future, WEIR_EBROKEN, &pool->base.counters.stranded);
        weir__process_break(pool, true);
        return;
    }
    pool->deaths_count = 0; /* a worker works */
    pool->failures = 0;
    if (outcome.outcome == WEIR__OUTCOME_EXPIRED) {
        end_counted(pool, future, WEIR_EEXPIRED, &pool->base.counters.expired);
        return;
    }
    weir_status status = settle(future, &outcome);
    if (outcome.large)
        release_part(pool, worker);
    int64_t start_ns = clamp(outcome.start_ns, submit_ns, now_ns);
    end_run(pool, worker, future, status, start_ns, clamp(outcome.end_ns, start_ns, now_ns));
}

static weir_status status_of(enum weir__end end)
{
    return end == WEIR__END_OVERRUN  ? WEIR_EOVERRUN
           : end == WEIR__END_KILLED ? WEIR_ECANCELLED
                                     : WEIR_ECRASHED;
}

static void end_died(struct weir__process_pool *pool, struct weir_future *future,
                     enum weir__end end, size_t worker, int64_t start_ns)
{
    int64_t now_ns = weir__now_ns(), submit_ns = weir__load_relaxed(&future->submit_ns); /* ours */
    if (end == WEIR__END_CRASHED)
        weir__add_relaxed(&pool->base.counters.crashed, (uint64_t)1); /* a number of its own */
    end_run(pool, worker, future, status_of(end), clamp(start_ns, submit_ns, now_ns), now_ns);
}

/* A canceller has claimed the future, and will find that it is too late: a matter of instructions, or
 * of a time slice if it was preempted. */
static void await_canceller(struct weir_future *future)
{
    /* acquire: the canceller is done with the word */
    while (weir__state(weir__load_acquire(&future->word)) == WEIR__CLAIMED)
        sched_yield();
}

/* End one task that was taken. False: there is none. */
static bool end_one(struct weir__process_pool *pool)
{
    uint32_t slot = pool->first_taken - 1;
    if (!pool->first_taken)
        return false;
    struct weir__record *record = &pool->record[slot];
    struct weir_future *future = record->future;
    enum weir__end end = record->end;
    /* What the slot says is read before the slot is given back; nothing is read twice. */
    size_t worker = record->worker;
    int64_t start_ns = record->seen_ns;
    pool->first_taken = record->next;
    if (!pool->first_taken)
        pool->last_taken = 0;
    if (pool->freed_count == WEIR__FREED_MOST) {
        weir__lock_take(&pool->base.lock);
        give_slots_locked(pool);
        weir__lock_release(&pool->base.lock);
    }
    pool->freed[pool->freed_count++] = slot;
    pool->ended++;
    await_canceller(future);
    if (end == WEIR__END_STRANDED)
        end_counted(pool, future, WEIR_EBROKEN, &pool->base.counters.stranded);
    else if (end == WEIR__END_DONE)
        end_done(pool, slot, future, worker);
    else
        end_died(pool, future, end, worker, start_ns);
    weir__counter_bump(&pool->settled, 1); /* release [E2]: the end and the callbacks */
    return true;
}

static bool hear_news(struct weir__process_pool *pool)
{
    struct weir__news news;
    if (!weir__spawner_next(&pool->spawner, &news))
        return false;
    pool->news_ns = pool->watched_ns;
    weir__process_news(pool, &news);
    return true;
}

/* Workers that nobody else waits for. */
static bool reap(struct weir__process_pool *pool)
{
    struct weir__news news;
    bool any = false;
    if (pool->spawner.start == WEIR_START_ZYGOTE && !pool->lost)
        return false;
    for (size_t i = 0; i < weir__pool_segment(pool)->workers; i++) {
        struct weir__post *post = &pool->post[i];
        if (post->state == WEIR__POST_MANNED &&
            weir__spawner_reap(&pool->spawner, i, weir__load_relaxed(&post->pid), post->pidfd,
                               &news)) {
            weir__process_news(pool, &news);
            any = true;
        }
    }
    return any;
}

/* Do one thing that there is to do. False: there was nothing. */
static bool step(struct weir__process_pool *pool)
{
    return end_one(pool) || collect(pool) || hear_news(pool) || reap(pool);
}

static void fill_poll(struct weir__process_pool *pool)
{
    bool direct = pool->spawner.start == WEIR_START_FORK || pool->lost;
    pool->poll[0] = (struct pollfd){.fd = pool->plan.doorbell_fd, .events = POLLIN};
    pool->poll[1] = (struct pollfd){.fd = pool->timer_fd, .events = POLLIN};
    pool->poll[2] = (struct pollfd){.fd = pool->spawner.socket, .events = POLLIN};
    for (size_t i = 0; i < weir__pool_segment(pool)->workers && direct; i++)
        pool->poll[3 + i] = (struct pollfd){
            .fd = pool->post[i].state == WEIR__POST_MANNED ? pool->post[i].pidfd : -1,
            .events = POLLIN};
}

/* The host has closed a descriptor of ours; of those that were polled. */
static bool robbed(const struct weir__process_pool *pool, nfds_t count)
{
    bool robbed = false;
    for (nfds_t i = 0; i < count; i++)
        robbed |= (pool->poll[i].revents & POLLNVAL) != 0;
    return robbed;
}

static void empty_descriptors(struct weir__process_pool *pool)
{
    uint64_t count;
    bool look = false;
    if (pool->poll[0].revents & POLLIN && read(pool->plan.doorbell_fd, &count, sizeof count) < 0)
        errno = 0; /* another look at it does no harm */
    if (pool->poll[1].revents & POLLIN)
        look = read(pool->timer_fd, &count, sizeof count) > 0;
    if (look)
        weir__process_look(pool);
}

/* Workers may be without work, while a submitter that waits sleeps on. */
static void end_nap(struct weir__process_pool *pool)
{
    struct weir__wakes wakes = {NULL, NULL};
    if (WEIR__LIKELY(!weir__load_relaxed(&pool->places.napping))) /* a guess */
        return;
    weir__lock_take(&pool->base.lock);
    /* relaxed: the lock is held */
    if (weir__places_occupied_locked(&pool->base) < weir__load_relaxed(&pool->places.live))
        weir__places_ran_dry_locked(&pool->base, &wakes);
    weir__lock_release(&pool->base.lock);
    weir__wakes_flush(&wakes);
}

static void sleep_until(struct weir__process_pool *pool, int64_t deadline_ns)
{
    struct weir__commons *commons = weir__segment_commons(weir__pool_segment(pool));
    _Atomic uint32_t *doorbell = &commons->doorbell;
    /* relaxed: who came before this is in the eventfd as well */
    weir__store_relaxed(&pool->called, 0u);
    if (weir__spin(&pool->spin, deadline_ns, sees_anything, pool))
        return;
    int64_t asleep_ns = weir__now_ns(), rest_ns = deadline_ns - asleep_ns;
    struct timespec rest = {.tv_sec = 0, .tv_nsec = 0};
    weir__store_relaxed(&commons->rung_ns, (int64_t)0); /* advice */
    weir__store_seq_cst(doorbell, 1u);                  /* seq_cst [X5] */
    if (rest_ns > 0 && !any_reports(pool))
        rest = (struct timespec){.tv_sec = rest_ns / WEIR_SECOND, .tv_nsec = rest_ns % WEIR_SECOND};
    fill_poll(pool);
    bool direct = pool->spawner.start == WEIR_START_FORK || pool->lost;
    nfds_t count = 3 + (direct ? weir__pool_segment(pool)->workers : 0);
    int ready = ppoll(pool->poll, count, deadline_ns == WEIR_FOREVER && rest.tv_sec ? NULL : &rest,
                      NULL);
    weir__store_relaxed(doorbell, 0u); /* nothing depends on it: an extra ring is only an extra ring */
    if (ready <= 0)
        return;
    int64_t rung_ns = weir__load_relaxed(&commons->rung_ns); /* whatever it says: it is advice */
    if (rung_ns >= asleep_ns && (rest.tv_sec || rest.tv_nsec))
        weir__spin_woken(&pool->spin, rung_ns);
    if (robbed(pool, count) && !pool->spoilt)
        weir__process_break(pool, true);
    empty_descriptors(pool);
}

/* Whether everybody may go: nothing is open, and nothing will come. */
static bool may_leave(struct weir__process_pool *pool)
{
    weir__lock_take(&pool->base.lock);
    /* relaxed: the lock is held */
    bool may = weir__load_relaxed(&pool->base.life) != WEIR__OPEN && pool->open == 0;
    weir__lock_release(&pool->base.lock);
    return may && !pool->first_taken;
}

static void tell_to_leave(struct weir__process_pool *pool)
{
    struct weir__segment *segment = weir__pool_segment(pool);
    pool->leaving = true;
    weir__store_seq_cst(&weir__segment_commons(segment)->leave, 1u); /* seq_cst [X4] */
    weir__idle_wake_all(segment);
    for (size_t i = 0; i < segment->workers; i++) {
        struct weir__post *post = &pool->post[i];
        post->leaving = true;
        post->kill_ns = weir__deadline_after(pool->kill_grace_ns);
        if (post->state == WEIR__POST_VACANT)
            post->spawn_ns = WEIR_FOREVER;
    }
}

/* One round: do what there is to do, up to so many steps, then what is due, then sleep until there is
 * more. */
static void round_of(struct weir__process_pool *pool, int steps)
{
    bool more = true;
    while (more && steps-- > 0)
        more = step(pool);
    int64_t next_ns = weir__process_timers(pool);
    if (!pool->leaving && may_leave(pool))
        tell_to_leave(pool);
    bool over = pool->leaving && !pool->manned; /* nobody is left who could wake us */
    if (more || pool->first_taken || over)
        return;
    end_nap(pool);
    sleep_until(pool, next_ns);
}

/* Somebody else may end the future that the collector waits for: a canceller. */
struct awaited {
    struct weir__observer observer;
    struct weir__process_pool *pool;
};

static void ring(struct weir__observer *observer, weir_status status)
{
    (void)status;
    weir__process_ring(WEIR__CONTAINER_OF(observer, struct awaited, observer)->pool);
}

bool weir__process_run_here(weir_executor *executor, void *worker, struct weir_future *future)
{
    struct weir__process_pool *pool = weir__process_pool_of(executor);
    struct awaited awaited = {.observer.notify = ring, .pool = pool};
    (void)worker;
    if (!weir__future_observe(future, &awaited.observer))
        return true;
    while (!weir__future_ended(future))
        round_of(pool, 1);
    weir__future_unobserve(future, &awaited.observer);
    return true;
}

/* What cannot come back: the end of the thread. */
static void depart(struct weir__process_pool *pool)
{
    weir__spawner_close(&pool->spawner);
    weir__thread_is_worker(NULL, NULL);
    weir__lock_take(&pool->base.lock);
    give_slots_locked(pool);
    pool->gone = true;
    weir__executor_check_quiet_locked(&pool->base);
    weir__lock_release(&pool->base.lock);
}

void weir__process_say_started(struct weir__process_pool *pool, int error)
{
    if (weir__load_relaxed(&pool->started)) /* only we write it */
        return;
    pool->spawn_error = error;
    weir__store_release(&pool->started, error ? 2u : 1u); /* release [X7] */
    weir__futex_wake(&pool->started, 1);
}

void *weir__collector_main(void *argument)
{
    struct weir__process_pool *pool = argument;
    weir__thread_name(pool->base.name, weir__pool_segment(pool)->workers);
    weir__thread_is_worker(&pool->base, pool);
    if (weir__spawner_open(&pool->spawner, &pool->plan, pool->start) != WEIR_OK) {
        int error = errno;
        depart(pool);
        weir__process_say_started(pool, error);
        return NULL;
    }
    pool->watched_until_ns = weir__now_ns();
    while (!pool->leaving || pool->manned)
        round_of(pool, STEPS);
    depart(pool);
    return NULL;
}
