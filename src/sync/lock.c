#include "sync/lock.h"

#include <sched.h>
#include <stdbool.h>

#include "base/clock.h"
#include "sync/futex.h"
#include "weir/time.h"

enum { SPINS = 64, YIELDS = 16, SLEEP_NS = 4 * WEIR_MILLISECOND };

/* Take the lock as soon as it is seen to be free, within about the length of a critical section. */
static bool spin(struct weir__lock *lock, uint32_t held)
{
    for (int i = 0; i < SPINS; i++) {
        uint32_t free_word = 0;
        weir__pause();
        /* relaxed: a look before the attempt; the CAS acquires [L1] */
        if (weir__load_relaxed(&lock->word) == 0 &&
            weir__cas_acquire(&lock->word, &free_word, held))
            return true;
    }
    return false;
}

/* Whoever spins in vain most likely meets a holder that has been preempted. First let others run,
 * the holder among them; only then sleep.
 *
 * A sleeper is woken by the release after it came, and sees to the next one when it releases: with
 * many sleepers and fewer cores, each link of that chain takes as long as the scheduler takes to run
 * the one woken, and the last would wait for all of them. So nobody sleeps for longer than about a
 * time slice without looking for itself. The lock is held for a few dozen instructions, so nobody waits here,
 * and nothing wakes up, unless it is being fought for. */
void weir__lock_contended(struct weir__lock *lock)
{
    for (int i = 0; i < YIELDS; i++) {
        if (spin(lock, 1))
            return;
        sched_yield();
    }
    /* From here on the word is left at 2 by us: we cannot know whether another one sleeps. */
    do {
        if (weir__exchange_acquire(&lock->word, 2u) == 0) /* acquire [L1] */
            return;
        weir__futex_wait(&lock->word, 2, weir__now_ns() + SLEEP_NS);
    } while (!spin(lock, 2));
}

void weir__lock_wake(struct weir__lock *lock)
{
    weir__futex_wake(&lock->word, 1);
}
