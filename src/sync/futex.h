/* Sleeping on a word, in memory of this process or shared with others. */
#ifndef WEIR_SYNC_FUTEX_H
#define WEIR_SYNC_FUTEX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Sleep while *word == expected. Returns false once deadline_ns (monotonic) has passed; true on a
 * wake-up, a signal, or a word that differs: the caller looks at the word again. errno is kept. */
bool weir__futex_wait(_Atomic uint32_t *word, uint32_t expected, int64_t deadline_ns);

/* Wake up to count sleepers. The word may be gone already: a wake-up of a stranger's word is
 * spurious for it, and every sleeper expects those. */
void weir__futex_wake(_Atomic uint32_t *word, int count);

/* The same on a word that is mapped shared, for threads of any process; without a deadline. */
void weir__futex_wait_shared(_Atomic uint32_t *word, uint32_t expected);
void weir__futex_wake_shared(_Atomic uint32_t *word, int count);

#endif
