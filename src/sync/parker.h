/* Where one thread sleeps until another one lets it go on: a binary semaphore with one waiter.
 *
 * unpark() leaves a token, park() takes it; whichever comes first, no wake-up is lost, because the
 * sleep is conditional on the word. Tokens do not add up: the pairs of calls in this library are one to
 * one, guarded by the lock of whatever list the parked thread is in. */
#ifndef WEIR_SYNC_PARKER_H
#define WEIR_SYNC_PARKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct weir__spin;

struct weir__parker {
    _Atomic uint32_t token;   /* atomic [P1]; 0: none; see parker.c */
    _Atomic int64_t woken_ns; /* atomic, relaxed; when its sleep was ended; 0: it did not sleep */
};

/* Sleep until there is a token, and take it: true. False if the deadline passes first. */
bool weir__park(struct weir__parker *parker, int64_t deadline_ns);

/* The same, but look for the token for a while before sleeping, see spin.h. */
bool weir__park_warm(struct weir__parker *parker, int64_t deadline_ns, struct weir__spin *spin);

/* Leave a token. The parker may be gone as soon as the token is there. */
void weir__unpark(struct weir__parker *parker);

#endif
