/* Creating, closing and destroying a thread executor; its numbers. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/options.h"
#include "base/quick_clock.h"
#include "executor/cpus.h"
#include "thread/lent.h"
#include "thread/pool_impl.h"

#define IDLE_DEFAULT_NS (60 * WEIR_SECOND)

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

struct weir__queue_truth weir__pool_truth(struct weir__pool *pool)
{
    return (struct weir__queue_truth){renew, valid, pool};
}

/* Tasks that were accepted in places lent to workers. */
static uint64_t sum_submitted(struct weir__pool *pool)
{
    uint64_t sum = 0;
    if (weir__load_acquire(&pool->places.loans) == 0) /* acquire [A7]: nothing was lent yet */
        return 0;
    size_t count = weir__load_acquire(&pool->worker_count); /* acquire [W1] */
    for (size_t i = 0; i < count; i++)
        sum += weir__load_acquire(&pool->workers[i]->submitted); /* acquire [A3] */
    return sum;
}

static void tally(const void *owner, struct weir__tally *out)
{
    struct weir__pool *pool = (struct weir__pool *)(uintptr_t)owner;
    out->accepted = weir__load_acquire(&pool->places.accepted); /* acquire [A3]: before what follows */
    out->accepted += sum_submitted(pool);
    out->workers = weir__load_acquire(&pool->places.live); /* acquire [A4] */
    size_t count = weir__load_acquire(&pool->worker_count); /* acquire [W1] */
    for (size_t i = 0; i < count; i++) {
        out->released += weir__load_acquire(&pool->workers[i]->returned); /* acquire [A2] */
        weir__tally_add(out, &pool->workers[i]->counters);
    }
}

static int64_t oldest_since_ns_locked(weir_executor *executor)
{
    struct weir__pool *pool = weir__pool_of(executor);
    uint64_t hint;
    weir__places_recall_locked(executor);
    if (!weir__queue_oldest_locked(pool->queue, &hint))
        return 0;
    /* relaxed: it may have been claimed by now, and its slot be in use again: a gauge */
    return weir__load_relaxed(&weir__slab_at(executor->slab, (uint32_t)hint)->submit_ns);
}

void weir__pool_push_locked(struct weir__pool *pool, uint64_t hint, struct weir__wakes *wakes)
{
    weir__queue_push_locked(pool->queue, hint);
    struct weir__worker *idle = weir__pool_take_idle_locked(pool);
    if (idle)
        weir__wakes_add(wakes, &idle->sleeper);
}

static void enqueue_locked(weir_executor *executor, struct weir_future *future, uint64_t hint,
                           struct weir__wakes *wakes)
{
    struct weir__pool *pool = weir__pool_of(executor);
    (void)future; /* the hint says it all */
    weir__pool_push_locked(pool, hint, wakes);
}

static struct weir_future *claim_oldest_locked(weir_executor *executor)
{
    struct weir__pool *pool = weir__pool_of(executor);
    uint64_t hint;
    struct weir__queue_end end = {NULL, 0};
    weir__places_recall_locked(executor);
    while (weir__queue_pop(pool->queue, &end, &hint)) {
        struct weir_future *future = weir__slab_at(executor->slab, (uint32_t)hint);
        if (weir__future_claim_hint(future, hint, WEIR__CLAIMED))
            return future;
    }
    return NULL;
}

static void recall_locked(weir_executor *executor)
{
    weir__lent_recall_locked(weir__pool_of(executor));
}

static const struct weir__places_ops places_ops = {
    .recall_locked = recall_locked,
    .size_up_locked = weir__pool_size_up_locked,
    .enqueue_locked = enqueue_locked,
    .claim_oldest_locked = claim_oldest_locked,
    .oldest_since_ns_locked = oldest_since_ns_locked,
};

static void pool_close_locked(weir_executor *executor, struct weir__wakes *wakes)
{
    weir__places_recall_locked(executor); /* what is submitted now is to find it closed */
    weir__places_turn_away_locked(executor, WEIR_ESHUTDOWN, wakes);
    /* They find the queue empty and the executor closed, and leave. */
    weir__pool_wake_all_locked(weir__pool_of(executor), wakes);
}

static bool pool_settled_locked(const weir_executor *executor)
{
    struct weir__pool *pool = weir__pool_of((weir_executor *)(uintptr_t)executor);
    size_t count = weir__load_relaxed(&pool->worker_count); /* lock held */
    uint64_t settled = 0;
    for (size_t i = 0; i < count; i++)
        settled += weir__load_acquire(&pool->workers[i]->settled); /* acquire [E2] */
    /* Submitted after settled: what comes meanwhile makes the difference larger. */
    return weir__places_settled_locked(executor, settled, sum_submitted(pool));
}

static bool pool_quiet_locked(const weir_executor *executor)
{
    return weir__pool_of_const(executor)->threads == 0 && pool_settled_locked(executor);
}

static void pool_free(struct weir__pool *pool)
{
    size_t count = weir__load_relaxed(&pool->worker_count); /* no other thread is left */
    for (size_t i = 0; i < count; i++) {
        if (pool->workers[i]->joinable)
            pthread_join(pool->workers[i]->thread, NULL);
        weir__lent_fini(pool->workers[i]);
        free(pool->workers[i]);
    }
    weir__queue_destroy(pool->queue);
    weir__slab_flush(pool->base.slab, &pool->places.cache);
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

static size_t pool_worker_stats(const weir_executor *executor, weir_worker_stats *out, size_t n)
{
    struct weir__pool *pool = (struct weir__pool *)(uintptr_t)weir__pool_of_const(executor);
    size_t count = weir__load_acquire(&pool->worker_count); /* acquire [W1] */
    int64_t now_ns = weir__now_ns();
    for (size_t i = 0; i < count && i < n; i++) {
        struct weir__worker *worker = pool->workers[i];
        /* relaxed: gauges; a task that ends in between is missed in one and not yet in the other */
        int64_t since_ns = weir__load_relaxed(&worker->running_since_ns);
        uint64_t running_ns = since_ns ? weir__elapsed_ns(since_ns, now_ns) : 0;
        out[i] = (weir_worker_stats){
            .completed = weir__load_relaxed(&worker->counters.completed),
            .busy_ns = weir__load_relaxed(&worker->busy_ns) + running_ns,
            .running_ns = running_ns,
        };
    }
    return count;
}

/* A submission of one of its tasks. */
static WEIR__APART weir_status admit_own(struct weir__worker *worker, struct weir__request *request,
                                         struct weir_future **out)
{
    if (weir__lent_admit(worker, request, out))
        return WEIR_OK;
    weir_status status = weir__places_admit(&worker->pool->base, request, out);
    if (status == WEIR_OK)
        weir__lent_note_own(worker->pool);
    return status;
}

static weir_status pool_admit(weir_executor *executor, struct weir__request *request,
                              struct weir_future **out)
{
    struct weir__worker *worker = weir__thread_worker(executor);
    if (WEIR__UNLIKELY(worker != NULL))
        return admit_own(worker, request, out);
    weir__lent_note_other(weir__pool_of(executor));
    return weir__places_admit(executor, request, out);
}

static struct weir__slab_cache *pool_cache(void *worker)
{
    return &((struct weir__worker *)worker)->cache;
}

static const struct weir__executor_ops pool_ops = {
    .looks_full = weir__places_looks_full,
    .admit = pool_admit,
    .admit_waiting = weir__places_admit_waiting,
    .admit_displacing = weir__places_admit_displacing,
    .describe = weir__places_describe,
    .withdraw = weir__places_withdraw,
    .run_here = weir__worker_run_here,
    .cache = pool_cache,
    .close_locked = pool_close_locked,
    .cancel_queued = weir__places_cancel_queued,
    .settled_locked = pool_settled_locked,
    .quiet_locked = pool_quiet_locked,
    .destroy = pool_destroy,
    .tally = tally,
    .blocked = weir__places_blocked,
    .capacity = weir__places_capacity,
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
        options->idle_ns < 0 || options->spin_ns < WEIR_NO_SPIN ||
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
    weir__places_init(&pool->places, &places_ops, pool->base.limit, options->workers);
    pool->base.places = &pool->places;
    pool->base.quick_clock = weir__quick_clock_works();
    pool->stack_bytes = options->stack_bytes;
    pool->idle_ns = options->idle_ns;
    pool->grow_threshold = options->grow_threshold;
    pool->shrink_threshold = options->shrink_threshold;
    pool->worker_init = options->worker_init;
    pool->init_data = options->init_data;
    pool->worker_fini = options->worker_fini;
    pool->fini_data = options->fini_data;
    weir__lent_begin(pool);
    pool->min_workers = options->min_workers;
    pool->max_workers = options->workers;
    weir__pool_note_size_locked(pool); /* nobody else knows the pool yet */
}

/* Start the first threads. WEIR_OK if there is one, or none is wanted. */
static weir_status pool_start(struct weir__pool *pool)
{
    weir_status status = WEIR_OK;
    weir__lock_take(&pool->base.lock);
    while (status == WEIR_OK && weir__load_relaxed(&pool->places.live) < pool->min_workers)
        status = weir__pool_spawn_locked(pool);
    if (weir__load_relaxed(&pool->places.live))
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
                                             own.limit, own.arg_bytes, own.result_bytes,
                                             own.dispatch);
    if (status != WEIR_OK) {
        free(pool);
        return status;
    }
    weir__executor_set_spin(&pool->base, own.spin_ns);
    pool_init(pool, &own);
    pool->queue =
        weir__queue_create(own.workers + pool->places.capacity, weir__pool_truth(pool));
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
