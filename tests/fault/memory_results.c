/* Results, messages, callbacks and waits for which there is no memory. */
#include "fault/scarce_stage.h"
#include "support/snapshot.h"
#include "support/submit.h"
#include "support/tasks.h"

/* In the task: the first result stays when the second cannot be stored. */
static weir_status return_without_memory(weir_task *task, void *arg)
{
    char large[500] = "large";
    weir_status *seen = arg;
    if (weir_task_return(task, "small", 6) != WEIR_OK)
        return WEIR_EINVAL;
    fail_the(1);
    *seen = weir_task_return(task, large, sizeof large);
    has_failed();
    return WEIR_OK;
}

static void large_result_without_memory_leaves_the_earlier_one(void **state)
{
    (void)state;
    struct stage stage = set_up((weir_policy){ 0 });
    weir_status seen = WEIR_OK;
    size_t size = 0;
    gate_open(stage.gate);
    weir_future *future = submit_ok(stage.executor, return_without_memory, &seen, 0);
    assert_status(end_of(future), WEIR_OK);
    assert_status(seen, WEIR_ENOMEM);
    assert_string_equal(weir_future_value(future, &size), "small");
    assert_int_equal(size, 6);
    weir_future_unref(future);
    tear_down(&stage);
}

static weir_status fail_without_memory(weir_task *task, void *arg)
{
    fail_the(1);
    weir_task_fail(task, 3, "%s", (const char *)arg);
    has_failed();
    return WEIR_OK;
}

static void long_message_without_memory_is_cut(void **state)
{
    (void)state;
    struct stage stage = set_up((weir_policy){ 0 });
    static char text[301];
    const char *message = NULL;
    memset(text, 'm', sizeof text - 1);
    gate_open(stage.gate);
    weir_future *future = submit_ok(stage.executor, fail_without_memory, text, 0);
    assert_status(end_of(future), WEIR_EFAILED);
    assert_int_equal(weir_future_error(future, &message), 3);
    assert_int_equal(strlen(message), WEIR_INLINE_DEFAULT - 1);
    assert_int_equal(strspn(message, "m"), WEIR_INLINE_DEFAULT - 1);
    weir_future_unref(future);
    tear_down(&stage);
}

static void count_call(weir_future *future, void *data)
{
    (void)future;
    ++*(int *)data;
}

static void callback_without_memory_is_never_called(void **state)
{
    (void)state;
    struct stage stage = set_up((weir_policy){ 0 });
    int first = 0, second = 0, third = 0;
    weir_future *future = submit_ok(stage.executor, noop_task, NULL, 0);
    int added = use_up(future, count_call, &first);
    assert_in_range(added, 1, 999);
    assert_status(weir_future_on_done(future, count_call, &second), WEIR_ENOMEM);
    assert_true(has_failed());
    assert_status(weir_future_on_done(future, count_call, &third), WEIR_OK);
    assert_true(weir_future_cancel(future));
    assert_int_equal(first, added);
    assert_int_equal(second, 0);
    assert_int_equal(third, 1);
    weir_future_unref(future);
    tear_down(&stage);
}

enum {
    FEW = 16,
    MANY = 17
};

static weir_status poll_as_status(weir_status status)
{
    return status == WEIR_ETIMEDOUT ? WEIR_OK : status;
}

static void waits_on_many_without_memory_say_so(void **state)
{
    (void)state;
    struct stage stage = set_up((weir_policy){ 0 });
    weir_future *future[MANY];
    size_t done = 77, index = 77;
    const int64_t short_ns = WEIR_MILLISECOND;
    for (int i = 0; i < MANY; i++)
        future[i] = submit_ok(stage.executor, noop_task, NULL, 0);

    fail_the(1);
    assert_status(weir_wait_all(future, MANY, short_ns, &done), WEIR_ENOMEM);
    fail_the(1);
    assert_status(weir_wait_any(future, MANY, short_ns, &index), WEIR_ENOMEM);
    fail_the(1);
    assert_status(weir_wait_first_failure(future, MANY, short_ns, &index), WEIR_ENOMEM);
    assert_int_equal(done, 77);
    assert_int_equal(index, 77);

    /* A poll, few of them, and those that have ended need none. */
    fail_the(1);
    assert_status(weir_wait_all(future, MANY, 0, NULL), WEIR_ETIMEDOUT);
    assert_status(weir_wait_all(future, FEW, short_ns, NULL), WEIR_ETIMEDOUT);
    assert_status(weir_future_wait(future[0], short_ns), WEIR_ETIMEDOUT);
    assert_false(has_failed());
    gate_open(stage.gate);
    fail_each(poll_as_status(weir_wait_all(future, MANY, WATCHDOG_NS, NULL)), 0);
    end_all(future, MANY);
    tear_down(&stage);
}

static void as_completed_without_memory_leaves_nothing(void **state)
{
    (void)state;
    struct stage stage = set_up((weir_policy){ 0 });
    weir_future *future[3];
    weir_as_completed *it = NULL;
    size_t index = 77;
    for (int i = 0; i < 3; i++)
        future[i] = submit_ok(stage.executor, noop_task, NULL, 0);
    fail_each(weir_as_completed_create(&it, future, 3), 4);
    /* From here on it needs none. */
    fail_the(1);
    gate_open(stage.gate);
    for (size_t i = 0; i < 3; i++) {
        assert_status(weir_as_completed_next(it, WATCHDOG_NS, &index), WEIR_OK);
        assert_int_equal(index, i);
    }
    assert_false(has_failed());
    weir_as_completed_destroy(it);
    end_all(future, 3);
    tear_down(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(large_result_without_memory_leaves_the_earlier_one, end_scarcity),
        cmocka_unit_test_teardown(long_message_without_memory_is_cut, end_scarcity),
        cmocka_unit_test_teardown(callback_without_memory_is_never_called, end_scarcity),
        cmocka_unit_test_teardown(waits_on_many_without_memory_say_so, end_scarcity),
        cmocka_unit_test_teardown(as_completed_without_memory_leaves_nothing, end_scarcity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
