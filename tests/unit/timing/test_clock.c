/* The test clock: who sleeps, who is woken, and what a test is told of it. A sleeper here is a thread
 * that sleeps again and again until it is told to stop, as a scheduler does. */
#include <pthread.h>
#include <stdatomic.h>

#include "schedule/clock_impl.h"
#include "support/check.h"

struct dozer {
    struct weir__sleeper sleeper;
    pthread_t thread;
    _Atomic int64_t until_ns;
    _Atomic int64_t woke_at_ns;
    _Atomic uint32_t wakeups;
    _Atomic bool stop;
};

static void *doze(void *data)
{
    struct dozer *dozer = data;
    while (!atomic_load(&dozer->stop)) {
        weir__sleeper_sleep(&dozer->sleeper, atomic_load(&dozer->until_ns));
        atomic_store(&dozer->woke_at_ns, weir__sleeper_now(&dozer->sleeper));
        atomic_fetch_add(&dozer->wakeups, 1);
        if (atomic_load(&dozer->until_ns) <= weir__sleeper_now(&dozer->sleeper))
            atomic_store(&dozer->until_ns, WEIR_FOREVER);
    }
    weir__sleeper_retire(&dozer->sleeper);
    return NULL;
}

static void dozer_start(struct dozer *dozer, weir_clock *clock, int64_t until_ns)
{
    weir__sleeper_init(&dozer->sleeper, clock);
    dozer->until_ns = until_ns;
    dozer->woke_at_ns = -1;
    dozer->wakeups = 0;
    dozer->stop = false;
    assert_int_equal(pthread_create(&dozer->thread, NULL, doze, dozer), 0);
}

static void dozer_stop(struct dozer *dozer)
{
    atomic_store(&dozer->stop, true);
    weir__sleeper_wake(&dozer->sleeper);
    pthread_join(dozer->thread, NULL);
    weir__sleeper_fini(&dozer->sleeper);
}

static weir_clock *new_clock(int64_t now_ns)
{
    weir_clock *clock = NULL;
    assert_status(weir_test_clock_create(&clock, now_ns), WEIR_OK);
    return clock;
}

static void clock_stands_still_until_it_is_moved(void **state)
{
    (void)state;
    weir_clock *clock = new_clock(5);
    assert_int_equal(weir_clock_now(clock), 5);
    assert_status(weir_test_clock_advance(clock, 10), WEIR_OK);
    assert_int_equal(weir_clock_now(clock), 15);
    assert_status(weir_test_clock_advance(clock, 0), WEIR_OK);
    assert_int_equal(weir_clock_now(clock), 15);
    assert_status(weir_test_clock_advance(clock, WEIR_FOREVER), WEIR_OK);
    assert_int_equal(weir_clock_now(clock), WEIR_FOREVER - 1);
    weir_test_clock_destroy(clock);
}

static void sleeper_wakes_when_its_time_comes_and_not_before(void **state)
{
    (void)state;
    weir_clock *clock = new_clock(0);
    struct dozer dozer;
    dozer_start(&dozer, clock, 100);
    assert_status(weir_test_clock_wait_asleep(clock, WATCHDOG_NS), WEIR_OK);
    assert_int_equal(weir_test_clock_next(clock), 100);
    assert_status(weir_test_clock_advance(clock, 99), WEIR_OK);
    assert_status(weir_test_clock_wait_asleep(clock, WATCHDOG_NS), WEIR_OK);
    assert_int_equal(dozer.wakeups, 0);
    assert_status(weir_test_clock_advance(clock, 1), WEIR_OK);
    assert_status(weir_test_clock_wait_asleep(clock, WATCHDOG_NS), WEIR_OK);
    assert_int_equal(dozer.wakeups, 1);
    assert_int_equal(dozer.woke_at_ns, 100);
    dozer_stop(&dozer);
    weir_test_clock_destroy(clock);
}

static void wake_up_before_the_sleep_is_not_lost(void **state)
{
    (void)state;
    weir_clock *clock = new_clock(0);
    struct weir__sleeper sleeper;
    weir__sleeper_init(&sleeper, clock);
    weir__sleeper_wake(&sleeper);
    weir__sleeper_sleep(&sleeper, WEIR_FOREVER); /* would be for ever */
    weir__sleeper_fini(&sleeper);
    weir_test_clock_destroy(clock);
}

static void wake_up_before_a_monotonic_sleep_is_not_lost(void **state)
{
    (void)state;
    struct weir__sleeper sleeper;
    weir__sleeper_init(&sleeper, NULL);
    weir__sleeper_wake(&sleeper);
    weir__sleeper_sleep(&sleeper, WEIR_FOREVER);
    weir__sleeper_fini(&sleeper);
}

/* A wake-up counts as being awake until the sleeper has slept again, however long its thread takes
 * to get to run. */
static void sleeper_that_was_woken_is_not_asleep_until_it_sleeps_again(void **state)
{
    (void)state;
    weir_clock *clock = new_clock(0);
    struct dozer dozer;
    dozer_start(&dozer, clock, WEIR_FOREVER);
    for (uint32_t i = 1; i <= (uint32_t)ROUNDS(2000); i++) {
        assert_status(weir_test_clock_wait_asleep(clock, WATCHDOG_NS), WEIR_OK);
        weir__sleeper_wake(&dozer.sleeper);
        assert_status(weir_test_clock_wait_asleep(clock, WATCHDOG_NS), WEIR_OK);
        assert_int_equal(dozer.wakeups, i);
    }
    dozer_stop(&dozer);
    weir_test_clock_destroy(clock);
}

static void time_moved_between_the_decision_and_the_sleep_is_not_lost(void **state)
{
    (void)state;
    weir_clock *clock = new_clock(0);
    struct dozer dozer;
    dozer_start(&dozer, clock, 1);
    for (int64_t i = 1; i <= ROUNDS(2000); i++) {
        assert_status(weir_test_clock_advance(clock, 1),
                      WEIR_OK); /* without waiting for the sleep */
        assert_status(weir_test_clock_wait_asleep(clock, WATCHDOG_NS), WEIR_OK);
        assert_int_equal(dozer.woke_at_ns, i);
        atomic_store(&dozer.until_ns, i + 1);
        weir__sleeper_wake(&dozer.sleeper);
        assert_status(weir_test_clock_wait_asleep(clock, WATCHDOG_NS), WEIR_OK);
    }
    dozer_stop(&dozer);
    weir_test_clock_destroy(clock);
}

static void tasks_that_are_out_keep_it_from_being_idle(void **state)
{
    (void)state;
    weir_clock *clock = new_clock(0);
    struct dozer dozer;
    dozer_start(&dozer, clock, WEIR_FOREVER);
    weir__sleeper_busy(&dozer.sleeper, true);
    assert_status(weir_test_clock_wait_asleep(clock, WATCHDOG_NS), WEIR_OK);
    assert_status(weir_test_clock_wait_idle(clock, 0), WEIR_ETIMEDOUT);
    assert_status(weir_test_clock_run_for(clock, 5, WEIR_MILLISECOND), WEIR_ETIMEDOUT);
    assert_int_equal(weir_clock_now(clock), 0);
    weir__sleeper_busy(&dozer.sleeper, false);
    assert_status(weir_test_clock_wait_idle(clock, WATCHDOG_NS), WEIR_OK);
    dozer_stop(&dozer);
    assert_status(weir_test_clock_wait_idle(clock, 0), WEIR_OK); /* nobody there: idle */
    weir_test_clock_destroy(clock);
}

static void run_for_stops_at_every_due_time(void **state)
{
    (void)state;
    weir_clock *clock = new_clock(0);
    struct dozer first, second;
    dozer_start(&first, clock, 30);
    dozer_start(&second, clock, 70);
    assert_status(weir_test_clock_run_for(clock, 100, WATCHDOG_NS), WEIR_OK);
    assert_int_equal(first.woke_at_ns, 30);
    assert_int_equal(second.woke_at_ns, 70);
    assert_int_equal(weir_clock_now(clock), 100);
    assert_int_equal(weir_test_clock_next(clock), WEIR_FOREVER);
    dozer_stop(&first);
    dozer_stop(&second);
    weir_test_clock_destroy(clock);
}

static void bad_arguments_are_refused(void **state)
{
    (void)state;
    weir_clock *clock = NULL, *monotonic = weir_clock_monotonic();
    assert_status(weir_test_clock_create(NULL, 0), WEIR_EINVAL);
    assert_status(weir_test_clock_create(&clock, -1), WEIR_EINVAL);
    assert_null(clock);
    clock = new_clock(0);
    assert_status(weir_test_clock_advance(clock, -1), WEIR_EINVAL);
    assert_status(weir_test_clock_advance(monotonic, 1), WEIR_EINVAL);
    assert_status(weir_test_clock_advance(NULL, 1), WEIR_EINVAL);
    assert_status(weir_test_clock_run_for(clock, -1, 0), WEIR_EINVAL);
    assert_status(weir_test_clock_run_for(clock, 0, -1), WEIR_EINVAL);
    assert_status(weir_test_clock_wait_asleep(clock, -1), WEIR_EINVAL);
    assert_status(weir_test_clock_wait_idle(monotonic, 0), WEIR_EINVAL);
    assert_int_equal(weir_test_clock_next(monotonic), WEIR_FOREVER);
    assert_int_equal(weir_test_clock_next(NULL), WEIR_FOREVER);
    weir_test_clock_destroy(NULL);
    weir_test_clock_destroy(monotonic); /* is left alone */
    assert_true(weir_clock_now(NULL) >= weir_clock_now(monotonic) - WEIR_SECOND);
    weir_test_clock_destroy(clock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clock_stands_still_until_it_is_moved),
        cmocka_unit_test(sleeper_wakes_when_its_time_comes_and_not_before),
        cmocka_unit_test(wake_up_before_the_sleep_is_not_lost),
        cmocka_unit_test(wake_up_before_a_monotonic_sleep_is_not_lost),
        cmocka_unit_test(sleeper_that_was_woken_is_not_asleep_until_it_sleeps_again),
        cmocka_unit_test(time_moved_between_the_decision_and_the_sleep_is_not_lost),
        cmocka_unit_test(tasks_that_are_out_keep_it_from_being_idle),
        cmocka_unit_test(run_for_stops_at_every_due_time),
        cmocka_unit_test(bad_arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
