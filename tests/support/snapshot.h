/* Looking at an executor's statistics. */
#ifndef WEIR_TESTS_SUPPORT_SNAPSHOT_H
#define WEIR_TESTS_SUPPORT_SNAPSHOT_H

#include "support/check.h"

/* A snapshot; the test fails if it cannot be had or does not add up. */
weir_stats stats_of(const weir_executor *executor);

/* Whether every submission is in exactly one place, and parts do not exceed their wholes. For any
 * thread: it only looks. */
bool stats_add_up(const weir_stats *stats);

/* Whether no counter is lower in the later of two snapshots. */
bool stats_grew(const weir_stats *earlier, const weir_stats *later);

#endif
