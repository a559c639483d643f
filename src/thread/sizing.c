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
#include "thread/lent.h"
#include "thread/pool_impl.h"

enum { RETRY_NS = 10 * WEIR_MILLISECOND };

/* Room for a worker: of one whose thread has gone, or new. Requires: lock. */
static struct weir__worker *worker_for_spawn_locked(struct weir__pool *pool)
{
    struct weir__worker *worker;
    /* A thread that has departed may still be running destructors of its host's thread-specific
     * data: those are not waited for under the lock. */
    for (struct weir__worker **link = &pool->vacant; (worker = *link); link = &worker->vacant) {
        if (worker->joinable && pthread_tryjoin_np(worker->thread, NULL) != 0)
            continue;
        *link = worker->vacant;
        worker->joinable = false;
        worker->retired = false;
        worker->end = (struct weir__queue_end){NULL, 0}; /* it was away for who knows how long */
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
    worker->sleeper.wake = weir__worker_wake;
    worker->cell = weir__places_cell(&pool->places, count);
    worker->spin.most_ns = pool->base.spin_ns;
    if (!weir__lent_init(worker)) {
        free(worker);
        return NULL;
    }
    pool->workers[count] = worker;
    weir__store_release(&pool->worker_count, count + 1); /* release [W1]: the entry is there */
    return worker;
}

static bool by_rule(const struct weir__pool *pool)
{
    return pool->grow_threshold > 0;
}

void weir__pool_note_size_locked(struct weir__pool *pool)
{
    size_t live = weir__load_relaxed(&pool->places.live); /* lock held, as for the stores below */
    weir__store_relaxed(&pool->places.growing, by_rule(pool) || live < pool->max_workers);
    weir__store_relaxed(&pool->surplus, pool->leaving || live > pool->max_workers);
}

static weir_status start_worker_locked(struct weir__pool *pool)
{
    struct weir__worker *worker = worker_for_spawn_locked(pool);
    if (!worker)
        return WEIR_ENOMEM;
    weir_status status =
        weir__thread_start(&worker->thread, pool->stack_bytes, weir__worker_main, worker);
    if (status == WEIR_OK) {
        worker->joinable = true;
        pool->threads++;
    } else {
        worker->vacant = pool->vacant;
        pool->vacant = worker;
    }
    return status;
}

weir_status weir__pool_spawn_locked(struct weir__pool *pool)
{
    if (pool->leaving) { /* one that was dismissed and does not know it yet stays */
        pool->leaving--;
    } else {
        weir_status status = start_worker_locked(pool);
        if (status != WEIR_OK) {
            pool->spawn_retry_ns = weir__now_ns() + RETRY_NS;
            weir__counter_bump(&pool->base.counters.spawn_failures, 1); /* lock held */
            return status;
        }
    }
    weir__counter_raise(&pool->base.counters.workers_peak,
                        weir__places_add_worker_locked(&pool->base));
    weir__pool_note_size_locked(pool);
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

static enum weir__sizing decide_by_rule_locked(struct weir__pool *pool)
{
    size_t live = weir__load_relaxed(&pool->places.live); /* lock held */
    size_t occupied = (size_t)weir__places_occupied_locked(&pool->base);
    size_t idle = occupied < live ? live - occupied : 0;
    size_t backlog = occupied > live ? occupied - live : 0;
    return weir__sizing_rule(live, idle, backlog, pool->min_workers,
                             pool->max_workers, pool->grow_threshold,
                             pool->shrink_threshold);
}

/* Send a worker away for good: the one that has been idle longest, or else the next one that finds
 * nothing to do. Its place is given up at once. Requires: lock, fewer places occupied than workers. */
static void dismiss_locked(struct weir__pool *pool, struct weir__wakes *wakes)
{
    struct weir__worker *worker = pool->oldest_idle;
    if (worker) {
        weir__pool_unlist_idle_locked(pool, worker);
        worker->retired = true;
        weir__wakes_add(wakes, &worker->sleeper);
    } else {
        pool->leaving++;
    }
    weir__places_remove_worker_locked(&pool->base);
    weir__pool_note_size_locked(pool);
}

void weir__pool_size_up_locked(weir_executor *executor, struct weir__wakes *wakes)
{
    struct weir__pool *pool = weir__pool_of(executor);
    size_t live = weir__load_relaxed(&pool->places.live); /* lock held */
    if (weir__load_relaxed(&executor->life) != WEIR__OPEN ||
        (live && weir__now_ns() < pool->spawn_retry_ns))
        return;
    if (by_rule(pool)) {
        enum weir__sizing decision = decide_by_rule_locked(pool);
        if (decision == WEIR__SIZE_GROW)
            weir__pool_spawn_locked(pool);
        else if (decision == WEIR__SIZE_SHRINK && live > 1 &&
                 weir__places_to_spare_locked(executor))
            dismiss_locked(pool, wakes); /* the task finds a place among those that stay */
    } else if (weir__places_occupied_locked(executor) +
                   weir__load_relaxed(&pool->calling_back) >= live) { /* as good as busy */
        weir__pool_spawn_locked(pool); /* failing that, the task finds a place or does not */
    }
}

/* A change of size is possible now. */
static weir_status check_pool_locked(struct weir__pool *pool)
{
    uint32_t life = weir__load_relaxed(&pool->base.life); /* lock held */
    return life == WEIR__OPEN ? WEIR_OK : weir__life_status(life);
}

/* Start threads up to the minimum, and as many more as there are tasks for. Requires: lock. */
static weir_status spawn_needed_locked(struct weir__pool *pool)
{
    size_t needed = pool->min_workers;
    /* Takes back what is lent: from now on each submission may have to ask for a worker. */
    uint64_t occupied = weir__places_occupied_locked(&pool->base);
    if (!by_rule(pool) && occupied > needed)
        needed = occupied < pool->max_workers ? (size_t)occupied : pool->max_workers;
    weir_status status = WEIR_OK;
    while (status == WEIR_OK && weir__load_relaxed(&pool->places.live) < needed) /* lock held */
        status = weir__pool_spawn_locked(pool);
    return status;
}

/* Send idle workers away until `keep` are left. Requires: lock. */
static void dismiss_down_to_locked(struct weir__pool *pool, size_t keep, struct weir__wakes *wakes)
{
    while (weir__load_relaxed(&pool->places.live) > keep && /* lock held */
           weir__places_to_spare_locked(&pool->base))
        dismiss_locked(pool, wakes);
}

static bool is_pool(const weir_executor *executor)
{
    return executor && executor->ops->run_here == weir__worker_run_here;
}

static weir_status resize_locked(struct weir__pool *pool, size_t min_workers, size_t workers,
                                 struct weir__wakes *wakes)
{
    weir_status status = check_pool_locked(pool);
    if (status != WEIR_OK)
        return status;
    if (!weir__queue_enlarge_locked(pool->queue, workers + pool->places.capacity))
        return WEIR_ENOMEM;
    pool->min_workers = min_workers;
    pool->max_workers = workers;
    weir__pool_note_size_locked(pool);
    status = spawn_needed_locked(pool);
    dismiss_down_to_locked(pool, workers, wakes);
    weir__pool_wake_all_locked(pool, wakes); /* to sleep again, for as long as is right now */
    weir__places_grant_locked(&pool->base, wakes); /* more workers are more places */
    return status;
}

weir_status weir_thread_executor_resize(weir_executor *executor, size_t min_workers, size_t workers)
{
    if (!is_pool(executor) || workers == 0 || workers > WEIR_WORKERS_MAX || min_workers > workers)
        return WEIR_EINVAL;
    if (weir__forked(weir__slab_guard(executor->slab)))
        return WEIR_EFORKED;
    struct weir__wakes wakes = {NULL, NULL};
    weir__lock_take(&executor->lock);
    weir_status status = resize_locked(weir__pool_of(executor), min_workers, workers, &wakes);
    weir__lock_release(&executor->lock);
    weir__wakes_flush(&wakes);
    return status;
}

static weir_status maintain_locked(struct weir__pool *pool, struct weir__wakes *wakes)
{
    weir_status status = check_pool_locked(pool);
    if (status == WEIR_OK && !by_rule(pool)) {
        status = spawn_needed_locked(pool);
        dismiss_down_to_locked(pool, pool->min_workers, wakes);
        return status;
    }
    while (status == WEIR_OK) {
        enum weir__sizing decision = decide_by_rule_locked(pool);
        if (decision == WEIR__SIZE_GROW)
            status = weir__pool_spawn_locked(pool);
        else if (decision == WEIR__SIZE_SHRINK && weir__places_to_spare_locked(&pool->base))
            dismiss_locked(pool, wakes);
        else
            break;
    }
    return status;
}

weir_status weir_thread_executor_maintain(weir_executor *executor, size_t *workers)
{
    if (!is_pool(executor))
        return WEIR_EINVAL;
    if (weir__forked(weir__slab_guard(executor->slab)))
        return WEIR_EFORKED;
    struct weir__pool *pool = weir__pool_of(executor);
    struct weir__wakes wakes = {NULL, NULL};
    weir__lock_take(&executor->lock);
    weir_status status = maintain_locked(pool, &wakes);
    if (workers)
        *workers = weir__load_relaxed(&pool->places.live); /* lock held */
    weir__places_grant_locked(executor, &wakes); /* more workers are more places */
    weir__lock_release(&executor->lock);
    weir__wakes_flush(&wakes);
    return status;
}
