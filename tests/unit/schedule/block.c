/* Schedules of submitters that wait for places: with each other, with time, with cancellation, with
 * the end of the executor. */
#include "unit/schedule/scenario.h"

/* A submitter of three tasks. */
static void submit_three(void *data)
{
    unsigned first = *(unsigned *)data;
    weir_future *future[3];
    for (unsigned i = 0; i < 3; i++)
        schedule_check(submit_note(first + i, &future[i]) == WEIR_OK);
    schedule_check(weir_wait_all(future, 3, WEIR_FOREVER, NULL) == WEIR_OK);
    for (unsigned i = 0; i < 3; i++) {
        schedule_check(weir_future_status(future[i]) == WEIR_OK);
        weir_future_unref(future[i]);
    }
}

static void two_submitters(size_t workers, size_t limit)
{
    static unsigned first[] = { 0, 3 };
    create_pool(&(weir_thread_options){
        .workers = workers, .limit = limit, .policy = weir_block(WEIR_FOREVER) });
    pthread_t a = actor_start(submit_three, &first[0]), b = actor_start(submit_three, &first[1]);
    actor_join(a);
    actor_join(b);
    schedule_check(ran.count == 6);
    if (workers == 1) {
        check_ran_in_order(0, 2);
        check_ran_in_order(3, 5);
    }
    finish_pool();
}

static void submitters_of_one_worker(void)
{
    two_submitters(1, 1);
}

static void submitters_of_two_workers(void)
{
    two_submitters(2, 1);
}

static void submitters_without_backlog(void)
{
    two_submitters(1, WEIR_ZERO);
}

/* Submitters that, after the first few places have come free, nap before they have themselves called:
 * with more than one place of backlog there is something to nap for. */
static void submitters_that_nap(void)
{
    static unsigned first[] = { 0, 3, 6, 9 };
    pthread_t actor[4];
    create_pool(&(weir_thread_options){
        .workers = 1, .limit = 2, .policy = weir_block(WEIR_FOREVER) });
    for (unsigned i = 0; i < 4; i++)
        actor[i] = actor_start(submit_three, &first[i]);
    for (unsigned i = 0; i < 4; i++)
        actor_join(actor[i]);
    schedule_check(ran.count == 12);
    for (unsigned i = 0; i < 4; i++)
        check_ran_in_order(first[i], first[i] + 2);
    finish_pool();
}

static weir_status slow_task(weir_task *task, void *arg)
{
    _Atomic uint32_t word = 0;
    (void)task;
    schedule_sleep(&word, 0, schedule_now_ns() + *(int64_t *)arg);
    return WEIR_OK;
}

static int64_t unlatched_ns;

static void unlatch_when_blocked(void *latch)
{
    weir_stats stats = { 0 };
    while (stats.blocked == 0)
        schedule_check(weir_executor_stats(pool, &stats) == WEIR_OK);
    unlatched_ns = schedule_now_ns();
    weir__unpark(latch);
}

/* The pace was slow, and the nap is long; then the backlog is gone in no time. */
static void nap_ends_when_the_backlog_does(void)
{
    enum { NAP_NS = 450000, SLOW_NS = 8 * NAP_NS };
    int64_t slow_ns = SLOW_NS;
    struct weir__parker latch = { 0 };
    schedule_wake_told_only();
    schedule_wait_patiently();
    create_pool(&(weir_thread_options){
        .workers = 1, .limit = 2, .policy = weir_block(WEIR_FOREVER) });
    schedule_check(weir_submit(pool, slow_task, &slow_ns, sizeof slow_ns, NULL) == WEIR_OK);
    for (unsigned i = 0; i < 3; i++) /* the last one waits, without a nap, for the slow one */
        schedule_check(submit_note(i, NULL) == WEIR_OK);
    schedule_check(weir_submit(pool, latch_task, &latch, 0, NULL) == WEIR_OK);
    pthread_t actor = actor_start(unlatch_when_blocked, &latch);
    for (unsigned i = 3; i < 6; i++) /* and of these the last one naps, for a while */
        schedule_check(submit_note(i, NULL) == WEIR_OK);
    schedule_check(schedule_now_ns() - unlatched_ns < NAP_NS);
    actor_join(actor);
    weir_executor_shutdown(pool, NULL);
    check_ran_in_order(0, 5);
    finish_pool();
}

/* Whoever is seen to wait first is let in first. */
static void waiting_in_order(void)
{
    struct weir__parker latch = { 0 };
    weir_future *parked;
    struct attempt attempt[4];
    pthread_t actor[4];
    create_pool(&(weir_thread_options){
        .workers = 1, .limit = 1, .policy = weir_block(WEIR_FOREVER) });
    schedule_check(weir_submit(pool, latch_task, &latch, 0, &parked) == WEIR_OK);
    attempt[0] = (struct attempt){ .number = 0 };
    attempt_one(&attempt[0]);
    for (unsigned i = 1; i < 4; i++) {
        weir_stats stats = { 0 };
        attempt[i] = (struct attempt){ .number = i };
        actor[i] = actor_start(attempt_one, &attempt[i]);
        while (stats.blocked < i)
            schedule_check(weir_executor_stats(pool, &stats) == WEIR_OK);
    }
    weir__unpark(&latch);
    for (unsigned i = 1; i < 4; i++)
        actor_join(actor[i]);
    weir_executor_shutdown(pool, NULL);
    check_ran_in_order(0, 3);
    for (unsigned i = 0; i < 4; i++)
        check_attempt(&attempt[i]);
    weir_future_unref(parked);
    finish_pool();
}

static void attempts(int64_t block_ns, void (*fn)(void *), const weir_shutdown_options *options)
{
    enum { N = 4 };
    struct attempt attempt[N];
    pthread_t actor[N];
    create_pool(&(weir_thread_options){
        .workers = 1, .limit = 1, .policy = weir_block(block_ns) });
    for (unsigned i = 0; i < N; i++) {
        attempt[i] = (struct attempt){ .number = i };
        actor[i] = actor_start(fn, &attempt[i]);
    }
    schedule_check(weir_executor_shutdown(pool, options) == WEIR_OK);
    for (unsigned i = 0; i < N; i++)
        actor_join(actor[i]);
    for (unsigned i = 0; i < N; i++) {
        schedule_check(attempt[i].status == WEIR_OK || attempt[i].status == WEIR_ESHUTDOWN ||
                       (block_ns != WEIR_FOREVER && attempt[i].status == WEIR_ETIMEDOUT));
        check_attempt(&attempt[i]);
    }
    finish_pool();
}

static void waiting_and_drain(void)
{
    attempts(WEIR_FOREVER, attempt_one, NULL);
}

static void waiting_with_a_time_and_drain(void)
{
    attempts(WEIR_MILLISECOND, attempt_one, NULL);
}

static void waiting_and_cancel_and_drain(void)
{
    attempts(WEIR_FOREVER, attempt_and_cancel, NULL);
}

static void waiting_and_shutdown_that_cancels(void)
{
    attempts(WEIR_FOREVER, attempt_one,
             &(weir_shutdown_options){ .mode = WEIR_CANCEL_QUEUED });
}

static void shut_down(void *data)
{
    (void)data;
    schedule_check(weir_executor_shutdown(pool, NULL) == WEIR_OK);
}

static void cancel_given(void *data)
{
    weir_future_cancel(data);
}

/* The only worker finds nothing but cancelled tasks and leaves, since the executor is being closed,
 * before the cancellers have given their places to the one who still waits. */
static void waiting_and_last_worker_leaves(void)
{
    struct weir__parker latch = { 0 };
    struct attempt attempt[3] = { { .number = 0 }, { .number = 1 }, { .number = 2 } };
    pthread_t actor[4];
    schedule_prepare();
    create_pool(&(weir_thread_options){
        .workers = 1, .limit = 1, .policy = weir_block(WEIR_FOREVER) });
    schedule_check(weir_submit(pool, latch_task, &latch, 0, NULL) == WEIR_OK);
    attempt_one(&attempt[0]);
    for (unsigned i = 1; i < 3; i++) {
        weir_stats stats = { 0 };
        actor[i] = actor_start(i == 1 ? attempt_and_cancel : attempt_one, &attempt[i]);
        while (stats.blocked < i)
            schedule_check(weir_executor_stats(pool, &stats) == WEIR_OK);
    }
    schedule_race();
    actor[0] = actor_start(cancel_given, attempt[0].future);
    actor[3] = actor_start(shut_down, NULL);
    weir__unpark(&latch);
    for (unsigned i = 0; i < 4; i++)
        actor_join(actor[i]);
    for (unsigned i = 0; i < 3; i++)
        check_attempt(&attempt[i]);
    finish_pool();
}

SCENARIO(submitters_of_one_worker)
SCENARIO(waiting_and_last_worker_leaves)
SCENARIO(submitters_of_two_workers)
SCENARIO(submitters_without_backlog)
SCENARIO(submitters_that_nap)
SCENARIO(nap_ends_when_the_backlog_does)
SCENARIO(waiting_in_order)
SCENARIO(waiting_and_drain)
SCENARIO(waiting_with_a_time_and_drain)
SCENARIO(waiting_and_cancel_and_drain)
SCENARIO(waiting_and_shutdown_that_cancels)

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(submitters_of_one_worker_is_sound),
        cmocka_unit_test(submitters_of_two_workers_is_sound),
        cmocka_unit_test(submitters_without_backlog_is_sound),
        cmocka_unit_test(submitters_that_nap_is_sound),
        cmocka_unit_test(nap_ends_when_the_backlog_does_is_sound),
        cmocka_unit_test(waiting_in_order_is_sound),
        cmocka_unit_test(waiting_and_drain_is_sound),
        cmocka_unit_test(waiting_with_a_time_and_drain_is_sound),
        cmocka_unit_test(waiting_and_cancel_and_drain_is_sound),
        cmocka_unit_test(waiting_and_shutdown_that_cancels_is_sound),
        cmocka_unit_test(waiting_and_last_worker_leaves_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
