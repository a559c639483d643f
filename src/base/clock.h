/* Monotonic time, in nanoseconds. The wall clock is never looked at. */
#ifndef WEIR_BASE_CLOCK_H
#define WEIR_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#include "weir/time.h"

static inline int64_t weir__now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * WEIR_SECOND + now.tv_nsec;
}

/* From one moment to another, or 0 if they come in the wrong order: clocks of two threads may differ. */
static inline uint64_t weir__elapsed_ns(int64_t from_ns, int64_t to_ns)
{
    return to_ns > from_ns ? (uint64_t)(to_ns - from_ns) : 0;
}

/* The moment timeout_ns from now; WEIR_FOREVER stays WEIR_FOREVER, and so does what overflows. */
static inline int64_t weir__deadline_after(int64_t timeout_ns)
{
    if (timeout_ns == WEIR_FOREVER)
        return WEIR_FOREVER;
    int64_t now = weir__now_ns();
    return timeout_ns > WEIR_FOREVER - now ? WEIR_FOREVER : now + timeout_ns;
}

#endif
