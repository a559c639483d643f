/** @file
 *  Periodic workers: callbacks that run again and again.
 *
 *      weir_periodic_worker *worker;
 *      weir_periodic_worker_create(&worker, NULL);
 *      weir_periodic_add(worker, &(weir_periodic){ .fn = every_one, .spacing_ns = WEIR_SECOND }, NULL);
 *      weir_periodic_start(worker);          … weir_periodic_stop(worker);
 *
 *  A callback is an ordinary task function. Its worker submits it to an executor when it is due, and
 *  works out its next time when it has ended: so it never overlaps itself, on however many threads.
 *  When that next time is, is up to its strategy (weir/strategy.h); what each has done, its watcher
 *  tells (weir/watcher.h). Times are those of the worker's clock (weir/clock.h); setting the wall
 *  clock changes nothing.
 *
 *  A callback that returns WEIR_NEVER_AGAIN is not run again; that run counts as a success, unless it
 *  has called weir_task_fail(). Any other status but WEIR_OK, and weir_task_fail(), is a failure, and
 *  it runs again at its next time.
 *
 *  A callback that ends its thread (pthread_exit()) has failed, with the code ECANCELED. If that was
 *  the worker's own thread (without an executor, or with one that runs tasks in their submitter), the
 *  worker stops.
 *
 *  Callbacks that are due at the same time are submitted in the order in which they were added. If the
 *  executor refuses one (or takes it and ends it unrun), it is tried again after a random while.
 *
 *      created --start, run--> running --stop--> stopping --what runs has ended--> stopped
 *         ^                                                                           |
 *         '---------------------------------reset-------------------------------------' */
#ifndef WEIR_PERIODIC_H
#define WEIR_PERIODIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/clock.h"
#include "weir/executor.h"
#include "weir/export.h"
#include "weir/status.h"
#include "weir/strategy.h"
#include "weir/task.h"

WEIR_BEGIN_DECLS

/** A periodic worker: callbacks, and the loop that submits them. */
typedef struct weir_periodic_worker weir_periodic_worker;

/** A failed run. */
typedef struct weir_periodic_failure {
    uint64_t id;         /**< of the callback */
    const char *name;    /**< likewise; borrowed for the call, never NULL */
    int64_t spacing_ns;  /**< likewise */
    bool immediate;      /**< it was the immediate first run */
    weir_status status;  /**< how the task ended: WEIR_EFAILED, WEIR_ECRASHED */
    int code;            /**< as weir_future_error() gives it */
    const char *message; /**< likewise; borrowed for the call */
} weir_periodic_failure;

/** Called after each failed run, in the thread that ended it, without any lock of the library; the
 *  callback is not run again before this returns. */
typedef void weir_periodic_failure_fn(const weir_periodic_failure *failure, void *data);

/** Options of a worker. Zero members mean their default. */
typedef struct weir_periodic_worker_options {
    weir_clock *clock;       /**< borrowed until destroy; NULL: the monotonic clock */
    weir_executor *executor; /**< where callbacks run; borrowed until destroy. NULL: in the worker's
                                  own thread, one after another */
    bool owns_executor;      /**< shut it down and destroy it when the worker is destroyed */
    bool allow_empty;        /**< may be started without any callback */
    bool auto_stop_when_empty;            /**< stop when nothing is left that would run again */
    const char *name;                     /**< of the worker's thread; NULL: "weir-periodic" */
    weir_strategy strategy;               /**< of callbacks that have none of their own */
    weir_missed missed;                   /**< likewise */
    weir_periodic_failure_fn *on_failure; /**< may be NULL */
    void *failure_data;                   /**< passed to it */
    int64_t
        retry_least_ns; /**< both 0: 0.9 s and 1.1 s. After a refusal, a callback is tried again */
    int64_t retry_most_ns; /**< after a random time between these */
    uint64_t seed;         /**< of all random times; 0: a different one each time */
} weir_periodic_worker_options;

/** A callback. Zero members mean their default. */
typedef struct weir_periodic {
    weir_task_fn *fn; /**< required */
    const void *arg;  /**< its argument */
    size_t arg_size;  /**< bytes to copy now, of which each run gets a fresh copy; 0: arg itself is
                                passed, and what it points at must outlive the worker */
    int64_t spacing_ns;     /**< required, above 0 */
    const char *name;       /**< copied, cut to 63 bytes; NULL: "periodic" */
    bool run_immediately;   /**< the first run is at once, not a spacing from now */
    bool disabled;          /**< do not add it at all; then the rest is not looked at */
    bool has_strategy;      /**< use the next two, not the worker's: */
    weir_strategy strategy; /**< when it runs next */
    weir_missed missed;     /**< what becomes of periods that it missed */
} weir_periodic;

/** Create a periodic worker. Nothing runs until it is started.
 *
 *  @param out      receives it; to be given to weir_periodic_worker_destroy(). Untouched on failure.
 *  @param options  NULL: defaults.
 *  @return WEIR_OK | WEIR_EINVAL: NULL, a strategy that is none, a negative retry time or least above
 *          most, owns_executor without one | WEIR_ENOMEM
 *  @threads any. @blocks never. @since 0.1 */
static inline weir_status weir_periodic_worker_create(weir_periodic_worker **out,
                                                      const weir_periodic_worker_options *options);

/** weir_periodic_worker_create() for callers from other languages. @since 0.1 */
WEIR_API weir_status weir_periodic_worker_create_sized(weir_periodic_worker **out,
                                                       const weir_periodic_worker_options *options,
                                                       size_t size);

static inline weir_status weir_periodic_worker_create(weir_periodic_worker **out,
                                                      const weir_periodic_worker_options *options)
{
    return weir_periodic_worker_create_sized(out, options, sizeof *options);
}

/** Add a callback, at any time until the worker is stopped. Before the start its first run counts from
 *  the start, later from now.
 *
 *  @param worker    the worker.
 *  @param periodic  what to run, and how often.
 *  @param id        receives what it is called by from now on, 0 if it is disabled; may be NULL.
 *                   Untouched but for WEIR_OK.
 *  @return WEIR_OK | WEIR_EINVAL: NULL, no function, a spacing that is zero or negative, NULL arg with
 *          a size, a strategy that is none | WEIR_ESHUTDOWN: the worker was stopped | WEIR_ENOMEM |
 *          WEIR_EFORKED
 *  @threads any, callbacks too. @blocks never. @since 0.1 */
static inline weir_status weir_periodic_add(weir_periodic_worker *worker,
                                            const weir_periodic *periodic, uint64_t *id);

/** weir_periodic_add() for callers from other languages. @since 0.1 */
WEIR_API weir_status weir_periodic_add_sized(weir_periodic_worker *worker,
                                             const weir_periodic *periodic, size_t size,
                                             uint64_t *id);

static inline weir_status weir_periodic_add(weir_periodic_worker *worker,
                                            const weir_periodic *periodic, uint64_t *id)
{
    return weir_periodic_add_sized(worker, periodic, sizeof *periodic, id);
}

/** Remove a callback and its watcher. No further run is submitted. One that was submitted before ends
 *  as usual; it may not have started yet, and still does so.
 *
 *  @return WEIR_OK | WEIR_EINVAL: NULL, or no such callback (any more) | WEIR_EFORKED
 *  @threads any, the callback itself too. @blocks never. @since 0.1 */
WEIR_API weir_status weir_periodic_remove(weir_periodic_worker *worker, uint64_t id);

/** How many callbacks there are, those that will not run again too. 0 for NULL.
 *  @threads any. @blocks never. @since 0.1 */
WEIR_API size_t weir_periodic_count(const weir_periodic_worker *worker);

/** Start, in a thread of the worker's own.
 *
 *  @return WEIR_OK | WEIR_EINVAL: NULL, started before, or empty without allow_empty |
 *          WEIR_ESHUTDOWN: it was stopped: weir_periodic_reset() first | WEIR_ESYS: the thread could
 *          not be started | WEIR_EFORKED
 *  @threads any. @blocks for the start of a thread. @since 0.1 */
WEIR_API weir_status weir_periodic_start(weir_periodic_worker *worker);

/** Start, in the calling thread, and stay there until the worker has stopped.
 *
 *  @return as weir_periodic_start(), but never WEIR_ESYS. WEIR_OK: it has stopped.
 *  @threads any. @blocks until it has stopped. @since 0.1 */
WEIR_API weir_status weir_periodic_run(weir_periodic_worker *worker);

/** Ask a worker to stop: no further run is submitted from now on. Those that were submitted before
 *  still run, also if the executor has not started them yet, and count. A worker that was not started
 *  is stopped at once. Idempotent.
 *
 *  @return WEIR_OK | WEIR_EINVAL (NULL) | WEIR_EFORKED
 *  @threads any, callbacks too. @blocks never. @since 0.1 */
WEIR_API weir_status weir_periodic_stop(weir_periodic_worker *worker);

/** Wait until a worker has stopped, and every run has ended. Does not ask it to. A worker of the
 *  executor that waits here runs what is in the backlog itself, as in weir_wait_all().
 *
 *  @param worker      the worker.
 *  @param timeout_ns  of real time, whatever the clock; 0 looks, WEIR_FOREVER waits without end.
 *  @return WEIR_OK | WEIR_ETIMEDOUT | WEIR_EDEADLOCK: from one of its callbacks | WEIR_EINVAL: NULL,
 *          negative timeout | WEIR_EFORKED
 *  @threads any. @blocks up to the timeout. @since 0.1 */
WEIR_API weir_status weir_periodic_wait(weir_periodic_worker *worker, int64_t timeout_ns);

/** Make a worker as it was before it was started: all numbers at zero, those that wanted no further
 *  run are back.
 *
 *  @return WEIR_OK | WEIR_EINVAL: NULL, or not stopped | WEIR_EFORKED
 *  @threads any but its own. @blocks never. @since 0.1 */
WEIR_API weir_status weir_periodic_reset(weir_periodic_worker *worker);

/** Stop, wait for it, and free everything. NULL is allowed. In a forked child it does nothing.
 *  @threads any but those of its callbacks. @blocks until the last run has ended.
 *  @since 0.1 */
WEIR_API void weir_periodic_worker_destroy(weir_periodic_worker *worker);

WEIR_END_DECLS

#endif
