/** @file
 *  Strategies: when a periodic callback runs next, and what becomes of periods that were missed.
 *
 *  A strategy is a value: copy it freely. All zero, it is weir_last_started(). */
#ifndef WEIR_STRATEGY_H
#define WEIR_STRATEGY_H

#include <stdint.h>

#include "weir/export.h"
#include "weir/status.h"

WEIR_BEGIN_DECLS

/** One run, as a strategy sees it. Times are nanoseconds on the worker's clock. */
typedef struct weir_run {
    int64_t due_ns;      /**< when it was to start */
    int64_t started_ns;  /**< when it started */
    int64_t finished_ns; /**< when it ended */
    int64_t spacing_ns;  /**< of the callback */
} weir_run;

/** A strategy of yours.
 *  @param run   the run that has just ended.
 *  @param data  the pointer given with the function; must live as long as the worker.
 *  @return when to run next; in the past: at once, and no period counts as missed for it (but with
 *          WEIR_SKIP and WEIR_CATCH_UP it is a time like any other, and what is negative is 0);
 *          WEIR_FOREVER: not again. Called in the thread that ended the run, without any lock of the
 *          library. */
typedef int64_t weir_strategy_fn(const weir_run *run, void *data);

/** Which rule. */
typedef enum weir_rule {
    WEIR_LAST_STARTED = 0,          /**< started + spacing */
    WEIR_LAST_FINISHED = 1,         /**< finished + spacing */
    WEIR_ALIGNED_LAST_FINISHED = 2, /**< the next multiple of the spacing after finished */
    WEIR_OWN_RULE = 3               /**< a function */
} weir_rule;

/** A strategy. Made by the functions below; to be copied, not taken apart. */
typedef struct weir_strategy {
    weir_rule rule;         /**< which rule */
    double jitter;          /**< as a part of the spacing */
    weir_strategy_fn *next; /**< of WEIR_OWN_RULE */
    void *data;             /**< passed to it */
} weir_strategy;

/** The jitter that the names with "_jitter" stand for: up to a twentieth of the spacing. */
#define WEIR_JITTER_DEFAULT 0.05

/** A spacing after the start of the last run: "last_started". @since 0.1 */
WEIR_API weir_strategy weir_last_started(void);

/** A spacing after the end of the last run: "last_finished". @since 0.1 */
WEIR_API weir_strategy weir_last_finished(void);

/** At multiples of the spacing on the clock, the first after the end of the last run:
 *  "aligned_last_finished". @since 0.1 */
WEIR_API weir_strategy weir_aligned_last_finished(void);

/** A rule of your own: "own". NULL makes a strategy that is refused. @since 0.1 */
WEIR_API weir_strategy weir_own_strategy(weir_strategy_fn *next, void *data);

/** The same, with a random time added to each next run: from nothing up to a part of the spacing, so
 *  that many do not run in step.
 *  @param strategy  any.
 *  @param part      0 to 1; others, and NaN, make a strategy that is refused. @since 0.1 */
WEIR_API weir_strategy weir_with_jitter(weir_strategy strategy, double part);

/** The name of a strategy: as given above, with "_jitter" if it has any; "unknown" for NULL and for a
 *  rule that there is not. Lives for ever, never NULL. @since 0.1 */
WEIR_API const char *weir_strategy_name(const weir_strategy *strategy);

/** The strategy of a name: last_started, last_finished, aligned_last_finished, each also with
 *  "_jitter" (then with WEIR_JITTER_DEFAULT).
 *
 *  @param name  the name.
 *  @param out   receives the strategy. Untouched on failure.
 *  @return WEIR_OK | WEIR_EINVAL: NULL, or no such name
 *  @threads any. @blocks never. @since 0.1 */
WEIR_API weir_status weir_strategy_by_name(const char *name, weir_strategy *out);

/** What becomes of periods that were missed, because a run took longer than its spacing, the executor
 *  refused, or the machine slept. */
typedef enum weir_missed {
    WEIR_RUN_ONCE = 0, /**< one run at once makes up for all of them */
    WEIR_SKIP = 1,     /**< no run makes up for them: the next is at the next time of the row */
    WEIR_CATCH_UP = 2  /**< each is made up for, one after another, as if each run had started when
                              it was due */
} weir_missed;

/** The name: "run_once", "skip", "catch_up"; "unknown" for a value that is none. Lives for ever.
 *  @since 0.1 */
WEIR_API const char *weir_missed_name(weir_missed missed);

WEIR_END_DECLS

#endif
