/* Making a snapshot of counters that move; see snapshot.c. */
#ifndef WEIR_STATS_SNAPSHOT_H
#define WEIR_STATS_SNAPSHOT_H

#include "stats/counters.h"
#include "weir/stats.h"

/* What an executor with workers adds to the common counters. */
struct weir__tally {
    uint64_t accepted; /* tasks that got a place, ever: read first */
    uint64_t workers;  /* read second */
    uint64_t released; /* places given back by workers: read third */
    struct {
        uint64_t completed, failed, run_ns, wait_ns, run_max_ns, wait_max_ns;
    } ran; /* sums and maxima over the workers: read last, failed before completed */
};

/* Add one worker's counters. */
void weir__tally_add(struct weir__tally *tally, const struct weir__run_counters *counters);

/* read fills the tally in the order of its fields; NULL for an executor without workers. */
typedef void weir__tally_fn(const void *owner, struct weir__tally *tally);

/* Fills what can be told from counters: all but blocked, limit, capacity. */
void weir__snapshot(const struct weir__counters *counters, weir__tally_fn *read, const void *owner,
                    weir_stats *out);

#endif
