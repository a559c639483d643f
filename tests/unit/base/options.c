/* Structs that come from callers compiled against an older or a newer header. */
#include <stdlib.h>

#include "base/options.h"
#include "support/snapshot.h"
#include "support/submit.h"
#include "support/tasks.h"

struct newer {
    size_t known;
    size_t unknown;
};

static void copy_of_nothing_is_zero(void **state)
{
    (void)state;
    size_t own = 7;
    assert_true(weir__options_copy(&own, sizeof own, NULL, 0));
    assert_int_equal(own, 0);
    own = 7;
    assert_true(weir__options_copy(&own, sizeof own, NULL, sizeof own));
    assert_int_equal(own, 0);
}

static void copy_of_a_smaller_struct_fills_up_with_zeros(void **state)
{
    (void)state;
    struct newer own = { 7, 7 };
    size_t given = 3;
    assert_true(weir__options_copy(&own, sizeof own, &given, sizeof given));
    assert_int_equal(own.known, 3);
    assert_int_equal(own.unknown, 0);
}

static void copy_of_a_larger_struct_refuses_what_it_does_not_know(void **state)
{
    (void)state;
    size_t own = 7;
    struct newer given = { 3, 0 };
    assert_true(weir__options_copy(&own, sizeof own, &given, sizeof given));
    assert_int_equal(own, 3);
    unsigned char bytes[sizeof given];
    for (size_t i = sizeof own; i < sizeof given; i++) {
        memcpy(bytes, &given, sizeof bytes);
        bytes[i] = 1;
        assert_false(weir__options_copy(&own, sizeof own, bytes, sizeof bytes));
    }
}

/* A caller's struct in memory of exactly its size, so that a sanitizer sees a look beyond it.
 * Larger than ours: filled up with zeros, but for the last byte. */
static void *as_given(const void *options, size_t own_size, size_t size, unsigned char last)
{
    unsigned char *given = calloc(1, size);
    assert_non_null(given);
    memcpy(given, options, size < own_size ? size : own_size);
    if (last)
        given[size - 1] = last;
    return given;
}

static void thread_options_of_any_size_are_understood(void **state)
{
    (void)state;
    weir_thread_options options = { .workers = 2, .limit = 5 };
    /* Older: it did not know the limit yet. */
    const size_t older = offsetof(weir_thread_options, limit);
    const size_t newer = sizeof options + 16;
    weir_executor *executor = NULL;

    void *given = as_given(&options, sizeof options, older, 0);
    assert_status(weir_thread_executor_create_sized(&executor, given, older), WEIR_OK);
    free(given);
    assert_int_equal(stats_of(executor).workers, 2);
    assert_int_equal(stats_of(executor).limit, WEIR_LIMIT_DEFAULT);
    weir_executor_destroy(executor);

    given = as_given(&options, sizeof options, newer, 0);
    assert_status(weir_thread_executor_create_sized(&executor, given, newer), WEIR_OK);
    free(given);
    assert_int_equal(stats_of(executor).limit, 5);
    weir_executor_destroy(executor);

    executor = NULL;
    given = as_given(&options, sizeof options, newer, 1);
    assert_status(weir_thread_executor_create_sized(&executor, given, newer), WEIR_EINVAL);
    free(given);
    assert_null(executor);
}

static void inline_options_of_any_size_are_understood(void **state)
{
    (void)state;
    weir_inline_options options = { .name = "given", .arg_bytes = WEIR_INLINE_MAX + 1 };
    const size_t older = offsetof(weir_inline_options, policy);
    const size_t newer = sizeof options + 1;
    weir_executor *executor = NULL;
    assert_status(weir_inline_executor_create(&executor, &options), WEIR_EINVAL);

    /* Older: it ends before the member that is out of range. */
    void *given = as_given(&options, sizeof options, older, 0);
    assert_status(weir_inline_executor_create_sized(&executor, given, older), WEIR_OK);
    free(given);
    assert_string_equal(weir_executor_name(executor), "given");
    weir_executor_destroy(executor);

    executor = NULL;
    options.arg_bytes = 0;
    given = as_given(&options, sizeof options, newer, 1);
    assert_status(weir_inline_executor_create_sized(&executor, given, newer), WEIR_EINVAL);
    free(given);
    assert_null(executor);
}

static void submissions_of_any_size_are_understood(void **state)
{
    (void)state;
    weir_executor *executor;
    weir_future *future = NULL;
    int seven = 7, doubled = 0;
    weir_submission submission = {
        .fn = double_task, .arg = &seven, .arg_size = sizeof seven, .name = "seven"
    };
    const size_t older = offsetof(weir_submission, name);
    const size_t newer = sizeof submission + 8;
    assert_status(weir_inline_executor_create(&executor, NULL), WEIR_OK);

    void *given = as_given(&submission, sizeof submission, older, 0);
    assert_status(weir_submit_with_sized(executor, given, older, &future), WEIR_OK);
    free(given);
    assert_status(weir_future_result(future, &doubled, sizeof doubled, 0), WEIR_OK);
    assert_int_equal(doubled, 14);
    assert_null(weir_future_name(future));
    weir_future_unref(future);

    given = as_given(&submission, sizeof submission, newer, 0);
    assert_status(weir_submit_with_sized(executor, given, newer, &future), WEIR_OK);
    free(given);
    assert_string_equal(weir_future_name(future), "seven");
    weir_future_unref(future);

    future = NULL;
    given = as_given(&submission, sizeof submission, newer, 0x80);
    assert_status(weir_submit_with_sized(executor, given, newer, &future), WEIR_EINVAL);
    free(given);
    assert_null(future);
    assert_int_equal(stats_of(executor).submitted, 2);
    weir_executor_destroy(executor);
}

static void shutdown_options_of_any_size_are_understood(void **state)
{
    (void)state;
    weir_executor *executor;
    weir_shutdown_report report = { .finished = 99 };
    weir_shutdown_options options = { .report = &report };
    const size_t older = offsetof(weir_shutdown_options, report);
    const size_t newer = sizeof options + 8;
    assert_status(weir_inline_executor_create(&executor, NULL), WEIR_OK);

    void *given = as_given(&options, sizeof options, newer, 1);
    assert_status(weir_executor_shutdown_sized(executor, given, newer), WEIR_EINVAL);
    free(given);
    assert_true(weir_executor_alive(executor));

    given = as_given(&options, sizeof options, older, 0);
    assert_status(weir_executor_shutdown_sized(executor, given, older), WEIR_OK);
    free(given);
    assert_int_equal(report.finished, 99);

    given = as_given(&options, sizeof options, newer, 0);
    assert_status(weir_executor_shutdown_sized(executor, given, newer), WEIR_OK);
    free(given);
    assert_int_equal(report.finished, 0);
    weir_executor_destroy(executor);
}

static void statistics_of_any_size_are_filled(void **state)
{
    (void)state;
    weir_executor *executor;
    struct {
        weir_stats known;
        uint64_t newer[2];
    } stats;
    assert_status(weir_inline_executor_create(&executor, NULL), WEIR_OK);
    assert_status(weir_submit(executor, noop_task, NULL, 0, NULL), WEIR_OK);

    memset(&stats, 0xff, sizeof stats);
    assert_status(weir_executor_stats_sized(executor, &stats.known, sizeof stats), WEIR_OK);
    assert_int_equal(stats.known.completed, 1);
    assert_int_equal(stats.newer[0], 0);
    assert_int_equal(stats.newer[1], 0);

    memset(&stats, 0xff, sizeof stats);
    assert_status(weir_executor_stats_sized(executor, &stats.known, sizeof(uint64_t)), WEIR_OK);
    assert_int_equal(stats.known.submitted, 1);
    assert_true(stats.known.rejected == UINT64_MAX);
    weir_executor_destroy(executor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copy_of_nothing_is_zero),
        cmocka_unit_test(copy_of_a_smaller_struct_fills_up_with_zeros),
        cmocka_unit_test(copy_of_a_larger_struct_refuses_what_it_does_not_know),
        cmocka_unit_test(thread_options_of_any_size_are_understood),
        cmocka_unit_test(inline_options_of_any_size_are_understood),
        cmocka_unit_test(submissions_of_any_size_are_understood),
        cmocka_unit_test(shutdown_options_of_any_size_are_understood),
        cmocka_unit_test(statistics_of_any_size_are_filled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
