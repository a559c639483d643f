/* When it is looked before sleeping, for how long, and what that saves. */
#include "sync/parker.h"
#include "sync/spin.h"

#include <pthread.h>

#include "base/clock.h"
#include "support/check.h"

enum { PASSES_MOST = 63 };

static unsigned looks;

static bool never(void *unused)
{
    (void)unused;
    looks++;
    return false;
}

static bool at_once(void *unused)
{
    (void)unused;
    looks++;
    return true;
}

/* Whether it was looked at all. */
static bool looked(struct weir__spin *spin, bool (*seen)(void *))
{
    looks = 0;
    bool found = weir__spin(spin, WEIR_FOREVER, seen, NULL);
    assert_int_equal(found, looks == 1 && seen == at_once);
    return looks > 0;
}

static void without_time_for_it_nobody_looks(void **state)
{
    (void)state;
    struct weir__spin spin = { 0 };
    weir__spin_learn(&spin, WEIR_MILLISECOND);
    assert_false(looked(&spin, at_once));
    assert_false(looked(&spin, at_once));
}

static void nobody_looks_before_the_price_of_a_wake_up_is_known(void **state)
{
    (void)state;
    struct weir__spin spin = { .most_ns = WEIR_SECOND };
    assert_false(looked(&spin, at_once));
    weir__spin_learn(&spin, -1); /* a clock that others write may say anything */
    assert_false(looked(&spin, at_once));
    weir__spin_learn(&spin, 1000);
    assert_true(looked(&spin, at_once));
}

static void each_miss_makes_looks_rarer_and_a_hit_common_again(void **state)
{
    (void)state;
    struct weir__spin spin = { .most_ns = WEIR_SECOND };
    weir__spin_learn(&spin, 1000);
    for (unsigned passes = 1, misses = 0; misses < 10; misses++) {
        assert_true(looked(&spin, never));
        for (unsigned i = 0; i < passes; i++)
            assert_false(looked(&spin, at_once));
        passes = 2 * passes + 1 < PASSES_MOST ? 2 * passes + 1 : PASSES_MOST;
    }
    for (int i = 0; i < 100; i++)
        assert_true(looked(&spin, at_once));
    assert_true(looked(&spin, never));
    assert_false(looked(&spin, at_once));
    assert_true(looked(&spin, at_once));
}

static void look_that_is_cut_short_by_a_deadline_is_no_miss(void **state)
{
    (void)state;
    struct weir__spin spin = { .most_ns = WEIR_SECOND };
    weir__spin_learn(&spin, WEIR_SECOND);
    looks = 0;
    assert_false(weir__spin(&spin, weir__deadline_after(WEIR_MICROSECOND), never, NULL));
    assert_false(weir__spin(&spin, weir__now_ns(), never, NULL));
    assert_true(looked(&spin, at_once));
    looks = 0;
    assert_false(weir__spin(&spin, 1, at_once, NULL)); /* that was long ago */
    assert_int_equal(looks, 0);
}

static void price_follows_what_is_measured_up_to_the_most(void **state)
{
    (void)state;
    struct weir__spin spin = { .most_ns = 5000 };
    weir__spin_learn(&spin, 1000);
    assert_int_equal(spin.cost_ns, 1000);
    for (int i = 0; i < 50; i++)
        weir__spin_learn(&spin, 3000);
    assert_in_range(spin.cost_ns, 2990, 3000);
    for (int i = 0; i < 50; i++)
        weir__spin_learn(&spin, WEIR_SECOND);
    assert_in_range(spin.cost_ns, 4990, 5000);
    for (int i = 0; i < 50; i++)
        weir__spin_learn(&spin, 0);
    assert_in_range(spin.cost_ns, 0, 10);
}

static void look_lasts_no_longer_than_four_times_the_price(void **state)
{
    (void)state;
    struct weir__spin spin = { .most_ns = WEIR_FOREVER };
    weir__spin_learn(&spin, WEIR_MILLISECOND);
    int64_t begin_ns = weir__now_ns();
    looks = 0;
    assert_false(weir__spin(&spin, WEIR_FOREVER, never, NULL)); /* or it would not come back */
    assert_true(weir__now_ns() - begin_ns >= 4 * WEIR_MILLISECOND);
    assert_true(looks > 0);
}

/* System calls on the words of parkers, and of one that looks. */
static _Atomic unsigned slept, woken, yielded;
static _Thread_local bool waits; /* this thread is the one that looks */
int __real_sched_yield(void);
int __wrap_sched_yield(void);

int __wrap_sched_yield(void)
{
    if (waits)
        atomic_fetch_add(&yielded, 1);
    return __real_sched_yield();
}

bool __real_weir__futex_wait(_Atomic uint32_t *, uint32_t, int64_t);
bool __wrap_weir__futex_wait(_Atomic uint32_t *, uint32_t, int64_t);
void __real_weir__futex_wake(_Atomic uint32_t *, int);
void __wrap_weir__futex_wake(_Atomic uint32_t *, int);

bool __wrap_weir__futex_wait(_Atomic uint32_t *word, uint32_t expected, int64_t deadline_ns)
{
    atomic_fetch_add(&slept, 1);
    return __real_weir__futex_wait(word, expected, deadline_ns);
}

void __wrap_weir__futex_wake(_Atomic uint32_t *word, int count)
{
    atomic_fetch_add(&woken, 1);
    __real_weir__futex_wake(word, count);
}

static struct meeting {
    struct weir__parker parker;
    struct weir__spin spin;
    bool taken;
} meeting;

static void *wait_there(void *unused)
{
    (void)unused;
    waits = true;
    meeting.taken =
        weir__park_warm(&meeting.parker, weir__deadline_after(WATCHDOG_NS), &meeting.spin);
    return NULL;
}

static void meet(int64_t most_ns)
{
    pthread_t thread;
    memset(&meeting, 0, sizeof meeting);
    meeting.spin.most_ns = most_ns;
    weir__spin_learn(&meeting.spin, most_ns);
    atomic_store(&slept, 0);
    atomic_store(&woken, 0);
    atomic_store(&yielded, 0);
    assert_int_equal(pthread_create(&thread, NULL, wait_there, NULL), 0);
    if (most_ns)
        assert_eventually(atomic_load(&yielded) > 0);
    else
        assert_eventually(atomic_load(&slept) > 0);
    weir__unpark(&meeting.parker);
    pthread_join(thread, NULL);
    assert_true(meeting.taken);
}

static void token_for_one_that_looks_costs_no_system_call(void **state)
{
    (void)state;
    meet(WATCHDOG_NS);
    assert_int_equal(atomic_load(&slept), 0);
    assert_int_equal(atomic_load(&woken), 0);
}

static void token_for_one_that_sleeps_wakes_it(void **state)
{
    (void)state;
    meet(0);
    assert_int_equal(atomic_load(&woken), 1);
    assert_int_equal(meeting.spin.cost_ns, 0);
}

static void price_is_measured_at_the_end_of_a_sleep(void **state)
{
    (void)state;
    /* Nothing, if the token came between the word that says so and the sleep: then once more. */
    do {
        pthread_t thread;
        memset(&meeting, 0, sizeof meeting);
        meeting.spin.most_ns = WATCHDOG_NS; /* and nothing is known yet */
        atomic_store(&slept, 0);
        assert_int_equal(pthread_create(&thread, NULL, wait_there, NULL), 0);
        assert_eventually(atomic_load(&slept) > 0);
        weir__unpark(&meeting.parker);
        pthread_join(thread, NULL);
        assert_true(meeting.taken);
    } while (meeting.spin.cost_ns == 0);
    assert_false(weir__park(&meeting.parker, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_time_for_it_nobody_looks),
        cmocka_unit_test(nobody_looks_before_the_price_of_a_wake_up_is_known),
        cmocka_unit_test(each_miss_makes_looks_rarer_and_a_hit_common_again),
        cmocka_unit_test(look_that_is_cut_short_by_a_deadline_is_no_miss),
        cmocka_unit_test(price_follows_what_is_measured_up_to_the_most),
        cmocka_unit_test(look_lasts_no_longer_than_four_times_the_price),
        cmocka_unit_test(token_for_one_that_looks_costs_no_system_call),
        cmocka_unit_test(token_for_one_that_sleeps_wakes_it),
        cmocka_unit_test(price_is_measured_at_the_end_of_a_sleep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
