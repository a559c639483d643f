/* Working out next times. Pure: no lock, no clock, no random numbers of its own. */
#ifndef WEIR_SCHEDULE_STRATEGY_IMPL_H
#define WEIR_SCHEDULE_STRATEGY_IMPL_H

#include <stdbool.h>

#include "weir/strategy.h"

bool weir__strategy_is_allowed(const weir_strategy *strategy);
bool weir__missed_is_allowed(weir_missed missed);

/* When to run next. chance: 0 to below 1, for the jitter. *skipped: periods that WEIR_SKIP passed
 * over. */
int64_t weir__strategy_next(const weir_strategy *strategy, weir_missed missed, const weir_run *run,
                            double chance, uint64_t *skipped);

/* A callback that was due is found at now_ns. False: do not run it now, *due_ns was moved (WEIR_SKIP).
 * *missed_periods: how many passed, and will get no run of their own. */
bool weir__strategy_runs_late(weir_missed missed, int64_t spacing_ns, int64_t now_ns,
                              int64_t *due_ns, uint64_t *missed_periods);

#endif
