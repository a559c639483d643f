/* The lock and the parker, under contention. */
#include <stdatomic.h>

#include "base/clock.h"
#include "support/check.h"
#include "support/crew.h"
#include "sync/lock.h"
#include "sync/parker.h"

enum {
    THREADS = 4
};

struct counted {
    struct weir__lock lock;
    size_t rounds;
    uint64_t count; /* protected by: lock; not atomic */
    _Atomic int inside;
    _Atomic bool together;
};

static void count_up(void *shared, size_t index)
{
    struct counted *counted = shared;
    for (size_t i = 0; i < counted->rounds; i++) {
        weir__lock_take(&counted->lock);
        if (atomic_fetch_add(&counted->inside, 1) != 0)
            atomic_store(&counted->together, true);
        counted->count++;
        if (i % 64 == index) /* hold it for longer, so that others go to sleep */
            sched_yield();
        atomic_fetch_sub(&counted->inside, 1);
        weir__lock_release(&counted->lock);
    }
}

static void lock_contended_is_held_by_one_at_a_time(void **state)
{
    (void)state;
    struct counted counted = { .rounds = ROUNDS(100000) };
    crew_run(THREADS, count_up, &counted);
    assert_false(atomic_load(&counted.together));
    assert_int_equal(counted.count, THREADS * counted.rounds);
    assert_int_equal(atomic_load(&counted.lock.word), 0);
}

static void take_once(void *shared, size_t index)
{
    struct counted *counted = shared;
    (void)index;
    weir__lock_take(&counted->lock);
    counted->count++;
    weir__lock_release(&counted->lock);
}

static void lock_sleepers_are_all_woken(void **state)
{
    (void)state;
    struct counted counted = { .rounds = 1 };
    weir__lock_take(&counted.lock);
    struct crew *crew = crew_start(THREADS, take_once, &counted);
    assert_eventually(atomic_load(&counted.lock.word) == 2); /* somebody sleeps */
    assert_int_equal(counted.count, 0);
    weir__lock_release(&counted.lock);
    crew_join(crew);
    assert_int_equal(counted.count, THREADS);
}

static void parker_token_left_before_is_taken_at_once(void **state)
{
    (void)state;
    struct weir__parker parker = { 0 };
    weir__unpark(&parker);
    assert_true(weir__park(&parker, WEIR_FOREVER));
    assert_false(weir__park(&parker, 0));
}

static void parker_tokens_do_not_add_up(void **state)
{
    (void)state;
    struct weir__parker parker = { 0 };
    weir__unpark(&parker);
    weir__unpark(&parker);
    assert_true(weir__park(&parker, 0));
    assert_false(weir__park(&parker, 0));
}

static void parker_sleeps_until_the_deadline_and_no_less(void **state)
{
    (void)state;
    struct weir__parker parker = { 0 };
    int64_t deadline_ns = weir__deadline_after(20 * WEIR_MILLISECOND);
    assert_false(weir__park(&parker, deadline_ns));
    assert_true(now_ns() >= deadline_ns);
    /* It is none the worse for it. */
    weir__unpark(&parker);
    assert_true(weir__park(&parker, WEIR_FOREVER));
}

struct pair {
    struct weir__parker parker[2];
    size_t rounds;
    uint64_t ball; /* whose turn it is owns it; not atomic */
    _Atomic bool lost;
};

static void play(void *shared, size_t index)
{
    struct pair *pair = shared;
    for (size_t i = 0; i < pair->rounds && !atomic_load(&pair->lost); i++) {
        if (!weir__park(&pair->parker[index], weir__deadline_after(WATCHDOG_NS)))
            atomic_store(&pair->lost, true);
        pair->ball++;
        weir__unpark(&pair->parker[1 - index]);
    }
}

static void parkers_pass_a_ball_and_never_lose_it(void **state)
{
    (void)state;
    struct pair pair = { .rounds = ROUNDS(30000) };
    weir__unpark(&pair.parker[0]);
    crew_run(2, play, &pair);
    assert_false(atomic_load(&pair.lost));
    assert_int_equal(pair.ball, 2 * pair.rounds);
}

static void deadline_after_is_never_before_now_and_does_not_overflow(void **state)
{
    (void)state;
    int64_t before = now_ns();
    assert_true(weir__deadline_after(5) >= before + 5);
    assert_true(weir__deadline_after(WEIR_FOREVER) == WEIR_FOREVER);
    assert_true(weir__deadline_after(WEIR_FOREVER - 1) == WEIR_FOREVER);
    assert_true(weir__deadline_after(0) >= before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lock_contended_is_held_by_one_at_a_time),
        cmocka_unit_test(lock_sleepers_are_all_woken),
        cmocka_unit_test(parker_token_left_before_is_taken_at_once),
        cmocka_unit_test(parker_tokens_do_not_add_up),
        cmocka_unit_test(parker_sleeps_until_the_deadline_and_no_less),
        cmocka_unit_test(parkers_pass_a_ball_and_never_lose_it),
        cmocka_unit_test(deadline_after_is_never_before_now_and_does_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
