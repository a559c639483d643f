/** @file
 *  Statistics: one snapshot struct per executor.
 *
 *  In every snapshot, taken at any moment from any thread:
 *
 *      submitted = rejected + discarded + cancelled + expired + completed + running + backlog
 *
 *  and no counter (all fields but the gauges) ever goes backwards. Taking one reads; it takes no
 *  lock that a submission or a worker takes. Submissions that fail before they reach the policy
 *  (WEIR_EINVAL, WEIR_ENOMEM, WEIR_ESYS, WEIR_EFORKED) are not counted. */
#ifndef WEIR_STATS_H
#define WEIR_STATS_H

#include <stddef.h>
#include <stdint.h>

#include "weir/export.h"
#include "weir/status.h"

WEIR_BEGIN_DECLS

struct weir_executor;

/** A snapshot. Times are nanoseconds on the monotonic clock. Grows at its end only. */
typedef struct weir_stats {
    /* counters */
    uint64_t submitted;         /**< submissions that reached the policy */
    uint64_t rejected;          /**< of these, refused: the sum of the next five */
    uint64_t rejected_limit;    /**< the backlog had reached its limit */
    uint64_t rejected_check;    /**< a policy function said so */
    uint64_t rejected_timeout;  /**< waited for a place in vain */
    uint64_t rejected_shutdown; /**< the executor was shut down */
    uint64_t rejected_broken;   /**< the executor was broken */
    uint64_t discarded;         /**< discarded, by either verdict */
    uint64_t cancelled;         /**< cancelled before they started */
    uint64_t expired;           /**< not started in time */
    uint64_t completed;         /**< ended by themselves, failed ones and caller-run ones too */
    uint64_t failed;            /**< of these, failed */
    uint64_t caller_ran;        /**< of these, run by a submitter: on an inline executor, under
                                     WEIR_RUN_IN_CALLER, or in place of waiting for oneself */
    uint64_t must_admitted;     /**< accepted above the limit by WEIR_MUST_ADMIT */
    uint64_t crashed;           /**< of the failed, those whose process died */
    uint64_t respawned;         /**< workers started in the place of one that died */
    uint64_t spawn_failures;    /**< workers that could not be started */
    uint64_t run_ns;            /**< time in the functions of completed tasks. (Of a task, this and
                                     the next are true to about a microsecond. Of a worker that
                                     goes straight from one task to the next, the way between them
                                     is in it, for which the clock is not read again.) */
    uint64_t wait_ns;           /**< time that tasks which have started spent in the backlog */
    uint64_t run_max_ns;        /**< the longest of these */
    uint64_t wait_max_ns;       /**< likewise */
    uint64_t backlog_peak;      /**< the largest backlog there has been */
    uint64_t workers_peak;      /**< the most workers there have been */
    /* gauges */
    uint64_t running;  /**< tasks running, or handed to a worker that was idle */
    uint64_t backlog;  /**< tasks accepted and not started, nor handed to an idle worker */
    uint64_t blocked;  /**< submitters waiting for a place */
    uint64_t workers;  /**< threads or processes there are */
    uint64_t idle;     /**< of these, without a task */
    uint64_t limit;    /**< of the backlog */
    uint64_t capacity; /**< backlog that WEIR_MUST_ADMIT can reach */
    uint64_t undispatched; /**< tasks that have ended and whose callbacks wait for
                                weir_executor_dispatch() */
} weir_stats;

/** One worker's share. */
typedef struct weir_worker_stats {
    uint64_t completed;  /**< tasks it ended */
    uint64_t busy_ns;    /**< time in tasks' functions, the one that runs now too */
    uint64_t running_ns; /**< how long the task that runs now has run; 0 if none */
} weir_worker_stats;

/** Take a snapshot. (The size of the struct travels along, so that a program compiled against an
 *  older header is served too: this is an inline function over weir_executor_stats_sized().)
 *
 *  @param executor  the executor.
 *  @param out       filled.
 *  @return WEIR_OK | WEIR_EINVAL (NULL) | WEIR_EFORKED
 *  @threads any. @blocks never; a few loads per worker. @since 0.1 */
static inline weir_status weir_executor_stats(const struct weir_executor *executor,
                                              weir_stats *out);

/** weir_executor_stats() for callers from other languages: writes at most @p size bytes, zeros
 *  beyond what the library knows. @since 0.1 */
WEIR_API weir_status weir_executor_stats_sized(const struct weir_executor *executor,
                                               weir_stats *out, size_t size);

static inline weir_status weir_executor_stats(const struct weir_executor *executor,
                                              weir_stats *out)
{
    return weir_executor_stats_sized(executor, out, sizeof *out);
}

/** Each worker's share. Workers are numbered as weir_task_worker() says; one that has gone keeps
 *  its numbers until another takes its place.
 *
 *  @param executor  the executor.
 *  @param out       array of @p n; may be NULL with n = 0.
 *  @param n         entries in @p out.
 *  @param count     receives how many workers there are numbers for, which may be more than @p n;
 *                   required. 0 for an inline executor.
 *  @return WEIR_OK | WEIR_EINVAL | WEIR_EFORKED
 *  @threads any. @blocks never. @since 0.1 */
WEIR_API weir_status weir_executor_worker_stats(const struct weir_executor *executor,
                                                weir_worker_stats *out, size_t n, size_t *count);

/** Write a snapshot as a table, a line a field: its name, its value, a unit where there is one.
 *
 *  @param stats   the snapshot.
 *  @param buffer  receives the text, always terminated; NULL only with size 0.
 *  @param size    room in bytes.
 *  @return bytes that the whole text needs, without the terminator: cut if not below @p size. 0 for
 *          NULL stats.
 *  @threads any. @blocks never. @since 0.1 */
WEIR_API size_t weir_stats_format(const weir_stats *stats, char *buffer, size_t size);

WEIR_END_DECLS

#endif
