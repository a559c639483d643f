/** @file
 *  Delayed submission: tasks that are given to an executor after a while, or at a time.
 *
 *  A scheduler keeps what is not due yet, in order of time, and one thread that sleeps until the
 *  next of it is. When a task comes due, the scheduler submits it to its executor, as anybody would:
 *  the executor's policy is asked, its backlog bounds, its statistics count. Until then the task
 *  costs no thread and no place in the backlog.
 *
 *  The future belongs to the task for all of this time. It is WEIR_PENDING until the task starts, and
 *  can be cancelled until then, also after it has come due. (Just while the scheduler submits it,
 *  nobody can say yet whether it starts: weir_future_cancel() then returns false, and the task ends
 *  cancelled all the same if it has not started when the submission is through.) If the executor
 *  refuses the task when it comes due, the future ends with that status (weir_future_state():
 *  WEIR_FINISHED): WEIR_EREJECTED by the policy, in whichever way; else WEIR_ESHUTDOWN, WEIR_EBROKEN,
 *  WEIR_ENOMEM, WEIR_ESYS, and WEIR_EINVAL for what executors of its kind cannot do.
 *
 *  Tasks come due in the order of their times, those of equal times in the order of their submission,
 *  and never early. Times are those of the scheduler's clock (weir/clock.h), the monotonic one unless
 *  said otherwise: setting the wall clock changes nothing. */
#ifndef WEIR_DELAYED_H
#define WEIR_DELAYED_H

#include <stddef.h>
#include <stdint.h>

#include "weir/clock.h"
#include "weir/executor.h"
#include "weir/export.h"
#include "weir/future.h"
#include "weir/status.h"
#include "weir/task.h"

WEIR_BEGIN_DECLS

/** A scheduler: what is to be submitted later, and the thread that does it. */
typedef struct weir_scheduler weir_scheduler;

/** How many tasks a scheduler keeps if nothing else is said. */
#define WEIR_PENDING_DEFAULT ((size_t)1 << 20)

/** Options. Zero members mean their default. */
typedef struct weir_scheduler_options {
    weir_clock *clock; /**< borrowed until destroy; NULL: the monotonic clock */
    const char *name;  /**< of its thread, cut to what the system keeps; NULL: "weir-timer" */
    size_t limit;      /**< most tasks that are not due; 0: WEIR_PENDING_DEFAULT; WEIR_ZERO: none is
                             accepted; every other number is allowed */
    size_t stack_bytes; /**< of its thread; 0: the system's default */
} weir_scheduler_options;

/** Create a scheduler, and start its thread.
 *
 *  The thread submits, so what a submission may do it does there: a policy that makes submitters
 *  wait holds up everything that comes due meanwhile, and under WEIR_RUN_IN_CALLER, or with an inline
 *  executor, tasks run in it, one after another. Such a task gets WEIR_EDEADLOCK if it waits for its
 *  own future, as anywhere. While it runs nothing else comes due: it must not wait for what has not.
 *  If it ends the thread (pthread_exit()), it has failed with the code ECANCELED, and the scheduler is
 *  closed: what is pending ends WEIR_EBROKEN.
 *
 *  @param out       receives it; to be given to weir_scheduler_destroy(). Untouched on failure.
 *  @param executor  where tasks go; borrowed until destroy.
 *  @param options   NULL: defaults.
 *  @return WEIR_OK | WEIR_EINVAL: NULL, or an option that this library does not know | WEIR_ENOMEM |
 *          WEIR_ESYS: the thread could not be started
 *  @threads any. @blocks for the start of a thread. @since 0.1 */
static inline weir_status weir_scheduler_create(weir_scheduler **out, weir_executor *executor,
                                                const weir_scheduler_options *options);

/** weir_scheduler_create() for callers from other languages. @since 0.1 */
WEIR_API weir_status weir_scheduler_create_sized(weir_scheduler **out, weir_executor *executor,
                                                 const weir_scheduler_options *options,
                                                 size_t size);

static inline weir_status weir_scheduler_create(weir_scheduler **out, weir_executor *executor,
                                                const weir_scheduler_options *options)
{
    return weir_scheduler_create_sized(out, executor, options, sizeof *options);
}

/** Submit a task after a while. Costs O(log n) among n that are pending, and so does its
 *  cancellation.
 *
 *  @param scheduler  borrowed for the call. From any task, too.
 *  @param delay_ns   nanoseconds from now; 0: now, though not in this thread; negative is
 *                    WEIR_EINVAL; WEIR_FOREVER: never, until it is cancelled.
 *  @param fn         as for weir_submit().
 *  @param arg        with a size: copied before this returns. Without: passed as it is.
 *  @param arg_size   bytes.
 *  @param out        receives a reference to the future; NULL: fire and forget. Untouched but for
 *                    WEIR_OK.
 *  @return WEIR_OK | WEIR_EINVAL: NULL scheduler or fn, NULL arg with a size, negative delay |
 *          WEIR_EREJECTED: the scheduler's limit is reached | WEIR_ESHUTDOWN | WEIR_ENOMEM |
 *          WEIR_EFORKED
 *  @threads any. @blocks never.
 *  @order what the caller did before happens before fn runs. @since 0.1 */
WEIR_API weir_status weir_scheduler_submit_after(weir_scheduler *scheduler, int64_t delay_ns,
                                                 weir_task_fn *fn, const void *arg, size_t arg_size,
                                                 weir_future **out);

/** Submit a task at a time, with all that can be said of it.
 *
 *  @param scheduler   borrowed for the call.
 *  @param at_ns       on the scheduler's clock (see weir_clock_now()); past: now. Negative is
 *                     WEIR_EINVAL.
 *  @param submission  as for weir_submit_with(). Its start_within_ns counts from the time that the
 *                     task comes due.
 *  @param out         as for weir_scheduler_submit_after().
 *  @return as weir_scheduler_submit_after(); WEIR_EINVAL also for unknown flags and negative times.
 *  @threads any. @blocks never. @since 0.1 */
static inline weir_status weir_scheduler_submit_at(weir_scheduler *scheduler, int64_t at_ns,
                                                   const weir_submission *submission,
                                                   weir_future **out);

/** weir_scheduler_submit_at() for callers from other languages. @since 0.1 */
WEIR_API weir_status weir_scheduler_submit_at_sized(weir_scheduler *scheduler, int64_t at_ns,
                                                    const weir_submission *submission, size_t size,
                                                    weir_future **out);

static inline weir_status weir_scheduler_submit_at(weir_scheduler *scheduler, int64_t at_ns,
                                                   const weir_submission *submission,
                                                   weir_future **out)
{
    return weir_scheduler_submit_at_sized(scheduler, at_ns, submission, sizeof *submission, out);
}

/** Shut down: refuse new work from now on, and wait until all that was accepted has ended. With
 *  WEIR_DRAIN each task still comes due at its time; with WEIR_CANCEL_QUEUED everything that has not
 *  started is cancelled, whether it has come due or not. The executor is not shut down. Idempotent,
 *  as weir_executor_shutdown() is.
 *
 *  @param scheduler  the scheduler; it stays valid, for statistics and for destroy.
 *  @param options    NULL: defaults. The timeout is in real time, whatever the clock.
 *  @return WEIR_OK: everything accepted has ended. From a task of the scheduler, or in its own thread,
 *          which cannot wait for itself: WEIR_OK at once, and the rest goes on | WEIR_ETIMEDOUT: some
 *          has not ended, and goes on | WEIR_EINVAL | WEIR_EFORKED
 *  @threads any, several at once. @blocks up to the timeout; a worker of the executor that waits here
 *  runs what is in the backlog itself, as in weir_wait_all(). @since 0.1 */
static inline weir_status weir_scheduler_shutdown(weir_scheduler *scheduler,
                                                  const weir_shutdown_options *options);

/** weir_scheduler_shutdown() for callers from other languages. @since 0.1 */
WEIR_API weir_status weir_scheduler_shutdown_sized(weir_scheduler *scheduler,
                                                   const weir_shutdown_options *options,
                                                   size_t size);

static inline weir_status weir_scheduler_shutdown(weir_scheduler *scheduler,
                                                  const weir_shutdown_options *options)
{
    return weir_scheduler_shutdown_sized(scheduler, options, sizeof *options);
}

/** Shut down (as weir_scheduler_shutdown(scheduler, NULL), so it waits for the last task's time) if
 *  nobody did, and free everything but futures that somebody still holds. NULL is allowed. To be
 *  called before its executor and its clock are destroyed. In a forked child it does nothing.
 *  @threads any but its own, and none of its tasks. @blocks until the last task has ended.
 *  @since 0.1 */
WEIR_API void weir_scheduler_destroy(weir_scheduler *scheduler);

/** Whether it accepts work: false once a shutdown has begun, for NULL, and in a forked child.
 *  @threads any. @blocks never. @since 0.1 */
WEIR_API bool weir_scheduler_alive(const weir_scheduler *scheduler);

/** What a scheduler has done. In every snapshot:
 *
 *      submitted = pending + in_flight + cancelled + refused + ended
 *
 *  Grows at its end only. */
typedef struct weir_scheduler_counts {
    uint64_t submitted;    /**< tasks that it accepted */
    uint64_t cancelled;    /**< of these, cancelled before the executor had them */
    uint64_t refused;      /**< of these, refused by the executor when they came due */
    uint64_t ended;        /**< of these, ended after the executor had them, however */
    uint64_t pending;      /**< of these, not due (or just coming due) */
    uint64_t in_flight;    /**< of these, in the executor's hands */
    uint64_t pending_peak; /**< the most there have been */
    uint64_t rejected;     /**< submissions that its limit refused; not among submitted */
    uint64_t wakeups;      /**< how often its thread woke up */
    uint64_t late_ns;      /**< sum of how long after their time (or their submission, if that was
                                later) tasks were given to the executor; what that takes does not
                                count */
    uint64_t late_max_ns;  /**< the longest of these */
} weir_scheduler_counts;

/** Take a snapshot.
 *
 *  @param scheduler  the scheduler.
 *  @param out        filled.
 *  @return WEIR_OK | WEIR_EINVAL (NULL) | WEIR_EFORKED
 *  @threads any. @blocks never. @since 0.1 */
static inline weir_status weir_scheduler_stats(const weir_scheduler *scheduler,
                                               weir_scheduler_counts *out);

/** weir_scheduler_stats() for callers from other languages. @since 0.1 */
WEIR_API weir_status weir_scheduler_stats_sized(const weir_scheduler *scheduler,
                                                weir_scheduler_counts *out, size_t size);

static inline weir_status weir_scheduler_stats(const weir_scheduler *scheduler,
                                               weir_scheduler_counts *out)
{
    return weir_scheduler_stats_sized(scheduler, out, sizeof *out);
}

WEIR_END_DECLS

#endif
