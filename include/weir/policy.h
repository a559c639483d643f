/** @file
 *  Admission policies: what to do with a submission when the backlog has reached its limit.
 *
 *  A policy decides, the submission acts: a policy is a value (copy it freely) that says a verdict,
 *  at once or by asking a function of yours. The function is called in the submitting thread,
 *  without any lock of the library: it may be slow, read statistics, and submit.
 *
 *  An all-zero policy is weir_reject_when_reached() of the executor's limit. */
#ifndef WEIR_POLICY_H
#define WEIR_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/export.h"
#include "weir/time.h"

WEIR_BEGIN_DECLS

struct weir_executor;
struct weir_submission;

/** What is to become of a submission. */
typedef enum weir_verdict {
    WEIR_ADMIT = 0,         /**< no objection; at the limit, the policy's own verdict follows */
    WEIR_REJECT = 1,        /**< the submission returns WEIR_EREJECTED */
    WEIR_WAIT = 2,          /**< the submitter waits its turn for a place, up to the policy's time */
    WEIR_RUN_IN_CALLER = 3, /**< the submitter runs the task itself, now */
    WEIR_DISCARD = 4,       /**< accepted, and ended WEIR_EDISCARDED at once */
    WEIR_DISCARD_OLDEST = 5 /**< the oldest task in the backlog ends WEIR_EDISCARDED and this one
                                 takes its place; without a backlog: WEIR_REJECT */
} weir_verdict;

/** What a policy function sees. Taken at one moment; it may have changed by the time the function
 *  reads it, and the bound holds all the same. */
typedef struct weir_admission {
    struct weir_executor *executor;           /**< may be asked and submitted to */
    const struct weir_submission *submission; /**< what is being submitted */
    size_t backlog;                           /**< tasks accepted and not started */
    size_t limit;                             /**< of the backlog */
    size_t workers;                           /**< threads or processes there are */
    size_t running;                           /**< tasks running */
    size_t idle;                              /**< workers without a task */
    bool full;                                /**< the backlog has reached the limit */
    uint64_t oldest_wait_ns;                  /**< how long the oldest in the backlog has waited */
    uint64_t mean_run_ns;                     /**< mean run time of the tasks that have ended */
    int64_t *wait_ns;                         /**< how long a WEIR_WAIT verdict waits: may be set */
} weir_admission;

/** A policy function of yours.
 *  @param admission  borrowed for the call.
 *  @param data       the pointer given with the function; must live as long as the executor.
 *  @return a verdict. WEIR_WAIT, WEIR_DISCARD_OLDEST and WEIR_ADMIT below the limit admit at once
 *          (the second after discarding the oldest, if there is a backlog). */
typedef weir_verdict weir_check_fn(const weir_admission *admission, void *data);

/** When a policy function is asked. */
typedef enum weir_consult {
    WEIR_AT_LIMIT = 0, /**< only when the backlog has reached the limit */
    WEIR_ALWAYS = 1    /**< at every submission, once, before a place is sought */
} weir_consult;

/** A policy: up to two functions, asked in order until one objects, then a fixed verdict for the
 *  case that the limit is reached. Made by the functions below; to be copied, not taken apart. */
typedef struct weir_policy {
    struct {
        weir_check_fn *check; /**< the function */
        void *data;           /**< passed to it */
        weir_consult consult; /**< when it is asked */
    } step[2];                /**< the functions, in the order in which they are asked */
    weir_verdict at_limit; /**< WEIR_ADMIT (zero) stands for WEIR_REJECT */
    int64_t wait_ns;       /**< of WEIR_WAIT; 0 stands for WEIR_FOREVER, negative for "not at all" */
    size_t limit;          /**< of the backlog; 0: the executor's own; WEIR_ZERO: none at all */
    uint32_t steps;        /**< how many of step[] are in use; above 2 is refused */
    uint32_t reserved;     /**< zero */
} weir_policy;

/** Refuse when the backlog has reached @p limit, as futurist's rejection does. This also sets the
 *  limit (if the options set one too, the lower holds). With 0, only what an idle worker can take
 *  at once is accepted. @since 0.1 */
WEIR_API weir_policy weir_reject_when_reached(size_t limit);

/** Make the submitter wait for a place; the submission returns WEIR_ETIMEDOUT (and counts as
 *  rejected) if none came free in time. Those that wait are woken in the order in which they came,
 *  one at a time; while one is waking up, a newcomer may find a place before the next. When tasks are
 *  short, the first of them is left asleep for up to 2 ms while about half of the backlog goes, which
 *  saves a wake-up for each place; newcomers may find places then, too. A worker of the executor itself
 *  never waits here, since that could deadlock: it runs the task on the spot.
 *  @param timeout_ns  nanoseconds; 0 does not wait, WEIR_FOREVER waits until a place is free or the
 *                     executor is shut down. @since 0.1 */
WEIR_API weir_policy weir_block(int64_t timeout_ns);

/** Let the submitter run the task itself: it cannot submit faster than work gets done. @since 0.1 */
WEIR_API weir_policy weir_caller_runs(void);

/** Accept the task and end it WEIR_EDISCARDED without running it. @since 0.1 */
WEIR_API weir_policy weir_discard(void);

/** End the oldest task of the backlog WEIR_EDISCARDED, to make room for this one. @since 0.1 */
WEIR_API weir_policy weir_discard_oldest(void);

/** Ask a function of yours at every submission (futurist's check_and_reject); at the limit, a task
 *  that it admits is rejected. NULL makes a policy that create refuses. @since 0.1 */
WEIR_API weir_policy weir_check_and_reject(weir_check_fn *check, void *data);

/** Ask a function of yours only when the limit is reached. @since 0.1 */
WEIR_API weir_policy weir_check_at_limit(weir_check_fn *check, void *data);

/** One policy, then another: the functions of both in this order; at the limit, the second's
 *  verdict (and its waiting time). The limit is the lower of the two. For example, a check of one's
 *  own and then waiting: `weir_policy_chain(weir_check_and_reject(fn, data), weir_block(WEIR_SECOND))`.
 *  More than two functions make a policy that create refuses. @since 0.1 */
WEIR_API weir_policy weir_policy_chain(weir_policy first, weir_policy second);

WEIR_END_DECLS

#endif
