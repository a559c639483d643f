/* Schedules of places: none is lost on its way from who gives it back to who wants it, and nobody is
 * refused who finds one free. */
#include "base/atomic.h"
#include "unit/schedule/scenario.h"

enum { TURNS = 6 };

static struct weir__parker latch[5];

/* Task n stops at latch n. */
static void submit_latch(unsigned n)
{
    schedule_check(weir_submit(pool, latch_task, &latch[n], 0, NULL) == WEIR_OK);
}

static void submit_second_latch(void *data)
{
    (void)data;
    submit_latch(1);
}

static void submit_third_latch(void *data)
{
    (void)data;
    submit_latch(2);
}

static void submit_fourth_latch(void *data)
{
    (void)data;
    submit_latch(3);
}

/* A pool with one worker, at the first latch. */
static void create_latched(size_t limit, weir_policy policy)
{
    memset(latch, 0, sizeof latch);
    create_pool(&(weir_thread_options){ .workers = 1, .limit = limit, .policy = policy });
    submit_latch(0);
}

static void wait_until_blocked(uint64_t submitters)
{
    weir_stats stats;
    do
        schedule_check(weir_executor_stats(pool, &stats) == WEIR_OK);
    while (stats.blocked < submitters);
}

static void submit_and_cancel(void *data)
{
    unsigned number = *(unsigned *)data;
    for (int i = 0; i < TURNS; i++) {
        weir_future *future;
        schedule_check(submit_note(number, &future) == WEIR_OK);
        schedule_check(weir_future_cancel(future));
        weir_future_unref(future);
    }
}

/* Each has one task in the backlog at the most, and there is room for all of them. */
static void never_refused_below_the_limit(void)
{
    enum { N = 3 };
    static unsigned number[N] = { 0, 1, 2 };
    pthread_t actor[N];
    weir_future *future[N];
    create_latched(N, (weir_policy){ 0 });
    /* As many at a time as there will be: from now on places are looked for only when none is known of. */
    for (unsigned i = 0; i < N; i++)
        schedule_check(submit_note(i, &future[i]) == WEIR_OK);
    for (unsigned i = 0; i < N; i++) {
        schedule_check(weir_future_cancel(future[i]));
        weir_future_unref(future[i]);
    }
    for (int i = 0; i < N; i++)
        actor[i] = actor_start(submit_and_cancel, &number[i]);
    for (int i = 0; i < N; i++)
        actor_join(actor[i]);
    weir__unpark(&latch[0]);
    finish_pool();
}

/* Who has waited for a task finds its place free. */
static void submit_and_wait(void *data)
{
    unsigned number = *(unsigned *)data;
    for (int i = 0; i < TURNS; i++) {
        weir_future *future;
        schedule_check(submit_note(number, &future) == WEIR_OK);
        schedule_check(weir_future_wait(future, WEIR_FOREVER) == WEIR_OK);
        weir_future_unref(future);
    }
}

static void never_refused_after_a_wait(void)
{
    static unsigned number[] = { 0, 1 };
    create_pool(&(weir_thread_options){ .workers = 2, .limit = WEIR_ZERO });
    pthread_t actor = actor_start(submit_and_wait, &number[0]);
    submit_and_wait(&number[1]);
    actor_join(actor);
    finish_pool();
}

static void cancel_given(void *data)
{
    schedule_check(weir_future_cancel(data));
    weir_future_unref(data);
}

/* The worker does not move: it is the cancel that makes room. */
static void place_of_a_cancelled_task(void)
{
    weir_future *future;
    create_latched(1, weir_block(WEIR_FOREVER));
    schedule_check(submit_note(0, &future) == WEIR_OK);
    pthread_t canceller = actor_start(cancel_given, future);
    submit_latch(1);
    actor_join(canceller);
    weir__unpark(&latch[0]);
    weir__unpark(&latch[1]);
    finish_pool();
}

/* One place comes from the worker, the next from the task that expires; then the worker stops. */
static void place_of_an_expired_task(void)
{
    unsigned number = 0;
    create_latched(1, weir_block(WEIR_FOREVER));
    weir_submission late = { .fn = note_task, .arg = &number, .arg_size = sizeof number,
                             .start_within_ns = 1 };
    schedule_check(weir_submit_with(pool, &late, NULL) == WEIR_OK);
    pthread_t second = actor_start(submit_second_latch, NULL);
    wait_until_blocked(1);
    pthread_t third = actor_start(submit_third_latch, NULL);
    wait_until_blocked(2);
    weir__unpark(&latch[0]);
    actor_join(second);
    actor_join(third);
    schedule_check(ran.started[0] == 0);
    weir__unpark(&latch[1]);
    weir__unpark(&latch[2]);
    finish_pool();
}

/* All workers stop: it is the new ones that make room, for all at once. */
static void places_of_new_workers(void)
{
    create_latched(1, weir_block(WEIR_FOREVER));
    submit_latch(4);
    pthread_t actor[] = { actor_start(submit_second_latch, NULL),
                          actor_start(submit_third_latch, NULL),
                          actor_start(submit_fourth_latch, NULL) };
    wait_until_blocked(3);
    schedule_check(weir_thread_executor_resize(pool, 4, 4) == WEIR_OK);
    for (int i = 0; i < 3; i++)
        actor_join(actor[i]);
    for (int i = 0; i < 5; i++)
        weir__unpark(&latch[i]);
    finish_pool();
}

/* One waits, a place comes free, and another one comes along. */
static void newcomer_at_a_free_place(void)
{
    struct attempt attempt[2] = { { .number = 1 }, { .number = 2 } };
    weir_future *future;
    create_latched(1, weir_block(WEIR_FOREVER));
    schedule_check(submit_note(0, &future) == WEIR_OK);
    pthread_t first = actor_start(attempt_one, &attempt[0]);
    wait_until_blocked(1);
    pthread_t canceller = actor_start(cancel_given, future);
    pthread_t second = actor_start(attempt_one, &attempt[1]);
    actor_join(first);
    actor_join(canceller);
    weir__unpark(&latch[0]);
    actor_join(second);
    schedule_check(weir_executor_shutdown(pool, NULL) == WEIR_OK);
    check_ran_in_order(1, 2);
    check_attempt(&attempt[0]);
    check_attempt(&attempt[1]);
    finish_pool();
}

/* Whether anybody writes to what was the stack of the calls before. */
__attribute__((noinline)) static void watch_stack(void)
{
    volatile unsigned char area[4096];
    for (size_t i = 0; i < sizeof area; i++)
        area[i] = 0;
    for (int i = 0; i < 60; i++)
        schedule_step();
    for (size_t i = 0; i < sizeof area; i++)
        schedule_check(area[i] == 0);
}

static void attempt_for_a_moment(void *data)
{
    attempt_one(data);
    watch_stack();
}

/* The time runs out as the place is given: once it has returned, nobody wakes it any more. */
static void granted_as_time_runs_out(void)
{
    enum { N = 3 };
    struct attempt attempt[N];
    pthread_t actor[N];
    create_latched(WEIR_ZERO, weir_block(10 * WEIR_MICROSECOND));
    for (unsigned i = 0; i < N; i++) {
        attempt[i] = (struct attempt){ .number = i };
        actor[i] = actor_start(attempt_for_a_moment, &attempt[i]);
    }
    weir__unpark(&latch[0]);
    for (unsigned i = 0; i < N; i++)
        actor_join(actor[i]);
    schedule_check(weir_executor_shutdown(pool, NULL) == WEIR_OK);
    for (unsigned i = 0; i < N; i++) {
        schedule_check(attempt[i].status == WEIR_OK || attempt[i].status == WEIR_ETIMEDOUT);
        check_attempt(&attempt[i]);
    }
    finish_pool();
}

SCENARIO(never_refused_below_the_limit)
SCENARIO(never_refused_after_a_wait)
SCENARIO(place_of_a_cancelled_task)
SCENARIO(place_of_an_expired_task)
SCENARIO(places_of_new_workers)
SCENARIO(newcomer_at_a_free_place)
SCENARIO(granted_as_time_runs_out)

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_refused_below_the_limit_is_sound),
        cmocka_unit_test(never_refused_after_a_wait_is_sound),
        cmocka_unit_test(place_of_a_cancelled_task_is_sound),
        cmocka_unit_test(place_of_an_expired_task_is_sound),
        cmocka_unit_test(places_of_new_workers_is_sound),
        cmocka_unit_test(newcomer_at_a_free_place_is_sound),
        cmocka_unit_test(granted_as_time_runs_out_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
