/* Waiting for the first to end, and for the first to fail. */
#include "conformance/conformance.h"

static void wait_any_gives_the_one_that_ended(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 1);
    weir_future *future[3];
    size_t index = 77;
    for (int i = 0; i < 3; i++)
        future[i] = submit_ok(parked.executor, gate_task, parked.gate, 0);
    assert_status(weir_wait_any(future, 3, 0, &index), WEIR_ETIMEDOUT);
    assert_status(weir_wait_any(future, 3, WEIR_MILLISECOND, &index), WEIR_ETIMEDOUT);
    assert_int_equal(index, 77);
    gate_let(parked.gate, 2); /* the parked task, then the first in the backlog */
    assert_status(weir_wait_any(future, 3, WATCHDOG_NS, &index), WEIR_OK);
    assert_int_equal(index, 0);
    assert_true(weir_future_cancel(future[2]));
    assert_status(weir_wait_any(future + 1, 2, WATCHDOG_NS, &index), WEIR_OK);
    assert_int_equal(index, 1);
    assert_status(weir_wait_any(future, 3, WATCHDOG_NS, NULL), WEIR_OK);
    gate_open(parked.gate);
    end_all(future, 3);
    unpark(&parked);
}

static void wait_any_of_ended_ones_gives_the_lowest(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 2);
    weir_future *future[4] = { NULL };
    size_t index = 77;
    for (int i = 1; i < 4; i++) {
        future[i] = submit_ok(executor, noop_task, NULL, 0);
        end_of(future[i]);
    }
    assert_status(weir_wait_any(future, 4, 0, &index), WEIR_OK);
    assert_int_equal(index, 1);
    end_all(future, 4);
    weir_executor_destroy(executor);
}

static void wait_any_repeated_reports_ten_tasks_once_each(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 3);
    weir_future *future[10];
    bool seen[10] = { false };
    for (int i = 0; i < 10; i++)
        future[i] = submit_ok(executor, noop_task, NULL, 0);
    for (int i = 0; i < 10; i++) {
        size_t index = 77;
        assert_status(weir_wait_any(future, 10, WATCHDOG_NS, &index), WEIR_OK);
        assert_in_range(index, 0, 9);
        assert_false(seen[index]);
        seen[index] = true;
        weir_future_unref(future[index]);
        future[index] = NULL;
    }
    assert_status(weir_wait_any(future, 10, 0, NULL), WEIR_EINVAL); /* none is left */
    weir_executor_destroy(executor);
}

static void wait_any_loses_no_wake_up(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 2);
    for (int i = 0; i < ROUNDS(5000); i++) {
        weir_future *future[2];
        size_t index = 77;
        for (int k = 0; k < 2; k++)
            future[k] = submit_ok(executor, noop_task, NULL, 0);
        assert_status(weir_wait_any(future, 2, WATCHDOG_NS, &index), WEIR_OK);
        assert_int_not_equal(weir_future_state(future[index]), WEIR_PENDING);
        end_all(future, 2);
    }
    weir_executor_destroy(executor);
}

static void first_failure_of_none_is_done(void **state)
{
    size_t index = 77;
    (void)state;
    assert_status(weir_wait_first_failure(NULL, 0, 0, &index), WEIR_OK);
    assert_int_equal(index, 0);
}

static void first_failure_without_failures_waits_for_all(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 2);
    weir_future *future[20] = { NULL };
    size_t index = 77;
    for (int i = 2; i < 20; i++) /* with gaps */
        future[i] = submit_ok(executor, double_task, &i, sizeof i);
    assert_status(weir_wait_first_failure(future, 20, WATCHDOG_NS, &index), WEIR_OK);
    assert_int_equal(index, 20);
    for (int i = 2; i < 20; i++)
        assert_int_equal(weir_future_state(future[i]), WEIR_FINISHED);
    end_all(future, 20);
    weir_executor_destroy(executor);
}

static void first_failure_before_the_call_is_found_at_once(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    int number = 1;
    size_t index = 77;
    weir_future *future[3];
    future[0] = submit_ok(executor, double_task, &number, sizeof number);
    future[1] = submit_ok(executor, fail_task, &number, sizeof number);
    future[2] = submit_ok(executor, fail_task, &number, sizeof number);
    assert_status(weir_wait_all(future, 3, WATCHDOG_NS, NULL), WEIR_OK);
    assert_status(weir_wait_first_failure(future, 3, 0, &index), WEIR_OK);
    assert_int_equal(index, 1);
    end_all(future, 3);
    weir_executor_destroy(executor);
}

static void first_failure_is_not_held_up_by_those_that_run(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 2);
    weir_future *future[4];
    int number = 1;
    size_t index = 77;
    future[0] = submit_ok(parked.executor, noop_task, NULL, 0);
    assert_true(weir_future_cancel(future[0])); /* no failure */
    future[1] = submit_ok(parked.executor, double_task, &number, sizeof number);
    future[2] = submit_ok(parked.executor, fail_task, &number, sizeof number);
    future[3] = submit_ok(parked.executor, gate_task, parked.gate, 0);
    assert_status(weir_wait_first_failure(future, 4, 0, &index), WEIR_ETIMEDOUT);
    assert_int_equal(index, 77);
    gate_let(parked.gate, 1); /* one worker goes on, and stops at the last task */
    assert_status(weir_wait_first_failure(future, 4, WATCHDOG_NS, &index), WEIR_OK);
    assert_int_equal(index, 2);
    assert_status(weir_future_status(future[3]), WEIR_EPENDING);
    gate_open(parked.gate);
    end_all(future, 4);
    unpark(&parked);
}

static void first_failure_expiry_and_discard_are_failures(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 1, .limit = 1, .policy = weir_discard_oldest());
    weir_submission late = { .fn = noop_task, .start_within_ns = 1 };
    weir_future *future[2];
    size_t index = 77;
    future[0] = submit_ok(parked.executor, noop_task, NULL, 0);
    assert_status(weir_submit_with(parked.executor, &late, &future[1]), WEIR_OK);
    assert_status(weir_wait_first_failure(future, 2, 0, &index), WEIR_OK);
    assert_int_equal(index, 0);
    gate_open(parked.gate);
    assert_status(weir_wait_first_failure(future + 1, 1, WATCHDOG_NS, &index), WEIR_OK);
    assert_int_equal(index, 0);
    assert_status(end_of(future[0]), WEIR_EDISCARDED);
    assert_status(end_of(future[1]), WEIR_EEXPIRED);
    end_all(future, 2);
    unpark(&parked);
}

int suite_wait_any(const struct executor_factory *factory)
{
    const struct CMUnitTest tests[] = {
        ON(factory, wait_any_gives_the_one_that_ended),
        ON(factory, wait_any_of_ended_ones_gives_the_lowest),
        ON(factory, wait_any_repeated_reports_ten_tasks_once_each),
        ON(factory, wait_any_loses_no_wake_up),
        ON(factory, first_failure_of_none_is_done),
        ON(factory, first_failure_without_failures_waits_for_all),
        ON(factory, first_failure_before_the_call_is_found_at_once),
        ON(factory, first_failure_is_not_held_up_by_those_that_run),
        ON(factory, first_failure_expiry_and_discard_are_failures),
    };
    return cmocka_run_group_tests_name("wait_any", tests, NULL, NULL);
}
