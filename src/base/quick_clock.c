/* A clock for the two moments of every task that are measured: its submission, and its end.
 *
 * To ask the system for the time costs two to four times what the processor's own counter of ticks does,
 * since it has to be made sense of, and waits for whatever the processor is about. Of a task that does
 * nothing, that was a quarter. So each thread asks the system now and then, goes on from there by the
 * ticks that have passed, for some tenths of a millisecond, and asks again. What a tick lasts it learns
 * from two answers in a row.
 *
 * That is as good as the system's clock, but for what the two answers are off: some tens of nanoseconds,
 * and about half a microsecond if both were as late as is taken. It heals by itself. A counter that was
 * set back, or has gone on while the machine slept, is stale, since the difference is large; an answer
 * that took long, because the thread was interrupted on the way, is not learnt from; nor is one by which
 * ticks would all of a sudden be longer or shorter. What is not noticed is a move to a core whose counter
 * is ahead by less than a look is good for: then times are wrong by as much, until the next. Counters that
 * run evenly agree, unless the firmware has set one of them.
 *
 * Deadlines go by weir__now_ns(). tests: unit.base.quick_clock */
#include "base/quick_clock.h"

#ifdef WEIR__HAS_TICKS

#if defined(__has_include)
#if __has_include(<sys/platform/x86.h>)
#include <sys/platform/x86.h>
#endif
#endif

_Thread_local struct weir__quick_clock weir__quick_clock;

bool weir__quick_clock_works(void)
{
#ifdef CPU_FEATURE_PRESENT
    return CPU_FEATURE_PRESENT(INVARIANT_TSC);
#else
    return false; /* the processor could be asked, which takes long on a virtual one */
#endif
}

enum {
    PROMPT = 512,             /* an answer that takes more ticks is not learnt from */
    APART_LEAST = 1 << 18,    /* nor are two that are closer together than that, */
    APART_SHIFT = 36,         /* or, in ticks, farther apart than 2^APART_SHIFT */
    LATE_MOST = 64,           /* so many late ones in a row, and none is asked for any more */
    UNSTEADY = 64             /* of the length of a tick: so small a part is a change */
};

#define NS_PER_TICK_LEAST (UINT64_C(1) << (WEIR__TICK_SHIFT - 4)) /* 16 GHz */
#define NS_PER_TICK_MOST (UINT64_C(1) << (WEIR__TICK_SHIFT + 4))

static bool is_steady(uint64_t before, uint64_t now)
{
    uint64_t change = now > before ? now - before : before - now;
    return change <= before / UNSTEADY;
}

/* What a tick lasts by two answers; 0: that cannot be. */
static uint64_t measure(uint64_t ticks, int64_t ns)
{
    if (ticks >> APART_SHIFT || ns <= 0 || ns >> (63 - WEIR__TICK_SHIFT + 4))
        return 0;
    uint64_t ns_per_tick = (uint64_t)((double)ns / (double)ticks *
                                      (double)(UINT64_C(1) << WEIR__TICK_SHIFT));
    return ns_per_tick < NS_PER_TICK_LEAST || ns_per_tick > NS_PER_TICK_MOST ? 0 : ns_per_tick;
}

static void learn(struct weir__quick_clock *own, uint64_t tick, int64_t ns)
{
    uint64_t apart = tick - own->tick;
    if (own->tick && apart < APART_LEAST)
        return; /* the first answer stays, until one comes that is far enough from it */
    uint64_t measured = own->tick ? measure(apart, ns - own->ns) : 0;
    bool changed = own->ns_per_tick && !is_steady(own->ns_per_tick, measured);
    own->ns_per_tick = changed ? 0 : measured;
    own->tick = tick;
    own->ns = ns;
    own->fresh = own->ns_per_tick ? WEIR__TICKS_FRESH : 0;
}

int64_t weir__quick_clock_renew(struct weir__quick_clock *own)
{
    if (WEIR__UNLIKELY(own->late == LATE_MOST)) /* the system's clock is slow, or the counter is */
        return weir__now_ns();
    uint64_t before = __builtin_ia32_rdtsc();
    int64_t ns = weir__now_ns();
    uint64_t took = __builtin_ia32_rdtsc() - before;
    if (took < PROMPT)
        learn(own, before + took / 2, ns);
    own->late = took < PROMPT ? 0 : own->late + 1;
    return ns;
}

#else

bool weir__quick_clock_works(void)
{
    return false;
}

#endif
