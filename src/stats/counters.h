/* Where things are counted.
 *
 * Tasks that workers end are counted by each worker for itself (weir__run_counters with one writer,
 * on a line of its own), everything else in one struct per executor (weir__counters), by atomic
 * additions of whoever it happens to: refusals, cancellations, tasks run by submitters.
 *
 * Counters only go up. The identity of a snapshot does not rely on reading them all at one moment,
 * which nobody can: it is made true by construction, see snapshot.c.
 *
 * Histograms of run_ns and wait_ns would be arrays in weir__run_counters, filled where those are. */
#ifndef WEIR_STATS_COUNTERS_H
#define WEIR_STATS_COUNTERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/atomic.h"
#include "base/compiler.h"

typedef _Atomic uint64_t weir__counter;

/* Tasks ended by running. */
struct weir__run_counters {
    weir__counter completed;  /* [C1] with failed: a snapshot never shows failed > completed */
    weir__counter failed;     /* [C1] */
    weir__counter run_ns;     /* relaxed: a sum of its own */
    weir__counter wait_ns;    /* relaxed, likewise */
    weir__counter run_max_ns; /* relaxed, likewise */
    weir__counter wait_max_ns;
};

enum weir__rejection {
    WEIR__REJECTED_LIMIT,
    WEIR__REJECTED_CHECK,
    WEIR__REJECTED_TIMEOUT,
    WEIR__REJECTED_SHUTDOWN,
    WEIR__REJECTED_BROKEN,
    WEIR__REJECTIONS
};

struct weir__counters {
    /* tasks that left the backlog without running: each gives its place back [A1] [A2] */
    weir__counter cancelled;
    weir__counter expired;
    weir__counter displaced; /* discarded as the oldest */
    weir__counter stranded;  /* ended WEIR_EBROKEN */
    /* tasks that never had a place */
    weir__counter discarded;
    weir__counter caller_started; /* [C2]: before caller.completed */
    struct weir__run_counters caller;
    /* submissions that did not become tasks */
    _Alignas(WEIR__CACHE_LINE) weir__counter rejected[WEIR__REJECTIONS];
    weir__counter must_admitted;
    weir__counter spawn_failures;
    weir__counter crashed;
    weir__counter respawned;
    weir__counter backlog_peak; /* written under the executor's lock */
    weir__counter workers_peak; /* likewise */
};

/* Add in a counter with one writer: no locked instruction. */
static inline void weir__counter_bump(weir__counter *counter, uint64_t by)
{
    /* relaxed load: ours alone to write; release: pairs with the snapshot's acquire [C1] */
    weir__store_release(counter, weir__load_relaxed(counter) + by);
}

static inline void weir__counter_raise(weir__counter *counter, uint64_t value)
{
    if (value > weir__load_relaxed(counter)) /* ours alone to write */
        weir__store_relaxed(counter, value);
}

/* One task more, by the only writer of these counters. */
static inline void weir__count_run(struct weir__run_counters *counters, uint64_t run_ns,
                                   uint64_t wait_ns, bool failed)
{
    weir__store_relaxed(&counters->run_ns, weir__load_relaxed(&counters->run_ns) + run_ns);
    weir__store_relaxed(&counters->wait_ns, weir__load_relaxed(&counters->wait_ns) + wait_ns);
    weir__counter_raise(&counters->run_max_ns, run_ns);
    weir__counter_raise(&counters->wait_max_ns, wait_ns);
    weir__counter_bump(&counters->completed, 1); /* [C1] before failed */
    if (failed)
        weir__counter_bump(&counters->failed, 1);
}

/* The same among several writers. */
void weir__count_run_shared(struct weir__run_counters *counters, uint64_t run_ns, bool failed);

#endif
