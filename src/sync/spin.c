/* Looking before sleeping.
 *
 * To put a thread to sleep and to wake it up takes microseconds, and where idle cores are slow to wake
 * (in a virtual machine, or in deep sleep) a hundred; what the thread waits for is often closer. But one
 * that looks in vain has burnt that time. As with skis, which are rented until the rent has reached the
 * price: nobody looks for more than a few times as long as a wake-up takes. That is measured, as the time
 * from the moment at which somebody set out to wake the thread; before it is known, nobody looks. It is
 * taken four times, because what is waited for may itself begin with the wake-ups of one or two others, who
 * will only be spared theirs once everybody looks.
 *
 * And looks are tried only as long as they succeed: after n misses in a row 2^n - 1 sleeps go without
 * one, 63 at the most. So whoever always waits for long burns little, for each sleep a 64th of the time
 * that a look may take; and one look that succeeds makes it look each time.
 *
 * While it looks, it lets others run: on a busy machine the time goes to those who have something to do,
 * and perhaps are who it waits for.
 *
 * tests: unit.sync.spin */
#include "sync/spin.h"

#include <sched.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "base/compiler.h"

enum { LOOKS = 40, MISSES_MOST = 63, COSTS = 4, MEMORY = 4 };

static bool look(unsigned looks, int64_t end_ns, bool (*seen)(void *), void *what)
{
    do {
        for (unsigned i = 0; i <= looks; i++, weir__pause())
            if (seen(what))
                return true;
        sched_yield();
    } while (weir__now_ns() < end_ns);
    return seen(what);
}

/* How long to look now; 0: not at all. */
static int64_t worth_ns(struct weir__spin *spin)
{
    /* relaxed, here and below: advice; threads that share it may take each other's */
    int64_t cost_ns = COSTS * (int64_t)weir__load_relaxed(&spin->cost_ns);
    uint32_t pass = weir__load_relaxed(&spin->pass);
    if (!pass)
        return cost_ns < spin->most_ns ? cost_ns : spin->most_ns;
    weir__store_relaxed(&spin->pass, pass - 1);
    return 0;
}

bool weir__spin(struct weir__spin *spin, int64_t deadline_ns, bool (*seen)(void *), void *what)
{
    int64_t most_ns = spin->most_ns ? worth_ns(spin) : 0;
    if (most_ns == 0)
        return false;
    int64_t now_ns = weir__now_ns(), rest_ns = deadline_ns - now_ns;
    if (rest_ns <= 0)
        return false;
    if (look(LOOKS / (spin->weight + 1), now_ns + (most_ns < rest_ns ? most_ns : rest_ns), seen, what)) {
        weir__store_relaxed(&spin->misses, 0u);
        return true;
    }
    if (rest_ns < most_ns)
        return false; /* cut short, which says nothing */
    uint32_t misses = 2 * weir__load_relaxed(&spin->misses) + 1;
    misses = misses < MISSES_MOST ? misses : MISSES_MOST;
    weir__store_relaxed(&spin->misses, misses);
    weir__store_relaxed(&spin->pass, misses);
    return false;
}

void weir__spin_learn(struct weir__spin *spin, int64_t cost_ns)
{
    if (cost_ns < 0 || !spin->most_ns)
        return;
    int64_t before_ns = weir__load_relaxed(&spin->cost_ns);
    if (cost_ns > spin->most_ns)
        cost_ns = spin->most_ns;
    cost_ns = before_ns ? before_ns + (cost_ns - before_ns) / MEMORY : cost_ns;
    weir__store_relaxed(&spin->cost_ns, cost_ns < UINT32_MAX ? (uint32_t)cost_ns : UINT32_MAX);
}

void weir__spin_woken(struct weir__spin *spin, int64_t woken_ns)
{
    if (woken_ns > 0)
        weir__spin_learn(spin, weir__now_ns() - woken_ns);
}
