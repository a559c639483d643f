/* When a periodic callback runs next.
 *
 *                        started                 finished
 *     due ---------------[=========================]
 *          last_started:  |----spacing---->
 *         last_finished:                           |----spacing---->
 *     aligned_last_finished:           first multiple of the spacing after finished
 *
 * A next time before now has been missed. WEIR_RUN_ONCE leaves it: the run is at once. WEIR_SKIP
 * moves it on, by whole spacings, to now or later. WEIR_CATCH_UP works it out as if the run had
 * started when it was due: so each period gets its run, until the row has caught up with the clock.
 *
 * Times are never negative: no clock's is, and what a rule of the user's returns is clamped, so that
 * no difference of two times overflows.
 *
 * tests: unit.timing.strategy */
#include "schedule/strategy_impl.h"

#include <string.h>

#include "schedule/clock_impl.h"

weir_strategy weir_last_started(void)
{
    return (weir_strategy){ .rule = WEIR_LAST_STARTED };
}

weir_strategy weir_last_finished(void)
{
    return (weir_strategy){ .rule = WEIR_LAST_FINISHED };
}

weir_strategy weir_aligned_last_finished(void)
{
    return (weir_strategy){ .rule = WEIR_ALIGNED_LAST_FINISHED };
}

weir_strategy weir_own_strategy(weir_strategy_fn *next, void *data)
{
    return (weir_strategy){ .rule = WEIR_OWN_RULE, .next = next, .data = data };
}

weir_strategy weir_with_jitter(weir_strategy strategy, double part)
{
    strategy.jitter = part;
    return strategy;
}

static const char *const names[][2] = {
    [WEIR_LAST_STARTED] = { "last_started", "last_started_jitter" },
    [WEIR_LAST_FINISHED] = { "last_finished", "last_finished_jitter" },
    [WEIR_ALIGNED_LAST_FINISHED] = { "aligned_last_finished", "aligned_last_finished_jitter" },
    [WEIR_OWN_RULE] = { "own", "own_jitter" },
};

const char *weir_strategy_name(const weir_strategy *strategy)
{
    if (!strategy || (unsigned)strategy->rule > WEIR_OWN_RULE)
        return "unknown";
    return names[strategy->rule][strategy->jitter > 0];
}

weir_status weir_strategy_by_name(const char *name, weir_strategy *out)
{
    if (!name || !out)
        return WEIR_EINVAL;
    for (int rule = WEIR_LAST_STARTED; rule <= WEIR_ALIGNED_LAST_FINISHED; rule++)
        for (int jitter = 0; jitter < 2; jitter++)
            if (strcmp(name, names[rule][jitter]) == 0) {
                *out = (weir_strategy){ .rule = (weir_rule)rule,
                                        .jitter = jitter ? WEIR_JITTER_DEFAULT : 0 };
                return WEIR_OK;
            }
    return WEIR_EINVAL;
}

const char *weir_missed_name(weir_missed missed)
{
    switch (missed) {
    case WEIR_RUN_ONCE:
        return "run_once";
    case WEIR_SKIP:
        return "skip";
    case WEIR_CATCH_UP:
        return "catch_up";
    }
    return "unknown";
}

bool weir__strategy_is_allowed(const weir_strategy *strategy)
{
    return (unsigned)strategy->rule <= WEIR_OWN_RULE &&
           (strategy->rule != WEIR_OWN_RULE || strategy->next) && strategy->jitter >= 0 &&
           strategy->jitter <= 1;
}

bool weir__missed_is_allowed(weir_missed missed)
{
    return (unsigned)missed <= WEIR_CATCH_UP;
}

static int64_t apply(const weir_strategy *strategy, const weir_run *run)
{
    switch (strategy->rule) {
    case WEIR_LAST_STARTED:
        return weir__time_add(run->started_ns, run->spacing_ns);
    case WEIR_LAST_FINISHED:
        return weir__time_add(run->finished_ns, run->spacing_ns);
    case WEIR_ALIGNED_LAST_FINISHED:
        return weir__time_add(run->finished_ns - run->finished_ns % run->spacing_ns,
                              run->spacing_ns);
    case WEIR_OWN_RULE:
        return strategy->next(run, strategy->data);
    }
    return WEIR_FOREVER;
}

int64_t weir__strategy_next(const weir_strategy *strategy, weir_missed missed, const weir_run *run,
                            double chance, uint64_t *skipped)
{
    weir_run seen = *run;
    if (missed == WEIR_CATCH_UP) {
        seen.started_ns = run->due_ns;
        seen.finished_ns = weir__time_add(run->due_ns, run->finished_ns - run->started_ns);
    }
    int64_t next_ns = apply(strategy, &seen);
    next_ns = next_ns > 0 ? next_ns : 0;
    /* By a rule of the user's, the past means at once: no period has passed since then. */
    if (strategy->rule == WEIR_OWN_RULE && missed == WEIR_RUN_ONCE && next_ns < run->finished_ns)
        next_ns = run->finished_ns;
    *skipped = 0;
    if (missed == WEIR_SKIP && next_ns < run->finished_ns) {
        int64_t before = (run->finished_ns - next_ns - 1) / run->spacing_ns; /* but for the last */
        *skipped = (uint64_t)before + 1;
        next_ns = weir__time_add(next_ns + before * run->spacing_ns, run->spacing_ns);
    }
    if (next_ns == WEIR_FOREVER)
        return next_ns;
    return weir__time_add(next_ns, (int64_t)(chance * strategy->jitter * (double)run->spacing_ns));
}

bool weir__strategy_runs_late(weir_missed missed, int64_t spacing_ns, int64_t now_ns,
                              int64_t *due_ns, uint64_t *missed_periods)
{
    int64_t periods = (now_ns - *due_ns) / spacing_ns;
    *missed_periods = 0;
    if (periods == 0 || missed == WEIR_CATCH_UP)
        return true;
    *missed_periods = (uint64_t)periods;
    if (missed == WEIR_RUN_ONCE)
        return true;
    *due_ns += periods * spacing_ns;
    if (*due_ns == now_ns)
        return true;
    ++*missed_periods;
    *due_ns = weir__time_add(*due_ns, spacing_ns);
    return false;
}
