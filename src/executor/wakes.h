/* Who is to be woken once the lock is released: workers and submitters, in the order in which they
 * were found. Waking is a system call, and the woken want the lock. */
#ifndef WEIR_EXECUTOR_WAKES_H
#define WEIR_EXECUTOR_WAKES_H

#include <stddef.h>

/* Something that sleeps; part of a larger struct. */
struct weir__sleeper {
    struct weir__sleeper *next;           /* owned by the list it is in */
    void (*wake)(struct weir__sleeper *); /* immutable; the sleeper may be gone when it returns */
};

/* All zero: empty. On the stack of whoever holds the lock. */
struct weir__wakes {
    struct weir__sleeper *first, *last;
};

static inline void weir__wakes_add(struct weir__wakes *wakes, struct weir__sleeper *sleeper)
{
    sleeper->next = NULL;
    if (wakes->last)
        wakes->last->next = sleeper;
    else
        wakes->first = sleeper;
    wakes->last = sleeper;
}

/* Requires: no lock. */
static inline void weir__wakes_flush(struct weir__wakes *wakes)
{
    struct weir__sleeper *sleeper = wakes->first;
    while (sleeper) {
        struct weir__sleeper *next = sleeper->next; /* it may be gone, or in another list */
        sleeper->wake(sleeper);
        sleeper = next;
    }
}

#endif
