/* One run of a periodic callback, from its submission to the numbers that it leaves.
 *
 * What the executor gets is run(), with the callback in its argument. It takes the times at which the
 * callback started and ended, and whether it wants no further run, and sends that back: as the result
 * if it succeeded, in front of the message if it failed. So a failure is a failure in the executor's
 * statistics, and the whole thing works wherever the executor runs it. Only a test clock cannot be
 * read in another process: a run there is taken to fill the time from its submission to its end. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/compiler.h"
#include "schedule/periodic_impl.h"
#include "schedule/strategy_impl.h"

/* In front of the callback's own argument. */
struct header {
    weir_task_fn *fn;
    const weir_clock *clock;
    const weir_periodic_worker *worker; /* to be compared, not looked into */
    const void *arg;                    /* passed as it is, if there are no bytes */
    size_t arg_size;                    /* bytes that follow */
    pid_t pid;                          /* where the clock is; 0: everywhere */
};

/* A time that could not be taken. */
#define UNKNOWN_NS INT64_MIN

/* What comes back from a run. */
struct times {
    int64_t started_ns, finished_ns;
    bool never_again;
};

/* The callbacks that this thread is inside of. */
struct inside {
    const weir_periodic_worker *worker;
    struct inside *below;
};
static _Thread_local struct inside *innermost;

bool weir__run_is_inside(const weir_periodic_worker *worker)
{
    for (const struct inside *inside = innermost; inside; inside = inside->below)
        if (inside->worker == worker)
            return true;
    return false;
}

size_t weir__run_header_size(void)
{
    return WEIR__ROUND_UP(sizeof(struct header), (size_t)16);
}

void weir__run_header_fill(struct weir__work *work, const weir_periodic *periodic)
{
    const weir_clock *clock = work->worker->options.clock;
    struct header header = { .fn = periodic->fn,
                             .clock = clock,
                             .worker = work->worker,
                             .arg = periodic->arg,
                             .arg_size = periodic->arg_size,
                             .pid = clock == weir_clock_monotonic() ? 0 : getpid() };
    memcpy(work->arg, &header, sizeof header);
    if (periodic->arg_size)
        memcpy(work->arg + weir__run_header_size(), periodic->arg, periodic->arg_size);
}

/* It only returned WEIR_NEVER_AGAIN, and did not call weir_task_fail() before. */
static bool has_not_failed(const weir_outcome *outcome)
{
    return outcome->status == WEIR_OK ||
           (outcome->returned == WEIR_NEVER_AGAIN && outcome->code == WEIR_NEVER_AGAIN &&
            !outcome->message[0]);
}

static int64_t time_by(const struct header *header)
{
    return header->pid && header->pid != getpid() ? UNKNOWN_NS : weir_clock_now(header->clock);
}

static weir_status run(weir_task *task, void *arg)
{
    struct header header;
    memcpy(&header, arg, sizeof header);
    void *own = header.arg_size ? (unsigned char *)arg + weir__run_header_size()
                                : (void *)(uintptr_t)header.arg;
    struct inside here = { header.worker, innermost };
    struct times times = { .started_ns = time_by(&header) };
    weir_outcome outcome;
    innermost = &here;
    weir_task_call(task, header.fn, own, &outcome);
    innermost = here.below;
    times.finished_ns = time_by(&header);
    times.never_again = outcome.returned == WEIR_NEVER_AGAIN;
    if (has_not_failed(&outcome))
        return weir_task_return(task, &times, sizeof times);
    return weir_task_fail(task, outcome.code, "%d %" PRId64 " %" PRId64 " %s", times.never_again,
                          times.started_ns, times.finished_ns,
                          outcome.message[0] ? outcome.message
                                             : weir_status_text(outcome.returned));
}

/* What the run left behind. A task that died has left nothing, and one in another process perhaps no
 * times: then it took all the time since. */
static struct times read_times(const struct weir__work *work, const weir_future *future,
                               const char **message)
{
    struct times times = { work->submitted_ns, weir_clock_now(work->worker->options.clock), false };
    int64_t started_ns, finished_ns;
    int never_again, length = 0;
    weir_future_error(future, message);
    if (weir_future_status(future) == WEIR_OK) {
        memcpy(&times, weir_future_value(future, NULL), sizeof times);
    } else if (sscanf(*message, "%d %" SCNd64 " %" SCNd64 " %n", &never_again, &started_ns,
                      &finished_ns, &length) == 3 &&
               length) {
        *message += length;
        times.never_again = never_again;
        times.started_ns = started_ns;
        times.finished_ns = finished_ns;
    }
    if (times.started_ns == UNKNOWN_NS || times.finished_ns == UNKNOWN_NS) {
        times.started_ns = work->submitted_ns;
        times.finished_ns = weir_clock_now(work->worker->options.clock);
    }
    return times;
}

/* Requires: the mutex. */
static void count_run_locked(struct weir__work *work, const struct times *times, bool success)
{
    weir_watcher *seen = &work->seen;
    seen->runs++;
    if (success)
        seen->successes++;
    else
        seen->failures++;
    seen->elapsed_ns += times->finished_ns - times->started_ns;
    seen->waiting_ns += times->started_ns - work->submitted_ns;
    seen->last_started_ns = times->started_ns;
    seen->last_finished_ns = times->finished_ns;
    seen->stop_requested |= times->never_again;
}

static void report_failure(struct weir__work *work, weir_status status, int code,
                           const char *message)
{
    weir_periodic_worker *worker = work->worker;
    if (!worker->options.on_failure)
        return;
    weir_periodic_failure failure = { .id = work->seen.id,
                                      .name = work->seen.name,
                                      .spacing_ns = work->seen.spacing_ns,
                                      .immediate = work->immediate,
                                      .status = status,
                                      .code = code,
                                      .message = message };
    worker->options.on_failure(&failure, worker->options.failure_data);
}

/* No lock: the strategy may be a function of the user's. What it reads rests while a run is under
 * way. */
static int64_t next_time(const struct weir__work *work, const struct times *times, double chance,
                         uint64_t *skipped)
{
    weir_run run_ended = { .due_ns = work->due_ns,
                           .started_ns = times->started_ns,
                           .finished_ns = times->finished_ns,
                           .spacing_ns = work->seen.spacing_ns };
    return weir__strategy_next(&work->strategy, work->missed, &run_ended, chance, skipped);
}

/* The executor did not run it: again in a while. Requires: the mutex. */
static void retry_locked(struct weir__work *work)
{
    weir_periodic_worker *worker = work->worker;
    int64_t least_ns = worker->options.retry_least_ns;
    double span_ns = (double)(worker->options.retry_most_ns - least_ns);
    int64_t wait_ns = least_ns + (int64_t)(weir__periodic_chance_locked(worker) * span_ns);
    work->seen.refused++;
    /* It stays due when it was: what it misses meanwhile counts as missed. */
    weir__periodic_rearm_locked(work, work->due_ns,
                                weir__time_add(weir__sleeper_now(&worker->sleeper), wait_ns));
}

static bool has_run(const weir_future *future)
{
    return weir_future_state(future) == WEIR_FINISHED && weir_future_status(future) != WEIR_EBROKEN;
}

static void ended(weir_future *future, void *data)
{
    struct weir__work *work = data;
    weir_periodic_worker *worker = work->worker;
    if (!has_run(future)) {
        pthread_mutex_lock(&worker->mutex);
        retry_locked(work);
        pthread_mutex_unlock(&worker->mutex);
        return;
    }
    const char *message;
    bool success = weir_future_status(future) == WEIR_OK;
    struct times times = read_times(work, future, &message);
    pthread_mutex_lock(&worker->mutex);
    count_run_locked(work, &times, success);
    double chance = weir__periodic_chance_locked(worker);
    pthread_mutex_unlock(&worker->mutex);
    struct inside here = { worker, innermost }; /* what follows may call the user */
    innermost = &here;
    if (!success)
        report_failure(work, weir_future_status(future), weir_future_error(future, NULL), message);
    uint64_t skipped;
    int64_t next_ns = next_time(work, &times, chance, &skipped);
    innermost = here.below;
    pthread_mutex_lock(&worker->mutex);
    work->seen.missed += skipped;
    work->immediate = false;
    weir__periodic_rearm_locked(work, next_ns, next_ns);
    pthread_mutex_unlock(&worker->mutex);
}

/* The callback was run right here, in the loop's thread, and has ended it: the run has failed, and the
 * worker stops. The loop waits here for the runs that are elsewhere. */
static void unwound(void *argument)
{
    struct weir__work *work = argument;
    weir_periodic_worker *worker = work->worker;
    struct inside here = { worker, NULL }; /* what this thread was inside of is left */
    struct times times = { work->submitted_ns, weir_clock_now(worker->options.clock), false };
    pthread_mutex_lock(&worker->mutex);
    count_run_locked(work, &times, false);
    pthread_mutex_unlock(&worker->mutex);
    innermost = &here;
    report_failure(work, WEIR_EFAILED, ECANCELED, "the task ended its thread");
    innermost = NULL;
    weir_periodic_stop(worker);
    pthread_mutex_lock(&worker->mutex);
    weir__periodic_rearm_locked(work, WEIR_FOREVER, WEIR_FOREVER);
    pthread_mutex_unlock(&worker->mutex);
    weir__periodic_loop(worker);
}

void weir__run_submit(struct weir__work *work)
{
    weir_periodic_worker *worker = work->worker;
    weir_status status;
    weir_submission submission = {
        .fn = run, .arg = work->arg, .arg_size = work->arg_size, .name = work->seen.name
    };
    weir_future *future;
    pthread_cleanup_push(unwound, work);
    status = weir_submit_with(worker->executor, &submission, &future);
    pthread_cleanup_pop(0);
    if (status == WEIR_OK) {
        pthread_mutex_lock(&worker->mutex);
        weir__periodic_fly_locked(work, future);
        pthread_mutex_unlock(&worker->mutex);
        weir__future_on_end_in(future, &work->ended, ended, work);
        weir_future_unref(future);
        return;
    }
    pthread_mutex_lock(&worker->mutex);
    retry_locked(work);
    pthread_mutex_unlock(&worker->mutex);
}
