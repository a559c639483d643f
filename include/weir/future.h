/** @file
 *  Futures: the handle on one submitted task.
 *
 *  A future is reference-counted. weir_submit() gives one reference; weir_future_unref() gives it
 *  up. A future outlives its executor: destroying an executor ends every task first. */
#ifndef WEIR_FUTURE_H
#define WEIR_FUTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/export.h"
#include "weir/status.h"
#include "weir/time.h"

WEIR_BEGIN_DECLS

/** A future. Opaque: see weir_submit(). */
typedef struct weir_future weir_future;

/** Where a task stands. The last four are ends; no transition leaves an end. */
typedef enum weir_state {
    WEIR_PENDING = 0,   /**< accepted, not started */
    WEIR_RUNNING = 1,   /**< its function runs */
    WEIR_FINISHED = 2,  /**< ended by itself: WEIR_OK, WEIR_EFAILED, WEIR_ECRASHED, WEIR_EOVERRUN,
                             WEIR_ETOOBIG, WEIR_EBROKEN; by a promise, or refused when it came due:
                             with other statuses, too */
    WEIR_CANCELLED = 3, /**< cancelled before it started, or by force: WEIR_ECANCELLED */
    WEIR_EXPIRED = 4,   /**< not started in time: WEIR_EEXPIRED */
    WEIR_DISCARDED = 5  /**< discarded by the policy: WEIR_EDISCARDED */
} weir_state;

/** The name of a state, "PENDING"; "UNKNOWN" for a value that is none. Lives for ever.
 *  @since 0.1 */
WEIR_API const char *weir_state_name(weir_state state);

/** Called once, when a future has ended.
 *  @param future  the one that ended; borrowed: take a reference to keep it.
 *  @param data    the pointer given to weir_future_on_done() or weir_future_on_end().
 *
 *  It may do anything that a task may, and unref the future. It must return. While it runs, its
 *  thread (a worker, the one that cancelled, or the one that dispatches) does nothing else. */
typedef void weir_done_fn(weir_future *future, void *data);

/** Wait until the future has ended.
 *
 *  Called from a worker for a task that is still in the backlog of that worker's own executor, it
 *  takes the task out and runs it there, instead of waiting (the time limit then does not bound
 *  the run). A poll never runs anything.
 *
 *  @param future      NULL is WEIR_EINVAL.
 *  @param timeout_ns  nanoseconds from now; 0 polls, WEIR_FOREVER waits without end.
 *  @return WEIR_OK: it has ended, however: ask weir_future_status() | WEIR_ETIMEDOUT: it has not,
 *          and goes on | WEIR_EDEADLOCK: the caller is that task, or runs on top of it |
 *          WEIR_EINVAL (NULL, negative timeout) | WEIR_EFORKED
 *  @threads any. @blocks up to the timeout.
 *  @order what the task did happens before this returns WEIR_OK. Callbacks given to
 *  weir_future_on_done() may still be running. @since 0.1 */
WEIR_API weir_status weir_future_wait(weir_future *future, int64_t timeout_ns);

/** How the task ended: WEIR_OK, WEIR_EFAILED, WEIR_ECANCELLED, WEIR_EEXPIRED, WEIR_EDISCARDED,
 *  WEIR_ECRASHED, WEIR_EBROKEN; WEIR_EPENDING while it has not; WEIR_EINVAL for NULL.
 *
 *  @threads any. @blocks never. @since 0.1 */
WEIR_API weir_status weir_future_status(const weir_future *future);

/** The result, in place.
 *
 *  @param future  the future.
 *  @param size    receives the size in bytes; may be NULL; 0 when NULL is returned.
 *  @return the bytes (aligned to 16), which live as long as the caller's reference; NULL if the
 *          task has not ended, did not end WEIR_OK, or gave no result.
 *  @threads any. @blocks never. @since 0.1 */
WEIR_API const void *weir_future_value(const weir_future *future, size_t *size);

/** Wait, then copy the result out.
 *
 *  @param future      the future.
 *  @param buffer      receives the result; NULL only with size 0.
 *  @param size        room in bytes. A shorter result leaves the rest of the buffer as it was.
 *  @param timeout_ns  as for weir_future_wait().
 *  @return WEIR_OK: copied | WEIR_ETOOBIG: the result is larger, nothing was copied | the status of
 *          a task that did not end WEIR_OK | WEIR_ETIMEDOUT, WEIR_EDEADLOCK, WEIR_EINVAL,
 *          WEIR_EFORKED as for weir_future_wait(). The buffer is untouched but for WEIR_OK.
 *  @threads any. @blocks up to the timeout. @since 0.1 */
WEIR_API weir_status weir_future_result(weir_future *future, void *buffer, size_t size,
                                        int64_t timeout_ns);

/** Why a task failed.
 *
 *  @param future   the future.
 *  @param message  receives the message (may be NULL): that of weir_task_fail(), else the sentence
 *                  of the status that the function returned, or of the future's; "" while it has
 *                  not ended, or ended WEIR_OK. Lives as long as the
 *                  caller's reference. Never set to NULL.
 *  @return the code given to weir_task_fail(), or the status that the function returned; 0 if the
 *          task has not ended, or did not fail.
 *  @threads any. @blocks never. @since 0.1 */
WEIR_API int weir_future_error(const weir_future *future, const char **message);

/** Where the task stands now. WEIR_PENDING for NULL.
 *
 *  @threads any. @blocks never. @since 0.1 */
WEIR_API weir_state weir_future_state(const weir_future *future);

/** The name given at submission, or NULL. @since 0.1 */
WEIR_API const char *weir_future_name(const weir_future *future);

/** Cancel the task. One that has not started ends WEIR_ECANCELLED, never runs and gives its place
 *  in the backlog back before this returns, at a cost that does not depend on the backlog. One that
 *  runs is told, see weir_task_cancel_requested().
 *
 *  @return true if the task is cancelled, by this call or an earlier one; false if it runs or has
 *          ended (NULL and a forked child: false).
 *  @threads any; callbacks of the future run in this one, unless they are dispatched. @blocks never.
 *  @since 0.1 */
WEIR_API bool weir_future_cancel(weir_future *future);

/** Have a function called when the task ends: exactly once, in the thread that ends it (a worker,
 *  a caller that runs the task, or the one that cancels), in the order of these calls, without any
 *  lock of the library, after waiters have been woken. If the task has ended already, it is called
 *  here, before this returns.
 *
 *  If the executor was created to dispatch, it is called in weir_executor_dispatch() instead, whether
 *  the task has ended already or not: never here, never in the thread that ends the task. Once that
 *  executor has been destroyed, nobody dispatches, and it is called here.
 *
 *  @param future  the future; it is kept alive until the function has been called.
 *  @param done    the function; NULL is WEIR_EINVAL.
 *  @param data    passed to it; must live until then.
 *  @return WEIR_OK | WEIR_EINVAL | WEIR_ENOMEM | WEIR_EFORKED; but for WEIR_OK it is never
 *          called.
 *  @threads any. @blocks never, but for what the function does. @since 0.1 */
WEIR_API weir_status weir_future_on_done(weir_future *future, weir_done_fn *done, void *data);

/** weir_future_on_done() for functions that are not to be dispatched: called in the thread that ends the
 *  task, or here if it has ended, whatever the executor. For code that must not depend on a loop, such
 *  as passing an end on to somebody else. Of an executor that does not dispatch, the two are the same.
 *
 *  @param future  the future; it is kept alive until the function has been called.
 *  @param done    the function; NULL is WEIR_EINVAL.
 *  @param data    passed to it; must live until then.
 *  @return as weir_future_on_done()
 *  @threads any. @blocks never, but for what the function does.
 *  @order among functions of its own kind, that of the calls; those that are dispatched come when they
 *  come. @since 0.1 */
WEIR_API weir_status weir_future_on_end(weir_future *future, weir_done_fn *done, void *data);

/** One more reference. @return the future itself; NULL for NULL.
 *  @threads any that holds a reference. @blocks never. @since 0.1 */
WEIR_API weir_future *weir_future_ref(weir_future *future);

/** Give up one reference; the last one frees the future. The task is not affected: it runs on.
 *  NULL is allowed. Giving up more than one has is a bug that debug builds of the library assert.
 *  @threads any. @blocks never. @since 0.1 */
WEIR_API void weir_future_unref(weir_future *future);

WEIR_END_DECLS

#endif
