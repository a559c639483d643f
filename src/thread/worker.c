/* The life of one worker thread.
 *
 *     started -> init -> [ take a task, run it ]* -> idle -> ... -> fini -> gone
 *                 '-> breaks the executor                 (dismissed, idle too long, closed)
 *
 * Going to sleep. Only a worker that finds the queue empty takes the lock: under it, it looks once
 * more, and enlists itself as idle. A submission queues its task and takes a worker off the list
 * under the same lock. So either the worker finds the task, or the submitter finds the worker: no
 * wake-up is lost, and none is sent to a worker that is not asleep or about to be. Who took it off
 * the list owes it exactly one token (sync/parker.h). The most recent idle worker is woken, since
 * its stack and its slots are still in the cache; those that are never needed go at the other end.
 * (What other workers keep of what their tasks submit is moved to the queue before the last look, and as
 * long as they may keep anything nobody is idle: thread/lent.c.)
 *
 * Before it takes the lock, a worker that has had several tasks in a row looks at the queue a few
 * more times: with work coming in, the next task is often closer than the way to sleep and back. One
 * that was woken for a single task does not: whoever waits for that task is to be woken on this
 * core, which is free the sooner the worker sleeps. (Waking a thread on another, idle core costs
 * several times as much.)
 *
 * A worker that was woken may find its task taken by another one that came by: then it enlists
 * again. A task never waits for the worker that was woken for it.
 *
 * The worker is idle for the accounts (executor/places.c) from the moment it gives the place of its task
 * back, before it runs the callbacks of the future; what is submitted then is taken by others, or by
 * it when it has done with them.
 *
 * If a task ends its thread, the cleanup handler here starts another one in its place; if that
 * fails and no worker is left, what is queued ends WEIR_EBROKEN, since nobody would run it. Compiled
 * with -fexceptions, as executor/task.c. */
#include <stdlib.h>

#include "base/quick_clock.h"
#include "sync/thread.h"
#include "thread/lent.h"
#include "thread/pool_impl.h"

enum { IDLE_LOOKS = 100, STREAM = 2 };

#define LONG_NS ((uint64_t)WEIR_SECOND) /* what was seen of the queue before may be long ago */

/* End the future of a task that has run, for whoever waits, or is to be called. */
static void end_seen(struct weir__worker *worker, struct weir_future *future, weir_status status)
{
    bool called = weir__future_close(future, status);
    /* relaxed: it does not change any more. Waking whoever waited takes time, which is not the next
     * task's. */
    if (weir__load_relaxed(&future->word) & WEIR__OBSERVED)
        worker->clock_ns = 0;
    if (called) {
        /* relaxed: a number for sizing */
        weir__add_relaxed(&worker->pool->calling_back, (size_t)1);
        weir__future_call_back(future);
        weir__sub_relaxed(&worker->pool->calling_back, (size_t)1);
    }
    weir__future_drop(future, &worker->cache);
}

/* Give a place back: to the worker itself, while places are lent to it, or else to all. */
static void give_place_back(struct weir__worker *worker)
{
    weir__counter_bump(&worker->returned, 1); /* release [A2]: the end */
    if (!weir__lent_keep(worker))
        weir__places_release(&worker->pool->base, worker->cell);
}

static void worker_task_ended(struct weir_task *task, weir_status status)
{
    struct weir__worker *worker = task->context;
    struct weir_future *future = task->future;
    int64_t end_ns = weir__quick_ns(task->executor->quick_clock);
    uint64_t run_ns = weir__elapsed_ns(task->start_ns, end_ns);
    uint64_t wait_ns = weir__elapsed_ns(weir__load_relaxed(&future->submit_ns), task->start_ns);
    weir__count_run(&worker->counters, run_ns, wait_ns, status != WEIR_OK);
    if (run_ns > LONG_NS)
        worker->end = (struct weir__queue_end){NULL, 0};
    if (!task->nested) {
        /* relaxed: numbers of their own, one writer */
        weir__store_relaxed(&worker->busy_ns, weir__load_relaxed(&worker->busy_ns) + run_ns);
        weir__store_relaxed(&worker->running_since_ns, (int64_t)0);
        give_place_back(worker);
    }
    worker->clock_ns = task->nested ? 0 : end_ns;
    if (!weir__future_end_unseen(future, &worker->cache))
        end_seen(worker, future, status);
    weir__counter_bump(&worker->settled, 1); /* release [E2]: the end and the callbacks */
}

/* When the task starts. Reading the clock is a good part of what a short task costs, so a worker that
 * goes straight from one task to the next takes the end of the one for the start of the other; or its
 * submission, if that came later. */
static int64_t start_ns(struct weir__worker *worker, struct weir_future *future, bool nested)
{
    if (nested || !worker->clock_ns)
        return weir__quick_ns(worker->pool->base.quick_clock);
    int64_t submit_ns = weir__load_relaxed(&future->submit_ns); /* ours */
    return submit_ns > worker->clock_ns ? submit_ns : worker->clock_ns;
}

/* Run a task that this worker has claimed. nested: on top of another one of its own. */
static void run_claimed(struct weir__worker *worker, struct weir_future *future, bool nested)
{
    struct weir__pool *pool = worker->pool;
    int64_t now_ns = start_ns(worker, future, nested);
    if (WEIR__UNLIKELY(future->flags & WEIR__TIMED) &&
        weir__now_ns() > future->details->start_by_ns) {
        weir__add_seq_cst(&pool->base.counters.expired, (uint64_t)1); /* seq_cst [A1] */
        weir__places_freed(&pool->base);
        weir__future_end(future, WEIR_EEXPIRED, &worker->cache);
        weir__counter_bump(&worker->settled, 1); /* release [E2] */
        return;
    }
    if (nested) {
        give_place_back(worker);
    } else {
        weir__store_relaxed(&worker->running_since_ns, now_ns); /* for statistics */
    }
    struct weir_task task = {.future = future,
                             .executor = &pool->base,
                             .context = worker,
                             .worker = worker->index,
                             .nested = nested,
                             .start_ns = now_ns,
                             .end = worker_task_ended};
    weir__task_run(&task);
}

bool weir__worker_run_here(weir_executor *executor, void *worker, struct weir_future *future)
{
    (void)executor;
    if (!weir__future_claim(future, WEIR__RUNNING))
        return false;
    /* In a callback of a task that has ended, the worker's own place is free: the task that is
     * taken out there still gives back the place it occupied, at its start. */
    run_claimed(worker, future, true);
    return true;
}

void weir__worker_wake(struct weir__sleeper *sleeper)
{
    weir__unpark(&WEIR__CONTAINER_OF(sleeper, struct weir__worker, sleeper)->parker);
}

static void enlist_idle_locked(struct weir__pool *pool, struct weir__worker *worker)
{
    worker->idle = true;
    worker->newer = NULL;
    worker->older = pool->newest_idle;
    *(worker->older ? &worker->older->newer : &pool->oldest_idle) = worker;
    pool->newest_idle = worker;
}

void weir__pool_unlist_idle_locked(struct weir__pool *pool, struct weir__worker *worker)
{
    worker->idle = false;
    *(worker->newer ? &worker->newer->older : &pool->newest_idle) = worker->older;
    *(worker->older ? &worker->older->newer : &pool->oldest_idle) = worker->newer;
}

struct weir__worker *weir__pool_take_idle_locked(struct weir__pool *pool)
{
    struct weir__worker *worker = pool->newest_idle;
    if (worker)
        weir__pool_unlist_idle_locked(pool, worker);
    return worker;
}

void weir__pool_wake_all_locked(struct weir__pool *pool, struct weir__wakes *wakes)
{
    struct weir__worker *worker;
    while ((worker = weir__pool_take_idle_locked(pool)))
        weir__wakes_add(wakes, &worker->sleeper);
}

/* From here on nothing is lent to the calling worker, and it keeps nothing. Requires: lock. */
static void keep_nothing_locked(struct weir__worker *worker)
{
    weir__places_recall_locked(&worker->pool->base);
    worker->retired = true;
}

/* The calling worker is going to leave. Requires: lock. */
static void retire_locked(struct weir__worker *worker)
{
    struct weir__pool *pool = worker->pool;
    keep_nothing_locked(worker);
    if (pool->leaving)
        pool->leaving--; /* its place has been given up already */
    else
        weir__places_remove_worker_locked(&pool->base);
    weir__pool_note_size_locked(pool);
}

/* Whether an idle worker that was not needed for a while can go. Requires: lock. */
static bool may_shrink_locked(struct weir__pool *pool)
{
    size_t live = weir__load_relaxed(&pool->places.live); /* lock held */
    return live > pool->min_workers && weir__places_to_spare_locked(&pool->base);
}

/* How long to sleep. Requires: lock. */
static int64_t idle_deadline_locked(struct weir__pool *pool)
{
    bool by_rule = pool->grow_threshold > 0;
    if (by_rule || weir__load_relaxed(&pool->places.live) <= pool->min_workers)
        return WEIR_FOREVER;
    return weir__deadline_after(pool->idle_ns);
}

/* Sleep as an idle worker. False: the worker is to end. */
static bool sleep_idle(struct weir__worker *worker, int64_t deadline_ns)
{
    struct weir__pool *pool = worker->pool;
    while (!weir__park_warm(&worker->parker, deadline_ns, &worker->spin)) {
        weir__lock_take(&pool->base.lock);
        /* Not in the list any more: somebody owes us a token. */
        bool leave = worker->idle && may_shrink_locked(pool);
        if (leave) {
            weir__pool_unlist_idle_locked(pool, worker);
            retire_locked(worker);
        }
        weir__lock_release(&pool->base.lock);
        if (leave)
            return false;
        deadline_ns = WEIR_FOREVER;
    }
    return !worker->retired; /* written before the token was left [P1] */
}

/* The worker has nothing to do: but a submitter that waits may have, who will then wake just this one.
 * Requires: lock. */
static void go_idle_locked(struct weir__worker *worker, struct weir__wakes *wakes)
{
    enlist_idle_locked(worker->pool, worker);
    weir__places_ran_dry_locked(&worker->pool->base, wakes);
}

/* Look a few more times. */
static bool look_on(struct weir__worker *worker, uint64_t *hint)
{
    struct weir__queue *queue = worker->pool->queue;
    for (int i = 0; i < IDLE_LOOKS && weir__queue_seems_empty(queue); i++)
        weir__pause();
    return weir__queue_pop(queue, &worker->end, hint);
}

/* The next hint; sleeps until there is one. False: the worker is to end, and has retired. */
static bool next_hint(struct weir__worker *worker, uint64_t *hint)
{
    struct weir__pool *pool = worker->pool;
    for (;;) {
        if (weir__queue_pop(pool->queue, &worker->end, hint))
            return true;
        worker->clock_ns = 0;
        /* relaxed: a guess; what is kept does not come here of itself */
        if (worker->in_a_row >= STREAM && weir__load_relaxed(&pool->places.loans) % 2 == 0 &&
            look_on(worker, hint))
            return true;
        weir__slab_flush(pool->base.slab, &worker->cache); /* others may need the slots */
        struct weir__wakes wakes = {NULL, NULL};
        weir__lock_take(&pool->base.lock);
        /* Some worker may have kept something. */
        bool found = weir__queue_pop(pool->queue, &worker->end, hint) ||
                     (weir__places_recall_locked(&pool->base) &&
                      weir__queue_pop(pool->queue, &worker->end, hint));
        bool leave = !found && (weir__load_relaxed(&pool->base.life) != WEIR__OPEN ||
                                weir__load_relaxed(&pool->surplus)); /* lock held */
        int64_t deadline_ns = idle_deadline_locked(pool);
        if (leave)
            retire_locked(worker);
        else if (!found)
            go_idle_locked(worker, &wakes);
        weir__lock_release(&pool->base.lock);
        weir__wakes_flush(&wakes);
        if (found)
            return true;
        if (leave || !sleep_idle(worker, deadline_ns))
            return false;
        worker->in_a_row = 0;
        worker->end = (struct weir__queue_end){NULL, 0};
    }
}

/* After a task: whether the pool was made smaller and this worker is to go. */
static bool must_leave(struct weir__worker *worker)
{
    struct weir__pool *pool = worker->pool;
    weir__lock_take(&pool->base.lock);
    bool leave = weir__load_relaxed(&pool->surplus); /* lock held: another one may have left */
    if (leave)
        retire_locked(worker);
    weir__lock_release(&pool->base.lock);
    return leave;
}

/* The line of the next task was last written by its submitter: let it come while this one runs. */
static void prefetch_next(struct weir__worker *worker)
{
    uint64_t hint;
    if (weir__queue_peek(&worker->end, &hint))
        __builtin_prefetch(weir__slab_at(worker->pool->base.slab, (uint32_t)hint), 1);
}

/* Take tasks until there is a reason to end. */
static void work(struct weir__worker *worker)
{
    struct weir__pool *pool = worker->pool;
    uint64_t hint;
    while (next_hint(worker, &hint)) {
        struct weir_future *future = weir__slab_at(pool->base.slab, (uint32_t)hint);
        prefetch_next(worker);
        if (weir__future_claim_hint(future, hint, WEIR__RUNNING))
            run_claimed(worker, future, false);
        worker->in_a_row++;
        /* relaxed: a hint; the lock is taken if it is set */
        if (WEIR__UNLIKELY(weir__load_relaxed(&pool->surplus)) && must_leave(worker))
            return;
    }
}

/* The thread has nothing left to do but to end. */
static void depart(struct weir__worker *worker)
{
    struct weir__pool *pool = worker->pool;
    weir__slab_flush(pool->base.slab, &worker->cache);
    weir__thread_is_worker(NULL, NULL);
    weir__lock_take(&pool->base.lock);
    pool->threads--;
    worker->vacant = pool->vacant;
    pool->vacant = worker;
    weir__executor_check_quiet_locked(&pool->base);
    weir__lock_release(&pool->base.lock);
}

static void departing(void *worker)
{
    depart(worker);
}

static void call_fini(struct weir__worker *worker)
{
    if (worker->pool->worker_fini)
        worker->pool->worker_fini(worker->pool->fini_data, worker->index);
}

/* A task ended the thread: the worker's place in the pool is taken by a new one. */
static void unwound(void *argument)
{
    struct weir__worker *worker = argument;
    struct weir__pool *pool = worker->pool;
    weir__lock_take(&pool->base.lock);
    keep_nothing_locked(worker); /* before it submits in worker_fini, as nothing then waits for that */
    weir__lock_release(&pool->base.lock);
    call_fini(worker);
    weir__lock_take(&pool->base.lock);
    retire_locked(worker);
    bool replaced = weir__pool_spawn_locked(pool) == WEIR_OK;
    if (replaced)
        weir__add_relaxed(&pool->base.counters.respawned, (uint64_t)1); /* a number of its own */
    struct weir_future *stranded = NULL;
    struct weir__wakes wakes = {NULL, NULL};
    if (weir__load_relaxed(&pool->places.live) == 0) { /* lock held */
        weir__places_turn_away_locked(&pool->base, WEIR_ESYS, &wakes);
        stranded = weir__places_claim_all_locked(&pool->base);
    }
    weir__lock_release(&pool->base.lock);
    weir__wakes_flush(&wakes);
    weir__places_end_claimed(&pool->base, stranded, WEIR_EBROKEN, &pool->base.counters.stranded);
    depart(worker);
}

/* The worker's init failed: nobody may rely on any worker. */
static void break_executor(struct weir__worker *worker)
{
    struct weir__pool *pool = worker->pool;
    weir__lock_take(&pool->base.lock);
    if (weir__load_relaxed(&pool->base.life) == WEIR__OPEN) /* lock held */
        weir__store_relaxed(&pool->base.life, (uint32_t)WEIR__BROKEN);
    retire_locked(worker);
    struct weir__wakes wakes = {NULL, NULL};
    weir__places_turn_away_locked(&pool->base, WEIR_EBROKEN, &wakes);
    weir__pool_wake_all_locked(pool, &wakes);
    struct weir_future *stranded = weir__places_claim_all_locked(&pool->base);
    weir__lock_release(&pool->base.lock);
    weir__wakes_flush(&wakes); /* idle workers find the executor broken, and leave */
    weir__places_end_claimed(&pool->base, stranded, WEIR_EBROKEN, &pool->base.counters.stranded);
}

static void init_failed(void *argument)
{
    struct weir__worker *worker = argument;
    break_executor(worker);
    depart(worker);
}

/* Also true for an init that ends its thread. */
static bool init_fails(struct weir__worker *worker)
{
    struct weir__pool *pool = worker->pool;
    weir_status status = WEIR_OK;
    if (!pool->worker_init)
        return false;
    struct weir__visit visit;
    weir__thread_enter(&visit, &pool->base); /* inside, but no worker yet: it runs no tasks */
    pthread_cleanup_push(init_failed, worker);
    status = pool->worker_init(pool->init_data, worker->index);
    pthread_cleanup_pop(0);
    weir__thread_leave(&visit);
    return status != WEIR_OK;
}

void *weir__worker_main(void *argument)
{
    struct weir__worker *worker = argument;
    struct weir__pool *pool = worker->pool;
    /* A cancellation could otherwise strike in a callback, or where the worker is leaving. */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    weir__thread_name(pool->base.name, worker->index);
    if (init_fails(worker)) {
        init_failed(worker);
        return NULL;
    }
    weir__thread_is_worker(&pool->base, worker);
    pthread_cleanup_push(unwound, worker);
    work(worker);
    pthread_cleanup_pop(0);
    pthread_cleanup_push(departing, worker);
    call_fini(worker);
    pthread_cleanup_pop(1);
    return NULL;
}
