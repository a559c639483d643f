#include "sync/lock.h"

#include <stdbool.h>

#include "sync/futex.h"
#include "weir/time.h"

enum { SPINS = 64 };

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

void weir__lock_contended(struct weir__lock *lock)
{
    uint32_t held = 1;
    /* Once we have slept, the word is left at 2 by us: we cannot know whether another one sleeps. And
     * we spin again: with a single attempt after each sleep, among many that come and go without
     * sleeping, a sleeper could lose for as long as they do. exchange: acquire [L1] */
    while (!spin(lock, held) && weir__exchange_acquire(&lock->word, 2u) != 0) {
        weir__futex_wait(&lock->word, 2, WEIR_FOREVER);
        held = 2;
    }
}

void weir__lock_wake(struct weir__lock *lock)
{
    weir__futex_wake(&lock->word, 1);
}
