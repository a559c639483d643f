#include "sync/lock.h"

#include "sync/futex.h"
#include "weir/time.h"

enum { SPINS = 64 };

void weir__lock_contended(struct weir__lock *lock)
{
    for (int i = 0; i < SPINS; i++) {
        uint32_t free_word = 0;
        weir__pause();
        /* relaxed: a look before the attempt; the CAS acquires [L1] */
        if (weir__load_relaxed(&lock->word) == 0 && weir__cas_acquire(&lock->word, &free_word, 1u))
            return;
    }
    /* From here on the word is left at 2 by us: we cannot know whether another one sleeps.
     * acquire [L1] */
    while (weir__exchange_acquire(&lock->word, 2u) != 0)
        weir__futex_wait(&lock->word, 2, WEIR_FOREVER);
}

void weir__lock_wake(struct weir__lock *lock)
{
    weir__futex_wake(&lock->word, 1);
}
