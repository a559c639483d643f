/* The monotonic clock for those who read it all the time. See quick_clock.c. */
#ifndef WEIR_BASE_QUICK_CLOCK_H
#define WEIR_BASE_QUICK_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/compiler.h"

/* Schedules have a clock of their own. */
#if defined(__x86_64__) && !defined(WEIR_STEP_HOOK)
#define WEIR__HAS_TICKS 1
#endif

/* Whether the processor has a counter that runs evenly, come what may. Costs next to nothing. */
bool weir__quick_clock_works(void);

#ifdef WEIR__HAS_TICKS

enum { WEIR__TICK_SHIFT = 32, WEIR__TICKS_FRESH = 1 << 19 };

/* What a thread knows: the time at some tick, not long ago, and how long a tick lasts. */
struct weir__quick_clock {
    uint64_t tick;
    int64_t ns;
    uint64_t ns_per_tick; /* times 2^WEIR__TICK_SHIFT; 0: not known yet */
    uint64_t fresh;       /* so many ticks from there, that is good enough; 0: not at all */
    unsigned late;        /* answers in a row that came too late to be learnt from */
};

extern _Thread_local struct weir__quick_clock weir__quick_clock
    __attribute__((tls_model("initial-exec"), visibility("hidden")));

/* Look at the system's clock, and learn from it. */
int64_t weir__quick_clock_renew(struct weir__quick_clock *);

/* weir__now_ns(), but for a fraction of a microsecond. works: what weir__quick_clock_works() said. The
 * time of one thread may go back by as much, and be ahead of another's. */
static inline int64_t weir__quick_ns(bool works)
{
    if (!works)
        return weir__now_ns();
    struct weir__quick_clock *own = &weir__quick_clock;
    uint64_t since = __builtin_ia32_rdtsc() - own->tick;
    if (WEIR__LIKELY(since < own->fresh))
        return own->ns + (int64_t)(since * own->ns_per_tick >> WEIR__TICK_SHIFT);
    return weir__quick_clock_renew(own);
}

#else

static inline int64_t weir__quick_ns(bool works)
{
    (void)works;
    return weir__now_ns();
}

#endif

#endif
