/* What only the inline executor has: it runs in the caller, and can be started again. */
#include "conformance/conformance.h"
#include "support/crew.h"

/* The inline executor is the one without workers. */
#define needs_inline(state)                                                                        \
    do {                                                                                           \
        if (factory_has(*(state), TRAIT_CONCURRENT))                                               \
            skip();                                                                                \
    } while (0)

static void inline_task_has_ended_when_submit_returns(void **state)
{
    needs_inline(state);
    weir_executor *executor = new_executor(state, .name = "here");
    pthread_t thread;
    weir_future *future = submit_ok(executor, thread_task, NULL, 0);
    assert_status(weir_future_result(future, &thread, sizeof thread, 0), WEIR_OK);
    assert_true(pthread_equal(thread, pthread_self()));
    assert_false(weir_future_cancel(future));
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

static weir_status running_task(weir_task *task, void *arg)
{
    weir_stats stats;
    weir_status status = weir_executor_stats(arg, &stats);
    if (status != WEIR_OK || !stats_add_up(&stats))
        return weir_task_fail(task, 1, "the snapshot does not add up");
    return weir_task_return(task, &stats.running, sizeof stats.running);
}

static void inline_task_sees_itself_running(void **state)
{
    needs_inline(state);
    weir_executor *executor = new_executor(state, .name = "here");
    uint64_t running = 77;
    weir_future *future = submit_ok(executor, running_task, executor, 0);
    assert_status(weir_future_result(future, &running, sizeof running, 0), WEIR_OK);
    assert_int_equal(running, 1);
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

static void restart_after_shutdown_begins_anew(void **state)
{
    needs_inline(state);
    weir_executor *executor = new_executor(state, .name = "here");
    assert_status(end_and_unref(submit_ok(executor, noop_task, NULL, 0)), WEIR_OK);
    assert_status(weir_inline_executor_restart(executor), WEIR_EINVAL); /* it was not shut down */
    assert_int_equal(stats_of(executor).completed, 1);
    assert_status(weir_executor_shutdown(executor, NULL), WEIR_OK);
    assert_status(weir_submit(executor, noop_task, NULL, 0, NULL), WEIR_ESHUTDOWN);
    assert_status(weir_inline_executor_restart(executor), WEIR_OK);
    assert_true(weir_executor_alive(executor));
    weir_stats stats = stats_of(executor);
    assert_int_equal(stats.submitted, 0);
    assert_int_equal(stats.rejected, 0);
    assert_int_equal(stats.run_ns, 0);
    assert_status(end_and_unref(submit_ok(executor, noop_task, NULL, 0)), WEIR_OK);
    assert_int_equal(stats_of(executor).completed, 1);
    weir_executor_destroy(executor);
    assert_status(weir_inline_executor_restart(NULL), WEIR_EINVAL);
}

static weir_status restart_task(weir_task *task, void *arg)
{
    weir_status status[2] = { weir_executor_shutdown(arg,
                                                     &(weir_shutdown_options){ .timeout_ns = -1 }),
                              weir_inline_executor_restart(arg) };
    return weir_task_return(task, status, sizeof status);
}

static void restart_from_its_own_task_is_refused(void **state)
{
    needs_inline(state);
    weir_executor *executor = new_executor(state, .name = "here");
    weir_status status[2] = { WEIR_EINVAL, WEIR_OK };
    weir_future *future = submit_ok(executor, restart_task, executor, 0);
    assert_status(weir_future_result(future, status, sizeof status, 0), WEIR_OK);
    assert_true(status[0] == WEIR_OK || status[0] == WEIR_ETIMEDOUT);
    assert_status(status[1], WEIR_EINVAL);
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

struct many {
    weir_executor *executor;
    uint64_t rounds;
    _Atomic uint64_t sum;
};

static void double_some(void *shared, size_t index)
{
    struct many *many = shared;
    (void)index;
    for (uint64_t i = 0; i < many->rounds; i++) {
        int number = 1;
        weir_future *future = NULL;
        if (weir_submit(many->executor, double_task, &number, sizeof number, &future) == WEIR_OK)
            atomic_fetch_add(&many->sum, *(const int *)weir_future_value(future, NULL));
        weir_future_unref(future);
    }
}

static void inline_from_many_threads_runs_in_each(void **state)
{
    needs_inline(state);
    struct many many = { .executor = new_executor(state, .name = "here"),
                         .rounds = ROUNDS(10000) };
    crew_run(4, double_some, &many);
    assert_int_equal(many.sum, 2 * 4 * many.rounds);
    assert_int_equal(stats_of(many.executor).completed, 4 * many.rounds);
    weir_executor_destroy(many.executor);
}

int suite_restart(const struct executor_factory *factory)
{
    const struct CMUnitTest tests[] = {
        ON(factory, inline_task_has_ended_when_submit_returns),
        ON(factory, inline_task_sees_itself_running),
        ON(factory, restart_after_shutdown_begins_anew),
        ON(factory, restart_from_its_own_task_is_refused),
        ON(factory, inline_from_many_threads_runs_in_each),
    };
    return cmocka_run_group_tests_name("restart", tests, NULL, NULL);
}
