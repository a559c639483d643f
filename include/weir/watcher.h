/** @file
 *  Watchers: what the callbacks of a periodic worker have done.
 *
 *  A watcher is one snapshot of one callback: all its numbers are of the same moment, and in every one
 *  of them `runs = successes + failures`. */
#ifndef WEIR_WATCHER_H
#define WEIR_WATCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/export.h"
#include "weir/periodic.h"
#include "weir/status.h"

WEIR_BEGIN_DECLS

/** A callback, and what it has done. Times are nanoseconds. Grows at its end only. */
typedef struct weir_watcher {
    uint64_t id;                /**< as weir_periodic_add() gave it */
    char name[64];              /**< of the callback */
    int64_t spacing_ns;         /**< likewise */
    bool active;                /**< it will run again, or runs */
    bool running;               /**< it runs, or waits in its executor's backlog */
    bool stop_requested;        /**< it wants no further run */
    uint64_t runs;              /**< runs that have ended: successes + failures */
    uint64_t successes;         /**< of these, ended WEIR_OK or WEIR_NEVER_AGAIN, unless they called
                                      weir_task_fail() */
    uint64_t failures;          /**< of these, all others */
    uint64_t missed;            /**< periods that passed without a run of their own */
    uint64_t refused;           /**< times that the executor did not run it */
    int64_t elapsed_ns;         /**< time in the callback, of all runs */
    int64_t waiting_ns;         /**< time from submission to start, of all runs */
    int64_t average_elapsed_ns; /**< of a run; 0 without runs */
    int64_t average_waiting_ns; /**< likewise */
    int64_t next_run_ns;        /**< when it is due, on the worker's clock; WEIR_FOREVER: not known
                                      while it runs or before the start, or never, if not active */
    int64_t last_started_ns;    /**< 0 without runs */
    int64_t last_finished_ns;   /**< likewise */
} weir_watcher;

/** Take a snapshot of one callback.
 *
 *  @param worker  the worker.
 *  @param id      of the callback.
 *  @param out     filled.
 *  @return WEIR_OK | WEIR_EINVAL: NULL, or no such callback (any more) | WEIR_EFORKED
 *  @threads any, callbacks too. @blocks never. @since 0.1 */
static inline weir_status weir_watch(const weir_periodic_worker *worker, uint64_t id,
                                     weir_watcher *out);

/** weir_watch() for callers from other languages. @since 0.1 */
WEIR_API weir_status weir_watch_sized(const weir_periodic_worker *worker, uint64_t id,
                                      weir_watcher *out, size_t size);

static inline weir_status weir_watch(const weir_periodic_worker *worker, uint64_t id,
                                     weir_watcher *out)
{
    return weir_watch_sized(worker, id, out, sizeof *out);
}

/** Call a function with a snapshot of each callback, in the order in which they were added; all are of
 *  the same moment.
 *
 *  @param worker  the worker.
 *  @param each    called without any lock of the library; the snapshot is borrowed for the call.
 *  @param data    passed to it.
 *  @return WEIR_OK | WEIR_EINVAL (NULL worker or each) | WEIR_ENOMEM | WEIR_EFORKED
 *  @threads any, callbacks too. @blocks never, but for what each does. @since 0.1 */
WEIR_API weir_status weir_watch_all(const weir_periodic_worker *worker,
                                    void (*each)(const weir_watcher *watcher, void *data),
                                    void *data);

/** Columns of the table. */
typedef enum weir_column {
    WEIR_COLUMN_NAME = 0,            /**< "Name" */
    WEIR_COLUMN_ACTIVE = 1,          /**< "Active" */
    WEIR_COLUMN_PERIODICITY = 2,     /**< "Periodicity", the spacing */
    WEIR_COLUMN_RUNS_IN = 3,         /**< "Runs in", the time until the next run */
    WEIR_COLUMN_RUNS = 4,            /**< "Runs" */
    WEIR_COLUMN_FAILURES = 5,        /**< "Failures" */
    WEIR_COLUMN_SUCCESSES = 6,       /**< "Successes" */
    WEIR_COLUMN_STOP_REQUESTED = 7,  /**< "Stop requested" */
    WEIR_COLUMN_AVERAGE_ELAPSED = 8, /**< "Average elapsed" */
    WEIR_COLUMN_AVERAGE_WAITING = 9  /**< "Average waiting" */
} weir_column;

/** Write a table of all callbacks: a line of column titles, a rule, a line for each in the order in
 *  which they were added. Times are in seconds, with three decimals; "-" where there is none.
 *
 *  @param worker   the worker.
 *  @param columns  n of them, in the order wanted, each as often as wanted. NULL with n = 0: all.
 *  @param n        columns; 0 with columns not NULL is WEIR_EINVAL.
 *  @param buffer   receives the text, always terminated; NULL only with size 0.
 *  @param size     room in bytes.
 *  @param needed   receives the bytes that the whole text needs, without the terminator: it was cut if
 *                  that is not below @p size. May be NULL.
 *  @return WEIR_OK | WEIR_EINVAL: NULL, a column that there is not, an empty list | WEIR_ENOMEM |
 *          WEIR_EFORKED; the buffer is untouched but for WEIR_OK.
 *  @threads any, callbacks too. @blocks never. @since 0.1 */
WEIR_API weir_status weir_watchers_format(const weir_periodic_worker *worker,
                                          const weir_column *columns, size_t n, char *buffer,
                                          size_t size, size_t *needed);

WEIR_END_DECLS

#endif
