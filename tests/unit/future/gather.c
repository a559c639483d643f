/* One waiter, many futures. */
#include "future/gather.h"

#include "base/clock.h"
#include "support/crew.h"
#include "unit/future/fixture.h"

enum {
    N = 4
};

static struct weir__slab *slab;
static struct weir_future *future[N];
static struct weir__gather gather;
static struct weir__member member[N + 2];

static int begin(void **state)
{
    (void)state;
    slab = fixture_slab();
    for (int i = 0; i < N; i++)
        future[i] = fixture_running(slab);
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (int i = 0; i < N; i++) {
        if (!weir__future_ended(future[i]))
            weir__future_end(future[i], WEIR_OK, NULL);
        weir_future_unref(future[i]);
    }
    weir__slab_close(slab);
    return 0;
}

static size_t take_index(void)
{
    struct weir__member *taken = weir__gather_take(&gather);
    return taken ? taken->index : SIZE_MAX;
}

static void gather_of_the_ended_does_not_wait(void **state)
{
    (void)state;
    for (int i = 0; i < N; i++)
        weir__future_end(future[i], WEIR_OK, NULL);
    weir__gather_init(&gather, member, future, N);
    assert_true(weir__gather_wait(&gather, N, false, 0));
    for (size_t i = 0; i < N; i++)
        assert_int_equal(take_index(), i);
    assert_int_equal(take_index(), SIZE_MAX);
    weir__gather_fini(&gather);
}

static void gather_gives_them_in_the_order_of_their_ends(void **state)
{
    (void)state;
    weir__future_end(future[2], WEIR_OK, NULL);
    weir__gather_init(&gather, member, future, N);
    weir__future_end(future[3], WEIR_OK, NULL);
    weir__future_end(future[0], WEIR_OK, NULL);
    assert_int_equal(take_index(), 2);
    assert_int_equal(take_index(), 3);
    assert_int_equal(take_index(), 0);
    assert_int_equal(take_index(), SIZE_MAX);
    weir__future_end(future[1], WEIR_OK, NULL); /* after the list was empty */
    assert_int_equal(take_index(), 1);
    weir__gather_fini(&gather);
}

static void gather_counts_null_as_ended_but_does_not_give_it(void **state)
{
    (void)state;
    struct weir_future *gaps[] = { NULL, future[0], NULL };
    weir__gather_init(&gather, member, gaps, 3);
    assert_true(weir__gather_wait(&gather, 2, false, 0));
    assert_false(weir__gather_wait(&gather, 3, false, 0));
    weir__future_end(future[0], WEIR_OK, NULL);
    assert_true(weir__gather_wait(&gather, 3, false, 0));
    assert_int_equal(take_index(), 1);
    assert_int_equal(take_index(), SIZE_MAX);
    weir__gather_fini(&gather);
}

static void gather_registers_one_future_as_often_as_it_comes(void **state)
{
    (void)state;
    struct weir_future *twice[] = { future[0], future[1], future[0] };
    weir__gather_init(&gather, member, twice, 3);
    weir__future_end(future[0], WEIR_OK, NULL);
    assert_true(weir__gather_wait(&gather, 2, false, 0));
    assert_false(weir__gather_wait(&gather, 3, false, 0));
    assert_int_equal(take_index(), 0);
    assert_int_equal(take_index(), 2);
    weir__gather_fini(&gather);
}

static void gather_waits_no_less_than_its_deadline(void **state)
{
    (void)state;
    weir__gather_init(&gather, member, future, N);
    int64_t deadline_ns = weir__deadline_after(20 * WEIR_MILLISECOND);
    assert_false(weir__gather_wait(&gather, 1, false, deadline_ns));
    assert_true(now_ns() >= deadline_ns);
    weir__gather_fini(&gather);
}

static void gather_wakes_on_failure_only_if_asked(void **state)
{
    (void)state;
    weir__gather_init(&gather, member, future, N);
    weir__future_end(future[0], WEIR_ECANCELLED, NULL); /* not a failure */
    assert_false(weir__gather_wait(&gather, N, true, 0));
    weir__future_end(future[2], WEIR_EFAILED, NULL);
    weir__future_end(future[1], WEIR_EBROKEN, NULL); /* not the first */
    assert_false(weir__gather_wait(&gather, N, false, 0));
    assert_true(weir__gather_wait(&gather, N, true, 0));
    assert_int_equal(gather.failed, 2);
    weir__gather_fini(&gather);
}

static void gather_finds_failures_of_the_past(void **state)
{
    (void)state;
    weir__future_end(future[1], WEIR_EEXPIRED, NULL);
    weir__gather_init(&gather, member, future, N);
    assert_true(weir__gather_wait(&gather, N, true, 0));
    assert_int_equal(gather.failed, 1);
    weir__gather_fini(&gather);
}

static void gather_forgotten_member_is_not_told(void **state)
{
    (void)state;
    weir__gather_init(&gather, member, future, N);
    weir__gather_forget(&member[1]);
    weir__future_end(future[1], WEIR_OK, NULL);
    weir__future_end(future[0], WEIR_OK, NULL);
    assert_int_equal(take_index(), 0);
    assert_int_equal(take_index(), SIZE_MAX);
    weir__gather_fini(&gather);
    /* What is left of it is not touched any more. */
    memset(member, 0xff, sizeof member);
    weir__future_end(future[2], WEIR_OK, NULL);
    assert_int_equal(*(unsigned char *)&member[2], 0xff);
}

struct ender {
    size_t rounds;
    _Atomic size_t turn; /* rounds begun */
};

static void end_all_of_a_round(void *shared, size_t index)
{
    struct ender *ender = shared;
    for (size_t round = 1; round <= ender->rounds; round++) {
        while (atomic_load(&ender->turn) < round)
            sched_yield();
        /* Two threads, each ends two. */
        weir__future_end(future[2 * index], WEIR_OK, NULL);
        weir__future_end(future[2 * index + 1], WEIR_OK, NULL);
    }
}

static void gather_wakes_for_ends_in_other_threads(void **state)
{
    (void)state;
    struct ender ender = { .rounds = ROUNDS(3000) };
    struct crew *crew = crew_start(2, end_all_of_a_round, &ender);
    size_t late = 0, lost = 0;
    for (size_t round = 1; round <= ender.rounds; round++) {
        weir__gather_init(&gather, member, future, N);
        atomic_store(&ender.turn, round);
        for (size_t i = 1; i <= N; i++)
            late += !weir__gather_wait(&gather, i, false, weir__deadline_after(WATCHDOG_NS));
        for (size_t i = 0; i < N; i++)
            lost += weir__gather_take(&gather) == NULL;
        weir__gather_fini(&gather);
        for (size_t i = 0; i < N; i++) {
            weir_future_unref(future[i]);
            future[i] = fixture_running(slab);
        }
    }
    crew_join(crew);
    assert_int_equal(late, 0);
    assert_int_equal(lost, 0);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(gather_of_the_ended_does_not_wait),
        FRESH(gather_gives_them_in_the_order_of_their_ends),
        FRESH(gather_counts_null_as_ended_but_does_not_give_it),
        FRESH(gather_registers_one_future_as_often_as_it_comes),
        FRESH(gather_waits_no_less_than_its_deadline),
        FRESH(gather_wakes_on_failure_only_if_asked),
        FRESH(gather_finds_failures_of_the_past),
        FRESH(gather_forgotten_member_is_not_told),
        FRESH(gather_wakes_for_ends_in_other_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
