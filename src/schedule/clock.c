/* The monotonic clock, and what both kinds of clock have in common. */
#include "base/clock.h"

#include "schedule/clock_impl.h"

static int64_t read_monotonic(const weir_clock *clock)
{
    (void)clock;
    return weir__now_ns();
}

static void park_until(struct weir__sleeper *sleeper, int64_t until_ns)
{
    weir__park(&sleeper->parker, until_ns);
}

static void unpark(struct weir__sleeper *sleeper)
{
    weir__unpark(&sleeper->parker);
}

static void ignore(struct weir__sleeper *sleeper)
{
    (void)sleeper;
}

static void ignore_busy(struct weir__sleeper *sleeper, bool more)
{
    (void)sleeper;
    (void)more;
}

weir_clock *weir_clock_monotonic(void)
{
    static const struct weir__clock_ops ops = { read_monotonic, ignore, ignore,     ignore,
                                                park_until,     unpark, ignore_busy };
    static weir_clock clock = { &ops }; /* never written to: shared by all, belongs to none */
    return &clock;
}

int64_t weir_clock_now(const weir_clock *clock)
{
    return clock ? clock->ops->now(clock) : weir__now_ns();
}

void weir__sleeper_init(struct weir__sleeper *sleeper, weir_clock *clock)
{
    *sleeper = (struct weir__sleeper){ .clock = clock ? clock : weir_clock_monotonic() };
    sleeper->clock->ops->attach(sleeper);
}

void weir__sleeper_retire(struct weir__sleeper *sleeper)
{
    sleeper->clock->ops->retire(sleeper);
}

void weir__sleeper_fini(struct weir__sleeper *sleeper)
{
    sleeper->clock->ops->detach(sleeper);
}
