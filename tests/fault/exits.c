/* Tasks that end their thread: on a worker, under a task that waits, in their submitter. And those
 * that ask for a cancellation, which workers do not allow. */
#include <errno.h>
#include <pthread.h>

#include "support/gate.h"
#include "support/snapshot.h"
#include "support/submit.h"
#include "support/tasks.h"

static weir_status exit_task(weir_task *task, void *arg)
{
    (void)task;
    (void)arg;
    pthread_exit(NULL);
}

static weir_status fail_and_exit_task(weir_task *task, void *arg)
{
    (void)arg;
    weir_task_fail(task, 42, "said before");
    pthread_exit(NULL);
}

static _Atomic unsigned begun, ended;

static weir_status begin_worker(void *data, size_t worker)
{
    (void)data;
    (void)worker;
    atomic_fetch_add(&begun, 1);
    return WEIR_OK;
}

static void end_worker(void *data, size_t worker)
{
    (void)data;
    (void)worker;
    atomic_fetch_add(&ended, 1);
}

static weir_executor *pool(size_t workers, weir_policy policy)
{
    weir_executor *executor;
    atomic_store(&begun, 0);
    atomic_store(&ended, 0);
    assert_status(
        weir_thread_executor_create(&executor, &(weir_thread_options){ .workers = workers,
                                                                       .limit = 50,
                                                                       .policy = policy,
                                                                       .worker_init = begin_worker,
                                                                       .worker_fini = end_worker }),
        WEIR_OK);
    return executor;
}

static void destroy_with_all_workers_ended(weir_executor *executor)
{
    weir_executor_destroy(executor);
    assert_int_equal(atomic_load(&begun), atomic_load(&ended));
}

static void assert_exited(weir_future *future)
{
    const char *message = NULL;
    assert_status(end_of(future), WEIR_EFAILED);
    assert_int_equal(weir_future_error(future, &message), ECANCELED);
    assert_true(strlen(message) > 0);
    weir_future_unref(future);
}

static void exit_on_a_worker_fails_the_task_and_replaces_the_worker(void **state)
{
    (void)state;
    enum {
        EXITS = 20
    };
    weir_executor *executor = pool(2, (weir_policy){ 0 });
    for (int i = 0; i < EXITS; i++)
        assert_exited(submit_ok(executor, exit_task, NULL, 0));
    assert_eventually(stats_of(executor).respawned == EXITS);
    weir_stats stats = stats_of(executor);
    assert_int_equal(stats.workers, 2);
    assert_int_equal(stats.failed, EXITS);
    assert_int_equal(stats.running, 0);
    assert_status(end_and_unref(submit_ok(executor, noop_task, NULL, 0)), WEIR_OK);
    destroy_with_all_workers_ended(executor);
}

static void exit_after_a_failure_keeps_what_was_said(void **state)
{
    (void)state;
    const char *message = NULL;
    weir_executor *executor = pool(1, (weir_policy){ 0 });
    weir_future *future = submit_ok(executor, fail_and_exit_task, NULL, 0);
    assert_status(end_of(future), WEIR_EFAILED);
    assert_int_equal(weir_future_error(future, &message), 42);
    assert_string_equal(message, "said before");
    weir_future_unref(future);
    destroy_with_all_workers_ended(executor);
}

static void exit_loses_nothing_of_the_backlog(void **state)
{
    (void)state;
    enum {
        N = 40
    };
    weir_future *future[N];
    struct gate *gate = gate_create();
    weir_executor *executor = pool(1, (weir_policy){ 0 });
    weir_future *parked = submit_ok(executor, gate_task, gate, 0);
    assert_true(gate_wait_entered(gate, 1));
    for (int i = 0; i < N; i++)
        future[i] = submit_ok(executor, i % 2 ? noop_task : exit_task, NULL, 0);
    gate_open(gate);
    assert_status(end_and_unref(parked), WEIR_OK);
    for (int i = 0; i < N; i++)
        assert_status(end_and_unref(future[i]), i % 2 ? WEIR_OK : WEIR_EFAILED);
    destroy_with_all_workers_ended(executor);
    gate_destroy(gate);
}

struct nest {
    weir_executor *executor;
    _Atomic(weir_future *) inner;
    _Atomic bool returned; /* the wait did, which it must not */
};

static weir_status wait_for_an_exit(weir_task *task, void *arg)
{
    struct nest *nest = arg;
    weir_future *inner = NULL;
    (void)task;
    if (weir_submit(nest->executor, exit_task, NULL, 0, &inner) != WEIR_OK)
        return WEIR_EINVAL;
    atomic_store(&nest->inner, inner);
    weir_future_wait(inner, WEIR_FOREVER); /* the only worker: it runs it here */
    atomic_store(&nest->returned, true);
    return WEIR_OK;
}

static void exit_under_a_wait_fails_both_tasks(void **state)
{
    (void)state;
    weir_executor *executor = pool(1, (weir_policy){ 0 });
    for (int i = 0; i < 10; i++) {
        struct nest nest = { .executor = executor };
        weir_future *outer = submit_ok(executor, wait_for_an_exit, &nest, 0);
        assert_exited(outer);
        assert_exited(atomic_load(&nest.inner));
        assert_false(atomic_load(&nest.returned));
    }
    assert_status(end_and_unref(submit_ok(executor, noop_task, NULL, 0)), WEIR_OK);
    assert_int_equal(stats_of(executor).failed, 20);
    destroy_with_all_workers_ended(executor);
}

struct leaver {
    weir_executor *executor;
    _Atomic bool returned;
};

static void *submit_an_exit(void *data)
{
    struct leaver *leaver = data;
    weir_future *future = NULL; /* never given: a handle that the library must not leak */
    weir_submit(leaver->executor, exit_task, NULL, 0, &future);
    atomic_store(&leaver->returned, true);
    return &leaver->returned;
}

static void leave_by_submitting(weir_executor *executor)
{
    struct leaver leaver = { .executor = executor };
    pthread_t thread;
    void *result = &leaver;
    assert_int_equal(pthread_create(&thread, NULL, submit_an_exit, &leaver), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_null(result); /* what the task gave to pthread_exit */
    assert_false(atomic_load(&leaver.returned));
    weir_stats stats = stats_of(executor);
    assert_int_equal(stats.caller_ran, 1);
    assert_int_equal(stats.failed, 1);
    assert_int_equal(stats.running, 0);
}

static weir_verdict run_in_caller(const weir_admission *admission, void *data)
{
    (void)admission;
    (void)data;
    return WEIR_RUN_IN_CALLER;
}

static void exit_in_the_submitter_ends_the_task_and_only_that_thread(void **state)
{
    (void)state;
    weir_executor *executor = pool(1, weir_check_and_reject(run_in_caller, NULL));
    leave_by_submitting(executor);
    assert_int_equal(stats_of(executor).respawned, 0);
    /* A shutdown does not wait for the submitter that has gone. */
    assert_status(
        weir_executor_shutdown(executor, &(weir_shutdown_options){ .timeout_ns = WATCHDOG_NS }),
        WEIR_OK);
    destroy_with_all_workers_ended(executor);
}

static void exit_on_an_inline_executor_ends_the_task_and_only_that_thread(void **state)
{
    (void)state;
    weir_executor *executor;
    assert_status(weir_inline_executor_create(&executor, NULL), WEIR_OK);
    leave_by_submitting(executor);
    assert_status(end_and_unref(submit_ok(executor, noop_task, NULL, 0)), WEIR_OK);
    weir_executor_destroy(executor);
}

static weir_status cancel_oneself(weir_task *task, void *arg)
{
    int seven = 7;
    (void)arg;
    pthread_cancel(pthread_self());
    pthread_testcancel();
    return weir_task_return(task, &seven, sizeof seven);
}

static void cancellation_of_a_worker_has_no_effect(void **state)
{
    (void)state;
    weir_executor *executor = pool(1, (weir_policy){ 0 });
    for (int i = 0; i < 5; i++) {
        int result = 0;
        weir_future *future = submit_ok(executor, cancel_oneself, NULL, 0);
        assert_status(weir_future_result(future, &result, sizeof result, WATCHDOG_NS), WEIR_OK);
        assert_int_equal(result, 7);
        weir_future_unref(future);
    }
    assert_int_equal(stats_of(executor).respawned, 0);
    destroy_with_all_workers_ended(executor);
    assert_int_equal(atomic_load(&begun), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_on_a_worker_fails_the_task_and_replaces_the_worker),
        cmocka_unit_test(exit_after_a_failure_keeps_what_was_said),
        cmocka_unit_test(exit_loses_nothing_of_the_backlog),
        cmocka_unit_test(exit_under_a_wait_fails_both_tasks),
        cmocka_unit_test(exit_in_the_submitter_ends_the_task_and_only_that_thread),
        cmocka_unit_test(exit_on_an_inline_executor_ends_the_task_and_only_that_thread),
        cmocka_unit_test(cancellation_of_a_worker_has_no_effect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
