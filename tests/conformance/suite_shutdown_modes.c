/* Shutdown in its modes: not waiting, waiting for a time, cancelling, and what it reports. */
#include "conformance/conformance.h"

/* Submits n tasks that do nothing behind the parked workers. */
static void queue_up(struct parked *parked, weir_future **future, size_t n)
{
    for (size_t i = 0; i < n; i++)
        future[i] = submit_ok(parked->executor, noop_task, NULL, 0);
}

static void shutdown_without_waiting_lets_all_run(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 2);
    weir_shutdown_report report = { 0 };
    weir_shutdown_options options = { .timeout_ns = -1, .report = &report };
    weir_future *future[5];
    queue_up(&parked, future, 5);
    assert_status(weir_executor_shutdown(parked.executor, &options), WEIR_ETIMEDOUT);
    assert_int_equal(report.running, 2);
    assert_int_equal(report.queued, 5);
    assert_int_equal(report.finished, 0);
    assert_int_equal(report.cancelled, 0);
    assert_false(weir_executor_alive(parked.executor));
    assert_int_equal(weir_executor_backlog(parked.executor), 5);
    gate_open(parked.gate);
    for (int i = 0; i < 5; i++)
        assert_status(end_and_unref(future[i]), WEIR_OK);
    unpark(&parked);
}

static void shutdown_for_a_time_reports_what_is_left(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 1);
    weir_shutdown_report report = { 0 };
    weir_shutdown_options options = { .timeout_ns = WEIR_MILLISECOND, .report = &report };
    weir_future *future[3];
    queue_up(&parked, future, 3);
    assert_status(weir_executor_shutdown(parked.executor, &options), WEIR_ETIMEDOUT);
    assert_int_equal(report.running, 1);
    assert_int_equal(report.queued, 3);
    gate_open(parked.gate);
    options.timeout_ns = WATCHDOG_NS;
    assert_status(weir_executor_shutdown(parked.executor, &options), WEIR_OK);
    assert_int_equal(report.running, 0);
    assert_int_equal(report.queued, 0);
    end_all(future, 3);
    unpark(&parked);
}

struct calls {
    _Atomic uint32_t cancelled;
    _Atomic uint32_t other;
};

static void count_ends(weir_future *future, void *data)
{
    struct calls *calls = data;
    bool cancelled = weir_future_status(future) == WEIR_ECANCELLED;
    atomic_fetch_add(cancelled ? &calls->cancelled : &calls->other, 1);
}

static void shutdown_cancelling_ends_the_backlog_at_once(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 1);
    struct calls calls = { 0 };
    weir_shutdown_report report = { 0 };
    weir_shutdown_options options = { .mode = WEIR_CANCEL_QUEUED,
                                      .timeout_ns = -1,
                                      .report = &report };
    weir_future *future[50];
    queue_up(&parked, future, 50);
    for (int i = 0; i < 50; i++)
        assert_status(weir_future_on_done(future[i], count_ends, &calls), WEIR_OK);
    assert_status(weir_executor_shutdown(parked.executor, &options), WEIR_ETIMEDOUT);
    assert_int_equal(report.cancelled, 50);
    assert_int_equal(report.running, 1);
    assert_int_equal(report.queued, 0);
    assert_int_equal(calls.cancelled, 50);
    assert_int_equal(calls.other, 0);
    for (int i = 0; i < 50; i++) {
        assert_status(weir_future_status(future[i]), WEIR_ECANCELLED);
        weir_future_unref(future[i]);
    }
    assert_int_equal(stats_of(parked.executor).cancelled, 50);
    unpark(&parked);
}

static void shutdown_cancelling_waits_for_running_ones(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    weir_executor *executor = new_executor(state, .workers = 2);
    weir_shutdown_report report = { 0 };
    weir_shutdown_options options = { .mode = WEIR_CANCEL_QUEUED, .report = &report };
    int64_t burn_ns = 5 * WEIR_MILLISECOND;
    weir_future *future[50];
    uint64_t ended = 0;
    for (int i = 0; i < 50; i++)
        future[i] = submit_ok(executor, burn_task, &burn_ns, sizeof burn_ns);
    assert_status(weir_executor_shutdown(executor, &options), WEIR_OK);
    for (int i = 0; i < 50; i++) {
        assert_status(weir_future_wait(future[i], 0), WEIR_OK);
        ended += weir_future_status(future[i]) == WEIR_OK;
        weir_future_unref(future[i]);
    }
    assert_int_equal(report.cancelled + ended, 50);
    assert_true(report.finished <= ended); /* some may have ended before the call */
    assert_int_equal(stats_of(executor).completed, ended);
    weir_executor_destroy(executor);
}

static void shutdown_draining_then_cancelling_cancels_the_rest(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 1);
    weir_future *future[4];
    queue_up(&parked, future, 4);
    weir_shutdown_options drain = { .timeout_ns = -1 };
    weir_shutdown_options cancel = { .mode = WEIR_CANCEL_QUEUED, .timeout_ns = -1 };
    assert_status(weir_executor_shutdown(parked.executor, &drain), WEIR_ETIMEDOUT);
    assert_status(weir_future_status(future[0]), WEIR_EPENDING);
    assert_status(weir_executor_shutdown(parked.executor, &cancel), WEIR_ETIMEDOUT);
    for (int i = 0; i < 4; i++)
        assert_status(end_and_unref(future[i]), WEIR_ECANCELLED);
    unpark(&parked);
}

static void shutdown_cancelling_at_timeout_cancels_then(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 1);
    weir_shutdown_report report = { 0 };
    weir_shutdown_options options = {
        .timeout_ns = WEIR_MILLISECOND, .cancel_at_timeout = true, .report = &report
    };
    weir_future *future[4];
    queue_up(&parked, future, 4);
    assert_status(weir_executor_shutdown(parked.executor, &options), WEIR_ETIMEDOUT);
    assert_int_equal(report.cancelled, 4);
    assert_int_equal(report.running, 1);
    assert_int_equal(report.queued, 0);
    for (int i = 0; i < 4; i++)
        assert_status(end_and_unref(future[i]), WEIR_ECANCELLED);
    unpark(&parked);
}

static void check_running_is_told(void **state, const weir_shutdown_options *options)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    bool told = false;
    weir_future *future = submit_ok(executor, until_cancelled_task, NULL, 0);
    assert_eventually(weir_future_state(future) == WEIR_RUNNING);
    weir_status status = weir_executor_shutdown(executor, options);
    assert_true(status == WEIR_OK || status == WEIR_ETIMEDOUT);
    assert_status(weir_future_result(future, &told, sizeof told, WATCHDOG_NS), WEIR_OK);
    assert_true(told);
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

static void shutdown_cancelling_running_tells_them(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    check_running_is_told(state, &(weir_shutdown_options){ .mode = WEIR_CANCEL_QUEUED,
                                                           .cancel_running = true });
    check_running_is_told(state, &(weir_shutdown_options){ .timeout_ns = WEIR_MILLISECOND,
                                                           .cancel_at_timeout = true,
                                                           .cancel_running = true });
}

static void shutdown_releases_blocked_submitters(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked =
        park(state, .workers = 1, .limit = 1, .policy = weir_block(WEIR_FOREVER));
    struct submitter submitter[3];
    weir_future *queued = submit_ok(parked.executor, noop_task, NULL, 0);
    for (int i = 0; i < 3; i++) {
        submitter[i] = (struct submitter){ .executor = parked.executor, .fn = noop_task };
        submitter_start(&submitter[i]);
    }
    assert_eventually(stats_of(parked.executor).blocked == 3);
    assert_status(
        weir_executor_shutdown(parked.executor, &(weir_shutdown_options){ .timeout_ns = -1 }),
        WEIR_ETIMEDOUT);
    for (int i = 0; i < 3; i++)
        assert_status(submitter_join(&submitter[i]), WEIR_ESHUTDOWN);
    assert_int_equal(stats_of(parked.executor).rejected_shutdown, 3);
    assert_int_equal(stats_of(parked.executor).blocked, 0);
    gate_open(parked.gate);
    assert_status(end_and_unref(queued), WEIR_OK);
    unpark(&parked);
}

int suite_shutdown_modes(const struct executor_factory *factory)
{
    const struct CMUnitTest tests[] = {
        ON(factory, shutdown_without_waiting_lets_all_run),
        ON(factory, shutdown_for_a_time_reports_what_is_left),
        ON(factory, shutdown_cancelling_ends_the_backlog_at_once),
        ON(factory, shutdown_cancelling_waits_for_running_ones),
        ON(factory, shutdown_draining_then_cancelling_cancels_the_rest),
        ON(factory, shutdown_cancelling_at_timeout_cancels_then),
        ON(factory, shutdown_cancelling_running_tells_them),
        ON(factory, shutdown_releases_blocked_submitters),
    };
    return cmocka_run_group_tests_name("shutdown_modes", tests, NULL, NULL);
}
