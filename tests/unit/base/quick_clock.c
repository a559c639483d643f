/* The quick clock beside the system's, which is put forward, slowed down and set back under it. */
#include "base/quick_clock.h"

#include "support/check.h"

/* The system's clock as the library sees it. */
static int64_t ahead_ns, real_start_ns;
static int64_t slower; /* of so many nanoseconds, one does not pass; 0: all pass */

int __real_clock_gettime(clockid_t clock, struct timespec *out);
int __wrap_clock_gettime(clockid_t clock, struct timespec *out);

int __wrap_clock_gettime(clockid_t clock, struct timespec *out)
{
    int result = __real_clock_gettime(clock, out);
    int64_t ns = (int64_t)out->tv_sec * WEIR_SECOND + out->tv_nsec + ahead_ns;
    if (slower)
        ns -= (ns - real_start_ns) / slower;
    out->tv_sec = ns / WEIR_SECOND;
    out->tv_nsec = ns % WEIR_SECOND;
    return result;
}

static bool works(void)
{
    if (!weir__quick_clock_works())
        print_message("there is no quick clock here\n");
    return weir__quick_clock_works();
}

/* By how much it is off, at the least that can be said. */
static int64_t error_ns(void)
{
    int64_t before_ns = weir__now_ns(), ns = weir__quick_ns(true), after_ns = weir__now_ns();
    return ns < before_ns ? before_ns - ns : ns > after_ns ? ns - after_ns : 0;
}

/* Whether it shows the system's time again before long, and does so for a while. */
static bool agrees(void)
{
    int64_t end_ns = weir__now_ns() + WATCHDOG_NS;
    for (int in_a_row = 0; in_a_row < 20000 && weir__now_ns() < end_ns;)
        in_a_row = error_ns() < SLACK_NS ? in_a_row + 1 : 0;
    return weir__now_ns() < end_ns;
}

static void quick_clock_shows_the_time(void **state)
{
    (void)state;
    int64_t end_ns = weir__now_ns() + 50 * WEIR_MILLISECOND, worst_ns = 0;
    while (works() && weir__now_ns() < end_ns) {
        int64_t off_ns = error_ns();
        worst_ns = off_ns > worst_ns ? off_ns : worst_ns;
    }
    assert_true(worst_ns < SLACK_NS);
}

static void quick_clock_that_does_not_work_is_the_system_s(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        int64_t before_ns = weir__now_ns(), ns = weir__quick_ns(false);
        assert_true(before_ns <= ns && ns <= weir__now_ns());
    }
}

static void quick_clock_follows_a_leap(void **state)
{
    (void)state;
    if (!works())
        return;
    assert_true(agrees());
    ahead_ns = 3600 * WEIR_SECOND; /* as after a sleep in which ticks stood still */
    assert_true(agrees());
    ahead_ns += WEIR_MILLISECOND;
    assert_true(agrees());
    ahead_ns = 0; /* back: as after one in which they went on */
    assert_true(agrees());
}

static void quick_clock_follows_a_change_of_pace(void **state)
{
    (void)state;
    if (!works())
        return;
    assert_true(agrees());
    real_start_ns = weir__now_ns();
    slower = 3; /* as if a tick had become shorter: on another machine, say */
    assert_true(agrees());
    slower = 1000; /* or for a clock that is being put right */
    assert_true(agrees());
    slower = 0;
    assert_true(agrees());
}

#ifdef WEIR__HAS_TICKS
static void quick_clock_does_not_trust_what_it_remembers_for_long(void **state)
{
    (void)state;
    struct weir__quick_clock *own = &weir__quick_clock;
    if (!works())
        return;
    const uint64_t ticks[] = { 0, 1, UINT64_C(1) << 40, UINT64_MAX / 2, UINT64_MAX };
    for (size_t i = 0; i < sizeof ticks / sizeof ticks[0]; i++) {
        assert_true(agrees());
        own->tick += ticks[i]; /* as if the counter had been set back, or forward */
        assert_true(agrees());
        own->ns_per_tick = i % 2 ? 0 : UINT64_MAX; /* and as nothing else could do */
        own->fresh = 0;
        assert_true(agrees());
    }
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quick_clock_shows_the_time),
        cmocka_unit_test(quick_clock_that_does_not_work_is_the_system_s),
        cmocka_unit_test(quick_clock_follows_a_leap),
        cmocka_unit_test(quick_clock_follows_a_change_of_pace),
#ifdef WEIR__HAS_TICKS
        cmocka_unit_test(quick_clock_does_not_trust_what_it_remembers_for_long),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
