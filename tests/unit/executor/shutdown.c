/* A shutdown that does not wait says whether anything is left to wait for. */
#include "support/parked.h"
#include "support/snapshot.h"
#include "support/submit.h"
#include "support/tasks.h"

static weir_executor *pool(size_t workers)
{
    weir_executor *executor;
    assert_status(
        weir_thread_executor_create(&executor, &(weir_thread_options){ .workers = workers }),
        WEIR_OK);
    return executor;
}

static void shutdown_without_waiting_of_an_idle_pool_is_done(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROUNDS(200); i++) {
        weir_shutdown_report report = { .running = 99, .queued = 99 };
        weir_executor *executor = pool(2);
        assert_status(
            weir_executor_shutdown(executor,
                                   &(weir_shutdown_options){ .timeout_ns = -1, .report = &report }),
            WEIR_OK);
        assert_int_equal(report.running, 0);
        assert_int_equal(report.queued, 0);
        weir_executor_destroy(executor);
    }
}

static void shutdown_without_waiting_after_the_last_task_is_done(void **state)
{
    (void)state;
    weir_executor *executor = pool(2);
    for (int i = 0; i < 10; i++)
        assert_status(end_and_unref(submit_ok(executor, noop_task, NULL, 0)), WEIR_OK);
    /* The end of a task can be seen before its worker has done with it. */
    assert_eventually(
        weir_executor_shutdown(executor, &(weir_shutdown_options){ .timeout_ns = -1 }) == WEIR_OK);
    weir_executor_destroy(executor);
}

static void shutdown_without_waiting_of_a_busy_pool_says_what_is_left(void **state)
{
    (void)state;
    weir_shutdown_report report = { 0 };
    struct gate *gate = gate_create();
    weir_executor *executor = pool(2);
    saturate(executor, gate, 2);
    weir_future *queued = submit_ok(executor, noop_task, NULL, 0);
    weir_shutdown_options at_once = { .timeout_ns = -1, .report = &report };
    assert_status(weir_executor_shutdown(executor, &at_once), WEIR_ETIMEDOUT);
    assert_int_equal(report.running, 2);
    assert_int_equal(report.queued, 1);
    gate_open(gate);
    assert_status(end_and_unref(queued), WEIR_OK);
    assert_eventually(weir_executor_shutdown(executor, &at_once) == WEIR_OK);
    weir_executor_destroy(executor);
    gate_destroy(gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shutdown_without_waiting_of_an_idle_pool_is_done),
        cmocka_unit_test(shutdown_without_waiting_after_the_last_task_is_done),
        cmocka_unit_test(shutdown_without_waiting_of_a_busy_pool_says_what_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
