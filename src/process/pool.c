/* Creating, closing and destroying a process executor; its numbers. */
#include <errno.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/options.h"
#include "executor/cpus.h"
#include "process/pool.h"
#include "sync/futex.h"
#include "sync/thread.h"

#define KILL_GRACE_DEFAULT_NS (100 * WEIR_MILLISECOND)
#define DEATHS_WITHIN_DEFAULT_NS (10 * WEIR_SECOND)

enum {
    DEATHS_LEAST = 5,
    SPARE_BUFFERS = 64 /* for submitters that wait for a place */
};

static void tally(const void *owner, struct weir__tally *out)
{
    struct weir__process_pool *pool = (struct weir__process_pool *)(uintptr_t)owner;
    weir__places_tally(&pool->base, out);
    for (size_t i = 0; i < pool->plan.segment.workers; i++)
        weir__tally_add(out, &pool->post[i].counters);
}

static size_t worker_stats(const weir_executor *executor, weir_worker_stats *out, size_t n)
{
    struct weir__process_pool *pool =
        weir__process_pool_of((weir_executor *)(uintptr_t)executor);
    int64_t now_ns = weir__now_ns();
    for (size_t i = 0; i < pool->plan.segment.workers && i < n; i++) {
        struct weir__post *post = &pool->post[i];
        /* relaxed: gauges; a task that ends in between is missed in one and not yet in the other */
        int64_t since_ns = weir__load_relaxed(
            &weir__segment_station(&pool->plan.segment, i)->running_since_ns);
        uint64_t running_ns = since_ns > 0 ? weir__elapsed_ns(since_ns, now_ns) : 0;
        out[i] = (weir_worker_stats){
            .completed = weir__load_relaxed(&post->counters.completed),
            .busy_ns = weir__load_relaxed(&post->busy_ns) + running_ns,
            .running_ns = running_ns,
        };
    }
    return pool->plan.segment.workers;
}

static weir_status vet(weir_executor *executor, const weir_submission *submission)
{
    struct weir__process_pool *pool = weir__process_pool_of(executor);
    if (!weir__functions_known(&pool->functions, (uintptr_t)submission->fn))
        return WEIR_EINVAL;
    bool fits = submission->arg_size <= executor->arg_bytes ||
                submission->arg_size <= pool->plan.segment.payload_bytes;
    return fits ? WEIR_OK : WEIR_ETOOBIG;
}

static void *alloc_arg(weir_executor *executor, size_t size)
{
    return weir__buffers_take(&weir__process_pool_of(executor)->buffers, size);
}

static void free_arg(weir_executor *executor, void *arg)
{
    weir__buffers_give(&weir__process_pool_of(executor)->buffers, arg);
}

static void close_locked(weir_executor *executor, struct weir__wakes *wakes)
{
    weir__places_turn_away_locked(executor, WEIR_ESHUTDOWN, wakes);
    weir__process_ring(weir__process_pool_of(executor));
}

/* All running tasks are to be asked, and those that may be killed are to be killed. */
static void request_all(struct weir__process_pool *pool)
{
    weir__lock_take(&pool->base.lock);
    for (uint32_t i = pool->oldest; i && !pool->spoilt; i = pool->record[i - 1].next) {
        struct weir__record *record = &pool->record[i - 1];
        /* release [F5] */
        weir__store_release(&weir__segment_slot(&pool->plan.segment, i - 1)->asked, 1u);
        record->kill |= record->killable;
        pool->kills |= record->killable;
    }
    weir__lock_release(&pool->base.lock);
}

static uint64_t cancel_queued(weir_executor *executor)
{
    struct weir__process_pool *pool = weir__process_pool_of(executor);
    uint64_t cancelled = weir__places_cancel_queued(executor);
    if (weir__load_acquire(&executor->cancel_running)) /* acquire [F5] */
        request_all(pool);
    weir__process_ring(pool);
    return cancelled;
}

static bool settled_locked(const weir_executor *executor)
{
    struct weir__process_pool *pool =
        weir__process_pool_of((weir_executor *)(uintptr_t)executor);
    /* acquire [E2] */
    return weir__places_settled_locked(executor, weir__load_acquire(&pool->settled), 0);
}

static bool quiet_locked(const weir_executor *executor)
{
    return weir__process_pool_of((weir_executor *)(uintptr_t)executor)->gone &&
           settled_locked(executor);
}

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

/* The last future is gone. Requires: the collector is, too. */
static void pool_released(weir_executor *executor)
{
    struct weir__process_pool *pool = weir__process_pool_of(executor);
    weir__segment_unmap(&pool->plan.segment);
    free(pool->record);
    free(pool->post);
    free(pool->deaths);
    free(pool->poll);
    weir__buffers_fini(&pool->buffers);
    weir__functions_fini(&pool->functions);
    free(pool);
}

/* Everything but what a future may still ask for. */
static void pool_fini(struct weir__process_pool *pool)
{
    close_fd(pool->plan.doorbell_fd);
    close_fd(pool->timer_fd);
    if (pool->plan.segment.base) /* the memory goes now, the addresses later */
        madvise(pool->plan.segment.base, pool->plan.segment.bytes, MADV_REMOVE);
    weir__slab_flush(pool->base.slab, &pool->places.cache);
    weir__executor_fini(&pool->base);
}

static void pool_destroy(weir_executor *executor)
{
    struct weir__process_pool *pool = weir__process_pool_of(executor);
    pthread_join(pool->collector, NULL);
    /* Whoever made the executor quiet may still hold the lock. */
    weir__lock_take(&executor->lock);
    weir__lock_release(&executor->lock);
    pool_fini(pool);
}

static const struct weir__executor_ops process_ops = {
    .vet = vet,
    .alloc_arg = alloc_arg,
    .free_arg = free_arg,
    .looks_full = weir__places_looks_full,
    .admit = weir__places_admit,
    .admit_waiting = weir__places_admit_waiting,
    .admit_displacing = weir__places_admit_displacing,
    .describe = weir__places_describe,
    .withdraw = weir__process_withdraw,
    .run_here = weir__process_run_here,
    .close_locked = close_locked,
    .cancel_queued = cancel_queued,
    .settled_locked = settled_locked,
    .quiet_locked = quiet_locked,
    .destroy = pool_destroy,
    .tally = tally,
    .blocked = weir__places_blocked,
    .capacity = weir__places_capacity,
    .worker_stats = worker_stats,
    .refresh = weir__process_refresh,
    .request = weir__process_request,
    .released = pool_released,
};

/* How many threads this process has; 1 if that cannot be told. */
static size_t count_threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    size_t count = 0;
    if (!tasks)
        return 1;
    for (struct dirent *entry; (entry = readdir(tasks));)
        count += entry->d_name[0] != '.';
    closedir(tasks);
    return count;
}

/* Whether there are other threads. One that was joined may be listed for a moment more. */
static bool has_threads(void)
{
    enum { LOOKS = 20 };
    for (int i = 0; count_threads() > 1; i++) {
        if (i == LOOKS)
            return true;
        nanosleep(&(struct timespec){.tv_nsec = WEIR_MILLISECOND}, NULL);
    }
    return false;
}

/* Replace zeros by what they stand for. */
static weir_status resolve(weir_process_options *options)
{
    if (options->workers == 0)
        options->workers = weir__default_workers();
    if (options->payload_bytes == 0)
        options->payload_bytes = WEIR_PAYLOAD_DEFAULT;
    else if (options->payload_bytes == WEIR_ZERO)
        options->payload_bytes = 0;
    if (options->kill_grace_ns == 0)
        options->kill_grace_ns = KILL_GRACE_DEFAULT_NS;
    if (options->deaths_within_ns == 0)
        options->deaths_within_ns = DEATHS_WITHIN_DEFAULT_NS;
    if (options->deaths_max == 0)
        options->deaths_max = DEATHS_LEAST + 2 * options->workers;
    if (options->workers > WEIR_PROCESS_WORKERS_MAX || options->deaths_max > (size_t)1 << 20 ||
        options->kill_grace_ns < 0 || options->spin_ns < WEIR_NO_SPIN || options->deaths_within_ns < 0 ||
        (unsigned)options->start > WEIR_START_FORK ||
        options->keep_fds_count > WEIR__KEEP_FDS_MAX ||
        (options->keep_fds_count && !options->keep_fds) ||
        options->payload_bytes > SIZE_MAX / 64 || options->limits.oom_score_adj < -1000 ||
        options->limits.oom_score_adj > 1000)
        return WEIR_EINVAL;
    for (size_t i = 0; i < options->keep_fds_count; i++)
        if (options->keep_fds[i] < 0)
            return WEIR_EINVAL;
    return WEIR_OK;
}

static void plan_init(struct weir__process_pool *pool, const weir_process_options *options)
{
    struct weir__plan *plan = &pool->plan;
    plan->name = pool->base.name;
    plan->limits = options->limits;
    plan->worker_init = options->worker_init;
    plan->init_data = options->init_data;
    plan->worker_fini = options->worker_fini;
    plan->fini_data = options->fini_data;
    plan->tasks_per_worker = options->tasks_per_worker;
    plan->spin_ns = options->limits.cpu_seconds ? 0 : pool->base.spin_ns; /* it would use them up */
    plan->keep_fds_count = options->keep_fds_count;
    if (options->keep_fds_count)
        memcpy(plan->keep_fds, options->keep_fds,
               options->keep_fds_count * sizeof plan->keep_fds[0]);
    size_t slots = options->workers + pool->places.capacity + WEIR__FREED_MOST;
    plan->segment = (struct weir__segment){
        .workers = options->workers,
        .slots = slots,
        .arg_bytes = pool->base.arg_bytes,
        .result_bytes = weir__slab_result_bytes(pool->base.slab),
        .payload_bytes = options->payload_bytes,
        .buffers = options->payload_bytes ? slots + SPARE_BUFFERS : 0,
    };
}

static void records_init(struct weir__process_pool *pool)
{
    uint32_t slots = (uint32_t)pool->plan.segment.slots;
    for (uint32_t i = 0; i < slots; i++)
        pool->record[i].next = i + 1 < slots ? i + 2 : 0;
    pool->free = 1;
}

static void posts_init(struct weir__process_pool *pool)
{
    for (size_t i = 0; i < pool->plan.segment.workers; i++) {
        pool->post[i].pidfd = -1;
        pool->post[i].kill_ns = WEIR_FOREVER;
        pool->post[i].cell = weir__places_cell(&pool->places, i);
    }
}

/* Memory and descriptors. On failure pool_fini() gives back what there is. */
static weir_status resources_init(struct weir__process_pool *pool)
{
    struct weir__segment *segment = &pool->plan.segment;
    weir_status status = weir__segment_map(segment);
    if (status != WEIR_OK)
        return status;
    size_t post_bytes = segment->workers * sizeof *pool->post;
    pool->post = aligned_alloc(WEIR__CACHE_LINE, post_bytes);
    pool->record = calloc(segment->slots, sizeof *pool->record);
    pool->deaths = calloc(pool->deaths_max, sizeof *pool->deaths);
    pool->poll = calloc(segment->workers + 3, sizeof *pool->poll);
    if (!pool->post || !pool->record || !pool->deaths || !pool->poll ||
        !weir__buffers_init(&pool->buffers, segment) || !weir__functions_init(&pool->functions))
        return WEIR_ENOMEM;
    memset(pool->post, 0, post_bytes);
    posts_init(pool);
    records_init(pool);
    pool->plan.doorbell_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    pool->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    return pool->plan.doorbell_fd < 0 || pool->timer_fd < 0 ? WEIR_ESYS : WEIR_OK;
}

/* Start the collector, and wait until it has a worker, or knows that there is none to be had. */
static weir_status pool_start(struct weir__process_pool *pool)
{
    weir_status status = weir__thread_start(&pool->collector, 0, weir__collector_main, pool);
    if (status != WEIR_OK)
        return status;
    uint32_t started;
    while ((started = weir__load_acquire(&pool->started)) == 0) /* acquire [X7] */
        weir__futex_wait(&pool->started, 0, WEIR_FOREVER);
    if (started == 1)
        return WEIR_OK;
    int error = pool->spawn_error;
    weir_executor_shutdown(&pool->base, NULL);
    pthread_join(pool->collector, NULL);
    errno = error;
    return WEIR_ESYS;
}

static void pool_init(struct weir__process_pool *pool, const weir_process_options *options)
{
    memset((char *)pool + sizeof pool->base, 0, sizeof *pool - sizeof pool->base);
    pool->base.places = &pool->places;
    weir__places_init(&pool->places, &weir__process_places_ops, pool->base.limit,
                      options->workers);
    /* A post is a place, whether or not it is manned at the moment. */
    weir__store_relaxed(&pool->places.live, options->workers);
    weir__store_relaxed(&pool->base.counters.workers_peak, (uint64_t)options->workers);
    pool->start = options->start;
    pool->kill_grace_ns = options->kill_grace_ns;
    pool->deaths_within_ns = options->deaths_within_ns;
    pool->deaths_max = options->deaths_max;
    pool->plan.doorbell_fd = pool->timer_fd = -1;
    pool->next_look_ns = WEIR_FOREVER;
    plan_init(pool, options);
}

weir_status weir_process_executor_create_sized(weir_executor **out,
                                               const weir_process_options *options, size_t size)
{
    weir_process_options own;
    if (!out || !weir__options_copy(&own, sizeof own, options, size) || resolve(&own) != WEIR_OK ||
        (!own.allow_threads && has_threads()))
        return WEIR_EINVAL;
    struct weir__process_pool *pool = aligned_alloc(_Alignof(struct weir__process_pool),
                                                    sizeof *pool);
    if (!pool)
        return WEIR_ENOMEM;
    weir_status status = weir__executor_init(&pool->base, &process_ops, own.name, &own.policy,
                                             own.limit, own.arg_bytes, own.result_bytes,
                                             own.dispatch);
    if (status != WEIR_OK) {
        free(pool);
        return status;
    }
    weir__executor_set_spin(&pool->base, own.spin_ns);
    pool_init(pool, &own);
    pool->spin.most_ns = pool->base.spin_ns;
    pool->spin.weight = (unsigned)own.workers - 1; /* it looks at the stations of all */
    status = resources_init(pool);
    if (status == WEIR_OK)
        status = pool_start(pool);
    if (status != WEIR_OK) {
        int saved = errno;
        pool_fini(pool);
        errno = saved;
        return status;
    }
    *out = &pool->base;
    return WEIR_OK;
}

weir_status weir_process_executor_pids(const weir_executor *executor, int *out, size_t n,
                                       size_t *count)
{
    if (!executor || executor->ops != &process_ops || !count || (!out && n))
        return WEIR_EINVAL;
    if (weir__forked(weir__slab_guard(executor->slab)))
        return WEIR_EFORKED;
    struct weir__process_pool *pool =
        weir__process_pool_of((weir_executor *)(uintptr_t)executor);
    *count = pool->plan.segment.workers;
    for (size_t i = 0; i < *count && i < n; i++)
        out[i] = weir__load_relaxed(&pool->post[i].pid); /* a gauge */
    return WEIR_OK;
}
