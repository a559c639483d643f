/* Going to sleep without work, and being woken for it [X4].
 *
 * A worker that finds no hint says so in its word, looks once more, and sleeps:
 *
 *       worker                            parent
 *       sleep = IDLE                      push a hint
 *       look at the ring, at `leave`      look for a word that is not AWAKE
 *       wait for AWAKE for a while        make it AWAKE by CAS
 *       sleep = ASLEEP by CAS             wake, if it was ASLEEP
 *       sleep while it is that
 *
 * Store, then load, on both sides: one of the two sees the other. Whoever turns a word into AWAKE has
 * aimed a wake-up at that worker, and it is worth one hint. (That it may do without the system call for
 * one that is IDLE is left to the CAS by which that one goes to sleep: it fails.) So:
 *
 *   - A worker that finds a hint in its last look takes its word back. If it cannot, a wake-up was aimed
 *     at it for a hint that came later, or for this one: it is busy now, so it wakes another sleeper
 *     in its place. Else that hint would lie there behind a busy worker, with others asleep; and if
 *     the two tasks wait for each other, for ever.
 *   - A worker that was woken and finds nothing (a busy one was faster) goes back to sleep: the hint
 *     that it was woken for has been taken.
 *   - A wake-up may die: with a worker that it was aimed at, or with one that has made another AWAKE and
 *     not woken it yet. The second sleeps on as AWAKE, and no look at the words would find it. So after
 *     a death all words are made AWAKE, that of the dead one first of all, and all are woken: a wake-up
 *     too many costs one look at the ring.
 *   - Workers that leave do so with IDLE in their word. To tell all to leave by aiming as many wake-ups
 *     as there are workers would thus tell one of them twice, and another one only when the first
 *     is dead. So they are told as after a death.
 *
 * The words are hints, as all but the slots' words are: a worker that scribbles over them, or is stopped
 * with a wake-up in its hand, is made good for by the collector's look around (limits.c).
 *
 * tests: unit.schedule.workers, unit.schedule.deaths (orders of steps); fault.process_wake; tests/model. */
#include "process/idle.h"

#include "base/atomic.h"
#include "base/clock.h"
#include "process/hints.h"
#include "sync/futex.h"
#include "sync/spin.h"
#include "weir/time.h"

enum { AWAKE, IDLE, ASLEEP };

void weir__idle_wake_one(const struct weir__segment *segment)
{
    for (size_t i = 0; i < segment->workers; i++) {
        _Atomic uint32_t *sleep = &weir__segment_station(segment, i)->sleep;
        uint32_t word = weir__load_seq_cst(sleep); /* seq_cst [X4] */
        /* It goes from IDLE to ASLEEP once; one that does otherwise is not waited for. */
        for (int tries = 0; tries < 2 && (word == IDLE || word == ASLEEP); tries++) {
            uint32_t before = word;
            if (before == ASLEEP) /* relaxed: advice, for spin.h */
                weir__store_relaxed(&weir__segment_station(segment, i)->woken_ns, weir__now_ns());
            if (!weir__cas_acq_rel(sleep, &word, (uint32_t)AWAKE)) /* acq_rel [X4] */
                continue;
            if (before == ASLEEP)
                weir__futex_wake_shared(sleep, 1);
            return;
        }
    }
}

void weir__idle_wake_all(const struct weir__segment *segment)
{
    for (size_t i = 0; i < segment->workers; i++) {
        _Atomic uint32_t *sleep = &weir__segment_station(segment, i)->sleep;
        weir__store_seq_cst(sleep, (uint32_t)AWAKE); /* seq_cst [X4]: after the hints, or `leave` */
        weir__futex_wake_shared(sleep, 1);
    }
}

static bool is_awake(void *sleep)
{
    return weir__load_acquire((_Atomic uint32_t *)sleep) == AWAKE; /* acquire [X4] */
}

static void sleep_until_awake(struct weir__station *station, struct weir__spin *spin)
{
    uint32_t idle = IDLE;
    weir__store_relaxed(&station->woken_ns, (int64_t)0);             /* advice, for spin.h */
    if (!weir__cas_acq_rel(&station->sleep, &idle, (uint32_t)ASLEEP)) /* acq_rel [X4] */
        return;
    while (weir__load_acquire(&station->sleep) == ASLEEP) /* acquire [X4] */
        weir__futex_wait_shared(&station->sleep, ASLEEP);
    weir__spin_woken(spin, weir__load_relaxed(&station->woken_ns)); /* whatever others write there */
}

bool weir__idle_next(const struct weir__segment *segment, size_t worker, struct weir__spin *spin,
                     uint64_t *hint)
{
    _Atomic uint32_t *sleep = &weir__segment_station(segment, worker)->sleep;
    for (;;) {
        if (weir__hints_pop(segment, hint))
            return true;
        weir__store_seq_cst(sleep, (uint32_t)IDLE); /* seq_cst [X4]: before the last look */
        if (weir__hints_pop(segment, hint)) {
            uint32_t idle = IDLE;
            if (!weir__cas_acq_rel(sleep, &idle, (uint32_t)AWAKE)) /* acq_rel [X4] */
                weir__idle_wake_one(segment); /* not this one: it is AWAKE */
            return true;
        }
        /* seq_cst [X4]: told to leave before we slept, or woken to be told */
        if (weir__load_seq_cst(&weir__segment_commons(segment)->leave))
            return false;
        if (!weir__spin(spin, WEIR_FOREVER, is_awake, sleep))
            sleep_until_awake(weir__segment_station(segment, worker), spin);
    }
}
