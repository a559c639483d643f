/* Cancelling, before, during and after. */
#include "conformance/conformance.h"
#include "support/crew.h"
#include "support/shared.h"

static void cancel_pending_never_runs(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct journal *journal = journal_create();
    struct parked parked = park(state, .workers = 1);
    struct note note = { .journal = journal };
    weir_future *future = submit_ok(parked.executor, note_task, &note, sizeof note);
    assert_true(weir_future_cancel(future));
    assert_true(weir_future_cancel(future));
    assert_int_equal(weir_future_state(future), WEIR_CANCELLED);
    assert_status(weir_future_wait(future, 0), WEIR_OK);
    assert_status(weir_future_status(future), WEIR_ECANCELLED);
    assert_status(weir_future_result(future, NULL, 0, 0), WEIR_ECANCELLED);
    assert_int_equal(weir_future_error(future, NULL), 0);
    assert_int_equal(stats_of(parked.executor).cancelled, 1);
    assert_int_equal(weir_executor_backlog(parked.executor), 0);
    unpark(&parked);
    assert_int_equal(journal->count, 0);
    weir_future_unref(future);
    journal_destroy(journal);
}

static void cancel_running_is_told_and_refused(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    weir_executor *executor = new_executor(state, .workers = 1);
    bool told = false;
    weir_future *future = submit_ok(executor, until_cancelled_task, NULL, 0);
    assert_eventually(weir_future_state(future) == WEIR_RUNNING);
    assert_false(weir_future_cancel(future));
    assert_status(weir_future_result(future, &told, sizeof told, WATCHDOG_NS), WEIR_OK);
    assert_true(told);
    assert_int_equal(stats_of(executor).cancelled, 0);
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

static void cancel_ended_changes_nothing(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    int number = 1;
    weir_future *good = submit_ok(executor, double_task, &number, sizeof number);
    weir_future *bad = submit_ok(executor, fail_task, &number, sizeof number);
    end_of(good);
    end_of(bad);
    assert_false(weir_future_cancel(good));
    assert_false(weir_future_cancel(bad));
    assert_status(end_and_unref(good), WEIR_OK);
    assert_status(end_and_unref(bad), WEIR_EFAILED);
    weir_executor_destroy(executor);
}

static weir_status never_told_task(weir_task *task, void *arg)
{
    bool told = weir_task_cancel_requested(task);
    (void)arg;
    return weir_task_return(task, &told, sizeof told);
}

static void cancel_not_asked_task_is_not_told(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    bool told = true;
    weir_future *future = submit_ok(executor, never_told_task, NULL, 0);
    assert_status(weir_future_result(future, &told, sizeof told, WATCHDOG_NS), WEIR_OK);
    assert_false(told);
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

static void cancel_in_the_middle_keeps_the_others_in_order(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct journal *journal = journal_create();
    struct parked parked = park(state, .workers = 1, .limit = 9);
    weir_future *future[9];
    for (uint32_t i = 0; i < 9; i++) {
        struct note note = { .journal = journal, .value = i };
        future[i] = submit_ok(parked.executor, note_task, &note, sizeof note);
    }
    for (size_t i = 0; i < 9; i += 2) /* the first, the last and some between */
        assert_true(weir_future_cancel(future[i]));
    assert_int_equal(weir_executor_backlog(parked.executor), 4);
    gate_open(parked.gate);
    end_all(future, 9);
    unpark(&parked);
    assert_int_equal(journal->count, 4);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(journal->entry[i], 2 * i + 1);
    journal_destroy(journal);
}

struct cancel_race {
    weir_future *future;
    _Atomic uint32_t told_true;
    _Atomic uint32_t called;
};

static void note_call(weir_future *future, void *data)
{
    struct cancel_race *race = data;
    (void)future;
    atomic_fetch_add(&race->called, 1);
}

static void cancel_it(void *shared, size_t index)
{
    struct cancel_race *race = shared;
    (void)index;
    if (weir_future_cancel(race->future))
        atomic_fetch_add(&race->told_true, 1);
}

static void cancel_from_many_threads_ends_once(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 1);
    for (uint64_t i = 1; i <= ROUNDS(100); i++) {
        struct cancel_race race = { .future = submit_ok(parked.executor, noop_task, NULL, 0) };
        assert_status(weir_future_on_done(race.future, note_call, &race), WEIR_OK);
        crew_run(4, cancel_it, &race);
        assert_int_equal(race.told_true, 4);
        assert_int_equal(race.called, 1);
        assert_int_equal(stats_of(parked.executor).cancelled, i);
        weir_future_unref(race.future);
    }
    unpark(&parked);
}

static void cancel_racing_with_the_start_either_cancels_or_runs(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    _Atomic uint64_t *ran = shared_alloc(sizeof *ran);
    weir_executor *executor = new_executor(state, .workers = 2, .limit = 4);
    uint64_t cancelled = 0;
    const uint64_t rounds = ROUNDS(20000);
    for (uint64_t i = 0; i < rounds; i++) {
        weir_future *future = submit_ok(executor, count_task, ran, 0);
        bool won = weir_future_cancel(future);
        cancelled += won;
        assert_status(end_and_unref(future), won ? WEIR_ECANCELLED : WEIR_OK);
    }
    assert_int_equal(atomic_load(ran) + cancelled, rounds);
    assert_int_equal(stats_of(executor).cancelled, cancelled);
    weir_executor_destroy(executor);
    shared_free(ran, sizeof *ran);
}

static void wait_for_it(void *shared, size_t index)
{
    struct cancel_race *race = shared;
    (void)index;
    if (weir_future_wait(race->future, WATCHDOG_NS) == WEIR_OK &&
        weir_future_status(race->future) == WEIR_ECANCELLED)
        atomic_fetch_add(&race->called, 1);
}

static void cancel_wakes_every_waiter(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 1);
    for (int i = 0; i < ROUNDS(50); i++) {
        struct cancel_race race = { .future = submit_ok(parked.executor, noop_task, NULL, 0) };
        struct crew *waiters = crew_start(3, wait_for_it, &race);
        assert_true(weir_future_cancel(race.future));
        crew_join(waiters);
        assert_int_equal(race.called, 3);
        weir_future_unref(race.future);
    }
    unpark(&parked);
}

static void cancel_then_shutdown_does_not_hang(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 2);
    weir_future *future = submit_ok(parked.executor, noop_task, NULL, 0);
    assert_true(weir_future_cancel(future));
    weir_future_unref(future);
    gate_open(parked.gate);
    assert_status(weir_executor_shutdown(parked.executor, NULL), WEIR_OK);
    unpark(&parked);
}

int suite_cancel(const struct executor_factory *factory)
{
    const struct CMUnitTest tests[] = {
        ON(factory, cancel_pending_never_runs),
        ON(factory, cancel_running_is_told_and_refused),
        ON(factory, cancel_ended_changes_nothing),
        ON(factory, cancel_not_asked_task_is_not_told),
        ON(factory, cancel_in_the_middle_keeps_the_others_in_order),
        ON(factory, cancel_from_many_threads_ends_once),
        ON(factory, cancel_racing_with_the_start_either_cancels_or_runs),
        ON(factory, cancel_wakes_every_waiter),
        ON(factory, cancel_then_shutdown_does_not_hang),
    };
    return cmocka_run_group_tests_name("cancel", tests, NULL, NULL);
}
