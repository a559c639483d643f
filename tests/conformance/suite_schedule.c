/* Delayed submission and periodic callbacks over any executor, on a test clock. */
#include "conformance/conformance.h"
#include "support/shared.h"

struct timed {
    weir_clock *clock;
    weir_executor *executor;
    weir_scheduler *scheduler;
};

static struct timed new_timed(void **state)
{
    struct timed timed = { .executor = new_executor(state, .workers = 2) };
    assert_status(weir_test_clock_create(&timed.clock, 0), WEIR_OK);
    assert_status(weir_scheduler_create(&timed.scheduler, timed.executor,
                                        &(weir_scheduler_options){ .clock = timed.clock }),
                  WEIR_OK);
    return timed;
}

static void end_timed(struct timed *timed)
{
    weir_scheduler_destroy(timed->scheduler);
    weir_executor_destroy(timed->executor);
    weir_test_clock_destroy(timed->clock);
}

static weir_future *delay(struct timed *timed, int64_t delay_ns, weir_task_fn *fn, int arg)
{
    weir_future *future = NULL;
    assert_status(
        weir_scheduler_submit_after(timed->scheduler, delay_ns, fn, &arg, sizeof arg, &future),
        WEIR_OK);
    return future;
}

static void run_for(struct timed *timed, int64_t by_ns)
{
    assert_status(weir_test_clock_run_for(timed->clock, by_ns, WATCHDOG_NS), WEIR_OK);
}

static void delayed_task_gives_its_result_at_its_time(void **state)
{
    struct timed timed = new_timed(state);
    weir_future *future = delay(&timed, 10, double_task, 21);
    int value = 0;
    run_for(&timed, 9);
    assert_int_equal(weir_future_state(future), WEIR_PENDING);
    run_for(&timed, 1);
    assert_status(weir_future_result(future, &value, sizeof value, 0), WEIR_OK);
    assert_int_equal(value, 42);
    weir_future_unref(future);
    end_timed(&timed);
}

static void delayed_failure_is_one_in_the_statistics(void **state)
{
    struct timed timed = new_timed(state);
    weir_future *future = delay(&timed, 10, fail_task, 9);
    const char *message;
    weir_stats stats;
    run_for(&timed, 10);
    assert_status(weir_future_status(future), WEIR_EFAILED);
    assert_int_equal(weir_future_error(future, &message), 9);
    assert_string_equal(message, "failed with 9");
    assert_status(weir_executor_stats(timed.executor, &stats), WEIR_OK);
    assert_int_equal(stats.failed, 1);
    weir_future_unref(future);
    end_timed(&timed);
}

static void delayed_tasks_end_one_way_each(void **state)
{
    enum {
        TASKS = 200
    };
    struct timed timed = new_timed(state);
    weir_future *futures[TASKS];
    bool cancelled[TASKS] = { false };
    for (int i = 0; i < TASKS; i++)
        futures[i] = delay(&timed, i % 7, double_task, i);
    for (int i = 0; i < TASKS; i += 3)
        cancelled[i] = weir_future_cancel(futures[i]);
    run_for(&timed, 10);
    weir_scheduler_counts counts;
    assert_status(weir_scheduler_stats(timed.scheduler, &counts), WEIR_OK);
    assert_int_equal(counts.pending + counts.in_flight + counts.refused, 0);
    assert_int_equal(counts.submitted, counts.cancelled + counts.ended);
    for (int i = 0; i < TASKS; i++) {
        weir_status status = weir_future_status(futures[i]);
        /* One that was just being submitted may be cancelled although it could not be promised. */
        assert_true(status == WEIR_ECANCELLED || (status == WEIR_OK && !cancelled[i]));
        assert_true(status == WEIR_OK || i % 3 == 0);
        weir_future_unref(futures[i]);
    }
    end_timed(&timed);
}

static void delayed_task_over_a_closed_executor_is_refused(void **state)
{
    struct timed timed = new_timed(state);
    weir_future *future = delay(&timed, 10, double_task, 1);
    assert_status(weir_executor_shutdown(timed.executor, NULL), WEIR_OK);
    run_for(&timed, 10);
    assert_status(end_and_unref(future), WEIR_ESHUTDOWN);
    end_timed(&timed);
}

static void periodic_callbacks_run_and_are_counted(void **state)
{
    struct timed timed = new_timed(state);
    weir_periodic_worker *worker;
    weir_watcher good, bad;
    uint64_t ids[2];
    int arg = 3;
    assert_status(weir_periodic_worker_create(
                      &worker, &(weir_periodic_worker_options){ .clock = timed.clock,
                                                                .executor = timed.executor }),
                  WEIR_OK);
    assert_status(weir_periodic_add(worker,
                                    &(weir_periodic){ .fn = double_task,
                                                      .arg = &arg,
                                                      .arg_size = sizeof arg,
                                                      .spacing_ns = WEIR_SECOND },
                                    &ids[0]),
                  WEIR_OK);
    assert_status(weir_periodic_add(worker,
                                    &(weir_periodic){ .fn = fail_task,
                                                      .arg = &arg,
                                                      .arg_size = sizeof arg,
                                                      .spacing_ns = 2 * WEIR_SECOND },
                                    &ids[1]),
                  WEIR_OK);
    assert_status(weir_periodic_start(worker), WEIR_OK);
    run_for(&timed, 10 * WEIR_SECOND);
    assert_status(weir_watch(worker, ids[0], &good), WEIR_OK);
    assert_status(weir_watch(worker, ids[1], &bad), WEIR_OK);
    assert_int_equal(good.runs, 10);
    assert_int_equal(good.successes, 10);
    assert_int_equal(bad.runs, 5);
    assert_int_equal(bad.failures, 5);
    assert_int_equal(good.next_run_ns, 11 * WEIR_SECOND);
    weir_stats stats;
    assert_status(weir_executor_stats(timed.executor, &stats), WEIR_OK);
    assert_int_equal(stats.completed, 15);
    assert_int_equal(stats.failed, 5);
    weir_periodic_worker_destroy(worker);
    assert_true(weir_executor_alive(timed.executor));
    end_timed(&timed);
}

int suite_schedule(const struct executor_factory *factory)
{
    const struct CMUnitTest tests[] = {
        ON(factory, delayed_task_gives_its_result_at_its_time),
        ON(factory, delayed_failure_is_one_in_the_statistics),
        ON(factory, delayed_tasks_end_one_way_each),
        ON(factory, delayed_task_over_a_closed_executor_is_refused),
        ON(factory, periodic_callbacks_run_and_are_counted),
    };
    return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
