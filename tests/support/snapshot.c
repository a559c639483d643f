#include "support/snapshot.h"

bool stats_add_up(const weir_stats *s)
{
    uint64_t places = s->rejected + s->discarded + s->cancelled + s->expired + s->completed +
                      s->running + s->backlog;
    uint64_t refusals = s->rejected_limit + s->rejected_check + s->rejected_timeout +
                        s->rejected_shutdown + s->rejected_broken;
    return s->submitted == places && s->rejected == refusals && s->failed <= s->completed &&
           s->caller_ran <= s->completed && s->crashed <= s->failed && s->idle <= s->workers;
}

bool stats_grew(const weir_stats *earlier, const weir_stats *later)
{
    /* The counters are the first members, up to the first gauge, and all of one type. */
    enum { COUNTERS = offsetof(weir_stats, running) / sizeof(uint64_t) };
    uint64_t before[COUNTERS];
    uint64_t after[COUNTERS];
    memcpy(before, earlier, sizeof before);
    memcpy(after, later, sizeof after);
    for (size_t i = 0; i < COUNTERS; i++)
        if (after[i] < before[i])
            return false;
    return true;
}

weir_stats stats_of(const weir_executor *executor)
{
    weir_stats stats;
    assert_status(weir_executor_stats(executor, &stats), WEIR_OK);
    if (!stats_add_up(&stats)) {
        char text[4096];
        weir_stats_format(&stats, text, sizeof text);
        fail_msg("the statistics do not add up:\n%s", text);
    }
    return stats;
}
