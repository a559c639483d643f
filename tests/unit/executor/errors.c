/* What a future says of a failure, and its name while the task still runs. */
#include "support/gate.h"
#include "support/submit.h"

static weir_status fail_without_words(weir_task *task, void *arg)
{
    return weir_task_fail(task, *(int *)arg, NULL);
}

static weir_status fail_with_no_text(weir_task *task, void *arg)
{
    (void)arg;
    return weir_task_fail(task, 5, "%s", "");
}

static weir_status return_expired(weir_task *task, void *arg)
{
    (void)task;
    (void)arg;
    return WEIR_EEXPIRED;
}

static weir_future *run(weir_task_fn *fn, const void *arg, size_t arg_size)
{
    weir_executor *executor;
    assert_status(weir_inline_executor_create(&executor, NULL), WEIR_OK);
    weir_future *future = submit_ok(executor, fn, arg, arg_size);
    weir_executor_destroy(executor);
    return future;
}

static void failed_without_a_message_has_the_sentence_of_its_status(void **state)
{
    (void)state;
    const int codes[] = { 5, 0, -1, WEIR_EINVAL };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        const char *message = NULL;
        weir_future *future = run(fail_without_words, &codes[i], sizeof codes[i]);
        assert_status(weir_future_status(future), WEIR_EFAILED);
        assert_int_equal(weir_future_error(future, &message), codes[i]);
        assert_string_equal(message, weir_status_text(WEIR_EFAILED));
        weir_future_unref(future);
    }
}

static void failed_with_an_empty_message_has_a_message(void **state)
{
    (void)state;
    const char *message = NULL;
    weir_future *future = run(fail_with_no_text, NULL, 0);
    assert_int_equal(weir_future_error(future, &message), 5);
    assert_non_null(message);
    weir_future_unref(future);
}

static void failed_by_a_status_has_the_sentence_of_that_status(void **state)
{
    (void)state;
    const char *message = NULL;
    weir_future *future = run(return_expired, NULL, 0);
    assert_status(weir_future_status(future), WEIR_EFAILED);
    assert_int_equal(weir_future_error(future, &message), WEIR_EEXPIRED);
    assert_string_equal(message, weir_status_text(WEIR_EEXPIRED));
    weir_future_unref(future);
}

struct writing {
    struct gate *gate;
    _Atomic bool enough;
};

/* Gives results back, small and large, until it is told that it is enough. */
static weir_status keep_returning(weir_task *task, void *arg)
{
    struct writing *writing = arg;
    char large[200] = "large";
    int64_t end_ns = now_ns() + WATCHDOG_NS;
    gate_pass(writing->gate);
    do {
        if (weir_task_return(task, large, 1) != WEIR_OK ||
            weir_task_return(task, large, sizeof large) != WEIR_OK)
            return WEIR_ENOMEM;
    } while (!atomic_load(&writing->enough) && now_ns() < end_ns);
    return WEIR_OK;
}

static void name_may_be_read_while_the_task_returns_results(void **state)
{
    (void)state;
    weir_executor *executor;
    weir_future *future = NULL, *nameless;
    struct writing writing = { .gate = gate_create() };
    assert_status(weir_thread_executor_create(&executor, &(weir_thread_options){ .workers = 2 }),
                  WEIR_OK);
    assert_status(submit_named(executor, "a name", keep_returning, &writing, 0, &future), WEIR_OK);
    nameless = submit_ok(executor, keep_returning, &writing, 0);
    assert_true(gate_wait_entered(writing.gate, 2));
    gate_open(writing.gate);
    for (size_t i = 0; i < ROUNDS(20000); i++) {
        assert_string_equal(weir_future_name(future), "a name");
        assert_null(weir_future_name(nameless));
    }
    atomic_store(&writing.enough, true);
    assert_status(end_of(future), WEIR_OK);
    assert_string_equal(weir_future_name(future), "a name");
    assert_status(end_and_unref(nameless), WEIR_OK);
    weir_future_unref(future);

    /* The slot is used again, by a task without a name. */
    future = submit_ok(executor, return_expired, NULL, 0);
    assert_null(weir_future_name(future));
    assert_status(end_and_unref(future), WEIR_EFAILED);
    weir_executor_destroy(executor);
    gate_destroy(writing.gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failed_without_a_message_has_the_sentence_of_its_status),
        cmocka_unit_test(failed_with_an_empty_message_has_a_message),
        cmocka_unit_test(failed_by_a_status_has_the_sentence_of_that_status),
        cmocka_unit_test(name_may_be_read_while_the_task_returns_results),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
