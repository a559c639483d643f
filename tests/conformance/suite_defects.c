/* The defects of the systems that this library learns from, each shown to be absent. In the
 * literature of Python: futurist's thread pools, and the futures of the standard library. */
#include "conformance/conformance.h"

#include "support/proc.h"
#include "support/shared.h"

/* There, run time counted from submission: a thousand empty tasks queued at once "ran" for almost
 * a minute. One worker cannot run tasks for longer than time passes. */
static void d1_run_time_is_not_waiting_time(void **state)
{
    enum { N = 1000 };
    needs(state, TRAIT_CONCURRENT);
    int64_t start_ns = now_ns();
    struct parked parked = park(state, .workers = 1, .limit = N);
    for (int i = 0; i < N; i++)
        assert_status(weir_submit(parked.executor, noop_task, NULL, 0, NULL), WEIR_OK);
    int64_t queued_ns = now_ns();
    assert_eventually(now_ns() >= queued_ns + 5 * WEIR_MILLISECOND);
    gate_open(parked.gate);
    assert_status(weir_executor_shutdown(parked.executor, NULL), WEIR_OK);
    weir_stats stats = stats_of(parked.executor);
    uint64_t wall_ns = (uint64_t)(now_ns() - start_ns + SLACK_NS);
    assert_true(stats.run_ns <= wall_ns);
    assert_true(stats.wait_ns >= N * (uint64_t)(5 * WEIR_MILLISECOND - SLACK_NS));
    unpark(&parked);
}

/* There, the check came before the workers had started: of a burst within bounds, most was
 * refused. */
static void d2_burst_of_workers_plus_limit_is_admitted(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    for (int i = 0; i < ROUNDS(40); i++) {
        struct gate *gate = gate_create();
        weir_executor *executor =
            new_executor(state, .workers = 64, .policy = weir_reject_when_reached(1));
        for (int k = 0; k < 64 + 1; k++)
            assert_status(weir_submit(executor, gate_task, gate, 0, NULL), WEIR_OK);
        assert_status(weir_submit(executor, gate_task, gate, 0, NULL), WEIR_EREJECTED);
        gate_open(gate);
        weir_executor_destroy(executor);
        gate_destroy(gate);
    }
}

static weir_verdict slow_for_some(const weir_admission *admission, void *gate)
{
    if (admission->submission->fn == fail_task)
        gate_pass(gate);
    return WEIR_ADMIT;
}

/* There, the check ran under the executor's lock: one slow check held every submitter up. */
static void d3_slow_check_delays_no_other_submitter(void **state)
{
    struct gate *gate = gate_create();
    weir_executor *executor =
        new_executor(state, .workers = 1, .policy = weir_check_and_reject(slow_for_some, gate));
    int number = 2;
    struct submitter slow = { .executor = executor,
                              .fn = fail_task,
                              .arg = &number,
                              .arg_size = sizeof number };
    submitter_start(&slow);
    assert_true(gate_wait_entered(gate, 1));
    for (int i = 0; i < 10; i++)
        assert_status(end_and_unref(submit_ok(executor, double_task, &number, sizeof number)),
                      WEIR_OK);
    assert_false(atomic_load(&slow.returned));
    gate_open(gate);
    assert_status(submitter_join(&slow), WEIR_OK);
    assert_status(end_and_unref(slow.future), WEIR_EFAILED);
    weir_executor_destroy(executor);
    gate_destroy(gate);
}

/* There, the wish to cancel at shutdown was accepted and ignored. */
static void d4_shutdown_that_cancels_does_cancel(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct journal *journal = journal_create();
    struct parked parked = park(state, .workers = 1);
    struct note note = { .journal = journal, .value = 1 };
    weir_future *future[4];
    for (int i = 0; i < 4; i++)
        future[i] = submit_ok(parked.executor, note_task, &note, sizeof note);
    weir_shutdown_options options = { .mode = WEIR_CANCEL_QUEUED, .timeout_ns = -1 };
    assert_status(weir_executor_shutdown(parked.executor, &options), WEIR_ETIMEDOUT);
    for (int i = 0; i < 4; i++)
        assert_status(end_and_unref(future[i]), WEIR_ECANCELLED);
    unpark(&parked);
    assert_int_equal(journal->count, 0);
    journal_destroy(journal);
}

/* There, a shutdown that does not wait left queued futures pending for ever. */
static void d5_shutdown_that_does_not_wait_strands_none(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 1);
    weir_future *future[3];
    for (int i = 0; i < 3; i++)
        future[i] = submit_ok(parked.executor, noop_task, NULL, 0);
    weir_shutdown_options options = { .timeout_ns = -1 };
    assert_status(weir_executor_shutdown(parked.executor, &options), WEIR_ETIMEDOUT);
    gate_open(parked.gate);
    for (int i = 0; i < 3; i++)
        assert_status(end_and_unref(future[i]), WEIR_OK);
    unpark(&parked);
}

struct late_submission {
    weir_executor *executor;
    struct gate *gate;
};

static weir_status submit_late_task(weir_task *task, void *arg)
{
    struct late_submission *self = arg;
    gate_pass(self->gate);
    weir_status status = weir_submit(self->executor, noop_task, NULL, 0, NULL);
    return weir_task_return(task, &status, sizeof status);
}

static void *shut_down(void *executor)
{
    weir_status status = weir_executor_shutdown(executor, NULL);
    return status == WEIR_OK ? executor : NULL;
}

/* There, a task that submitted during a waiting shutdown deadlocked both. */
static void d6_task_submitting_during_shutdown_is_refused(void **state)
{
    needs(state, TRAIT_CONCURRENT | TRAIT_SHARES_MEMORY);
    struct late_submission late = { .gate = gate_create() };
    weir_status status = WEIR_OK;
    pthread_t thread;
    void *result = NULL;
    late.executor = new_executor(state, .workers = 1);
    weir_future *future = submit_ok(late.executor, submit_late_task, &late, 0);
    assert_true(gate_wait_entered(late.gate, 1));
    assert_int_equal(pthread_create(&thread, NULL, shut_down, late.executor), 0);
    assert_eventually(!weir_executor_alive(late.executor));
    gate_open(late.gate);
    assert_status(weir_future_result(future, &status, sizeof status, WATCHDOG_NS), WEIR_OK);
    assert_status(status, WEIR_ESHUTDOWN);
    pthread_join(thread, &result);
    assert_ptr_equal(result, late.executor);
    weir_future_unref(future);
    weir_executor_destroy(late.executor);
    gate_destroy(late.gate);
}

static weir_status leave_task(weir_task *task, void *arg)
{
    (void)task;
    (void)arg;
    pthread_exit(NULL);
}

/* There, a task that ended its thread left a pool of one worker dead for ever. */
static void d7_task_that_ends_its_thread_is_survived(void **state)
{
    needs(state, TRAIT_CONCURRENT | TRAIT_THREADS);
    weir_executor *executor = new_executor(state, .workers = 1);
    int number = 2;
    for (uint64_t i = 1; i <= 5; i++) {
        weir_future *gone = submit_ok(executor, leave_task, NULL, 0);
        weir_future *next = submit_ok(executor, double_task, &number, sizeof number);
        assert_status(end_and_unref(gone), WEIR_EFAILED);
        assert_status(end_and_unref(next), WEIR_OK);
        assert_int_equal(stats_of(executor).failed, i);
    }
    weir_stats stats = stats_of(executor);
    assert_int_equal(stats.completed, 10);
    assert_true(stats.respawned <= 5);
    if (!factory_has(*state, TRAIT_DYNAMIC)) /* elsewhere, the next task may start one anyway */
        assert_eventually(stats_of(executor).respawned == 5); /* counted after the start */
    weir_executor_destroy(executor);
}

/* There, every submission started a thread while others were idle ... */
static void d8_idle_workers_are_used_before_new_ones(void **state)
{
    needs(state, TRAIT_THREADS);
    weir_executor *executor = NULL;
    weir_thread_options options = { .workers = 20, .min_workers = WEIR_ZERO };
    assert_status(weir_thread_executor_create(&executor, &options), WEIR_OK);
    for (int i = 0; i < 20; i++)
        assert_status(end_and_unref(submit_ok(executor, noop_task, NULL, 0)), WEIR_OK);
    assert_int_equal(stats_of(executor).workers_peak, 1);
    weir_executor_destroy(executor);
}

/* ... and a shutdown waited for idle workers to look up, once a second. Time alone cannot be
 * trusted on a busy machine, so the best of many tries counts: polling would spoil them all. */
static void d8_idle_shutdown_does_not_wait_for_a_poll(void **state)
{
    if (SANITIZED && factory_has(*state, TRAIT_PROCESSES))
        skip(); /* a process takes long to end with a sanitizer in it */
    int64_t best_ns = INT64_MAX, prompt_ns = PROMPT_NS(10 * WEIR_MILLISECOND);
    int64_t end_ns = now_ns() + WATCHDOG_NS;
    for (int i = 0; i < 10 || (best_ns >= prompt_ns && now_ns() < end_ns); i++) {
        weir_executor *executor = new_executor(state, .workers = 8);
        assert_status(end_and_unref(submit_ok(executor, noop_task, NULL, 0)), WEIR_OK);
        int64_t start_ns = now_ns();
        assert_status(weir_executor_shutdown(executor, NULL), WEIR_OK);
        weir_executor_destroy(executor);
        int64_t took_ns = now_ns() - start_ns;
        best_ns = took_ns < best_ns ? took_ns : best_ns;
    }
    assert_true(best_ns < prompt_ns);
}

/* There, a cancelled task kept its place, and counted against those that came after it. */
static void d9_cancelled_task_gives_its_place_back_at_once(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 1, .limit = 3);
    weir_future *future[4];
    for (int i = 0; i < 3; i++)
        future[i] = submit_ok(parked.executor, noop_task, NULL, 0);
    assert_status(weir_submit(parked.executor, noop_task, NULL, 0, NULL), WEIR_EREJECTED);
    assert_true(weir_future_cancel(future[1]));
    assert_int_equal(weir_executor_backlog(parked.executor), 2);
    assert_int_equal(stats_of(parked.executor).backlog, 2);
    future[3] = submit_ok(parked.executor, noop_task, NULL, 0);
    assert_status(weir_submit(parked.executor, noop_task, NULL, 0, NULL), WEIR_EREJECTED);
    gate_open(parked.gate);
    end_all(future, 4);
    unpark(&parked);
}

/* There, futures cancelled by a shutdown were cancelled but not yet told so, and waiting for them
 * hung. */
static void d14_futures_cancelled_by_shutdown_can_be_waited_for(void **state)
{
    enum { N = 5 };
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 1);
    weir_future *future[N];
    weir_as_completed *it = NULL;
    size_t index = 77;
    for (int i = 0; i < N; i++)
        future[i] = submit_ok(parked.executor, noop_task, NULL, 0);
    weir_shutdown_options options = { .mode = WEIR_CANCEL_QUEUED, .timeout_ns = -1 };
    assert_status(weir_executor_shutdown(parked.executor, &options), WEIR_ETIMEDOUT);
    assert_status(weir_wait_all(future, N, 0, NULL), WEIR_OK);
    assert_status(weir_wait_any(future, N, 0, &index), WEIR_OK);
    assert_int_equal(index, 0);
    assert_status(weir_as_completed_create(&it, future, N), WEIR_OK);
    for (size_t i = 0; i < N; i++) {
        assert_status(weir_as_completed_next(it, 0, &index), WEIR_OK);
        assert_int_equal(index, i);
    }
    weir_as_completed_destroy(it);
    end_all(future, N);
    unpark(&parked);
}

int suite_defects(const struct executor_factory *factory)
{
    const struct CMUnitTest tests[] = {
        ON(factory, d1_run_time_is_not_waiting_time),
        ON(factory, d2_burst_of_workers_plus_limit_is_admitted),
        ON(factory, d3_slow_check_delays_no_other_submitter),
        ON(factory, d4_shutdown_that_cancels_does_cancel),
        ON(factory, d5_shutdown_that_does_not_wait_strands_none),
        ON(factory, d6_task_submitting_during_shutdown_is_refused),
        ON(factory, d7_task_that_ends_its_thread_is_survived),
        ON(factory, d8_idle_workers_are_used_before_new_ones),
        ON(factory, d8_idle_shutdown_does_not_wait_for_a_poll),
        ON(factory, d9_cancelled_task_gives_its_place_back_at_once),
        ON(factory, d14_futures_cancelled_by_shutdown_can_be_waited_for),
    };
    return cmocka_run_group_tests_name("defects", tests, NULL, NULL);
}
