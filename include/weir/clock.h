/** @file
 *  Clocks: where schedulers and periodic workers take the time from, and sleep.
 *
 *  There are two kinds: the monotonic clock of the system, and test clocks, whose time stands still
 *  until the test moves it. Code that takes its clock as a parameter can so be tested without
 *  sleeping, and to the nanosecond:
 *
 *      weir_clock *clock;
 *      weir_test_clock_create(&clock, 0);
 *      … create a scheduler with .clock = clock, submit to it …
 *      weir_test_clock_run_for(clock, 10 * WEIR_SECOND, WEIR_FOREVER);
 *      … all that was due in these ten seconds has run, each at its time …
 *
 *  The wall clock is never looked at: setting it changes nothing. */
#ifndef WEIR_CLOCK_H
#define WEIR_CLOCK_H

#include <stdint.h>

#include "weir/export.h"
#include "weir/status.h"
#include "weir/time.h"

WEIR_BEGIN_DECLS

/** A clock: what time it is, and sleeping until another. */
typedef struct weir_clock weir_clock;

/** The monotonic clock of the system. What an option that is NULL stands for.
 *
 *  @return the clock; lives for ever, never NULL, not to be destroyed.
 *  @threads any. @blocks never. @since 0.1 */
WEIR_API weir_clock *weir_clock_monotonic(void);

/** What a clock shows, in nanoseconds since a moment of its own.
 *
 *  @param clock  NULL: the monotonic clock.
 *  @threads any. @blocks never. @since 0.1 */
WEIR_API int64_t weir_clock_now(const weir_clock *clock);

/** Create a clock that stands still.
 *
 *  @param out     receives it; to be given to weir_test_clock_destroy(). Untouched on failure.
 *  @param now_ns  what it shows at first; negative is WEIR_EINVAL.
 *  @return WEIR_OK | WEIR_EINVAL | WEIR_ENOMEM
 *  @threads any. @blocks never. @since 0.1 */
WEIR_API weir_status weir_test_clock_create(weir_clock **out, int64_t now_ns);

/** Free a test clock; NULL and the monotonic clock are left alone. Every scheduler and periodic
 *  worker on it must have been destroyed before.
 *  @threads one, with no other call under way. @since 0.1 */
WEIR_API void weir_test_clock_destroy(weir_clock *clock);

/** Move a test clock forward, in one leap: what comes due is late by as much as the leap went
 *  beyond it, as after the suspension of a machine. Does not wait for what it sets off. May be
 *  called from a task, which then takes that long.
 *
 *  @param clock  a test clock; another is WEIR_EINVAL.
 *  @param by_ns  nanoseconds, not negative. The clock stops at INT64_MAX - 1.
 *  @return WEIR_OK | WEIR_EINVAL
 *  @threads any. @blocks never. @since 0.1 */
WEIR_API weir_status weir_test_clock_advance(weir_clock *clock, int64_t by_ns);

/** Move a test clock forward from one due time to the next, up to by_ns from now, and wait at each
 *  as weir_test_clock_wait_idle() does: so everything happens at its exact time.
 *
 *  @param clock       a test clock.
 *  @param by_ns       nanoseconds, not negative; 0 waits for what is due already.
 *  @param timeout_ns  of real time, for all of it; WEIR_FOREVER: without end.
 *  @return WEIR_OK | WEIR_ETIMEDOUT: something set off still runs; the clock stands where it was
 *          waited for | WEIR_EINVAL
 *  @threads any but those that run what it sets off. @blocks up to the timeout. @since 0.1 */
WEIR_API weir_status weir_test_clock_run_for(weir_clock *clock, int64_t by_ns, int64_t timeout_ns);

/** Wait until every scheduler and every started periodic worker on this clock sleeps until a time
 *  that has not come: all that is due has been given to its executor, and may still run.
 *
 *  @param clock       a test clock.
 *  @param timeout_ns  of real time; 0 looks, WEIR_FOREVER waits without end.
 *  @return WEIR_OK | WEIR_ETIMEDOUT | WEIR_EINVAL
 *  @threads any but those that run what is due. @blocks up to the timeout. @since 0.1 */
WEIR_API weir_status weir_test_clock_wait_asleep(weir_clock *clock, int64_t timeout_ns);

/** The same, and until all that they gave to executors has ended too (callbacks given to
 *  weir_future_on_done() may still run).
 *
 *  @param clock       a test clock.
 *  @param timeout_ns  as for weir_test_clock_wait_asleep().
 *  @return WEIR_OK | WEIR_ETIMEDOUT | WEIR_EINVAL
 *  @threads any but those that run what is due. @blocks up to the timeout. @since 0.1 */
WEIR_API weir_status weir_test_clock_wait_idle(weir_clock *clock, int64_t timeout_ns);

/** The earliest time for which anything on this clock sleeps.
 *
 *  @return nanoseconds on the clock; WEIR_FOREVER if nothing does, or it is no test clock.
 *  @threads any. @blocks never. @since 0.1 */
WEIR_API int64_t weir_test_clock_next(const weir_clock *clock);

WEIR_END_DECLS

#endif
