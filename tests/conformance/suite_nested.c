/* Tasks that submit and wait: a worker helps with what it waits for, and never waits for itself. */
#include "conformance/conformance.h"
#include "support/fibonacci.h"

/* What a nested task is told, by pointer, and what it notes. The parked worker keeps it from
 * running before the test has written everything down. */
struct nest {
    weir_executor *executor;
    weir_executor *other;
    weir_future *own;
    weir_future *sibling;
    struct gate *gate;
    weir_status status[4];
    size_t index;
    size_t worker[2];
    pthread_t thread[2];
};

/* Park the one worker, submit fn with the nest, let it run, and wait for its end. */
static void run_nested(void **state, weir_task_fn *fn, struct nest *nest)
{
    struct parked parked = park(state, .workers = 1);
    nest->executor = parked.executor;
    nest->own = submit_ok(parked.executor, fn, nest, 0);
    nest->sibling = submit_ok(parked.executor, noop_task, NULL, 0);
    gate_open(parked.gate);
    assert_status(end_and_unref(nest->own), WEIR_OK);
    assert_status(end_and_unref(nest->sibling), WEIR_OK);
    unpark(&parked);
}

static weir_status help_task(weir_task *task, void *arg)
{
    struct nest *nest = arg;
    weir_future *child = NULL;
    nest->worker[0] = weir_task_worker(task);
    nest->thread[0] = pthread_self();
    nest->status[0] = weir_submit(nest->executor, worker_task, NULL, 0, &child);
    nest->status[1] = weir_future_result(child, &nest->worker[1], sizeof nest->worker[1],
                                         WEIR_FOREVER);
    weir_future_unref(child);
    nest->status[2] = weir_submit(nest->executor, thread_task, NULL, 0, &child);
    nest->status[3] = weir_wait_all(&child, 1, WEIR_FOREVER, NULL);
    nest->thread[1] = *(const pthread_t *)weir_future_value(child, NULL);
    weir_future_unref(child);
    return WEIR_OK;
}

static void nested_wait_runs_the_awaited_task_here(void **state)
{
    needs(state, TRAIT_CONCURRENT | TRAIT_SHARES_MEMORY);
    struct nest nest = { .worker = { 55, 66 } };
    run_nested(state, help_task, &nest);
    for (int i = 0; i < 4; i++)
        assert_status(nest.status[i], WEIR_OK);
    assert_int_equal(nest.worker[0], nest.worker[1]);
    assert_true(pthread_equal(nest.thread[0], nest.thread[1]));
}

static weir_status sibling_task(weir_task *task, void *arg)
{
    struct nest *nest = arg;
    (void)task;
    nest->status[0] = weir_future_wait(nest->sibling, WEIR_FOREVER);
    nest->status[1] = weir_future_status(nest->sibling);
    nest->status[2] = weir_future_wait(nest->sibling, 0);
    return WEIR_OK;
}

static void nested_wait_takes_another_submitters_task_out_too(void **state)
{
    needs(state, TRAIT_CONCURRENT | TRAIT_SHARES_MEMORY);
    struct nest nest = { .index = 0 };
    run_nested(state, sibling_task, &nest);
    for (int i = 0; i < 3; i++)
        assert_status(nest.status[i], WEIR_OK);
}

static weir_status self_task(weir_task *task, void *arg)
{
    struct nest *nest = arg;
    weir_future *both[] = { nest->own, nest->sibling };
    (void)task;
    nest->status[0] = weir_future_wait(nest->own, WEIR_FOREVER);
    nest->status[1] = weir_future_result(nest->own, NULL, 0, WEIR_FOREVER);
    nest->status[2] = weir_wait_all(both, 2, WEIR_FOREVER, NULL);
    nest->status[3] = weir_wait_any(both, 1, WEIR_FOREVER, NULL);
    return WEIR_OK;
}

static void nested_wait_for_oneself_is_a_deadlock(void **state)
{
    needs(state, TRAIT_CONCURRENT | TRAIT_SHARES_MEMORY);
    struct nest nest = { .index = 0 };
    run_nested(state, self_task, &nest);
    for (int i = 0; i < 4; i++)
        assert_status(nest.status[i], WEIR_EDEADLOCK);
}

static weir_status any_task(weir_task *task, void *arg)
{
    struct nest *nest = arg;
    weir_future *both[] = { nest->own, nest->sibling };
    (void)task;
    nest->status[0] = weir_wait_any(both, 2, WEIR_FOREVER, &nest->index);
    return WEIR_OK;
}

static void nested_wait_any_leaves_oneself_out(void **state)
{
    needs(state, TRAIT_CONCURRENT | TRAIT_SHARES_MEMORY);
    struct nest nest = { .index = 77 };
    run_nested(state, any_task, &nest);
    assert_status(nest.status[0], WEIR_OK);
    assert_int_equal(nest.index, 1);
}

static weir_status iterate_task(weir_task *task, void *arg)
{
    struct nest *nest = arg;
    weir_future *both[] = { nest->own, nest->sibling };
    weir_as_completed *it = NULL;
    (void)task;
    nest->status[0] = weir_as_completed_create(&it, both, 2);
    nest->status[1] = weir_as_completed_next(it, WEIR_FOREVER, &nest->index);
    nest->status[2] = weir_as_completed_next(it, WEIR_FOREVER, &nest->worker[0]);
    weir_as_completed_destroy(it);
    return WEIR_OK;
}

static void nested_iterator_helps_and_leaves_oneself_out(void **state)
{
    needs(state, TRAIT_CONCURRENT | TRAIT_SHARES_MEMORY);
    struct nest nest = { .index = 77 };
    run_nested(state, iterate_task, &nest);
    assert_status(nest.status[0], WEIR_OK);
    assert_status(nest.status[1], WEIR_OK);
    assert_int_equal(nest.index, 1);
    assert_status(nest.status[2], WEIR_EDEADLOCK);
}

static weir_status above_task(weir_task *task, void *arg)
{
    struct nest *nest = arg;
    (void)task;
    nest->status[2] = weir_future_wait(nest->own, WEIR_FOREVER);
    return WEIR_OK;
}

static weir_status below_task(weir_task *task, void *arg)
{
    struct nest *nest = arg;
    weir_future *child = NULL;
    (void)task;
    nest->status[0] = weir_submit(nest->executor, above_task, nest, 0, &child);
    nest->status[1] = weir_future_wait(child, WEIR_FOREVER); /* runs it on top of this one */
    weir_future_unref(child);
    return WEIR_OK;
}

static void nested_wait_for_the_task_below_is_a_deadlock(void **state)
{
    needs(state, TRAIT_CONCURRENT | TRAIT_SHARES_MEMORY);
    struct nest nest = { .index = 0 };
    run_nested(state, below_task, &nest);
    assert_status(nest.status[0], WEIR_OK);
    assert_status(nest.status[1], WEIR_OK);
    assert_status(nest.status[2], WEIR_EDEADLOCK);
}

static weir_status wait_task(weir_task *task, void *arg)
{
    struct nest *nest = arg;
    (void)task;
    nest->status[0] = weir_future_wait(nest->sibling, 0);
    gate_pass(nest->gate); /* tells the test that the first wait is over */
    nest->status[1] = weir_future_wait(nest->sibling, WATCHDOG_NS);
    nest->status[2] = weir_future_status(nest->sibling);
    return WEIR_OK;
}

static void nested_wait_for_a_task_that_runs_elsewhere_waits(void **state)
{
    needs(state, TRAIT_CONCURRENT | TRAIT_SHARES_MEMORY);
    struct gate *elsewhere = gate_create();
    struct nest nest = { .gate = gate_create() };
    weir_executor *executor = new_executor(state, .workers = 2);
    nest.sibling = submit_ok(executor, gate_task, elsewhere, 0);
    assert_true(gate_wait_entered(elsewhere, 1));
    weir_future *future = submit_ok(executor, wait_task, &nest, 0);
    assert_true(gate_wait_entered(nest.gate, 1));
    gate_open(nest.gate);
    gate_open(elsewhere);
    assert_status(end_and_unref(future), WEIR_OK);
    assert_status(nest.status[0], WEIR_ETIMEDOUT);
    assert_status(nest.status[1], WEIR_OK);
    assert_status(nest.status[2], WEIR_OK);
    weir_future_unref(nest.sibling);
    weir_executor_destroy(executor);
    gate_destroy(elsewhere);
    gate_destroy(nest.gate);
}

static weir_status visit_task(weir_task *task, void *arg)
{
    struct nest *nest = arg;
    int number = 21;
    int result = 0;
    weir_future *future = NULL;
    nest->status[0] = weir_submit(nest->other, double_task, &number, sizeof number, &future);
    nest->status[1] = weir_future_result(future, &result, sizeof result, WATCHDOG_NS);
    weir_future_unref(future);
    return weir_task_return(task, &result, sizeof result);
}

static void nested_wait_for_another_executors_task_waits(void **state)
{
    needs(state, TRAIT_SHARES_MEMORY);
    weir_executor *executor = new_executor(state, .workers = 1);
    struct nest nest = { .other = new_executor(state, .workers = 1) };
    int result = 0;
    weir_future *future = submit_ok(executor, visit_task, &nest, 0);
    assert_status(weir_future_result(future, &result, sizeof result, WATCHDOG_NS), WEIR_OK);
    assert_status(nest.status[0], WEIR_OK);
    assert_status(nest.status[1], WEIR_OK);
    assert_int_equal(result, 42);
    weir_future_unref(future);
    weir_executor_destroy(executor);
    weir_executor_destroy(nest.other);
}

static weir_status late_task(weir_task *task, void *arg)
{
    struct nest *nest = arg;
    weir_submission late = { .fn = noop_task, .start_within_ns = 1 };
    weir_future *future = NULL;
    (void)task;
    nest->status[0] = weir_submit_with(nest->executor, &late, &future);
    for (int64_t then_ns = now_ns(); now_ns() <= then_ns + 1;)
        ; /* a clock may go in larger steps */
    nest->status[1] = weir_future_wait(future, WEIR_FOREVER);
    nest->status[2] = weir_future_status(future);
    weir_future_unref(future);
    return WEIR_OK;
}

static void nested_wait_for_an_expired_task_ends_it(void **state)
{
    needs(state, TRAIT_CONCURRENT | TRAIT_SHARES_MEMORY);
    struct nest nest = { .index = 0 };
    run_nested(state, late_task, &nest);
    assert_status(nest.status[0], WEIR_OK);
    assert_status(nest.status[1], WEIR_OK);
    assert_status(nest.status[2], WEIR_EEXPIRED);
}

static void nested_submissions_all_run(void **state)
{
    needs(state, TRAIT_SHARES_MEMORY);
    static const size_t workers[] = { 1, 2, 8 };
    for (int i = 0; i < 3; i++) {
        weir_executor *executor = new_executor(state, .workers = workers[i]);
        assert_int_equal(fibonacci_on(executor, 12), 144);
        assert_int_equal(stats_of(executor).completed, fibonacci_nodes(12));
        weir_executor_destroy(executor);
    }
}

int suite_nested(const struct executor_factory *factory)
{
    const struct CMUnitTest tests[] = {
        ON(factory, nested_wait_runs_the_awaited_task_here),
        ON(factory, nested_wait_takes_another_submitters_task_out_too),
        ON(factory, nested_wait_for_oneself_is_a_deadlock),
        ON(factory, nested_wait_any_leaves_oneself_out),
        ON(factory, nested_iterator_helps_and_leaves_oneself_out),
        ON(factory, nested_wait_for_the_task_below_is_a_deadlock),
        ON(factory, nested_wait_for_a_task_that_runs_elsewhere_waits),
        ON(factory, nested_wait_for_another_executors_task_waits),
        ON(factory, nested_wait_for_an_expired_task_ends_it),
        ON(factory, nested_submissions_all_run),
    };
    return cmocka_run_group_tests_name("nested", tests, NULL, NULL);
}
