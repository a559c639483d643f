/* Looking for something for a while before sleeping for it. See spin.c. */
#ifndef WEIR_SYNC_SPIN_H
#define WEIR_SYNC_SPIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* What has become of looking so far. Of one thread, or shared by those who wait for the same kind of
 * thing. All zero: never look. */
struct weir__spin {
    int64_t most_ns;         /* immutable; how long to look, at the most */
    unsigned weight;         /* immutable; a look takes as long as so many simple ones; 0: one */
    _Atomic uint32_t cost_ns; /* atomic, relaxed; what being woken up costs, lately; 0: not known */
    _Atomic uint32_t misses; /* atomic, relaxed; 2^n - 1 after n looks in vain in a row */
    _Atomic uint32_t pass;   /* atomic, relaxed; sleeps that are to go without a look */
};

/* The caller has slept, and is awake so long after somebody set out to wake it. */
void weir__spin_learn(struct weir__spin *spin, int64_t cost_ns);
/* The same, by the moment at which that was; none, if it is not above 0. */
void weir__spin_woken(struct weir__spin *spin, int64_t woken_ns);

/* Call seen(what) until it is true: true. False at once if looking is not worth it now, or the deadline
 * has passed; or once that, or the time for looking, is over. */
bool weir__spin(struct weir__spin *spin, int64_t deadline_ns, bool (*seen)(void *), void *what);

#endif
