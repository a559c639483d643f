/** @file
 *  Promises: futures that are ended by hand instead of by an executor.
 *
 *  A promise is the writing end of a future. Whoever holds it says how the future ends: with a
 *  result, with a failure, or like another future, whichever that turns out to be. The future is
 *  one like any other: it can be waited for (alone, or among futures of any executors), cancelled
 *  and given callbacks.
 *
 *      PENDING --start--> RUNNING --return, fail--> FINISHED
 *        |  |'---------------------return, fail----^
 *        |  '--follow--> as the other future stands, until it ends, and likewise then
 *        '--weir_future_cancel()--> CANCELLED
 *
 *  Futures may follow each other in a row of any length; what is done to the first costs time and
 *  stack in proportion to it.
 *
 *  Promises come from a pool, which keeps their memory. After fork(), in the child, the calls on a
 *  promise of the parent return WEIR_EFORKED, or do nothing. */
#ifndef WEIR_PROMISE_H
#define WEIR_PROMISE_H

#include <stdbool.h>
#include <stddef.h>

#include "weir/export.h"
#include "weir/future.h"
#include "weir/status.h"

WEIR_BEGIN_DECLS

/** Where promises come from. */
typedef struct weir_promise_pool weir_promise_pool;
/** The writing end of a future. */
typedef struct weir_promise weir_promise;

/** Create a pool of promises.
 *
 *  @param out  receives it; to be given to weir_promise_pool_destroy(). Untouched on failure.
 *  @return WEIR_OK | WEIR_EINVAL | WEIR_ENOMEM
 *  @threads any. @blocks never. @since 0.1 */
WEIR_API weir_status weir_promise_pool_create(weir_promise_pool **out);

/** Free a pool; NULL is allowed. Its promises must have been destroyed, and their futures have
 *  ended; the futures themselves may outlive it.
 *  @threads one, with no other call on the pool under way. @since 0.1 */
WEIR_API void weir_promise_pool_destroy(weir_promise_pool *pool);

/** Make a promise and its future, which is WEIR_PENDING.
 *
 *  @param pool     the pool.
 *  @param name     of the future, for people; borrowed until the future is gone; may be NULL.
 *  @param promise  receives the promise; to be given to weir_promise_destroy().
 *  @param future   receives a reference to the future, to be given up with weir_future_unref().
 *  @return WEIR_OK | WEIR_EINVAL (NULL but for name) | WEIR_ENOMEM | WEIR_EFORKED; both
 *          out-pointers are untouched but for WEIR_OK.
 *  @threads any. @blocks never. @since 0.1 */
WEIR_API weir_status weir_promise_create(weir_promise_pool *pool, const char *name,
                                         weir_promise **promise, weir_future **future);

/** The work has started: WEIR_PENDING becomes WEIR_RUNNING, from where it cannot be cancelled any
 *  more, only be asked to stop.
 *
 *  @return WEIR_OK | WEIR_ECANCELLED: the future has ended already, do not do the work |
 *          WEIR_EINVAL: NULL, or started or held before | WEIR_EFORKED
 *  @threads one at a time for each promise. @blocks never. @since 0.1 */
WEIR_API weir_status weir_promise_start(weir_promise *promise);

/** Whether somebody called weir_future_cancel() after weir_promise_start(). False for NULL.
 *  @threads any. @blocks never. @since 0.1 */
WEIR_API bool weir_promise_cancel_requested(const weir_promise *promise);

/** Before a task is submitted that weir_promise_follow() will be told of: from now on, a
 *  cancellation does not end the future here and now. It returns false, leaves a request, and
 *  weir_promise_follow() cancels the task at once. Without this step a task could run whose future
 *  says that it was cancelled. The future stays WEIR_PENDING.
 *
 *  @return WEIR_OK | WEIR_ECANCELLED: the future has ended already, do not submit | WEIR_EINVAL:
 *          NULL, or started or held before | WEIR_EFORKED
 *  @threads one at a time for each promise. @blocks never. @since 0.1 */
WEIR_API weir_status weir_promise_hold(weir_promise *promise);

/** From now on the future stands for another one: it is pending while that one is, runs while that
 *  one runs, a cancellation of it goes to that one, a worker that waits for it helps that one along;
 *  and when that one has ended it ends alike, with a copy of its result or of its error.
 *
 *  @param promise  held, see weir_promise_hold(). It may be destroyed right after.
 *  @param future   the other one; a reference is taken.
 *  @return WEIR_OK | WEIR_EINVAL: NULL, its own future, or the promise is not held | WEIR_EDEADLOCK:
 *          the other future follows this one, directly or by way of others, or is just about to (of
 *          calls at the same time that would close a circle together, more than one may be refused):
 *          the promise is held as before | WEIR_EFORKED
 *  @threads one at a time for each promise. @blocks never; callbacks run here if the other
 *  one has ended already. @since 0.1 */
WEIR_API weir_status weir_promise_follow(weir_promise *promise, weir_future *future);

/** End the future WEIR_OK, with a result.
 *
 *  @param promise  in any state that is not an end, and not following.
 *  @param data     the bytes, which are copied; NULL only with size 0.
 *  @param size     bytes.
 *  @return WEIR_OK | WEIR_ECANCELLED: it has ended already, and nothing changes | WEIR_ENOMEM: it
 *          has not ended | WEIR_EINVAL | WEIR_EFORKED
 *  @threads one at a time for each promise; callbacks run in this one. @blocks never.
 *  @since 0.1 */
WEIR_API weir_status weir_promise_return(weir_promise *promise, const void *data, size_t size);

/** End the future with another status than WEIR_OK.
 *
 *  @param promise  in any state that is not an end, and not following.
 *  @param status   how it ends: every status that there is but WEIR_OK and WEIR_EPENDING.
 *                  weir_future_state() will say WEIR_CANCELLED, WEIR_EXPIRED, WEIR_DISCARDED for the
 *                  statuses of those, and WEIR_FINISHED for all others.
 *  @param code     for weir_future_error(), which gives it for WEIR_EFAILED only.
 *  @param message  for weir_future_error(), copied; NULL: the sentence of the status.
 *  @return WEIR_OK | WEIR_ECANCELLED: it has ended already, and nothing changes | WEIR_EINVAL |
 *          WEIR_EFORKED
 *  @threads one at a time for each promise; callbacks run in this one. @blocks never.
 *  @since 0.1 */
WEIR_API weir_status weir_promise_fail(weir_promise *promise, weir_status status, int code,
                                       const char *message);

/** Give the promise up. A future that has not ended, and follows no other, ends WEIR_EBROKEN: no
 *  waiter is left behind. NULL is allowed.
 *  @threads one, once. @blocks never. @since 0.1 */
WEIR_API void weir_promise_destroy(weir_promise *promise);

WEIR_END_DECLS

#endif
