/* Schedules of pools whose size changes: starts on demand, ends of idle workers, resizes, tasks that
 * end their thread; and what a reader of the statistics sees meanwhile. */
#include "unit/schedule/scenario.h"

static void submit_and_wait(void *data)
{
    unsigned first = *(unsigned *)data;
    for (unsigned i = 0; i < 3; i++) {
        weir_future *future;
        schedule_check(submit_note(first + i, &future) == WEIR_OK);
        schedule_check(weir_future_wait(future, WEIR_FOREVER) == WEIR_OK);
        weir_future_unref(future);
    }
}

/* Workers come with tasks and go when idle: no task is left without one. */
static void enlist_and_submit_and_shrink(void)
{
    static unsigned first[] = { 0, 3 };
    create_pool(&(weir_thread_options){
        .workers = 2, .min_workers = WEIR_ZERO, .idle_ns = WEIR_MICROSECOND });
    pthread_t a = actor_start(submit_and_wait, &first[0]);
    pthread_t b = actor_start(submit_and_wait, &first[1]);
    actor_join(a);
    actor_join(b);
    schedule_check(ran.count == 6);
    check_ran_in_order(0, 2);
    check_ran_in_order(3, 5);
    finish_pool();
}

/* Who has waited for a task finds its worker idle, and no other is started. */
static void one_after_the_other(void)
{
    static unsigned first = 0;
    weir_stats stats;
    create_pool(&(weir_thread_options){
        .workers = 2, .min_workers = WEIR_ZERO, .idle_ns = WEIR_FOREVER });
    submit_and_wait(&first);
    schedule_check(weir_executor_stats(pool, &stats) == WEIR_OK);
    schedule_check(stats.workers == 1);
    finish_pool();
}

/* The same by thresholds: the last worker may go, but not from under a submission. */
static void thresholds_from_none(void)
{
    static unsigned first[] = { 0, 3 };
    create_pool(&(weir_thread_options){ .workers = 3,
                                        .min_workers = WEIR_ZERO,
                                        .grow_threshold = 0.8,
                                        .shrink_threshold = 0.2 });
    pthread_t a = actor_start(submit_and_wait, &first[0]);
    pthread_t b = actor_start(submit_and_wait, &first[1]);
    actor_join(a);
    actor_join(b);
    schedule_check(ran.count == 6);
    finish_pool();
}

static void resize_up_and_down(void *data)
{
    (void)data;
    static const size_t sizes[] = { 3, 1, 2, 1 };
    for (int i = 0; i < 4; i++)
        schedule_check(weir_thread_executor_resize(pool, schedule_choose(2), sizes[i]) == WEIR_OK);
}

static void resize_and_submit(void)
{
    static unsigned first[] = { 0, 3 };
    create_pool(&(weir_thread_options){ .workers = 2 });
    pthread_t actor[] = { actor_start(submit_and_wait, &first[0]),
                          actor_start(submit_and_wait, &first[1]),
                          actor_start(resize_up_and_down, NULL) };
    for (int i = 0; i < 3; i++)
        actor_join(actor[i]);
    schedule_check(ran.count == 6);
    finish_pool();
}

static _Atomic bool reading;

/* What must hold in every snapshot, and from one to the next. */
static void read_snapshots(void *data)
{
    weir_stats earlier = { 0 }, stats;
    (void)data;
    for (int i = 0; i < 20 && atomic_load(&reading); i++) {
        schedule_check(weir_executor_stats(pool, &stats) == WEIR_OK);
        schedule_check(stats_add_up(&stats));
        schedule_check(stats_grew(&earlier, &stats));
        schedule_check(stats.backlog <= stats.limit);
        earlier = stats;
    }
}

static void attempt_five(void *data)
{
    weir_future *future;
    for (unsigned i = 0; i < 5; i++) {
        if (submit_note(i, &future) != WEIR_OK)
            continue;
        if (schedule_choose(3) == 0)
            weir_future_cancel(future);
        if (schedule_choose(3) == 0)
            weir_future_wait(future, WEIR_FOREVER);
        weir_future_unref(future);
    }
    (void)data;
}

static void snapshots_of(const weir_thread_options *options)
{
    create_pool(options);
    atomic_store(&reading, true);
    pthread_t reader = actor_start(read_snapshots, NULL);
    pthread_t a = actor_start(attempt_five, NULL), b = actor_start(attempt_five, NULL);
    actor_join(a);
    actor_join(b);
    atomic_store(&reading, false);
    actor_join(reader);
    finish_pool();
}

static void snapshots_of_a_fixed_pool(void)
{
    snapshots_of(&(weir_thread_options){ .workers = 1, .limit = 1 });
}

static void snapshots_while_displacing(void)
{
    snapshots_of(&(weir_thread_options){
        .workers = 1, .limit = 1, .policy = weir_discard_oldest() });
}

/* All workers started and the backlog filled in the middle of a snapshot. */
static void snapshots_of_a_growing_pool(void)
{
    enum { N = 4 };
    struct weir__parker latch[N] = { 0 };
    create_pool(&(weir_thread_options){ .workers = 3, .min_workers = 1, .limit = 1 });
    atomic_store(&reading, true);
    pthread_t reader = actor_start(read_snapshots, NULL);
    for (int i = 0; i < N; i++)
        schedule_check(weir_submit(pool, latch_task, &latch[i], 0, NULL) == WEIR_OK);
    atomic_store(&reading, false);
    actor_join(reader);
    for (int i = 0; i < N; i++)
        weir__unpark(&latch[i]);
    finish_pool();
}

static void snapshots_of_a_pool_that_breathes(void)
{
    snapshots_of(&(weir_thread_options){ .workers = 3,
                                         .min_workers = WEIR_ZERO,
                                         .limit = 1,
                                         .idle_ns = WEIR_MICROSECOND });
}

static weir_status leave_task(weir_task *task, void *arg)
{
    (void)task;
    ran.started[*(unsigned *)arg]++;
    pthread_exit(NULL);
}

/* A worker that a task ended is replaced, whatever else goes on. */
static void worker_lost(void)
{
    static unsigned first = 3;
    weir_future *future[2];
    create_pool(&(weir_thread_options){ .workers = 1 });
    pthread_t actor = actor_start(submit_and_wait, &first);
    for (unsigned i = 0; i < 2; i++)
        schedule_check(weir_submit(pool, leave_task, &i, sizeof i, &future[i]) == WEIR_OK);
    for (unsigned i = 0; i < 2; i++) {
        schedule_check(weir_future_wait(future[i], WEIR_FOREVER) == WEIR_OK);
        schedule_check(weir_future_status(future[i]) == WEIR_EFAILED);
        weir_future_unref(future[i]);
    }
    actor_join(actor);
    schedule_check(ran.count == 3);
    finish_pool();
}

SCENARIO(enlist_and_submit_and_shrink)
SCENARIO(one_after_the_other)
SCENARIO(thresholds_from_none)
SCENARIO(resize_and_submit)
SCENARIO(snapshots_of_a_fixed_pool)
SCENARIO(snapshots_while_displacing)
SCENARIO(snapshots_of_a_growing_pool)
SCENARIO(snapshots_of_a_pool_that_breathes)
SCENARIO(worker_lost)

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(enlist_and_submit_and_shrink_is_sound),
        cmocka_unit_test(one_after_the_other_is_sound),
        cmocka_unit_test(thresholds_from_none_is_sound),
        cmocka_unit_test(resize_and_submit_is_sound),
        cmocka_unit_test(snapshots_of_a_fixed_pool_is_sound),
        cmocka_unit_test(snapshots_while_displacing_is_sound),
        cmocka_unit_test(snapshots_of_a_growing_pool_is_sound),
        cmocka_unit_test(snapshots_of_a_pool_that_breathes_is_sound),
        cmocka_unit_test(worker_lost_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
