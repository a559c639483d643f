/* Executors that cannot be made, or not as large as they should be, for want of memory. */
#include <fcntl.h>
#include <unistd.h>

#include "fault/scarce_stage.h"
#include "support/snapshot.h"
#include "support/submit.h"
#include "support/tasks.h"

static void create_inline_without_memory_leaves_nothing(void **state)
{
    (void)state;
    weir_executor *executor = NULL;
    long before = allocations_held();
    fail_each(weir_inline_executor_create(&executor, NULL), 3);
    weir_executor_destroy(executor);
    assert_int_equal(allocations_held(), before);
}

static void create_threads_without_memory_leaves_nothing(void **state)
{
    (void)state;
    weir_executor *executor = NULL;
    long before = allocations_held();
    fail_each(weir_thread_executor_create(&executor, &(weir_thread_options){ .workers = 1 }), 6);
    assert_status(end_and_unref(submit_ok(executor, noop_task, NULL, 0)), WEIR_OK);
    weir_executor_destroy(executor);
    assert_int_equal(allocations_held(), before);
}

static int next_fd(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(fd);
    return fd;
}

static void create_with_dispatch_without_memory_leaves_nothing(void **state)
{
    (void)state;
    weir_executor *executor = NULL;
    long before = allocations_held();
    int fd = next_fd();
    weir_inline_options in_caller = { .dispatch = true };
    fail_each(weir_inline_executor_create(&executor, &in_caller), 4);
    weir_executor_destroy(executor);
    assert_int_equal(next_fd(), fd);
    executor = NULL;
    weir_thread_options threads = { .workers = 1, .dispatch = true };
    fail_each(weir_thread_executor_create(&executor, &threads), 7);
    weir_executor_destroy(executor);
    assert_int_equal(next_fd(), fd);
    assert_int_equal(allocations_held(), before);
}

static void create_threads_without_memory_for_all_works_with_some(void **state)
{
    (void)state;
    long before = allocations_held();
    size_t smaller = 0;
    for (long n = 1;; n++) {
        weir_executor *executor = NULL;
        fail_the(n);
        weir_status status =
            weir_thread_executor_create(&executor, &(weir_thread_options){ .workers = 3 });
        bool short_of = has_failed();
        if (status == WEIR_OK) {
            size_t workers = stats_of(executor).workers;
            assert_true(workers >= 1 && workers <= 3);
            smaller += workers < 3;
            assert_status(end_and_unref(submit_ok(executor, noop_task, NULL, 0)), WEIR_OK);
        } else {
            assert_status(status, WEIR_ENOMEM);
            assert_null(executor);
        }
        weir_executor_destroy(executor);
        assert_int_equal(allocations_held(), before);
        if (!short_of)
            break;
    }
    assert_int_equal(smaller, 2 * 4); /* record, queue, two rings: of the second, and of the third */
}

static void resize_without_memory_says_so_and_can_be_repeated(void **state)
{
    (void)state;
    struct stage stage = set_up((weir_policy){ 0 });
    for (long n = 1;; n++) {
        fail_the(n);
        weir_status status = weir_thread_executor_resize(stage.executor, 3, 3000);
        if (!has_failed()) {
            assert_status(status, WEIR_OK);
            assert_true(n > 2);
            break;
        }
        assert_status(status, WEIR_ENOMEM);
    }
    assert_true(stats_of(stage.executor).workers >= 3);
    tear_down(&stage);
}

static void create_vector_without_memory_leaves_nothing(void **state)
{
    (void)state;
    weir_shared_vector *vector = NULL;
    long before = allocations_held();
    fail_each(weir_shared_vector_create(&vector, 100, 100), 3);
    weir_shared_vector_destroy(vector);
    assert_int_equal(allocations_held(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(create_inline_without_memory_leaves_nothing, end_scarcity),
        cmocka_unit_test_teardown(create_threads_without_memory_leaves_nothing, end_scarcity),
        cmocka_unit_test_teardown(create_with_dispatch_without_memory_leaves_nothing, end_scarcity),
        cmocka_unit_test_teardown(create_threads_without_memory_for_all_works_with_some,
                                  end_scarcity),
        cmocka_unit_test_teardown(resize_without_memory_says_so_and_can_be_repeated, end_scarcity),
        cmocka_unit_test_teardown(create_vector_without_memory_leaves_nothing, end_scarcity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
