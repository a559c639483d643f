/* A mutex of four bytes: small enough to give one to every future.
 *
 *     0 free   1 held   2 held, and somebody may sleep
 *
 * A contender spins for about as long as our critical sections last, then lets others run, then
 * sleeps for a time slice at the most. The lock is not handed over: whoever comes first takes it, so
 * that a sleeper that takes long to wake up does not hold up the rest (no convoy). */
#ifndef WEIR_SYNC_LOCK_H
#define WEIR_SYNC_LOCK_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/atomic.h"
#include "base/compiler.h"

struct weir__lock {
    _Atomic uint32_t word;
};

void weir__lock_contended(struct weir__lock *lock);
void weir__lock_wake(struct weir__lock *lock);

static inline void weir__lock_take(struct weir__lock *lock)
{
    uint32_t free_word = 0;
    /* acquire [L1]: what earlier holders wrote is visible */
    if (WEIR__UNLIKELY(!weir__cas_acquire(&lock->word, &free_word, 1u)))
        weir__lock_contended(lock);
}

static inline void weir__lock_release(struct weir__lock *lock)
{
    /* release [L1]: what this holder wrote is visible to the next */
    if (WEIR__UNLIKELY(weir__exchange_release(&lock->word, 0u) == 2))
        weir__lock_wake(lock);
}

#endif
