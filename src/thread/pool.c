/* Creating, closing and destroying a thread executor; its numbers. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/options.h"
#include "thread/pool_impl.h"

#define IDLE_DEFAULT_NS (60 * WEIR_SECOND)

/* Room above the limit for what must be admitted: a quarter of it, and at least this. */
enum { MUST_ADMIT_LEAST = 64 };

static bool renew(void *context, uint64_t hint)
{
    struct weir__pool *pool = context;
    return weir__future_renew(weir__slab_at(pool->base.slab, (uint32_t)hint), hint);
}

static bool valid(void *context, uint64_t hint)
{
    struct weir__pool *pool = context;
    return weir__future_is_pending(weir__slab_at(pool->base.slab, (uint32_t)hint), hint);
}

static void tally(const void *owner, struct weir__tally *out)
{
    struct weir__pool *pool = (struct weir__pool *)(uintptr_t)owner;
    out->workers = weir__load_relaxed(&pool->live);        /* a gauge */
    out->accepted = weir__load_acquire(&pool->accepted);   /* acquire [A3]: before what follows */
    for (size_t i = 0; i < pool->cells; i++)
        out->released += weir__load_acquire(&pool->cell[i].released); /* acquire [A2] */
    size_t count = weir__load_acquire(&pool->worker_count); /* acquire [W1] */
    for (size_t i = 0; i < count; i++)
        weir__tally_add(out, &pool->workers[i]->counters);
}

/* How long the oldest in the backlog has waited. */
static uint64_t oldest_wait_ns(struct weir__pool *pool)
{
    uint64_t hint;
    int64_t since_ns = 0;
    weir__lock_take(&pool->base.lock);
    if (weir__queue_oldest_locked(pool->queue, &hint))
        /* relaxed: it may have been claimed by now, and its slot be in use again: a gauge */
        since_ns =
            weir__load_relaxed(&weir__slab_at(pool->base.slab, (uint32_t)hint)->submit_ns);
    weir__lock_release(&pool->base.lock);
    return since_ns ? (uint64_t)(weir__now_ns() - since_ns) : 0;
}

static void describe(weir_executor *executor, weir_admission *admission)
{
    weir_stats stats;
    weir__snapshot(&executor->counters, tally, executor, &stats);
    admission->backlog = (size_t)stats.backlog;
    admission->workers = (size_t)stats.workers;
    admission->running = (size_t)stats.running;
    admission->idle = (size_t)stats.idle;
    admission->full = stats.backlog >= executor->limit && stats.idle == 0;
    admission->mean_run_ns = stats.completed ? stats.run_ns / stats.completed : 0;
    admission->oldest_wait_ns = stats.backlog ? oldest_wait_ns(weir__pool_of(executor)) : 0;
}

static void pool_close(weir_executor *executor)
{
    struct weir__pool *pool = weir__pool_of(executor);
    struct weir__worker *idle = NULL, *worker;
    weir__lock_take(&executor->lock);
    struct weir__blocked *blocked = weir__pool_release_blocked_locked(pool, WEIR_ESHUTDOWN);
    while ((worker = weir__pool_take_idle_locked(pool))) {
        worker->next = idle;
        idle = worker;
    }
    weir__executor_check_quiet_locked(executor);
    weir__lock_release(&executor->lock);
    weir__wake_blocked(blocked);
    weir__wake_list(idle); /* they find the queue empty and the executor closed, and leave */
}

static uint64_t pool_cancel_queued(weir_executor *executor)
{
    return weir__pool_end_queued(weir__pool_of(executor), WEIR_ECANCELLED,
                                 &executor->counters.cancelled);
}

static bool pool_quiet_locked(const weir_executor *executor)
{
    return weir__pool_of_const(executor)->threads == 0;
}

static void pool_free(struct weir__pool *pool)
{
    size_t count = weir__load_relaxed(&pool->worker_count); /* no other thread is left */
    for (size_t i = 0; i < count; i++) {
        if (pool->workers[i]->joinable)
            pthread_join(pool->workers[i]->thread, NULL);
        free(pool->workers[i]);
    }
    weir__queue_destroy(pool->queue);
    weir__slab_flush(pool->base.slab, &pool->cache);
    weir__executor_fini(&pool->base);
    free(pool);
}

static void pool_destroy(weir_executor *executor)
{
    /* Whoever made the executor quiet may still hold the lock. */
    weir__lock_take(&executor->lock);
    weir__lock_release(&executor->lock);
    pool_free(weir__pool_of(executor));
}

static size_t pool_blocked(const weir_executor *executor)
{
    struct weir__pool *pool = (struct weir__pool *)(uintptr_t)weir__pool_of_const(executor);
    return weir__load_relaxed(&pool->blocked); /* a gauge */
}

static size_t pool_capacity(const weir_executor *executor)
{
    return weir__pool_of_const(executor)->capacity;
}

static size_t pool_worker_stats(const weir_executor *executor, weir_worker_stats *out, size_t n)
{
    struct weir__pool *pool = (struct weir__pool *)(uintptr_t)weir__pool_of_const(executor);
    size_t count = weir__load_acquire(&pool->worker_count); /* acquire [W1] */
    int64_t now_ns = weir__now_ns();
    for (size_t i = 0; i < count && i < n; i++) {
        struct weir__worker *worker = pool->workers[i];
        /* relaxed: gauges; a task that ends in between is missed in one and not yet in the other */
        int64_t since_ns = weir__load_relaxed(&worker->running_since_ns);
        uint64_t running_ns = since_ns && now_ns > since_ns ? (uint64_t)(now_ns - since_ns) : 0;
        out[i] = (weir_worker_stats){
            .completed = weir__load_relaxed(&worker->counters.completed),
            .busy_ns = weir__load_relaxed(&worker->busy_ns) + running_ns,
            .running_ns = running_ns,
        };
    }
    return count;
}

static const struct weir__executor_ops pool_ops = {
    .admit = weir__pool_admit,
    .admit_waiting = weir__pool_admit_waiting,
    .admit_displacing = weir__pool_admit_displacing,
    .describe = describe,
    .cancel = weir__pool_cancel,
    .run_here = weir__worker_run_here,
    .close = pool_close,
    .cancel_queued = pool_cancel_queued,
    .quiet_locked = pool_quiet_locked,
    .destroy = pool_destroy,
    .tally = tally,
    .blocked = pool_blocked,
    .capacity = pool_capacity,
    .worker_stats = pool_worker_stats,
};

/* Replace zeros by what they stand for. */
static weir_status resolve(weir_thread_options *options)
{
    if (options->workers == 0)
        options->workers = weir__default_workers();
    if (options->min_workers == 0)
        options->min_workers = options->workers;
    else if (options->min_workers == WEIR_ZERO)
        options->min_workers = 0;
    if (options->idle_ns == 0)
        options->idle_ns = IDLE_DEFAULT_NS;
    bool by_rule = options->grow_threshold != 0 || options->shrink_threshold != 0;
    if (options->workers > WEIR_WORKERS_MAX || options->min_workers > options->workers ||
        options->idle_ns < 0 ||
        (options->stack_bytes && options->stack_bytes < (size_t)PTHREAD_STACK_MIN))
        return WEIR_EINVAL;
    if (by_rule && !(options->grow_threshold > 0 && options->grow_threshold <= 1 &&
                     options->shrink_threshold >= 0 &&
                     options->shrink_threshold < options->grow_threshold))
        return WEIR_EINVAL;
    return WEIR_OK;
}

static void pool_init(struct weir__pool *pool, const weir_thread_options *options)
{
    memset((char *)pool + sizeof pool->base, 0, sizeof *pool - sizeof pool->base);
    size_t limit = pool->base.limit;
    pool->capacity = limit + (limit / 4 > MUST_ADMIT_LEAST ? limit / 4 : MUST_ADMIT_LEAST);
    pool->cells = 1;
    while (pool->cells < options->workers && pool->cells < WEIR__CELLS)
        pool->cells *= 2;
    pool->stack_bytes = options->stack_bytes;
    pool->idle_ns = options->idle_ns;
    pool->grow_threshold = options->grow_threshold;
    pool->shrink_threshold = options->shrink_threshold;
    pool->worker_init = options->worker_init;
    pool->init_data = options->init_data;
    pool->worker_fini = options->worker_fini;
    pool->fini_data = options->fini_data;
    pool->min_workers = options->min_workers;
    atomic_init(&pool->max_workers, options->workers);
}

/* Start the first threads. WEIR_OK if there is one, or none is wanted. */
static weir_status pool_start(struct weir__pool *pool)
{
    weir_status status = WEIR_OK;
    weir__lock_take(&pool->base.lock);
    while (status == WEIR_OK && weir__load_relaxed(&pool->live) < pool->min_workers)
        status = weir__pool_spawn_locked(pool);
    if (weir__load_relaxed(&pool->live))
        status = WEIR_OK;
    weir__lock_release(&pool->base.lock);
    return status;
}

weir_status weir_thread_executor_create_sized(weir_executor **out,
                                              const weir_thread_options *options, size_t size)
{
    weir_thread_options own;
    if (!out || !weir__options_copy(&own, sizeof own, options, size) || resolve(&own) != WEIR_OK)
        return WEIR_EINVAL;
    struct weir__pool *pool = aligned_alloc(_Alignof(struct weir__pool), sizeof *pool);
    if (!pool)
        return WEIR_ENOMEM;
    weir_status status = weir__executor_init(&pool->base, &pool_ops, own.name, &own.policy,
                                             own.limit, own.arg_bytes, own.result_bytes);
    if (status != WEIR_OK) {
        free(pool);
        return status;
    }
    pool_init(pool, &own);
    struct weir__queue_truth truth = {renew, valid, pool};
    pool->queue = weir__queue_create(own.workers + pool->capacity, truth);
    status = pool->queue ? pool_start(pool) : WEIR_ENOMEM;
    if (status != WEIR_OK) {
        int saved = errno;
        pool_free(pool);
        errno = saved;
        return status;
    }
    *out = &pool->base;
    return WEIR_OK;
}
