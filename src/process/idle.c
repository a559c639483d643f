/* Going to sleep without work, and being woken for it [X4].
 *
 * A worker that finds no hint says so in its word, looks once more, and sleeps:
 *
 *       worker                            parent
 *       sleep = 1                         push a hint
 *       look at the ring, at `leave`      look for a word that is 1
 *       sleep while the word is 1         make it 0 by CAS, wake
 *
 * Store, then load, on both sides: one of the two sees the other. Whoever turns a 1 into 0 has aimed
 * a wake-up at that worker, and it is worth one hint. So:
 *
 *   - A worker that finds a hint in its last look takes its 1 back. If it cannot, a wake-up was aimed
 *     at it for a hint that came later, or for this one: it is busy now, so it wakes another sleeper
 *     in its place. Else that hint would lie there behind a busy worker, with others asleep; and if
 *     the two tasks wait for each other, for ever.
 *   - A worker that was woken and finds nothing (a busy one was faster) goes back to sleep: the hint
 *     that it was woken for has been taken.
 *   - A wake-up may die: with a worker that it was aimed at, or with one that has turned a 1 of another
 *     into 0 and not woken it yet. The second sleeps on with a 0, and no look at the words would find
 *     it. So after a death all words are made 0, that of the dead one first of all, and all are woken:
 *     a wake-up too many costs one look at the ring.
 *   - Workers that leave do so with a 1 in their word. To tell all to leave by turning a 1 into 0 as
 *     often as there are workers would thus tell one of them twice, and another one only when the first
 *     is dead. So they are told as after a death.
 *
 * The words are hints, as all but the slots' words are: a worker that scribbles over them, or is stopped
 * with a wake-up in its hand, is made good for by the collector's look around (limits.c).
 *
 * tests: unit.schedule.workers, unit.schedule.deaths (orders of steps); fault.process_wake; tests/model. */
#include "process/idle.h"

#include "base/atomic.h"
#include "process/hints.h"
#include "sync/futex.h"

void weir__idle_wake_one(const struct weir__segment *segment)
{
    for (size_t i = 0; i < segment->workers; i++) {
        _Atomic uint32_t *sleep = &weir__segment_station(segment, i)->sleep;
        uint32_t asleep = 1;
        if (weir__load_seq_cst(sleep) == 1 &&          /* seq_cst [X4] */
            weir__cas_acq_rel(sleep, &asleep, 0u)) { /* acq_rel [X4] */
            weir__futex_wake_shared(sleep, 1);
            return;
        }
    }
}

void weir__idle_wake_all(const struct weir__segment *segment)
{
    for (size_t i = 0; i < segment->workers; i++) {
        _Atomic uint32_t *sleep = &weir__segment_station(segment, i)->sleep;
        weir__store_seq_cst(sleep, 0u); /* seq_cst [X4]: after the hints, or `leave` */
        weir__futex_wake_shared(sleep, 1);
    }
}

bool weir__idle_next(const struct weir__segment *segment, size_t worker, uint64_t *hint)
{
    _Atomic uint32_t *sleep = &weir__segment_station(segment, worker)->sleep;
    for (;;) {
        if (weir__hints_pop(segment, hint))
            return true;
        weir__store_seq_cst(sleep, 1u); /* seq_cst [X4]: before the last look */
        if (weir__hints_pop(segment, hint)) {
            uint32_t asleep = 1;
            if (!weir__cas_acq_rel(sleep, &asleep, 0u)) /* acq_rel [X4] */
                weir__idle_wake_one(segment);           /* not this one: its word is 0 */
            return true;
        }
        /* seq_cst [X4]: told to leave before we slept, or woken to be told */
        if (weir__load_seq_cst(&weir__segment_commons(segment)->leave))
            return false;
        while (weir__load_acquire(sleep) == 1) /* acquire [X4] */
            weir__futex_wait_shared(sleep, 1);
    }
}
