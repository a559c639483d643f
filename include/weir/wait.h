/** @file
 *  Waiting on many futures, of any executors mixed.
 *
 *  Registering costs O(n) once a call; no wake-up looks at the whole array again. A worker that
 *  waits on tasks still in its own executor's backlog runs them (see weir_future_wait()). An entry
 *  that is NULL is passed over, so that an array with gaps left by refused submissions can be given
 *  as it is; an entry that comes twice counts as one future and is reported at its first index. */
#ifndef WEIR_WAIT_H
#define WEIR_WAIT_H

#include <stddef.h>
#include <stdint.h>

#include "weir/export.h"
#include "weir/future.h"
#include "weir/status.h"

WEIR_BEGIN_DECLS

/** Wait until all have ended.
 *
 *  @param futures     n entries; borrowed: the caller keeps its references. NULL only with n = 0.
 *  @param n           entries; 0 returns WEIR_OK at once.
 *  @param timeout_ns  nanoseconds from now; 0 polls, WEIR_FOREVER waits without end.
 *  @param done        receives how many entries have ended (NULL entries count as ended, and each
 *                     repetition with its future), for WEIR_OK and WEIR_ETIMEDOUT; may be NULL.
 *  @return WEIR_OK | WEIR_ETIMEDOUT | WEIR_EDEADLOCK: one of them is the caller's own task, or has
 *          the caller on top of it | WEIR_EINVAL | WEIR_ENOMEM (n above 16 only) | WEIR_EFORKED
 *  @threads any. @blocks up to the timeout. @since 0.1 */
WEIR_API weir_status weir_wait_all(weir_future *const *futures, size_t n, int64_t timeout_ns,
                                   size_t *done);

/** Wait until at least one has ended.
 *
 *  @param futures     n entries; borrowed.
 *  @param n           entries; without any future at all: WEIR_EINVAL.
 *  @param timeout_ns  as for weir_wait_all().
 *  @param index       receives the index of one that has ended: the lowest, if any had ended at the
 *                     call, else the first to end. May be NULL. Untouched but for WEIR_OK.
 *  @return as for weir_wait_all(); WEIR_EDEADLOCK only if all that are left are the caller's own.
 *  @threads any. @blocks up to the timeout. @since 0.1 */
WEIR_API weir_status weir_wait_any(weir_future *const *futures, size_t n, int64_t timeout_ns,
                                   size_t *index);

/** Wait until one has failed, or all have ended. Failed is every end but WEIR_OK and
 *  WEIR_ECANCELLED.
 *
 *  @param futures     n entries; borrowed.
 *  @param n           entries; 0 returns WEIR_OK at once.
 *  @param timeout_ns  as for weir_wait_all().
 *  @param index       receives the index of one that failed, or n if all ended and none did; may be
 *                     NULL. Untouched but for WEIR_OK.
 *  @return as for weir_wait_all().
 *  @threads any. @blocks up to the timeout. @since 0.1 */
WEIR_API weir_status weir_wait_first_failure(weir_future *const *futures, size_t n,
                                             int64_t timeout_ns, size_t *index);

/** An iterator over futures in the order in which they end. */
typedef struct weir_as_completed weir_as_completed;

/** Begin: those that have ended already come first, in the order of the array.
 *
 *  @param out      receives the iterator, to be destroyed with weir_as_completed_destroy().
 *  @param futures  n entries. The iterator takes a reference on each and gives it up as it yields
 *                  it, so the caller may let go of those it is done with. NULL only with n = 0.
 *  @param n        entries, 0 allowed.
 *  @return WEIR_OK | WEIR_EINVAL | WEIR_ENOMEM | WEIR_EFORKED
 *  @threads any. @blocks never. @since 0.1 */
WEIR_API weir_status weir_as_completed_create(weir_as_completed **out, weir_future *const *futures,
                                              size_t n);

/** How many futures are still to be yielded: `while (weir_as_completed_remaining(it) > 0)`.
 *  0 for NULL. @since 0.1 */
WEIR_API size_t weir_as_completed_remaining(const weir_as_completed *it);

/** The next one that has ended; each index once.
 *
 *  @param it          the iterator.
 *  @param timeout_ns  as for weir_wait_all(), of this call.
 *  @param index       receives its index in the array given to create; required.
 *  @return WEIR_OK | WEIR_ETIMEDOUT: none yet, ask again | WEIR_EINVAL: NULL, or none remain |
 *          WEIR_EDEADLOCK as for weir_wait_any() | WEIR_EFORKED
 *  @threads one at a time. @blocks up to the timeout. @since 0.1 */
WEIR_API weir_status weir_as_completed_next(weir_as_completed *it, int64_t timeout_ns,
                                            size_t *index);

/** End, at any point; NULL allowed. The futures are not affected. @since 0.1 */
WEIR_API void weir_as_completed_destroy(weir_as_completed *it);

WEIR_END_DECLS

#endif
