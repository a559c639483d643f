/* Periodic workers: creation, stop, wait, reset, end. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/options.h"
#include "schedule/flights.h"
#include "schedule/monitor.h"
#include "schedule/periodic_impl.h"
#include "schedule/strategy_impl.h"
#include "weir/inline.h"

#define RETRY_LEAST_NS (900 * WEIR_MILLISECOND)
#define RETRY_MOST_NS (1100 * WEIR_MILLISECOND)

static bool are_allowed(const weir_periodic_worker_options *options)
{
    return weir__strategy_is_allowed(&options->strategy) &&
           weir__missed_is_allowed(options->missed) && options->retry_least_ns >= 0 &&
           options->retry_least_ns <= options->retry_most_ns &&
           (options->executor || !options->owns_executor);
}

static void complete(weir_periodic_worker_options *options)
{
    if (!options->clock)
        options->clock = weir_clock_monotonic();
    if (!options->retry_most_ns) {
        options->retry_least_ns = RETRY_LEAST_NS;
        options->retry_most_ns = RETRY_MOST_NS;
    }
}

weir_status weir_periodic_worker_create_sized(weir_periodic_worker **out,
                                              const weir_periodic_worker_options *options,
                                              size_t size)
{
    weir_periodic_worker_options own;
    if (!out || !weir__options_copy(&own, sizeof own, options, size) || !are_allowed(&own))
        return WEIR_EINVAL;
    complete(&own);
    weir_periodic_worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return WEIR_ENOMEM;
    if (!weir__fork_guard_init(&worker->guard)) {
        free(worker);
        return WEIR_ENOMEM;
    }
    strncpy(worker->name, own.name ? own.name : "weir-periodic", sizeof worker->name - 1);
    if (!own.executor) {
        weir_status status = weir_inline_executor_create(
            &own.executor, &(weir_inline_options){ .name = worker->name });
        if (status != WEIR_OK) {
            weir__fork_guard_fini(&worker->guard);
            free(worker);
            return status;
        }
        own.owns_executor = true;
    }
    worker->options = own;
    worker->executor = own.executor;
    worker->next_id = 1;
    worker->random = own.seed ? own.seed : (uint64_t)weir__now_ns() ^ (uintptr_t)worker;
    worker->random = worker->random ? worker->random : 1; /* the generator's only bad state */
    pthread_mutex_init(&worker->mutex, NULL);
    weir__monitor_init(&worker->changed);
    *out = worker;
    return WEIR_OK;
}

weir_status weir_periodic_stop(weir_periodic_worker *worker)
{
    if (!worker)
        return WEIR_EINVAL;
    if (weir__forked(&worker->guard))
        return WEIR_EFORKED;
    pthread_mutex_lock(&worker->mutex);
    if (worker->state == WEIR__PERIODIC_CREATED) {
        worker->state = WEIR__PERIODIC_STOPPED;
        pthread_cond_broadcast(&worker->changed);
    } else if (worker->state == WEIR__PERIODIC_RUNNING) {
        worker->state = WEIR__PERIODIC_STOPPING;
        weir__sleeper_wake(&worker->sleeper);
    }
    pthread_mutex_unlock(&worker->mutex);
    return WEIR_OK;
}

/* References to the futures of the runs that the executor has and that have not ended; NULL if there are
 * none, or no memory. Requires: the mutex. */
static weir_future **collect_locked(const weir_periodic_worker *worker, size_t *count)
{
    weir_future **futures = worker->flying ? malloc(worker->under_way * sizeof(*futures)) : NULL;
    *count = 0;
    for (struct weir__work *work = worker->flying; futures && work; work = work->next)
        if (weir_future_status(work->inner) == WEIR_EPENDING)
            futures[(*count)++] = weir_future_ref(work->inner);
    if (*count)
        return futures;
    free(futures);
    return NULL;
}

/* Runs that the executor has are waited for through their futures: a worker of the executor then runs
 * them itself, also before anybody has asked for a stop, for it may be one of them that does. All else
 * is waited for by the condition, the next such run too. Requires: the mutex.
 * WEIR_OK | WEIR_ETIMEDOUT | WEIR_EDEADLOCK: the caller is one of the runs. */
static weir_status wait_locked(weir_periodic_worker *worker, int64_t deadline_ns)
{
    while (worker->state != WEIR__PERIODIC_STOPPED) {
        size_t count;
        weir_future **futures = collect_locked(worker, &count);
        if (!futures) {
            if (!weir__monitor_wait(&worker->changed, &worker->mutex, deadline_ns))
                break;
            continue;
        }
        pthread_mutex_unlock(&worker->mutex);
        weir_status status = weir__wait_for_flights(futures, count, deadline_ns);
        pthread_mutex_lock(&worker->mutex);
        if (status == WEIR_EDEADLOCK)
            return status;
        if (status == WEIR_ETIMEDOUT)
            break;
    }
    return worker->state == WEIR__PERIODIC_STOPPED ? WEIR_OK : WEIR_ETIMEDOUT;
}

weir_status weir_periodic_wait(weir_periodic_worker *worker, int64_t timeout_ns)
{
    if (!worker || timeout_ns < 0)
        return WEIR_EINVAL;
    if (weir__forked(&worker->guard))
        return WEIR_EFORKED;
    if (weir__run_is_inside(worker))
        return WEIR_EDEADLOCK;
    int64_t deadline_ns = weir__deadline_after(timeout_ns);
    pthread_mutex_lock(&worker->mutex);
    weir_status status = wait_locked(worker, deadline_ns);
    pthread_mutex_unlock(&worker->mutex);
    return status;
}

/* Requires: stopped, and nobody else does it. */
static void join_thread(weir_periodic_worker *worker)
{
    if (worker->has_thread)
        pthread_join(worker->thread, NULL);
    worker->has_thread = false;
}

static void reset_work(struct weir__work *work)
{
    weir_watcher *seen = &work->seen;
    weir_watcher fresh = { .id = seen->id,
                           .spacing_ns = seen->spacing_ns,
                           .next_run_ns = WEIR_FOREVER };
    memcpy(fresh.name, seen->name, sizeof fresh.name);
    *seen = fresh;
    weir__heap_remove(&work->worker->heap, &work->timer);
}

weir_status weir_periodic_reset(weir_periodic_worker *worker)
{
    if (!worker)
        return WEIR_EINVAL;
    if (weir__forked(&worker->guard))
        return WEIR_EFORKED;
    pthread_mutex_lock(&worker->mutex);
    bool stopped = worker->state == WEIR__PERIODIC_STOPPED;
    if (stopped) {
        /* Its last act was to set STOPPED, under the mutex: there is nothing to wait for. */
        join_thread(worker);
        for (size_t i = 0; i < worker->count; i++)
            reset_work(worker->works[i]);
        worker->state = WEIR__PERIODIC_CREATED;
    }
    pthread_mutex_unlock(&worker->mutex);
    return stopped ? WEIR_OK : WEIR_EINVAL;
}

void weir_periodic_worker_destroy(weir_periodic_worker *worker)
{
    if (!worker || weir__forked(&worker->guard))
        return;
    bool inside = weir__run_is_inside(worker);
    assert(!inside && "a periodic worker cannot be destroyed from one of its callbacks");
    weir_periodic_stop(worker);
    if (inside)
        return;
    weir_periodic_wait(worker, WEIR_FOREVER);
    join_thread(worker);
    if (worker->options.owns_executor)
        weir_executor_destroy(worker->executor);
    for (size_t i = 0; i < worker->count; i++)
        free(worker->works[i]);
    free(worker->works);
    weir__heap_fini(&worker->heap);
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->mutex);
    weir__fork_guard_fini(&worker->guard);
    free(worker);
}
