#include "stats/counters.h"

void weir__count_run_shared(struct weir__run_counters *counters, uint64_t run_ns, bool failed)
{
    weir__add_relaxed(&counters->run_ns, run_ns); /* a sum of its own */
    uint64_t max = weir__load_relaxed(&counters->run_max_ns); /* a number of its own */
    while (run_ns > max && !weir__cas_relaxed(&counters->run_max_ns, &max, run_ns))
        ;
    weir__add_release(&counters->completed, (uint64_t)1); /* [C1] before failed */
    if (failed)
        weir__add_release(&counters->failed, (uint64_t)1); /* release [C1] */
}
