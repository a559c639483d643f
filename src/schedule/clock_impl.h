/* What a clock does for whoever sleeps on it.
 *
 * A sleeper is the place where one thread (a scheduler's, a periodic worker's) sleeps until a time,
 * or until it is woken. A wake-up leaves a token, the next sleep takes it: so whoever changes what
 * is due, and then wakes, is never overlooked, no matter whether the sleeper has just decided to
 * sleep, sleeps, or is about to look. */
#ifndef WEIR_SCHEDULE_CLOCK_IMPL_H
#define WEIR_SCHEDULE_CLOCK_IMPL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/parker.h"
#include "weir/clock.h"

struct weir__sleeper {
    weir_clock *clock;          /* immutable */
    struct weir__parker parker; /* of the monotonic clock */
    /* of a test clock; protected by its mutex */
    struct weir__sleeper *next, *previous;
    pthread_cond_t woken;
    int64_t until_ns; /* while asleep */
    size_t busy;      /* tasks given to executors, not ended */
    bool asleep;      /* nothing to do before until_ns; cleared by whoever wakes it */
    bool token;       /* somebody woke it */
    bool retired;     /* its thread has gone; the tasks that it has out still count */
};

struct weir__clock_ops {
    int64_t (*now)(const weir_clock *clock);
    void (*attach)(struct weir__sleeper *sleeper);
    void (*retire)(struct weir__sleeper *sleeper);
    void (*detach)(struct weir__sleeper *sleeper);
    void (*sleep)(struct weir__sleeper *sleeper, int64_t until_ns);
    void (*wake)(struct weir__sleeper *sleeper);
    void (*busy)(struct weir__sleeper *sleeper, bool more);
};

struct weir_clock {
    const struct weir__clock_ops *ops; /* immutable */
};

/* NULL: the monotonic one. The clock counts the sleeper among those it waits for from now on. */
void weir__sleeper_init(struct weir__sleeper *sleeper, weir_clock *clock);
/* It will not sleep any more. */
void weir__sleeper_retire(struct weir__sleeper *sleeper);
void weir__sleeper_fini(struct weir__sleeper *sleeper);

static inline int64_t weir__sleeper_now(const struct weir__sleeper *sleeper)
{
    return sleeper->clock->ops->now(sleeper->clock);
}

/* Sleep until a time on the clock, or until woken. Requires: no lock; the sleeper's own thread. */
static inline void weir__sleeper_sleep(struct weir__sleeper *sleeper, int64_t until_ns)
{
    sleeper->clock->ops->sleep(sleeper, until_ns);
}

/* Any thread. */
static inline void weir__sleeper_wake(struct weir__sleeper *sleeper)
{
    sleeper->clock->ops->wake(sleeper);
}

/* A task was given to an executor on behalf of the sleeper; it has ended, and what follows from
 * that has been done. */
static inline void weir__sleeper_busy(struct weir__sleeper *sleeper, bool more)
{
    sleeper->clock->ops->busy(sleeper, more);
}

/* A time plus a duration, without overflow: WEIR_FOREVER is the end of time. Requires: not both are
 * negative. */
static inline int64_t weir__time_add(int64_t time_ns, int64_t by_ns)
{
    return by_ns > 0 && time_ns > WEIR_FOREVER - by_ns ? WEIR_FOREVER : time_ns + by_ns;
}

#endif
