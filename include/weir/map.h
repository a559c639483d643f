/** @file
 *  Map: one task function over an array of items, on any executor.
 *
 *      uint64_t seeds[8] = {0, 1, 2, 3, 4, 5, 6, 7}, sums[8];
 *      weir_status status = WEIR_MAP(pool, compute, seeds, sums);
 *
 *  The function is an ordinary task function: it gets an item as its argument, and gives its result
 *  with weir_task_return(). Items are submitted in chunks, of which only so many are in flight at
 *  once, and never more than the executor's limit: so a map of any length neither makes the policy
 *  refuse (if nobody else submits) nor takes memory in proportion to its length. If others fill the
 *  backlog, it waits for one of its own to end and tries again.
 *
 *  The first item that fails stops the map: what has not started is cancelled, what runs is told (see
 *  weir_task_cancel_requested()) and waited for, and the failure is returned.
 *
 *  A chunk of more than one item is one task: it counts as one in the statistics, it takes a chunk's
 *  items by copy and its results come back together. If one of its items fails, the chunk fails: the
 *  items after it do not run, the results of those before it are lost.
 *
 *  A map may be called from a task, of the same executor, too: the worker then runs chunks itself. */
#ifndef WEIR_MAP_H
#define WEIR_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "weir/executor.h"
#include "weir/export.h"
#include "weir/status.h"
#include "weir/task.h"

WEIR_BEGIN_DECLS

/** What became of a map. */
typedef struct weir_map_report {
    size_t done;   /**< items whose result was delivered */
    size_t failed; /**< index of the item that failed first; the number of items if none did. Of
                             a chunk that failed as a whole (its process died, it expired, …): its
                             first item */
    weir_status
        status;        /**< how that item ended: WEIR_EFAILED, WEIR_ETOOBIG, WEIR_ECANCELLED (it did
                             not run: somebody but the map told its chunk to stop), or as its future
                             did */
    int code;          /**< of a failure, as weir_future_error() gives it */
    char message[256]; /**< likewise, cut to this */
} weir_map_report;

/** Options. Zero members mean their default. */
typedef struct weir_map_options {
    size_t chunk;       /**< items that make one task. 0: so many that there are four chunks for
                                 each worker there is, but no more than 64 KiB of items; WEIR_ZERO, a
                                 chunk of nothing, is WEIR_EINVAL */
    size_t in_flight;   /**< most chunks submitted and not ended. 0: four for each worker. Never
                                 more than the executor's limit, nor less than 1; WEIR_ZERO is
                                 WEIR_EINVAL */
    int64_t timeout_ns; /**< how long the whole may take; 0 or WEIR_FOREVER: without end. It is
                                 looked at before each chunk is submitted, and before each is
                                 delivered */
    weir_map_report *report; /**< filled whenever the status is not WEIR_EINVAL; may be NULL */
    weir_status *statuses;   /**< an entry for each item; may be NULL. Filled along with the report:
                                  WEIR_OK: delivered; WEIR_ECANCELLED: not run (or cut short);
                                  WEIR_EPENDING: runs on after a timeout; WEIR_EDISCARDED: it ran
                                  and its result was dropped, because another in its chunk failed,
                                  or the map had been stopped; items that failed: how they ended */
} weir_map_options;

/** Apply a function to every item, and have the results in the order of the items.
 *
 *  @param executor     any.
 *  @param fn           the task function.
 *  @param items        n items of item_size bytes each, which are copied; or with item_size 0 an
 *                      array of n pointers (`void *const []`), each passed as it is. NULL only with
 *                      n = 0.
 *  @param n            items; 0 returns WEIR_OK at once.
 *  @param item_size    bytes, or 0.
 *  @param results      receives result i at byte i * result_size. A shorter one leaves the rest as
 *                      it was. NULL only with result_size 0.
 *  @param result_size  bytes; 0: results are not wanted. A larger result fails its item with
 *                      WEIR_ETOOBIG.
 *  @param options      NULL: defaults.
 *  @return WEIR_OK: all have ended WEIR_OK | the status of the item that failed (see the report) |
 *          WEIR_EREJECTED: the policy refused while none of its own was in flight | WEIR_ETIMEDOUT:
 *          what has not started was cancelled; what has ended and was not delivered yet is dropped
 *          (WEIR_EDISCARDED); what runs is told, goes on, and is forgotten (items given as pointers
 *          must live until it has ended) | WEIR_ESHUTDOWN, WEIR_EBROKEN, WEIR_ESYS, WEIR_ENOMEM,
 *          WEIR_EFORKED as for weir_submit() | WEIR_EINVAL, also for arrays larger than memory can be.
 *          Results that were delivered before that stay.
 *  @threads any; from tasks, too. @blocks until the end, or up to the timeout, which a submission
 *  that is under way (a policy that makes submitters wait, an executor or a policy that runs tasks in
 *  them) and the delivery of a chunk may exceed. @since 0.1 */
static inline weir_status weir_map(weir_executor *executor, weir_task_fn *fn, const void *items,
                                   size_t n, size_t item_size, void *results, size_t result_size,
                                   const weir_map_options *options);

/** weir_map() for callers from other languages. @since 0.1 */
WEIR_API weir_status weir_map_sized(weir_executor *executor, weir_task_fn *fn, const void *items,
                                    size_t n, size_t item_size, void *results, size_t result_size,
                                    const weir_map_options *options, size_t size);

static inline weir_status weir_map(weir_executor *executor, weir_task_fn *fn, const void *items,
                                   size_t n, size_t item_size, void *results, size_t result_size,
                                   const weir_map_options *options)
{
    return weir_map_sized(executor, fn, items, n, item_size, results, result_size, options,
                          sizeof *options);
}

/** weir_map() of one array into another, both of one dimension and of the same length (which is
 *  checked at compile time; a pointer is not an array). */
#define WEIR_MAP(executor, fn, items, results)                                                     \
    weir_map((executor), (fn), (items),                                                            \
             sizeof(items) / sizeof((items)[0]) +                                                  \
                 0 * sizeof(char[sizeof(items) / sizeof((items)[0]) ==                             \
                                         sizeof(results) / sizeof((results)[0])                    \
                                     ? 1                                                           \
                                     : -1]),                                                       \
             sizeof((items)[0]), (results), sizeof((results)[0]), NULL)

/** Called with each result of weir_map_unordered().
 *
 *  @param index  of the item.
 *  @param value  the result, aligned to 16, borrowed for the call; NULL if there is none.
 *  @param size   bytes.
 *  @param data   the pointer given with the function.
 *  @return WEIR_OK: go on. Anything else stops the map as a failure would; the map returns it. */
typedef weir_status weir_map_fn(size_t index, const void *value, size_t size, void *data);

/** Apply a function to every item, and be called with each result as it comes, in the order in which
 *  the chunks end (within a chunk, in the order of the items). Results may be of any size.
 *
 *  @param executor   any.
 *  @param fn         the task function.
 *  @param items      as for weir_map().
 *  @param n          items.
 *  @param item_size  bytes, or 0.
 *  @param each       called in the calling thread, one at a time, for items that ended WEIR_OK; may do
 *                    anything.
 *  @param data       passed to it.
 *  @param options    NULL: defaults.
 *  @return as weir_map(), and what @p each returned.
 *  @threads any; from tasks, too. @blocks as weir_map(). @since 0.1 */
static inline weir_status weir_map_unordered(weir_executor *executor, weir_task_fn *fn,
                                             const void *items, size_t n, size_t item_size,
                                             weir_map_fn *each, void *data,
                                             const weir_map_options *options);

/** weir_map_unordered() for callers from other languages. @since 0.1 */
WEIR_API weir_status weir_map_unordered_sized(weir_executor *executor, weir_task_fn *fn,
                                              const void *items, size_t n, size_t item_size,
                                              weir_map_fn *each, void *data,
                                              const weir_map_options *options, size_t size);

static inline weir_status weir_map_unordered(weir_executor *executor, weir_task_fn *fn,
                                             const void *items, size_t n, size_t item_size,
                                             weir_map_fn *each, void *data,
                                             const weir_map_options *options)
{
    return weir_map_unordered_sized(executor, fn, items, n, item_size, each, data, options,
                                    sizeof *options);
}

WEIR_END_DECLS

#endif
