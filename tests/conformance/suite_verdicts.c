/* The built-in policies at the limit: refuse, run in the caller, discard this one or the oldest. */
#include "conformance/conformance.h"
#include "support/shared.h"

static void caller_runs_at_the_limit_runs_it_here(void **state)
{
    needs(state, TRAIT_CONCURRENT | TRAIT_SHARES_MEMORY);
    struct parked parked = park(state, .workers = 1, .limit = 1, .policy = weir_caller_runs());
    pthread_t thread;
    size_t worker = 77;
    weir_future *queued = submit_ok(parked.executor, noop_task, NULL, 0);
    weir_future *future = submit_ok(parked.executor, thread_task, NULL, 0);
    assert_status(weir_future_result(future, &thread, sizeof thread, 0), WEIR_OK);
    assert_true(pthread_equal(thread, pthread_self()));
    weir_future_unref(future);
    future = submit_ok(parked.executor, worker_task, NULL, 0);
    assert_status(weir_future_result(future, &worker, sizeof worker, 0), WEIR_OK);
    assert_int_equal(worker, WEIR_ZERO);
    weir_future_unref(future);
    weir_stats stats = stats_of(parked.executor);
    assert_int_equal(stats.caller_ran, 2);
    assert_int_equal(stats.completed, 2);
    assert_int_equal(stats.rejected, 0);
    assert_status(weir_future_status(queued), WEIR_EPENDING);
    gate_open(parked.gate);
    assert_status(end_and_unref(queued), WEIR_OK);
    assert_int_equal(stats_of(parked.executor).caller_ran, 2);
    unpark(&parked);
}

static void caller_runs_failure_is_the_futures(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked =
        park(state, .workers = 1, .limit = WEIR_ZERO, .policy = weir_caller_runs());
    int code = 9;
    const char *message = NULL;
    weir_future *future = submit_ok(parked.executor, fail_task, &code, sizeof code);
    assert_status(weir_future_status(future), WEIR_EFAILED);
    assert_int_equal(weir_future_error(future, &message), 9);
    assert_string_equal(message, "failed with 9");
    assert_int_equal(stats_of(parked.executor).failed, 1);
    weir_future_unref(future);
    unpark(&parked);
}

/* Takes a struct gap, submits to its executor from the caller's thread, and waits there. */
struct gap {
    weir_executor *executor;
    unsigned depth;
};

static weir_status deeper_task(weir_task *task, void *arg)
{
    struct gap gap = *(struct gap *)arg;
    weir_future *future = NULL;
    if (gap.depth-- == 0)
        return WEIR_OK;
    weir_status status = weir_submit(gap.executor, deeper_task, &gap, sizeof gap, &future);
    if (status == WEIR_OK)
        status = weir_future_wait(future, WATCHDOG_NS);
    if (status == WEIR_OK)
        status = weir_future_status(future);
    weir_future_unref(future);
    return status == WEIR_OK ? WEIR_OK : weir_task_fail(task, (int)status, "at %u", gap.depth);
}

static void caller_runs_task_may_submit_in_turn(void **state)
{
    needs(state, TRAIT_CONCURRENT | TRAIT_SHARES_MEMORY);
    struct parked parked =
        park(state, .workers = 1, .limit = WEIR_ZERO, .policy = weir_caller_runs());
    struct gap gap = { .executor = parked.executor, .depth = 50 };
    weir_future *future = submit_ok(parked.executor, deeper_task, &gap, sizeof gap);
    assert_status(end_and_unref(future), WEIR_OK);
    assert_int_equal(stats_of(parked.executor).caller_ran, 51);
    unpark(&parked);
}

static void note_end(weir_future *future, void *data)
{
    *(weir_status *)data = weir_future_status(future);
}

static void discard_at_the_limit_ends_it_unrun(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct journal *journal = journal_create();
    struct parked parked = park(state, .workers = 1, .limit = 1, .policy = weir_discard());
    struct note note = { .journal = journal, .value = 1 };
    weir_status seen = WEIR_OK;
    assert_status(weir_submit(parked.executor, noop_task, NULL, 0, NULL), WEIR_OK);
    weir_future *future = submit_ok(parked.executor, note_task, &note, sizeof note);
    assert_status(weir_submit(parked.executor, note_task, &note, sizeof note, NULL), WEIR_OK);
    assert_status(weir_future_wait(future, 0), WEIR_OK);
    assert_status(weir_future_status(future), WEIR_EDISCARDED);
    assert_int_equal(weir_future_state(future), WEIR_DISCARDED);
    assert_status(weir_future_result(future, NULL, 0, 0), WEIR_EDISCARDED);
    assert_false(weir_future_cancel(future));
    assert_status(weir_future_on_done(future, note_end, &seen), WEIR_OK);
    assert_status(seen, WEIR_EDISCARDED);
    assert_int_equal(stats_of(parked.executor).discarded, 2);
    assert_int_equal(stats_of(parked.executor).rejected, 0);
    weir_future_unref(future);
    unpark(&parked);
    assert_int_equal(journal->count, 0);
    journal_destroy(journal);
}

static void discard_oldest_at_the_limit_makes_room(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct journal *journal = journal_create();
    struct parked parked = park(state, .workers = 1, .limit = 3, .policy = weir_discard_oldest());
    weir_future *future[8];
    weir_status seen = WEIR_OK;
    for (uint32_t i = 0; i < 8; i++) {
        struct note note = { .journal = journal, .value = i };
        future[i] = submit_ok(parked.executor, note_task, &note, sizeof note);
        if (i == 0)
            assert_status(weir_future_on_done(future[i], note_end, &seen), WEIR_OK);
        for (uint32_t k = 0; k <= i; k++) /* only the three youngest are left */
            assert_status(weir_future_status(future[k]),
                          k + 3 > i ? WEIR_EPENDING : WEIR_EDISCARDED);
    }
    assert_status(seen, WEIR_EDISCARDED);
    weir_stats stats = stats_of(parked.executor);
    assert_int_equal(stats.discarded, 5);
    assert_int_equal(stats.backlog, 3);
    assert_int_equal(stats.backlog_peak, 3);
    gate_open(parked.gate);
    end_all(future, 8);
    unpark(&parked);
    assert_int_equal(journal->count, 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(journal->entry[i], 5 + i);
    journal_destroy(journal);
}

static void discard_oldest_passes_the_cancelled_over(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 1, .limit = 3, .policy = weir_discard_oldest());
    weir_future *future[5];
    for (int i = 0; i < 3; i++)
        future[i] = submit_ok(parked.executor, noop_task, NULL, 0);
    assert_true(weir_future_cancel(future[0]));
    future[3] = submit_ok(parked.executor, noop_task, NULL, 0); /* the place of the cancelled */
    assert_status(weir_future_status(future[1]), WEIR_EPENDING);
    future[4] = submit_ok(parked.executor, noop_task, NULL, 0);
    assert_status(weir_future_status(future[1]), WEIR_EDISCARDED);
    assert_status(weir_future_status(future[0]), WEIR_ECANCELLED);
    assert_status(weir_future_status(future[2]), WEIR_EPENDING);
    gate_open(parked.gate);
    end_all(future, 5);
    unpark(&parked);
}

static void discard_oldest_without_a_backlog_rejects(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked =
        park(state, .workers = 1, .limit = WEIR_ZERO, .policy = weir_discard_oldest());
    assert_status(weir_submit(parked.executor, noop_task, NULL, 0, NULL), WEIR_EREJECTED);
    assert_int_equal(stats_of(parked.executor).rejected_limit, 1);
    assert_int_equal(stats_of(parked.executor).discarded, 0);
    unpark(&parked);
}

int suite_verdicts(const struct executor_factory *factory)
{
    const struct CMUnitTest tests[] = {
        ON(factory, caller_runs_at_the_limit_runs_it_here),
        ON(factory, caller_runs_failure_is_the_futures),
        ON(factory, caller_runs_task_may_submit_in_turn),
        ON(factory, discard_at_the_limit_ends_it_unrun),
        ON(factory, discard_oldest_at_the_limit_makes_room),
        ON(factory, discard_oldest_passes_the_cancelled_over),
        ON(factory, discard_oldest_without_a_backlog_rejects),
    };
    return cmocka_run_group_tests_name("verdicts", tests, NULL, NULL);
}
