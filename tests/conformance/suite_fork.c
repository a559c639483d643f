/* A fork of the host: the child is told that the executor is not its own, the parent's goes on. */
#include "conformance/conformance.h"
#include "support/child.h"
#include "support/crew.h"

struct inheritance {
    weir_executor *executor;
    weir_future *pending;  /* NULL if the executor has no backlog */
    weir_future *finished; /* returned the int 42 */
    bool threads;
    bool processes;
};

static void never_called(weir_future *future, void *data)
{
    (void)future;
    *(bool *)data = true;
}

/* Every check in a child gives its own line on failure: exit statuses are small. */
#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return __LINE__ % 200 + 1;                                                             \
    } while (0)

static int try_executor_calls(void *data)
{
    struct inheritance *in = data;
    weir_submission submission = { .fn = noop_task };
    weir_future *future = NULL;
    weir_stats stats;
    size_t count = 0;
    EXPECT(weir_submit(in->executor, noop_task, NULL, 0, &future) == WEIR_EFORKED);
    EXPECT(weir_submit_with(in->executor, &submission, &future) == WEIR_EFORKED);
    EXPECT(future == NULL);
    EXPECT(weir_executor_stats(in->executor, &stats) == WEIR_EFORKED);
    EXPECT(weir_executor_worker_stats(in->executor, NULL, 0, &count) == WEIR_EFORKED);
    EXPECT(!weir_executor_alive(in->executor));
    EXPECT(weir_executor_backlog(in->executor) == 0);
    if (in->threads) {
        EXPECT(weir_thread_executor_resize(in->executor, 1, 2) == WEIR_EFORKED);
        EXPECT(weir_thread_executor_maintain(in->executor, NULL) == WEIR_EFORKED);
    } else if (in->processes) {
        EXPECT(weir_process_executor_pids(in->executor, NULL, 0, &count) == WEIR_EFORKED);
    } else {
        EXPECT(weir_inline_executor_restart(in->executor) == WEIR_EFORKED);
    }
    EXPECT(weir_executor_shutdown(in->executor, NULL) == WEIR_EFORKED);
    weir_executor_destroy(in->executor);
    weir_executor_destroy(in->executor); /* it did nothing, so it can do it again */
    return 0;
}

static int try_pending_future(void *data)
{
    struct inheritance *in = data;
    weir_as_completed *it = NULL;
    bool called = false;
    size_t index = 77;
    EXPECT(weir_future_wait(in->pending, WEIR_FOREVER) == WEIR_EFORKED);
    EXPECT(weir_future_wait(in->pending, 0) == WEIR_EFORKED);
    EXPECT(weir_future_result(in->pending, NULL, 0, WEIR_FOREVER) == WEIR_EFORKED);
    EXPECT(weir_future_on_done(in->pending, never_called, &called) == WEIR_EFORKED);
    EXPECT(!weir_future_cancel(in->pending));
    EXPECT(weir_wait_all(&in->pending, 1, WEIR_FOREVER, NULL) == WEIR_EFORKED);
    EXPECT(weir_wait_any(&in->pending, 1, WEIR_FOREVER, &index) == WEIR_EFORKED);
    EXPECT(weir_wait_first_failure(&in->pending, 1, WEIR_FOREVER, &index) == WEIR_EFORKED);
    EXPECT(weir_as_completed_create(&it, &in->pending, 1) == WEIR_EFORKED);
    EXPECT(weir_future_value(in->pending, NULL) == NULL);
    weir_future_unref(in->pending);
    EXPECT(!called && index == 77);
    return 0;
}

static int try_finished_future(void *data)
{
    struct inheritance *in = data;
    int value = 0;
    EXPECT(weir_future_wait(in->finished, WEIR_FOREVER) == WEIR_OK);
    EXPECT(weir_future_status(in->finished) == WEIR_OK);
    EXPECT(weir_future_result(in->finished, &value, sizeof value, 0) == WEIR_OK);
    EXPECT(value == 42);
    weir_future_unref(weir_future_ref(in->finished));
    return 0;
}

static void fork_child_is_told_and_parent_goes_on(void **state)
{
    struct inheritance in = { .threads = factory_has(*state, TRAIT_THREADS),
                              .processes = factory_has(*state, TRAIT_PROCESSES) };
    int number = 21;
    in.executor = new_executor(state, .workers = 2);
    in.finished = submit_ok(in.executor, double_task, &number, sizeof number);
    end_of(in.finished);
    assert_int_equal(run_in_child(try_executor_calls, &in), 0);
    assert_int_equal(run_in_child(try_finished_future, &in), 0);
    assert_true(weir_executor_alive(in.executor));
    assert_status(end_and_unref(submit_ok(in.executor, noop_task, NULL, 0)), WEIR_OK);
    assert_status(end_and_unref(in.finished), WEIR_OK);
    weir_executor_destroy(in.executor);
}

static void fork_with_a_backlog_child_does_not_hang_and_parent_runs_it(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 2);
    struct inheritance in = { .executor = parked.executor,
                              .threads = factory_has(*state, TRAIT_THREADS),
                              .processes = factory_has(*state, TRAIT_PROCESSES) };
    in.pending = submit_ok(parked.executor, noop_task, NULL, 0);
    assert_int_equal(run_in_child(try_pending_future, &in), 0);
    assert_int_equal(run_in_child(try_executor_calls, &in), 0);
    assert_status(weir_future_status(in.pending), WEIR_EPENDING);
    gate_open(parked.gate);
    assert_status(end_and_unref(in.pending), WEIR_OK);
    assert_int_equal(stats_of(parked.executor).cancelled, 0);
    unpark(&parked);
}

struct commotion {
    weir_executor *executor;
    _Atomic bool over;
};

static void keep_busy(void *shared, size_t index)
{
    struct commotion *commotion = shared;
    while (!atomic_load(&commotion->over)) {
        weir_future *future = NULL;
        if (weir_submit(commotion->executor, noop_task, NULL, 0, &future) == WEIR_OK &&
            index % 2 == 0)
            weir_future_wait(future, WATCHDOG_NS);
        weir_future_unref(future);
    }
}

/* Whatever the other threads were in the middle of, the child hangs on none of it. */
static void fork_in_full_flight_child_does_not_hang(void **state)
{
    struct commotion commotion = { .executor = new_executor(state, .workers = 2, .limit = 16) };
    struct inheritance in = { .executor = commotion.executor,
                              .threads = factory_has(*state, TRAIT_THREADS),
                              .processes = factory_has(*state, TRAIT_PROCESSES) };
    struct crew *crew = crew_start(2, keep_busy, &commotion);
    int failed = 0;
    for (int i = 0; i < ROUNDS(100) + 5 && failed == 0; i++)
        failed = run_in_child(try_executor_calls, &in);
    atomic_store(&commotion.over, true);
    crew_join(crew);
    assert_int_equal(failed, 0);
    weir_executor_destroy(commotion.executor);
}

static int use_executor_of_its_own(void *data)
{
    const struct executor_factory *factory = data;
    weir_executor *executor = NULL;
    weir_future *future = NULL;
    int number = 4;
    int result = 0;
    EXPECT(factory->create(&executor, &(struct factory_options){ .workers = 2 }) == WEIR_OK);
    EXPECT(weir_submit(executor, double_task, &number, sizeof number, &future) == WEIR_OK);
    EXPECT(weir_future_result(future, &result, sizeof result, WATCHDOG_NS) == WEIR_OK);
    EXPECT(result == 8);
    weir_future_unref(future);
    weir_executor_destroy(executor);
    return 0;
}

static void fork_child_may_make_an_executor_of_its_own(void **state)
{
#if defined(__SANITIZE_THREAD__)
    /* The thread sanitizer does not support threads in a forked child. */
    if (factory_has(*state, TRAIT_THREADS) || factory_has(*state, TRAIT_PROCESSES))
        skip();
#endif
    weir_executor *executor = new_executor(state, .workers = 2);
    assert_status(end_and_unref(submit_ok(executor, noop_task, NULL, 0)), WEIR_OK);
    assert_int_equal(run_in_child(use_executor_of_its_own, *state), 0);
    assert_status(end_and_unref(submit_ok(executor, noop_task, NULL, 0)), WEIR_OK);
    weir_executor_destroy(executor);
}

int suite_fork(const struct executor_factory *factory)
{
    const struct CMUnitTest tests[] = {
        ON(factory, fork_child_is_told_and_parent_goes_on),
        ON(factory, fork_with_a_backlog_child_does_not_hang_and_parent_runs_it),
        ON(factory, fork_in_full_flight_child_does_not_hang),
        ON(factory, fork_child_may_make_an_executor_of_its_own),
    };
    return cmocka_run_group_tests_name("fork", tests, NULL, NULL);
}
