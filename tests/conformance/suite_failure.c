/* Failure: a task that fails, that runs out of time in the backlog, that ends its own thread. */
#include "conformance/conformance.h"

static weir_status status_task(weir_task *task, void *arg)
{
    (void)task;
    return *(weir_status *)arg;
}

static void failure_status_returned_is_the_code(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    weir_status status = WEIR_ETOOBIG;
    const char *message = NULL;
    weir_future *future = submit_ok(executor, status_task, &status, sizeof status);
    assert_status(end_of(future), WEIR_EFAILED);
    assert_int_equal(weir_future_state(future), WEIR_FINISHED);
    assert_int_equal(weir_future_error(future, &message), WEIR_ETOOBIG);
    assert_string_equal(message, weir_status_text(WEIR_ETOOBIG));
    assert_int_equal(weir_future_error(future, NULL), WEIR_ETOOBIG);
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

static void failure_code_and_message_reach_the_caller(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    int code = -7;
    const char *message = NULL;
    weir_future *future = submit_ok(executor, fail_task, &code, sizeof code);
    assert_status(end_of(future), WEIR_EFAILED);
    assert_int_equal(weir_future_error(future, &message), -7);
    assert_string_equal(message, "failed with -7");
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

static weir_status fail_twice_task(weir_task *task, void *arg)
{
    (void)arg;
    weir_task_fail(task, 1, "the first %s", "reason");
    return weir_task_fail(task, 2, "the second");
}

static void failure_told_twice_first_counts(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    const char *message = NULL;
    weir_future *future = submit_ok(executor, fail_twice_task, NULL, 0);
    assert_status(end_of(future), WEIR_EFAILED);
    assert_int_equal(weir_future_error(future, &message), 1);
    assert_string_equal(message, "the first reason");
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

static weir_status return_and_fail_task(weir_task *task, void *arg)
{
    char large[300] = "a result";
    (void)arg;
    weir_task_return(task, large, sizeof large);
    return weir_task_fail(task, 3, NULL);
}

static void failure_after_a_result_takes_it_away(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    char buffer[300] = "as it was";
    const char *message = NULL;
    size_t size = 77;
    weir_future *future = submit_ok(executor, return_and_fail_task, NULL, 0);
    assert_status(weir_future_result(future, buffer, sizeof buffer, WATCHDOG_NS), WEIR_EFAILED);
    assert_string_equal(buffer, "as it was");
    assert_null(weir_future_value(future, &size));
    assert_int_equal(size, 0);
    assert_int_equal(weir_future_error(future, &message), 3);
    assert_non_null(message);
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

static weir_status fail_at_length_task(weir_task *task, void *arg)
{
    (void)arg;
    return weir_task_fail(task, 4, "%01999d|", 5);
}

static void failure_message_of_any_length_arrives_whole(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    const char *message = NULL;
    weir_future *future = submit_ok(executor, fail_at_length_task, NULL, 0);
    assert_status(end_of(future), WEIR_EFAILED);
    assert_int_equal(weir_future_error(future, &message), 4);
    assert_int_equal(strlen(message), 2000);
    assert_string_equal(message + 1997, "05|");
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

static weir_status fail_without_task_task(weir_task *task, void *arg)
{
    weir_status status = weir_task_fail(NULL, 1, "nobody hears this");
    (void)arg;
    return weir_task_return(task, &status, sizeof status);
}

static void failure_of_no_task_is_failed_all_the_same(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    weir_status seen = WEIR_OK;
    weir_future *future = submit_ok(executor, fail_without_task_task, NULL, 0);
    assert_status(weir_future_result(future, &seen, sizeof seen, WATCHDOG_NS), WEIR_OK);
    assert_status(seen, WEIR_EFAILED);
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

static void failure_is_counted_and_harms_no_other(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 2, .limit = 20);
    weir_future *future[20];
    for (int i = 0; i < 20; i++)
        future[i] = submit_ok(executor, i % 2 == 0 ? fail_task : double_task, &i, sizeof i);
    for (int i = 0; i < 20; i++)
        assert_status(end_and_unref(future[i]), i % 2 == 0 ? WEIR_EFAILED : WEIR_OK);
    assert_int_equal(stats_of(executor).completed, 20);
    assert_int_equal(stats_of(executor).failed, 10);
    weir_executor_destroy(executor);
}

static void expiry_task_not_started_in_time_never_runs(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct journal *journal = journal_create();
    struct parked parked = park(state, .workers = 1);
    struct note note = { .journal = journal, .value = 1 };
    weir_submission submission = {
        .fn = note_task, .arg = &note, .arg_size = sizeof note, .start_within_ns = 1
    };
    weir_future *future = NULL;
    assert_status(weir_submit_with(parked.executor, &submission, &future), WEIR_OK);
    gate_open(parked.gate);
    assert_status(end_of(future), WEIR_EEXPIRED);
    assert_int_equal(weir_future_state(future), WEIR_EXPIRED);
    assert_status(weir_future_result(future, NULL, 0, 0), WEIR_EEXPIRED);
    assert_false(weir_future_cancel(future));
    assert_int_equal(stats_of(parked.executor).expired, 1);
    assert_int_equal(journal->count, 0);
    weir_future_unref(future);
    unpark(&parked);
    journal_destroy(journal);
}

static void expiry_task_started_in_time_runs(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    int number = 2;
    weir_submission submission = { .fn = double_task,
                                   .arg = &number,
                                   .arg_size = sizeof number,
                                   .start_within_ns = 1000 * WEIR_SECOND };
    weir_future *future = NULL;
    assert_status(weir_submit_with(executor, &submission, &future), WEIR_OK);
    assert_status(end_and_unref(future), WEIR_OK);
    assert_int_equal(stats_of(executor).expired, 0);
    weir_executor_destroy(executor);
}

int suite_failure(const struct executor_factory *factory)
{
    const struct CMUnitTest tests[] = {
        ON(factory, failure_status_returned_is_the_code),
        ON(factory, failure_code_and_message_reach_the_caller),
        ON(factory, failure_told_twice_first_counts),
        ON(factory, failure_after_a_result_takes_it_away),
        ON(factory, failure_message_of_any_length_arrives_whole),
        ON(factory, failure_of_no_task_is_failed_all_the_same),
        ON(factory, failure_is_counted_and_harms_no_other),
        ON(factory, expiry_task_not_started_in_time_never_runs),
        ON(factory, expiry_task_started_in_time_runs),
    };
    return cmocka_run_group_tests_name("failure", tests, NULL, NULL);
}
