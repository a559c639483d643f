/* How many threads there are.
 *
 * On demand (the default): a thread is started when a task comes, no worker is free for it, and
 * there may be more; it goes when it was idle for a while (worker.c). A worker is free as long as
 * fewer places are taken than there are workers, so idle ones are used first. By thresholds: see
 * weir_thread_executor_maintain().
 *
 * The thread is started before the task gets its place, under the lock: if it cannot be, the task
 * has to find a place among those there are, and nothing has been promised. For a while after a
 * failure no other attempt is made, unless there is no worker at all. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sync/thread.h"
#include "thread/pool_impl.h"

enum { RETRY_NS = 10 * WEIR_MILLISECOND };

/* Room for a worker: of one whose thread has gone, or new. Requires: lock. */
static struct weir__worker *worker_for_spawn_locked(struct weir__pool *pool)
{
    struct weir__worker *worker;
    /* A thread that has departed may still be running destructors of its host's thread-specific
     * data: those are not waited for under the lock. */
    for (struct weir__worker **link = &pool->vacant; (worker = *link); link = &worker->next) {
        if (worker->joinable && pthread_tryjoin_np(worker->thread, NULL) != 0)
            continue;
        *link = worker->next;
        worker->joinable = false;
        worker->dismissed = false;
        return worker;
    }
    size_t count = weir__load_relaxed(&pool->worker_count); /* lock held */
    if (count == WEIR_WORKERS_MAX)
        return NULL;
    worker = aligned_alloc(_Alignof(struct weir__worker), sizeof *worker);
    if (!worker)
        return NULL;
    memset(worker, 0, sizeof *worker);
    worker->pool = pool;
    worker->index = count;
    worker->cell = &pool->cell[count & (pool->cells - 1)];
    pool->workers[count] = worker;
    weir__store_release(&pool->worker_count, count + 1); /* release [W1]: the entry is there */
    return worker;
}

weir_status weir__pool_spawn_locked(struct weir__pool *pool)
{
    struct weir__worker *worker = worker_for_spawn_locked(pool);
    weir_status status = WEIR_ENOMEM;
    if (worker)
        status =
            weir__thread_start(&worker->thread, pool->stack_bytes, weir__worker_main, worker);
    if (status != WEIR_OK) {
        if (worker) {
            worker->next = pool->vacant;
            pool->vacant = worker;
        }
        pool->spawn_retry_ns = weir__now_ns() + RETRY_NS;
        weir__counter_bump(&pool->base.counters.spawn_failures, 1); /* lock held */
        return status;
    }
    worker->joinable = true;
    pool->threads++;
    size_t live = weir__add_relaxed(&pool->live, (size_t)1) + 1; /* lock held */
    weir__counter_raise(&pool->base.counters.workers_peak, live);
    return WEIR_OK;
}

enum weir__sizing weir__sizing_rule(size_t workers, size_t idle, size_t backlog, size_t min_workers,
                                    size_t max_workers, double grow, double shrink)
{
    if (workers < min_workers || workers == 0)
        return workers < max_workers ? WEIR__SIZE_GROW : WEIR__SIZE_KEEP;
    double busy = ((double)workers - (double)idle + (double)backlog) / (double)workers;
    if (busy >= grow && workers < max_workers)
        return WEIR__SIZE_GROW;
    if (busy <= shrink && workers > min_workers)
        return WEIR__SIZE_SHRINK;
    return WEIR__SIZE_KEEP;
}

static bool by_rule(const struct weir__pool *pool)
{
    return pool->grow_threshold > 0;
}

static enum weir__sizing decide_by_rule_locked(struct weir__pool *pool)
{
    size_t live = weir__load_relaxed(&pool->live); /* lock held */
    size_t occupied = (size_t)weir__pool_occupied_locked(pool);
    size_t idle = occupied < live ? live - occupied : 0;
    size_t backlog = occupied > live ? occupied - live : 0;
    return weir__sizing_rule(live, idle, backlog, pool->min_workers,
                             weir__load_relaxed(&pool->max_workers), pool->grow_threshold,
                             pool->shrink_threshold);
}

/* Take an idle worker out for good. It is to be woken. Requires: lock. */
static struct weir__worker *dismiss_idle_locked(struct weir__pool *pool)
{
    struct weir__worker *worker = pool->oldest_idle;
    if (!worker)
        return NULL;
    weir__pool_unlist_idle_locked(pool, worker);
    worker->dismissed = true;
    worker->next = NULL;
    weir__sub_relaxed(&pool->live, (size_t)1); /* lock held */
    return worker;
}

struct weir__worker *weir__pool_size_up_locked(struct weir__pool *pool)
{
    size_t live = weir__load_relaxed(&pool->live); /* lock held */
    size_t max = weir__load_relaxed(&pool->max_workers);
    if (WEIR__LIKELY(live >= max && !by_rule(pool)))
        return NULL;
    if (weir__load_relaxed(&pool->base.life) != WEIR__OPEN ||
        (live && weir__now_ns() < pool->spawn_retry_ns))
        return NULL;
    if (by_rule(pool)) {
        enum weir__sizing decision = decide_by_rule_locked(pool);
        if (decision == WEIR__SIZE_GROW)
            weir__pool_spawn_locked(pool);
        return decision == WEIR__SIZE_SHRINK ? dismiss_idle_locked(pool) : NULL;
    }
    if (weir__pool_occupied_locked(pool) >= live)
        weir__pool_spawn_locked(pool); /* failing that, the task finds a place or does not */
    return NULL;
}

/* A change of size is possible now. */
static weir_status check_pool_locked(struct weir__pool *pool)
{
    uint32_t life = weir__load_relaxed(&pool->base.life); /* lock held */
    return life == WEIR__OPEN ? WEIR_OK : weir__life_status(life);
}

/* Start threads up to the minimum. Requires: lock. */
static weir_status spawn_minimum_locked(struct weir__pool *pool)
{
    weir_status status = WEIR_OK;
    while (status == WEIR_OK && weir__load_relaxed(&pool->live) < pool->min_workers)
        status = weir__pool_spawn_locked(pool);
    return status;
}

/* Idle workers beyond `keep`, taken out, to be woken. Requires: lock. */
static struct weir__worker *dismiss_down_to_locked(struct weir__pool *pool, size_t keep)
{
    struct weir__worker *list = NULL;
    while (weir__load_relaxed(&pool->live) > keep &&
           weir__pool_occupied_locked(pool) < weir__load_relaxed(&pool->live)) {
        struct weir__worker *worker = dismiss_idle_locked(pool);
        if (!worker)
            break;
        worker->next = list;
        list = worker;
    }
    return list;
}

weir_status weir_thread_executor_resize(weir_executor *executor, size_t min_workers, size_t workers)
{
    if (!executor || executor->ops->run_here != weir__worker_run_here || workers == 0 ||
        workers > WEIR_WORKERS_MAX || min_workers > workers)
        return WEIR_EINVAL;
    if (weir__forked(weir__slab_guard(executor->slab)))
        return WEIR_EFORKED;
    struct weir__pool *pool = weir__pool_of(executor);
    struct weir__worker *dismissed = NULL;
    struct weir__blocked *granted = NULL;
    weir__lock_take(&executor->lock);
    weir_status status = check_pool_locked(pool);
    if (status == WEIR_OK && !weir__queue_enlarge_locked(pool->queue, workers + pool->capacity))
        status = WEIR_ENOMEM;
    if (status == WEIR_OK) {
        pool->min_workers = min_workers;
        weir__store_relaxed(&pool->max_workers, workers); /* lock held */
        status = spawn_minimum_locked(pool);
        dismissed = dismiss_down_to_locked(pool, workers);
        weir__store_relaxed(&pool->surplus, weir__load_relaxed(&pool->live) > workers);
    }
    /* More workers are more places. */
    struct weir__worker *wake = weir__pool_grant_locked(pool, &granted);
    weir__lock_release(&executor->lock);
    weir__wake_list(dismissed);
    weir__wake_list(wake);
    weir__wake_blocked(granted);
    return status;
}

weir_status weir_thread_executor_maintain(weir_executor *executor, size_t *workers)
{
    if (!executor || executor->ops->run_here != weir__worker_run_here)
        return WEIR_EINVAL;
    if (weir__forked(weir__slab_guard(executor->slab)))
        return WEIR_EFORKED;
    struct weir__pool *pool = weir__pool_of(executor);
    struct weir__worker *dismissed = NULL;
    struct weir__blocked *granted;
    weir__lock_take(&executor->lock);
    weir_status status = check_pool_locked(pool);
    while (status == WEIR_OK) {
        if (!by_rule(pool)) {
            status = spawn_minimum_locked(pool);
            dismissed = dismiss_down_to_locked(pool, pool->min_workers);
            break;
        }
        enum weir__sizing decision = decide_by_rule_locked(pool);
        struct weir__worker *worker = NULL;
        if (decision == WEIR__SIZE_GROW)
            status = weir__pool_spawn_locked(pool);
        else if (decision == WEIR__SIZE_SHRINK)
            worker = dismiss_idle_locked(pool);
        if (worker) {
            worker->next = dismissed;
            dismissed = worker;
        } else if (decision != WEIR__SIZE_GROW) {
            break;
        }
    }
    if (workers)
        *workers = weir__load_relaxed(&pool->live); /* lock held */
    struct weir__worker *wake = weir__pool_grant_locked(pool, &granted);
    weir__lock_release(&executor->lock);
    weir__wake_list(dismissed);
    weir__wake_list(wake);
    weir__wake_blocked(granted);
    return status;
}
