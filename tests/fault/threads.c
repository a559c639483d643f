/* Threads that cannot be had: at the start, later, in the place of one that has gone. */
#include <errno.h>
#include <pthread.h>

#include "support/parked.h"
#include "support/snapshot.h"
#include "support/submit.h"
#include "support/tasks.h"

/* How many more threads can be had; negative: any number. */
static _Atomic int left = -1;

int __real_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int __wrap_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*body)(void *), void *argument)
{
    if (atomic_load(&left) == 0)
        return EAGAIN;
    if (atomic_load(&left) > 0)
        atomic_fetch_sub(&left, 1);
    return __real_pthread_create(thread, attributes, body, argument);
}

static int restore(void **state)
{
    (void)state;
    atomic_store(&left, -1);
    return 0;
}

static void create_without_any_thread_fails(void **state)
{
    (void)state;
    weir_executor *executor = NULL;
    atomic_store(&left, 0);
    errno = 0;
    assert_status(
        weir_thread_executor_create(&executor, &(weir_thread_options){ .workers = 4 }), WEIR_ESYS);
    assert_int_equal(errno, EAGAIN);
    assert_null(executor);
}

static void create_with_some_threads_works_with_those(void **state)
{
    (void)state;
    weir_executor *executor;
    atomic_store(&left, 2);
    assert_status(weir_thread_executor_create(
                      &executor, &(weir_thread_options){ .workers = 4, .limit = 1 }),
                  WEIR_OK);
    assert_int_equal(stats_of(executor).workers, 2);
    assert_int_equal(stats_of(executor).spawn_failures, 1);

    /* The bound is that of the workers there are. */
    struct gate *gate = gate_create();
    saturate(executor, gate, 2);
    assert_status(weir_submit(executor, noop_task, NULL, 0, NULL), WEIR_OK);
    assert_status(weir_submit(executor, noop_task, NULL, 0, NULL), WEIR_EREJECTED);

    /* When threads can be had again, the missing ones are started (after a while, since trying is
     * not free). */
    atomic_store(&left, -1);
    assert_eventually(weir_submit(executor, gate_task, gate, 0, NULL) == WEIR_OK &&
                      stats_of(executor).workers > 2);
    gate_open(gate);
    weir_executor_destroy(executor);
    gate_destroy(gate);
}

static void submit_without_worker_or_thread_fails(void **state)
{
    (void)state;
    weir_executor *executor;
    weir_future *future = NULL;
    assert_status(weir_thread_executor_create(
                      &executor,
                      &(weir_thread_options){ .workers = 2, .min_workers = WEIR_ZERO }),
                  WEIR_OK);
    atomic_store(&left, 0);
    assert_status(weir_submit(executor, noop_task, NULL, 0, &future), WEIR_ESYS);
    assert_null(future);
    assert_int_equal(stats_of(executor).submitted, 0);
    assert_true(weir_executor_alive(executor));
    /* Nothing stays broken. */
    atomic_store(&left, -1);
    assert_status(weir_submit(executor, noop_task, NULL, 0, &future), WEIR_OK);
    assert_status(end_and_unref(future), WEIR_OK);
    weir_executor_destroy(executor);
}

static void grow_without_thread_queues(void **state)
{
    (void)state;
    weir_executor *executor;
    struct gate *gate = gate_create();
    assert_status(weir_thread_executor_create(
                      &executor, &(weir_thread_options){ .workers = 2, .min_workers = 1 }),
                  WEIR_OK);
    saturate(executor, gate, 1);
    atomic_store(&left, 0);
    weir_future *future = submit_ok(executor, noop_task, NULL, 0);
    assert_int_equal(stats_of(executor).backlog, 1);
    gate_open(gate);
    assert_status(end_and_unref(future), WEIR_OK);
    weir_executor_destroy(executor);
    gate_destroy(gate);
}

static void resize_without_thread_says_so_and_holds(void **state)
{
    (void)state;
    weir_executor *executor;
    assert_status(weir_thread_executor_create(&executor, &(weir_thread_options){ .workers = 1 }),
                  WEIR_OK);
    atomic_store(&left, 1);
    assert_status(weir_thread_executor_resize(executor, 4, 4), WEIR_ESYS);
    assert_int_equal(stats_of(executor).workers, 2);
    atomic_store(&left, -1);
    size_t workers = 0;
    assert_status(weir_thread_executor_maintain(executor, &workers), WEIR_OK);
    assert_int_equal(workers, 4);
    weir_executor_destroy(executor);
}

/* Waits at the gate, then ends its thread. */
static weir_status leave_task(weir_task *task, void *gate)
{
    (void)task;
    gate_pass(gate);
    pthread_exit(NULL);
}

static void lost_worker_without_replacement_ends_the_queued(void **state)
{
    (void)state;
    enum { N = 3 };
    weir_executor *executor;
    weir_future *queued[N];
    struct gate *gate = gate_create();
    assert_status(weir_thread_executor_create(&executor, &(weir_thread_options){ .workers = 1 }),
                  WEIR_OK);
    weir_future *leaver = submit_ok(executor, leave_task, gate, 0);
    assert_true(gate_wait_entered(gate, 1));
    for (int i = 0; i < N; i++)
        queued[i] = submit_ok(executor, noop_task, NULL, 0);
    atomic_store(&left, 0);
    gate_open(gate);
    assert_status(end_and_unref(leaver), WEIR_EFAILED);
    for (int i = 0; i < N; i++)
        assert_status(end_and_unref(queued[i]), WEIR_EBROKEN);
    assert_status(weir_submit(executor, noop_task, NULL, 0, NULL), WEIR_ESYS);
    /* It lives on as soon as threads can be had. */
    atomic_store(&left, -1);
    assert_status(end_and_unref(submit_ok(executor, noop_task, NULL, 0)), WEIR_OK);
    weir_executor_destroy(executor);
    gate_destroy(gate);
}

/* Those who wait for a place learn that there will be none. */
static void lose_worker_with_blocked(size_t limit)
{
    enum { N = 2 };
    weir_executor *executor;
    struct submitter submitter[N];
    struct gate *gate = gate_create();
    assert_status(weir_thread_executor_create(
                      &executor, &(weir_thread_options){ .workers = 1,
                                                         .limit = limit,
                                                         .policy = weir_block(WATCHDOG_NS) }),
                  WEIR_OK);
    weir_future *leaver = submit_ok(executor, leave_task, gate, 0), *queued = NULL;
    assert_true(gate_wait_entered(gate, 1));
    if (limit != WEIR_ZERO)
        queued = submit_ok(executor, noop_task, NULL, 0);
    for (size_t i = 0; i < N; i++) {
        submitter[i] = (struct submitter){ .executor = executor, .fn = noop_task };
        submitter_start(&submitter[i]);
        assert_eventually(stats_of(executor).blocked == i + 1);
    }
    atomic_store(&left, 0);
    gate_open(gate);
    assert_status(end_and_unref(leaver), WEIR_EFAILED);
    if (queued)
        assert_status(end_and_unref(queued), WEIR_EBROKEN);
    for (size_t i = 0; i < N; i++) {
        weir_status status = submitter_join(&submitter[i]);
        assert_true(status == WEIR_ESYS || status == WEIR_EBROKEN || status == WEIR_OK);
        if (status == WEIR_OK)
            assert_status(end_and_unref(submitter[i].future), WEIR_EBROKEN);
    }
    weir_executor_destroy(executor);
    gate_destroy(gate);
}

static void lost_worker_without_replacement_releases_the_blocked(void **state)
{
    (void)state;
    lose_worker_with_blocked(1);
}

static void lost_worker_without_replacement_or_backlog_releases_the_blocked(void **state)
{
    (void)state;
    lose_worker_with_blocked(WEIR_ZERO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(create_without_any_thread_fails, restore),
        cmocka_unit_test_teardown(create_with_some_threads_works_with_those, restore),
        cmocka_unit_test_teardown(submit_without_worker_or_thread_fails, restore),
        cmocka_unit_test_teardown(grow_without_thread_queues, restore),
        cmocka_unit_test_teardown(resize_without_thread_says_so_and_holds, restore),
        cmocka_unit_test_teardown(lost_worker_without_replacement_ends_the_queued, restore),
        cmocka_unit_test_teardown(lost_worker_without_replacement_releases_the_blocked, restore),
        cmocka_unit_test_teardown(
            lost_worker_without_replacement_or_backlog_releases_the_blocked, restore),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
