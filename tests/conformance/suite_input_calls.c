/* Arguments that are not allowed, in calls: each has its status, and nothing is changed. */
#include "conformance/conformance.h"

#include <signal.h>
#include <sys/resource.h>

#include "support/child.h"

static void input_submit_refuses_nonsense(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    weir_future *future = NULL;
    assert_status(weir_submit(NULL, noop_task, NULL, 0, &future), WEIR_EINVAL);
    assert_status(weir_submit(executor, NULL, NULL, 0, &future), WEIR_EINVAL);
    assert_status(weir_submit(executor, noop_task, NULL, 1, &future), WEIR_EINVAL);
    const weir_submission bad[] = {
        { .fn = NULL },
        { .fn = noop_task, .arg = NULL, .arg_size = 3 },
        { .fn = noop_task, .start_within_ns = -1 },
        { .fn = noop_task, .flags = 1u << 2 },
        { .fn = noop_task, .flags = WEIR_MUST_ADMIT | 1u << 31 },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_status(weir_submit_with(executor, &bad[i], &future), WEIR_EINVAL);
    assert_status(weir_submit_with(executor, NULL, &future), WEIR_EINVAL);
    assert_status(weir_submit_with(NULL, &(weir_submission){ .fn = noop_task }, &future),
                  WEIR_EINVAL);
    assert_null(future);
    assert_int_equal(stats_of(executor).submitted, 0);
    weir_executor_destroy(executor);
}

static void input_future_calls_refuse_null_and_negative_times(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    weir_future *future = submit_ok(executor, noop_task, NULL, 0);
    const int64_t bad_ns[] = { -1, -WEIR_SECOND, INT64_MIN };
    end_of(future);
    for (int i = 0; i < 3; i++) {
        assert_status(weir_future_wait(future, bad_ns[i]), WEIR_EINVAL);
        assert_status(weir_future_result(future, NULL, 0, bad_ns[i]), WEIR_EINVAL);
    }
    assert_status(weir_future_result(future, NULL, 1, 0), WEIR_EINVAL);
    assert_status(weir_future_wait(NULL, 0), WEIR_EINVAL);
    assert_status(weir_future_result(NULL, NULL, 0, 0), WEIR_EINVAL);
    assert_status(weir_future_status(NULL), WEIR_EINVAL);
    assert_status(weir_future_on_done(future, NULL, NULL), WEIR_EINVAL);
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

static void no_callback(weir_future *future, void *data)
{
    (void)future;
    (void)data;
}

static void input_null_future_is_harmless(void **state)
{
    size_t size = 77;
    const char *message = NULL;
    (void)state;
    assert_status(weir_future_on_done(NULL, no_callback, NULL), WEIR_EINVAL);
    assert_null(weir_future_value(NULL, &size));
    assert_int_equal(size, 0);
    assert_int_equal(weir_future_error(NULL, &message), 0);
    assert_non_null(message);
    assert_int_equal(weir_future_state(NULL), WEIR_PENDING);
    assert_null(weir_future_name(NULL));
    assert_false(weir_future_cancel(NULL));
    assert_null(weir_future_ref(NULL));
    weir_future_unref(NULL);
}

static void input_waits_refuse_nonsense(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    weir_future *future = submit_ok(executor, noop_task, NULL, 0);
    size_t out = 77;
    end_of(future);
    assert_status(weir_wait_all(NULL, 1, 0, &out), WEIR_EINVAL);
    assert_status(weir_wait_all(&future, 1, -1, &out), WEIR_EINVAL);
    assert_status(weir_wait_any(NULL, 1, 0, &out), WEIR_EINVAL);
    assert_status(weir_wait_any(NULL, 0, 0, &out), WEIR_EINVAL);
    assert_status(weir_wait_any(&future, 0, 0, &out), WEIR_EINVAL);
    assert_status(weir_wait_any(&future, 1, -1, &out), WEIR_EINVAL);
    assert_status(weir_wait_any((weir_future *[]){ NULL, NULL }, 2, 0, &out), WEIR_EINVAL);
    assert_status(weir_wait_first_failure(NULL, 1, 0, &out), WEIR_EINVAL);
    assert_status(weir_wait_first_failure(&future, 1, -1, &out), WEIR_EINVAL);
    assert_int_equal(out, 77);
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

static void input_as_completed_refuses_nonsense(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    weir_future *future = submit_ok(executor, noop_task, NULL, 0);
    weir_as_completed *it = NULL;
    size_t index = 77;
    assert_status(weir_as_completed_create(NULL, &future, 1), WEIR_EINVAL);
    assert_status(weir_as_completed_create(&it, NULL, 1), WEIR_EINVAL);
    assert_null(it);
    assert_int_equal(weir_as_completed_remaining(NULL), 0);
    assert_status(weir_as_completed_next(NULL, 0, &index), WEIR_EINVAL);
    assert_status(weir_as_completed_create(&it, &future, 1), WEIR_OK);
    assert_status(weir_as_completed_next(it, 0, NULL), WEIR_EINVAL);
    assert_status(weir_as_completed_next(it, -1, &index), WEIR_EINVAL);
    assert_status(weir_as_completed_next(it, WATCHDOG_NS, &index), WEIR_OK);
    assert_status(weir_as_completed_next(it, 0, &index), WEIR_EINVAL); /* none remains */
    weir_as_completed_destroy(it);
    weir_as_completed_destroy(NULL);
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

static void input_executor_calls_refuse_null(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    weir_stats stats;
    weir_worker_stats worker;
    size_t count = 77;
    assert_status(weir_executor_stats(NULL, &stats), WEIR_EINVAL);
    assert_status(weir_executor_stats(executor, NULL), WEIR_EINVAL);
    assert_status(weir_executor_worker_stats(NULL, &worker, 1, &count), WEIR_EINVAL);
    assert_status(weir_executor_worker_stats(executor, &worker, 1, NULL), WEIR_EINVAL);
    assert_status(weir_executor_worker_stats(executor, NULL, 1, &count), WEIR_EINVAL);
    assert_status(weir_executor_shutdown(NULL, NULL), WEIR_EINVAL);
    assert_int_equal(weir_executor_backlog(NULL), 0);
    assert_false(weir_executor_alive(NULL));
    assert_string_equal(weir_executor_name(NULL), "");
    weir_executor_destroy(NULL);
    assert_true(weir_executor_alive(executor));
    weir_executor_destroy(executor);
}

static void input_shutdown_refuses_nonsense_and_goes_on(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    const weir_shutdown_options bad[] = {
        { .mode = (weir_shutdown_mode)2 },
        { .mode = (weir_shutdown_mode)-1 },
        { .timeout_ns = -2 },
        { .timeout_ns = INT64_MIN },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_status(weir_executor_shutdown(executor, &bad[i]), WEIR_EINVAL);
    assert_true(weir_executor_alive(executor));
    assert_status(end_and_unref(submit_ok(executor, noop_task, NULL, 0)), WEIR_OK);
    weir_executor_destroy(executor);
}

static void input_names_of_nothing_are_unknown(void **state)
{
    (void)state;
    assert_string_equal(weir_status_name(WEIR_EDEADLOCK), "WEIR_EDEADLOCK");
    assert_string_equal(weir_status_name((weir_status)999), "WEIR_UNKNOWN");
    assert_non_null(weir_status_text((weir_status)999));
    assert_string_equal(weir_state_name(WEIR_EXPIRED), "EXPIRED");
    assert_string_equal(weir_state_name((weir_state)999), "UNKNOWN");
}

#ifndef NDEBUG
/* In a child, with an executor of its own: a reference too many is given up. */
static int unref_too_often(void *data)
{
    weir_executor *executor = NULL;
    weir_future *future = NULL;
    (void)data;
    setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
    if (weir_inline_executor_create(&executor, NULL) != WEIR_OK ||
        weir_submit(executor, noop_task, NULL, 0, &future) != WEIR_OK)
        return 1;
    weir_future_unref(future);
    weir_future_unref(future);
    return 0;
}
#endif

static void input_reference_given_up_too_often_asserts_in_debug_builds(void **state)
{
#ifdef NDEBUG
    (void)state;
    skip();
#else
    (void)state;
    int end = run_in_child(unref_too_often, NULL);
    /* A sanitizer may report the use of freed memory before the assertion can. */
    assert_true(end == -SIGABRT || (SANITIZED && end != 0));
#endif
}

int suite_input_calls(const struct executor_factory *factory)
{
    const struct CMUnitTest tests[] = {
        ON(factory, input_submit_refuses_nonsense),
        ON(factory, input_future_calls_refuse_null_and_negative_times),
        ON(factory, input_null_future_is_harmless),
        ON(factory, input_waits_refuse_nonsense),
        ON(factory, input_as_completed_refuses_nonsense),
        ON(factory, input_executor_calls_refuse_null),
        ON(factory, input_shutdown_refuses_nonsense_and_goes_on),
        ON(factory, input_names_of_nothing_are_unknown),
        ON(factory, input_reference_given_up_too_often_asserts_in_debug_builds),
    };
    return cmocka_run_group_tests_name("input_calls", tests, NULL, NULL);
}
