/* The iterator over futures in the order in which they end. */
#include "conformance/conformance.h"

static size_t next_of(weir_as_completed *it)
{
    size_t index = 77;
    assert_status(weir_as_completed_next(it, WATCHDOG_NS, &index), WEIR_OK);
    return index;
}

static weir_as_completed *iterate(weir_future *const *future, size_t n)
{
    weir_as_completed *it = NULL;
    assert_status(weir_as_completed_create(&it, future, n), WEIR_OK);
    assert_non_null(it);
    return it;
}

static void as_completed_of_none_is_at_its_end(void **state)
{
    size_t index = 77;
    (void)state;
    weir_as_completed *it = iterate(NULL, 0);
    assert_int_equal(weir_as_completed_remaining(it), 0);
    assert_status(weir_as_completed_next(it, 0, &index), WEIR_EINVAL);
    assert_int_equal(index, 77);
    weir_as_completed_destroy(it);
}

/* What has been yielded may be gone, with its executor. */
static void as_completed_outlives_the_executor_of_one_that_was_yielded(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 1, .limit = 1);
    weir_executor *other = NULL;
    assert_status(weir_thread_executor_create(&other, &(weir_thread_options){ .workers = 1 }), WEIR_OK);
    weir_future *future[2] = { submit_ok(parked.executor, noop_task, NULL, 0),
                               submit_ok(other, noop_task, NULL, 0) };
    weir_as_completed *it = iterate(future, 2);
    assert_int_equal(next_of(it), 1);
    weir_future_unref(future[1]);
    weir_executor_destroy(other);
    size_t index;
    for (int i = 0; i < 10; i++)
        assert_status(weir_as_completed_next(it, WEIR_MICROSECOND, &index), WEIR_ETIMEDOUT);
    gate_open(parked.gate);
    assert_int_equal(next_of(it), 0);
    weir_as_completed_destroy(it);
    weir_future_unref(future[0]);
    unpark(&parked);
}

static void as_completed_yields_each_once(void **state)
{
    enum { N = 50 };
    weir_executor *executor = new_executor(state, .workers = 3);
    weir_future *future[N];
    bool seen[N] = { false };
    for (int i = 0; i < N; i++)
        future[i] = submit_ok(executor, i % 3 == 0 ? fail_task : double_task, &i, sizeof i);
    weir_as_completed *it = iterate(future, N);
    for (size_t left = N; left > 0; left--) {
        assert_int_equal(weir_as_completed_remaining(it), left);
        size_t index = next_of(it);
        assert_in_range(index, 0, N - 1);
        assert_false(seen[index]);
        assert_int_equal(weir_future_state(future[index]), WEIR_FINISHED);
        seen[index] = true;
    }
    assert_int_equal(weir_as_completed_remaining(it), 0);
    weir_as_completed_destroy(it);
    end_all(future, N);
    weir_executor_destroy(executor);
}

static void as_completed_ended_ones_come_first_in_array_order(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 1);
    weir_future *future[5];
    for (int i = 0; i < 5; i++)
        future[i] = submit_ok(parked.executor, noop_task, NULL, 0);
    assert_true(weir_future_cancel(future[4]));
    assert_true(weir_future_cancel(future[1]));
    weir_as_completed *it = iterate(future, 5);
    assert_true(weir_future_cancel(future[3]));
    assert_int_equal(next_of(it), 1);
    assert_int_equal(next_of(it), 4);
    assert_int_equal(next_of(it), 3);
    gate_open(parked.gate);
    assert_int_equal(next_of(it), 0); /* one worker: in the order of submission */
    assert_int_equal(next_of(it), 2);
    weir_as_completed_destroy(it);
    end_all(future, 5);
    unpark(&parked);
}

static void as_completed_timed_out_goes_on(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 1);
    weir_future *future[2];
    size_t index = 77;
    future[0] = submit_ok(parked.executor, noop_task, NULL, 0);
    future[1] = submit_ok(parked.executor, noop_task, NULL, 0);
    assert_true(weir_future_cancel(future[1]));
    weir_as_completed *it = iterate(future, 2);
    assert_int_equal(next_of(it), 1);
    assert_status(weir_as_completed_next(it, 0, &index), WEIR_ETIMEDOUT);
    assert_status(weir_as_completed_next(it, WEIR_MILLISECOND, &index), WEIR_ETIMEDOUT);
    assert_int_equal(index, 77);
    assert_int_equal(weir_as_completed_remaining(it), 1);
    gate_open(parked.gate);
    assert_int_equal(next_of(it), 0);
    weir_as_completed_destroy(it);
    end_all(future, 2);
    unpark(&parked);
}

static void as_completed_gaps_and_repetitions_come_once_or_not(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    weir_future *one = submit_ok(executor, noop_task, NULL, 0);
    weir_future *two = submit_ok(executor, noop_task, NULL, 0);
    weir_future *future[] = { NULL, one, NULL, one, two, one, two };
    assert_status(weir_wait_all(future, 7, WATCHDOG_NS, NULL), WEIR_OK);
    weir_as_completed *it = iterate(future, 7);
    assert_int_equal(weir_as_completed_remaining(it), 2);
    assert_int_equal(next_of(it), 1);
    assert_int_equal(next_of(it), 4);
    assert_int_equal(weir_as_completed_remaining(it), 0);
    weir_as_completed_destroy(it);
    weir_future_unref(one);
    weir_future_unref(two);
    weir_executor_destroy(executor);
}

/* With the caller's references gone, a leak or a use after free here is a sanitizer's to find. */
static void as_completed_keeps_what_the_caller_lets_go(void **state)
{
    enum { N = 40 };
    weir_executor *executor = new_executor(state, .workers = 2);
    weir_future *future[N];
    for (int i = 0; i < N; i++)
        future[i] = submit_ok(executor, double_task, &i, sizeof i);
    weir_as_completed *it = iterate(future, N);
    for (int i = 0; i < N; i++)
        weir_future_unref(future[i]);
    while (weir_as_completed_remaining(it) > 0)
        next_of(it);
    weir_as_completed_destroy(it);
    weir_executor_destroy(executor);
}

static void as_completed_destroyed_midway_harms_no_future(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 1);
    weir_future *future[20];
    for (int i = 0; i < 20; i++)
        future[i] = submit_ok(parked.executor, noop_task, NULL, 0);
    weir_as_completed *it = iterate(future, 20);
    weir_as_completed *untouched = iterate(future, 20);
    assert_true(weir_future_cancel(future[7]));
    assert_int_equal(next_of(it), 7);
    weir_as_completed_destroy(it);
    weir_as_completed_destroy(untouched);
    gate_open(parked.gate);
    end_all(future, 20);
    unpark(&parked);
}

static void as_completed_loses_no_wake_up(void **state)
{
    enum { N = 8 };
    weir_executor *executor = new_executor(state, .workers = 3);
    for (int i = 0; i < ROUNDS(1000); i++) {
        weir_future *future[N];
        for (int k = 0; k < N; k++)
            future[k] = submit_ok(executor, noop_task, NULL, 0);
        weir_as_completed *it = iterate(future, N);
        while (weir_as_completed_remaining(it) > 0)
            next_of(it);
        weir_as_completed_destroy(it);
        end_all(future, N);
    }
    weir_executor_destroy(executor);
}

int suite_as_completed(const struct executor_factory *factory)
{
    const struct CMUnitTest tests[] = {
        ON(factory, as_completed_of_none_is_at_its_end),
        ON(factory, as_completed_outlives_the_executor_of_one_that_was_yielded),
        ON(factory, as_completed_yields_each_once),
        ON(factory, as_completed_ended_ones_come_first_in_array_order),
        ON(factory, as_completed_timed_out_goes_on),
        ON(factory, as_completed_gaps_and_repetitions_come_once_or_not),
        ON(factory, as_completed_keeps_what_the_caller_lets_go),
        ON(factory, as_completed_destroyed_midway_harms_no_future),
        ON(factory, as_completed_loses_no_wake_up),
    };
    return cmocka_run_group_tests_name("as_completed", tests, NULL, NULL);
}
