/* Shutting a scheduler down: close the door, cancel if asked to, wait for what is left.
 *
 * What is left is waited for in two ways. Tasks in the executor's hands are waited for through their
 * futures, because that wait knows what a count does not: a worker of the executor runs them itself, and
 * a task that would wait for itself is told so. This goes first: as long as the executor is full, what
 * comes due may get no further, and the caller may be the worker that has to make room. Tasks that are
 * not due come due by themselves, and are waited for by the condition. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/options.h"
#include "schedule/flights.h"
#include "schedule/monitor.h"
#include "schedule/scheduler_impl.h"

/* Ended by themselves, one way or the other. */
static uint64_t finished_locked(const weir_scheduler *scheduler)
{
    return scheduler->counts.ended + scheduler->counts.refused;
}

/* Cancel one task; the mutex is let go of meanwhile. Returns 1 if it is cancelled. */
static unsigned cancel_locked(weir_scheduler *scheduler, struct weir__delayed *task)
{
    weir_future *future = weir_future_ref(task->future);
    bool running = scheduler->cancel_running;
    pthread_mutex_unlock(&scheduler->mutex);
    bool cancelled =
        (running || weir_future_state(future) == WEIR_PENDING) && weir_future_cancel(future);
    weir_future_unref(future);
    pthread_mutex_lock(&scheduler->mutex);
    return cancelled;
}

/* Cancel everything that has not started; the tasks that run, too, are told if running is set, here
 * or by anybody before. Requires: the mutex; closed. Returns how many it cancelled.
 *
 * Several may be at it at once, each in a round of its own. A task that a later round has seen is not
 * looked at again by an earlier one: the later one has told it all that the earlier one would, because
 * running stays set. A task that an earlier round has seen before the later one began is in front of
 * all that the later one has seen. So each round can stop at the first that it need not look at. */
static uint64_t cancel_all_locked(weir_scheduler *scheduler, bool running)
{
    uint64_t cancelled = 0;
    scheduler->cancel_running |= running;
    for (struct weir__timer *last; (last = weir__heap_last(&scheduler->heap));)
        cancelled +=
            cancel_locked(scheduler, WEIR__CONTAINER_OF(last, struct weir__delayed, timer));
    /* Nothing more takes off, but for what the thread has in hand. Those seen go to the end. */
    unsigned round = ++scheduler->round;
    while (scheduler->flying && scheduler->flying->round < round) {
        struct weir__delayed *task = scheduler->flying;
        task->round = round;
        weir__delayed_unlink_locked(scheduler, task);
        weir__delayed_link_locked(scheduler, task);
        cancelled += cancel_locked(scheduler, task);
    }
    return cancelled;
}

/* References to the futures in flight that have not ended; NULL if there are none, or no memory.
 * Requires: the mutex. */
static weir_future **collect_locked(const weir_scheduler *scheduler, size_t *count)
{
    size_t n = (size_t)scheduler->counts.in_flight;
    weir_future **futures = n ? malloc(n * sizeof(*futures)) : NULL;
    *count = 0;
    for (struct weir__delayed *task = scheduler->flying; futures && task; task = task->next)
        if (task->handed && weir_future_status(task->future) == WEIR_EPENDING)
            futures[(*count)++] = weir_future_ref(task->future);
    if (*count)
        return futures;
    free(futures);
    return NULL;
}

/* WEIR_OK: nothing is left, or only the caller itself | WEIR_ETIMEDOUT. Requires: the mutex. */
static weir_status wait_locked(weir_scheduler *scheduler, int64_t deadline_ns)
{
    while (scheduler->live) {
        size_t count = 0;
        weir_future **futures = collect_locked(scheduler, &count);
        if (!futures) {
            if (!weir__monitor_wait(&scheduler->changed, &scheduler->mutex, deadline_ns))
                return scheduler->live ? WEIR_ETIMEDOUT : WEIR_OK;
            continue;
        }
        pthread_mutex_unlock(&scheduler->mutex);
        weir_status status = weir__wait_for_flights(futures, count, deadline_ns);
        pthread_mutex_lock(&scheduler->mutex);
        if (status == WEIR_EDEADLOCK)
            return WEIR_OK;
        if (status == WEIR_ETIMEDOUT)
            return status;
    }
    return WEIR_OK;
}

/* Requires: the mutex. */
static void report_locked(const weir_scheduler *scheduler, uint64_t finished_before,
                          uint64_t cancelled, weir_shutdown_report *out)
{
    *out = (weir_shutdown_report){ .finished = finished_locked(scheduler) - finished_before,
                                   .cancelled = cancelled,
                                   .queued = scheduler->heap.count };
    for (struct weir__delayed *task = scheduler->flying; task; task = task->next) {
        weir_state state = weir_future_state(task->future);
        out->queued += state == WEIR_PENDING;
        out->running += state == WEIR_RUNNING;
    }
}

weir_status weir_scheduler_shutdown_sized(weir_scheduler *scheduler,
                                          const weir_shutdown_options *options, size_t size)
{
    weir_shutdown_options own;
    if (!scheduler || !weir__options_copy(&own, sizeof own, options, size) ||
        (unsigned)own.mode > WEIR_CANCEL_QUEUED || own.timeout_ns < -1)
        return WEIR_EINVAL;
    if (weir__forked(&scheduler->guard))
        return WEIR_EFORKED;
    int64_t deadline_ns = own.timeout_ns == 0    ? WEIR_FOREVER
                          : own.timeout_ns == -1 ? 0
                                                 : weir__deadline_after(own.timeout_ns);
    bool inside = pthread_equal(pthread_self(), scheduler->thread);
    pthread_mutex_lock(&scheduler->mutex);
    uint64_t finished_before = finished_locked(scheduler), cancelled = 0;
    scheduler->closed = true;
    weir__sleeper_wake(&scheduler->sleeper);
    if (own.mode == WEIR_CANCEL_QUEUED)
        cancelled = cancel_all_locked(scheduler, own.cancel_running);
    weir_status status = inside ? WEIR_OK : wait_locked(scheduler, deadline_ns);
    if (status == WEIR_ETIMEDOUT && own.cancel_at_timeout) {
        cancelled += cancel_all_locked(scheduler, own.cancel_running);
        status = scheduler->live ? WEIR_ETIMEDOUT : WEIR_OK;
    }
    if (own.report)
        report_locked(scheduler, finished_before, cancelled, own.report);
    pthread_mutex_unlock(&scheduler->mutex);
    return status;
}
