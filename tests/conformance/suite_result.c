/* Results, and what a future tells at each stage of its task. */
#include "conformance/conformance.h"

#include <stdlib.h>

/* Takes a size_t and returns that many bytes, each its own index. */
static weir_status bytes_task(weir_task *task, void *arg)
{
    size_t size = *(size_t *)arg;
    unsigned char *bytes = malloc(size + 1);
    if (bytes == NULL)
        return WEIR_ENOMEM;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)i;
    weir_status status = weir_task_return(task, bytes, size);
    free(bytes);
    return status;
}

static void result_of_any_size_arrives_whole(void **state)
{
    static const size_t sizes[] = { 0, 1, 47, 48, 49, 4096, 4097, 1 << 20 };
    weir_executor *executor = new_executor(state, .workers = 2);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t size = 77;
        weir_future *future = submit_ok(executor, bytes_task, &sizes[i], sizeof sizes[i]);
        assert_status(end_of(future), WEIR_OK);
        const unsigned char *value = weir_future_value(future, &size);
        assert_int_equal(size, sizes[i]);
        assert_int_equal((uintptr_t)value % 16, 0);
        for (size_t k = 0; k < size; k++)
            if (value[k] != (unsigned char)k)
                fail_msg("byte %zu of %zu is %u", k, size, value[k]);
        weir_future_unref(future);
    }
    weir_executor_destroy(executor);
}

static void result_buffer_longer_rest_is_untouched(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    unsigned char buffer[8];
    size_t size = 3;
    memset(buffer, 0xee, sizeof buffer);
    weir_future *future = submit_ok(executor, bytes_task, &size, sizeof size);
    assert_status(weir_future_result(future, buffer, sizeof buffer, WATCHDOG_NS), WEIR_OK);
    assert_memory_equal(buffer, "\0\1\2\xee\xee\xee\xee\xee", sizeof buffer);
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

static void result_buffer_shorter_is_too_big(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    unsigned char buffer[8];
    size_t size = 9;
    memset(buffer, 0xee, sizeof buffer);
    weir_future *future = submit_ok(executor, bytes_task, &size, sizeof size);
    assert_status(weir_future_result(future, buffer, 8, WATCHDOG_NS), WEIR_ETOOBIG);
    assert_memory_equal(buffer, "\xee\xee\xee\xee\xee\xee\xee\xee", sizeof buffer);
    assert_status(weir_future_result(future, NULL, 0, WATCHDOG_NS), WEIR_ETOOBIG);
    assert_status(weir_future_status(future), WEIR_OK);
    weir_future_unref(future);
    size = 0;
    future = submit_ok(executor, bytes_task, &size, sizeof size);
    assert_status(weir_future_result(future, NULL, 0, WATCHDOG_NS), WEIR_OK);
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

static weir_status return_thrice_task(weir_task *task, void *arg)
{
    char large[300];
    (void)arg;
    memset(large, 'x', sizeof large);
    if (weir_task_return(task, "first", 6) != WEIR_OK ||
        weir_task_return(task, large, sizeof large) != WEIR_OK)
        return WEIR_ENOMEM;
    return weir_task_return(task, "last", 5);
}

static void result_given_again_replaces_the_former(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    size_t size = 0;
    weir_future *future = submit_ok(executor, return_thrice_task, NULL, 0);
    assert_status(end_of(future), WEIR_OK);
    assert_string_equal(weir_future_value(future, &size), "last");
    assert_int_equal(size, 5);
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

enum {
    ARG_BYTES = WEIR_INLINE_DEFAULT
};

/* Gives results, short and long, before it has looked at its argument; then the argument. */
static weir_status return_first_look_later_task(weir_task *task, void *arg)
{
    static const size_t sizes[] = { 1, ARG_BYTES, 2 * ARG_BYTES, 1000, ARG_BYTES };
    const unsigned char *bytes = arg;
    unsigned char result[1000];
    memset(result, 0xee, sizeof result);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        if (weir_task_return(task, result, sizes[i]) != WEIR_OK)
            return WEIR_ENOMEM;
    for (size_t i = 0; i < ARG_BYTES; i++)
        if (bytes[i] != i)
            return weir_task_fail(task, (int)i, "byte %zu is %u", i, bytes[i]);
    return weir_task_return(task, bytes, ARG_BYTES);
}

static void result_given_early_leaves_the_argument_alone(void **state)
{
    static const size_t result_bytes[] = { 1, ARG_BYTES, ARG_BYTES + 1, 512 };
    unsigned char bytes[ARG_BYTES];
    for (size_t i = 0; i < ARG_BYTES; i++)
        bytes[i] = (unsigned char)i;
    for (size_t i = 0; i < sizeof result_bytes / sizeof result_bytes[0]; i++) {
        weir_executor *executor =
            new_executor(state, .workers = 1, .result_bytes = result_bytes[i]);
        weir_future *future =
            submit_ok(executor, return_first_look_later_task, bytes, sizeof bytes);
        size_t size = 0;
        assert_status(end_of(future), WEIR_OK);
        assert_memory_equal(weir_future_value(future, &size), bytes, ARG_BYTES);
        assert_int_equal(size, ARG_BYTES);
        weir_future_unref(future);
        weir_executor_destroy(executor);
    }
}

static weir_status fail_first_look_later_task(weir_task *task, void *arg)
{
    weir_task_fail(task, 9, "a message that is as long as it can be in place...");
    return strcmp(arg, "the argument, which is still there") == 0 ? WEIR_OK : WEIR_EINVAL;
}

/* What a failed task returns is not looked at: so it tells by not failing where else it would have to. */
static weir_status fail_with_its_argument_task(weir_task *task, void *arg)
{
    weir_outcome outcome;
    if (weir_task_call(task, fail_first_look_later_task, arg, &outcome) != WEIR_OK ||
        outcome.status != WEIR_EFAILED || outcome.returned != WEIR_OK)
        return WEIR_EINVAL;
    return weir_task_fail(task, outcome.code, "%s", (const char *)arg);
}

static void failure_told_early_leaves_the_argument_alone(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    static const char text[] = "the argument, which is still there";
    const char *message = NULL;
    weir_future *future = submit_ok(executor, fail_with_its_argument_task, text, sizeof text);
    assert_status(end_of(future), WEIR_EFAILED);
    assert_int_equal(weir_future_error(future, &message), 9);
    assert_string_equal(message, text);
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

static weir_status return_badly_task(weir_task *task, void *arg)
{
    weir_status status[2] = { weir_task_return(task, NULL, 1), weir_task_return(NULL, "", 1) };
    (void)arg;
    return weir_task_return(task, status, sizeof status);
}

static void result_of_null_is_invalid(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    weir_status seen[2] = { WEIR_OK, WEIR_OK };
    weir_future *future = submit_ok(executor, return_badly_task, NULL, 0);
    assert_status(weir_future_result(future, seen, sizeof seen, WATCHDOG_NS), WEIR_OK);
    assert_status(seen[0], WEIR_EINVAL);
    assert_status(seen[1], WEIR_EINVAL);
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

/* What a future that has not ended says. */
static void check_not_ended(weir_future *future, weir_state expected)
{
    int result = 5;
    size_t size = 77;
    const char *message = NULL;
    assert_int_equal(weir_future_state(future), expected);
    assert_status(weir_future_status(future), WEIR_EPENDING);
    assert_status(weir_future_wait(future, 0), WEIR_ETIMEDOUT);
    assert_status(weir_future_result(future, &result, sizeof result, 0), WEIR_ETIMEDOUT);
    assert_status(weir_future_result(future, &result, sizeof result, 1), WEIR_ETIMEDOUT);
    assert_int_equal(result, 5);
    assert_null(weir_future_value(future, &size));
    assert_int_equal(size, 0);
    assert_int_equal(weir_future_error(future, &message), 0);
    assert_string_equal(message, "");
}

static void future_tells_each_stage_of_its_task(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 1);
    const char *message = NULL;
    weir_future *future = submit_ok(parked.executor, gate_task, parked.gate, 0);
    check_not_ended(future, WEIR_PENDING);
    gate_let(parked.gate, 1);
    assert_true(gate_wait_entered(parked.gate, 2));
    check_not_ended(future, WEIR_RUNNING);
    gate_open(parked.gate);
    assert_status(end_of(future), WEIR_OK);
    assert_int_equal(weir_future_state(future), WEIR_FINISHED);
    assert_status(weir_future_wait(future, 0), WEIR_OK);
    assert_null(weir_future_value(future, NULL));
    assert_int_equal(weir_future_error(future, &message), 0);
    assert_string_equal(message, "");
    weir_future_unref(future);
    unpark(&parked);
}

static void future_outlives_its_executor(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 2);
    int number = 8;
    size_t size = 0;
    weir_future *future = submit_ok(executor, double_task, &number, sizeof number);
    weir_future *again = weir_future_ref(future);
    assert_ptr_equal(again, future);
    weir_executor_destroy(executor);
    assert_status(weir_future_wait(future, 0), WEIR_OK);
    weir_future_unref(future);
    assert_int_equal(*(const int *)weir_future_value(again, &size), 16);
    assert_int_equal(size, sizeof(int));
    assert_false(weir_future_cancel(again));
    weir_future_unref(again);
}

static void result_options_inline_sizes_hold_larger_values(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1, .arg_bytes = 1, .result_bytes = 512);
    size_t size = 512;
    weir_future *future = submit_ok(executor, bytes_task, &size, sizeof size);
    assert_status(end_of(future), WEIR_OK);
    weir_future_value(future, &size);
    assert_int_equal(size, 512);
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

int suite_result(const struct executor_factory *factory)
{
    const struct CMUnitTest tests[] = {
        ON(factory, result_of_any_size_arrives_whole),
        ON(factory, result_buffer_longer_rest_is_untouched),
        ON(factory, result_buffer_shorter_is_too_big),
        ON(factory, result_given_again_replaces_the_former),
        ON(factory, result_given_early_leaves_the_argument_alone),
        ON(factory, failure_told_early_leaves_the_argument_alone),
        ON(factory, result_of_null_is_invalid),
        ON(factory, future_tells_each_stage_of_its_task),
        ON(factory, future_outlives_its_executor),
        ON(factory, result_options_inline_sizes_hold_larger_values),
    };
    return cmocka_run_group_tests_name("result", tests, NULL, NULL);
}
