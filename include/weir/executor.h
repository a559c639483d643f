/** @file
 *  Executors: what every kind of them does.
 *
 *  An executor accepts tasks and runs them: in the submitter (weir/inline.h) or on threads
 *  (weir/thread.h). Tasks accepted and not yet started are its backlog, which has a limit; at the
 *  limit, a policy decides (weir/policy.h). There is no global state: a program may have as many
 *  executors as it likes.
 *
 *  After fork(), in the child, every call on an executor or an unfinished future of the parent
 *  returns WEIR_EFORKED (or false, 0, nothing where it returns no status). */
#ifndef WEIR_EXECUTOR_H
#define WEIR_EXECUTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/export.h"
#include "weir/future.h"
#include "weir/policy.h"
#include "weir/stats.h"
#include "weir/status.h"
#include "weir/task.h"

WEIR_BEGIN_DECLS

/** An executor of any kind. Opaque: made by the create function of its kind. */
typedef struct weir_executor weir_executor;

/** The backlog limit if none is given. */
#define WEIR_LIMIT_DEFAULT ((size_t)1024)
/** The largest backlog limit. */
#define WEIR_LIMIT_MAX ((size_t)1 << 24)
/** The most workers. */
#define WEIR_WORKERS_MAX ((size_t)4096)
/** Inline argument and result size if none is given, in bytes. */
#define WEIR_INLINE_DEFAULT ((size_t)48)
/** How long is looked before sleeping, at the most, if nothing is said: see spin_ns of the options. */
#define WEIR_SPIN_DEFAULT (200 * WEIR_MICROSECOND)
/** As spin_ns: whoever waits sleeps at once. */
#define WEIR_NO_SPIN INT64_C(-1)
/** The largest inline argument and result size, in bytes. */
#define WEIR_INLINE_MAX ((size_t)4096)

/** Bits of weir_submission.flags. */
enum {
    /** Do not ask the policy; accept even above the limit, up to weir_stats.capacity. For work
     *  that must not be lost. Beyond the capacity: WEIR_EREJECTED. */
    WEIR_MUST_ADMIT = 1u << 0,
    /** Cancelling the task while it runs kills the worker process that runs it; the task then ends
     * WEIR_ECANCELLED, unless it was faster. Process executors only. */
    WEIR_KILL_ON_CANCEL = 1u << 1
};

/** A submission in full. Zero members mean their default. */
typedef struct weir_submission {
    weir_task_fn *fn;        /**< the function; required */
    const void *arg;         /**< its argument */
    size_t arg_size;         /**< bytes to copy from arg, or 0: arg itself is passed */
    const char *name;        /**< for people; borrowed until the future is gone; may be NULL */
    int64_t start_within_ns; /**< if no worker has started the task this long after its submission,
                                  it ends WEIR_EEXPIRED when its turn comes; 0: no such limit */
    uint32_t flags;          /**< WEIR_MUST_ADMIT, WEIR_KILL_ON_CANCEL; others are WEIR_EINVAL */
    uint32_t retries;        /**< process executors only: how often the task is run again when the
                                  process that runs it dies; 0: it ends WEIR_ECRASHED at once */
    int64_t run_within_ns;   /**< process executors only: if the task has run so long, its worker is
                                  ended, with SIGTERM, then SIGKILL, and the task ends WEIR_EOVERRUN;
                                  0: no such limit */
} weir_submission;

/** Submit one task.
 *
 *  @param executor  borrowed for the call. From any task, too.
 *  @param fn        runs exactly once, or never if the future ends otherwise.
 *  @param arg       with a size: that many bytes are copied before this returns. Without: the
 *                   pointer is passed to fn as it is, and what it points at must live until then.
 *  @param arg_size  bytes. Up to the executor's inline argument size nothing is allocated.
 *  @param out       receives a reference to the future (to be given up with weir_future_unref());
 *                   NULL: fire and forget. Untouched but for WEIR_OK.
 *  @return WEIR_OK: accepted (under WEIR_RUN_IN_CALLER and WEIR_DISCARD: and ended) |
 *          WEIR_EREJECTED: the policy refused | WEIR_ETIMEDOUT: the policy made it wait, in vain |
 *          WEIR_ESHUTDOWN | WEIR_EBROKEN | WEIR_ENOMEM | WEIR_ESYS: there is no worker and none
 *          could be started | WEIR_EINVAL: NULL executor or fn, or NULL arg with a size |
 *          WEIR_EFORKED. Nothing but WEIR_OK leaves a trace of the task.
 *  @threads any. @blocks only if the policy says so.
 *  @order what the caller did before happens before fn runs. Tasks of one submitter start in
 *  the order of their submission. @since 0.1 */
WEIR_API weir_status weir_submit(weir_executor *executor, weir_task_fn *fn, const void *arg,
                                 size_t arg_size, weir_future **out);

/** weir_submit() with all that can be said of a task.
 *
 *  @return as weir_submit(); WEIR_EINVAL also for unknown flags, for negative times, and for what
 *          this kind of executor cannot do.
 *  @since 0.1 */
static inline weir_status weir_submit_with(weir_executor *executor,
                                           const weir_submission *submission, weir_future **out);

/** weir_submit_with() for callers from other languages: @p size is that of the caller's struct.
 *  @since 0.1 */
WEIR_API weir_status weir_submit_with_sized(weir_executor *executor,
                                            const weir_submission *submission, size_t size,
                                            weir_future **out);

static inline weir_status weir_submit_with(weir_executor *executor,
                                           const weir_submission *submission, weir_future **out)
{
    return weir_submit_with_sized(executor, submission, sizeof *submission, out);
}

/** How to shut down. */
typedef enum weir_shutdown_mode {
    WEIR_DRAIN = 0,        /**< what was accepted runs */
    WEIR_CANCEL_QUEUED = 1 /**< what has not started ends WEIR_ECANCELLED now */
} weir_shutdown_mode;

/** What a shutdown found and did. */
typedef struct weir_shutdown_report {
    uint64_t finished;  /**< tasks that ended by themselves (or expired) since the call */
    uint64_t cancelled; /**< tasks that it cancelled before they started */
    uint64_t running;   /**< tasks still running when it returned */
    uint64_t queued;    /**< tasks still in the backlog when it returned */
} weir_shutdown_report;

/** Options of a shutdown. All zero: drain, wait without end. */
typedef struct weir_shutdown_options {
    weir_shutdown_mode mode; /**< what becomes of tasks that have not started */
    int64_t timeout_ns;      /**< how long to wait for what was accepted to end: 0 or WEIR_FOREVER
                                  without end; -1 not at all */
    bool cancel_at_timeout;  /**< when that time is over, cancel what has not started, and return */
    bool cancel_running;     /**< tell running tasks (see weir_task_cancel_requested()): in mode
                                  WEIR_CANCEL_QUEUED at once, with cancel_at_timeout at that time */
    weir_shutdown_report *report; /**< filled for WEIR_OK and WEIR_ETIMEDOUT; may be NULL */
} weir_shutdown_options;

/** Shut down: refuse new work from now on, release submitters that wait for a place
 *  (WEIR_ESHUTDOWN), and wait until all that was accepted has ended. Idempotent: a later call
 *  waits, too, and may cancel what an earlier one let drain.
 *
 *  @param executor  the executor; it stays valid, for statistics and for destroy.
 *  @param options   NULL: defaults.
 *  Callbacks that are dispatched are not waited for: see weir_executor_dispatch().
 *
 *  @return WEIR_OK: everything accepted has ended. From a task or a callback on a worker of this
 *          executor, which cannot wait for itself: WEIR_OK at once, and the rest goes on |
 *          WEIR_ETIMEDOUT: some has not; it goes on | WEIR_EINVAL | WEIR_EFORKED
 *  @threads any, several at once. @blocks up to the timeout. @since 0.1 */
static inline weir_status weir_executor_shutdown(weir_executor *executor,
                                                 const weir_shutdown_options *options);

/** weir_executor_shutdown() for callers from other languages. @since 0.1 */
WEIR_API weir_status weir_executor_shutdown_sized(weir_executor *executor,
                                                  const weir_shutdown_options *options,
                                                  size_t size);

static inline weir_status weir_executor_shutdown(weir_executor *executor,
                                                 const weir_shutdown_options *options)
{
    return weir_executor_shutdown_sized(executor, options, sizeof *options);
}

/** Shut down (as weir_executor_shutdown(executor, NULL)) if nobody did, join every worker, free
 *  everything but futures that somebody still holds. NULL is allowed. Callbacks that wait to be dispatched
 *  run here.
 *
 *  No other call on the executor may be under way or come later. From a worker of the executor
 *  itself it cannot be done: debug builds of the library assert; others shut it down and free
 *  nothing. In a forked child it does nothing. A callback that weir_executor_dispatch() runs, outside of
 *  a task, may destroy its executor, if that dispatch is the only other call under way.
 *  @threads any but its workers. @blocks until the last task has ended. @since 0.1 */
WEIR_API void weir_executor_destroy(weir_executor *executor);

/** The descriptor to wait for in an event loop, of an executor that was created with the option
 *  dispatch: readable (POLLIN) exactly while callbacks wait for weir_executor_dispatch().
 *
 *  It is the executor's. Poll it, in any way, level-triggered; neither read, write nor close it, and take
 *  it out of the loop before the executor is destroyed. (Whoever reads it all the same must dispatch
 *  afterwards; what is written to it wakes the loop once, for nothing.)
 *
 *  @return the descriptor, the same in every call; -1: no such option was given, NULL, a forked child
 *  @threads any. @blocks never. @since 0.1 */
WEIR_API int weir_executor_fd(const weir_executor *executor);

/** Run done-callbacks that wait, in the calling thread: those given to weir_future_on_done() for tasks of
 *  this executor that have ended, in the order in which they ended. They run nowhere else, but for
 *  weir_executor_destroy().
 *
 *  It may be called at any time, readable or not, by several threads at once, who share what there is,
 *  and from a callback, which then has the next ones run on top of it. Tasks end, waits return and
 *  shutdowns come to an end without it; what has ended and has callbacks keeps its memory until they have
 *  run (weir_stats.undispatched says how many), whatever the limit of the backlog.
 *
 *  @param executor  created with the option dispatch.
 *  @param most      of so many tasks at most. 0: of as many as wait when it is called, so that the loop
 *                   gets its turn; SIZE_MAX: until none is left.
 *  @param count     receives of how many callbacks have been run; may be NULL.
 *  @return WEIR_OK, also if none waited | WEIR_EINVAL: NULL, or created without the option | WEIR_ESYS:
 *          the descriptor does not work any more, because the host has closed it; callbacks have been
 *          run all the same, count is set, and errno says how it failed | WEIR_EFORKED
 *  @threads any. @blocks never, but for what the callbacks do.
 *  @order what the task did happens before its callbacks. @since 0.1 */
WEIR_API weir_status weir_executor_dispatch(weir_executor *executor, size_t most, size_t *count);

/** Tasks accepted and not started, now. 0 for NULL. @threads any. @blocks never. @since 0.1 */
WEIR_API size_t weir_executor_backlog(const weir_executor *executor);

/** Whether it accepts work: false once a shutdown has begun, when it is broken, for NULL, and in a
 *  forked child. @threads any. @blocks never. @since 0.1 */
WEIR_API bool weir_executor_alive(const weir_executor *executor);

/** The name given at creation. Lives as long as the executor; "" for NULL. @since 0.1 */
WEIR_API const char *weir_executor_name(const weir_executor *executor);

WEIR_END_DECLS

#endif
