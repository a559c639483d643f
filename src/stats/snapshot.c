/* A snapshot whose numbers add up, of counters that nobody stops.
 *
 * The counters are read one after the other while tasks come and go, so the values are of different
 * moments. What makes them fit is the order of reading, and that gauges are differences. (Where workers
 * accept tasks, too, in places lent to them, A0 is the sum of what they and the submitters count, and R
 * has what they have kept; what is said below holds for sums of numbers that only grow.)
 *
 *   a  caller_started and accepted are read first: S0 and A0; then the number of workers
 *   b  then the places that workers gave back: R
 *   c  then the ends: N (left the backlog without running) and E (completed by workers)
 *
 * A worker counts an end before it gives the place back, and a task is accepted before either. Every
 * place counted in R therefore has its end in E, if the task was not helped along (below). With
 *
 *   accepted  = max(A0, E + N)      tasks that came and went after A0 was read count as accepted
 *   in_system = accepted - E - N    accepted and not ended: never negative
 *   occupied  = min(in_system, accepted - R - N)
 *   backlog   = occupied beyond the number of workers
 *   running   = in_system - backlog
 *
 * the identity holds because running and submitted are defined so that it does. backlog is never
 * more than it was at the moment the number of workers was read, because accepted was read before
 * and R and N were read after, and all three only grow: a snapshot never shows a backlog above the
 * limit. No field that counts goes backwards from one
 * snapshot to the next: A0, E and N only grow, hence their maximum and sums.
 *
 * A task that a worker takes out of the backlog because it waits for it gives its place back when it
 * starts, since its worker's place is taken already by the task below it. Then R is ahead of E by
 * the number of such tasks; they are part of in_system and not of occupied: running.
 *
 * "running" includes tasks that were handed to a worker that was idle and has not woken up yet: that
 * is what makes the burst of W + L exact (docs/design.md, "Places").
 *
 * tests: conformance (identity under load, monotony), unit.stats.snapshot */
#include "stats/snapshot.h"

#include <string.h>

static uint64_t get(const weir__counter *counter)
{
    /* acquire [C1] [C2] [A2]: what is read later is at least as new */
    return weir__load_acquire((weir__counter *)(uintptr_t)counter);
}

static uint64_t get_relaxed(const weir__counter *counter)
{
    return weir__load_relaxed((weir__counter *)(uintptr_t)counter); /* a number of its own */
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t difference(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

void weir__tally_add(struct weir__tally *tally, const struct weir__run_counters *counters)
{
    tally->ran.failed += get(&counters->failed); /* before completed [C1] */
    tally->ran.completed += get(&counters->completed);
    tally->ran.run_ns += get_relaxed(&counters->run_ns);
    tally->ran.wait_ns += get_relaxed(&counters->wait_ns);
    tally->ran.run_max_ns = larger(tally->ran.run_max_ns, get_relaxed(&counters->run_max_ns));
    tally->ran.wait_max_ns = larger(tally->ran.wait_max_ns, get_relaxed(&counters->wait_max_ns));
}

static void fill_rejections(const struct weir__counters *counters, weir_stats *out)
{
    out->rejected_limit = get_relaxed(&counters->rejected[WEIR__REJECTED_LIMIT]);
    out->rejected_check = get_relaxed(&counters->rejected[WEIR__REJECTED_CHECK]);
    out->rejected_timeout = get_relaxed(&counters->rejected[WEIR__REJECTED_TIMEOUT]);
    out->rejected_shutdown = get_relaxed(&counters->rejected[WEIR__REJECTED_SHUTDOWN]);
    out->rejected_broken = get_relaxed(&counters->rejected[WEIR__REJECTED_BROKEN]);
    out->rejected = out->rejected_limit + out->rejected_check + out->rejected_timeout +
                    out->rejected_shutdown + out->rejected_broken;
}

void weir__snapshot(const struct weir__counters *counters, weir__tally_fn *read, const void *owner,
                    weir_stats *out)
{
    memset(out, 0, sizeof *out);
    uint64_t caller_started = get(&counters->caller_started); /* [C2] before caller.completed */
    struct weir__tally tally = {0};
    if (read)
        read(owner, &tally);
    uint64_t caller_failed = get(&counters->caller.failed); /* before completed [C1] */
    uint64_t caller_completed = get(&counters->caller.completed);
    uint64_t displaced = get(&counters->displaced), discarded = get(&counters->discarded);
    uint64_t stranded = get(&counters->stranded);
    out->cancelled = get(&counters->cancelled);
    out->expired = get(&counters->expired);

    uint64_t gone = out->cancelled + out->expired + displaced + stranded;
    uint64_t accepted = larger(tally.accepted, tally.ran.completed + gone);
    uint64_t in_system = accepted - tally.ran.completed - gone;
    uint64_t occupied = difference(accepted, tally.released + gone);
    if (occupied > in_system)
        occupied = in_system;
    out->backlog = difference(occupied, tally.workers);
    caller_started = larger(caller_started, caller_completed);
    out->running = in_system - out->backlog + (caller_started - caller_completed);

    fill_rejections(counters, out);
    out->discarded = discarded + displaced;
    out->completed = tally.ran.completed + caller_completed + stranded;
    out->failed = tally.ran.failed + caller_failed + stranded;
    out->caller_ran = caller_completed;
    out->submitted = accepted + caller_started + discarded + out->rejected;
    out->must_admitted = get_relaxed(&counters->must_admitted);
    out->crashed = get_relaxed(&counters->crashed);
    out->respawned = get_relaxed(&counters->respawned);
    out->spawn_failures = get_relaxed(&counters->spawn_failures);
    out->run_ns = tally.ran.run_ns + get_relaxed(&counters->caller.run_ns);
    out->wait_ns = tally.ran.wait_ns;
    out->run_max_ns = larger(tally.ran.run_max_ns, get_relaxed(&counters->caller.run_max_ns));
    out->wait_max_ns = tally.ran.wait_max_ns;
    out->backlog_peak = get_relaxed(&counters->backlog_peak);
    out->workers_peak = get_relaxed(&counters->workers_peak);
    out->workers = tally.workers;
    uint64_t busy = occupied - out->backlog;
    out->idle = difference(tally.workers, busy);
}
