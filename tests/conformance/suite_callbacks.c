/* Callbacks: once each, in order, in the thread that ends the task, free to do what they like. */
#include "conformance/conformance.h"
#include "support/crew.h"

/* What a callback saw of its future. */
struct sight {
    _Atomic uint32_t called;
    weir_state state;
    weir_status status;
    pthread_t thread;
    int value;
};

static void look(weir_future *future, void *data)
{
    struct sight *sight = data;
    const int *value = weir_future_value(future, NULL);
    sight->state = weir_future_state(future);
    sight->status = weir_future_status(future);
    sight->thread = pthread_self();
    sight->value = value != NULL ? *value : -1;
    atomic_fetch_add(&sight->called, 1);
}

static void callback_before_the_end_sees_how_it_ended(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 1);
    struct sight sight[3] = { 0 };
    weir_future *future[3];
    int number = 4;
    future[0] = submit_ok(parked.executor, double_task, &number, sizeof number);
    future[1] = submit_ok(parked.executor, fail_task, &number, sizeof number);
    future[2] = submit_ok(parked.executor, noop_task, NULL, 0);
    for (int i = 0; i < 3; i++)
        assert_status(weir_future_on_done(future[i], look, &sight[i]), WEIR_OK);
    assert_true(weir_future_cancel(future[2]));
    assert_int_equal(sight[0].called + sight[1].called, 0);
    assert_int_equal(sight[2].called, 1); /* here, before the cancel returned */
    assert_true(pthread_equal(sight[2].thread, pthread_self()));
    assert_status(sight[2].status, WEIR_ECANCELLED);
    assert_int_equal(sight[2].state, WEIR_CANCELLED);
    gate_open(parked.gate);
    end_all(future, 3);
    unpark(&parked);
    assert_int_equal(sight[0].called, 1);
    assert_status(sight[0].status, WEIR_OK);
    assert_int_equal(sight[0].value, 8);
    assert_int_equal(sight[1].called, 1);
    assert_status(sight[1].status, WEIR_EFAILED);
    assert_int_equal(sight[1].state, WEIR_FINISHED);
}

static void callback_after_the_end_runs_at_once_here(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    int number = 5;
    weir_future *future[2];
    future[0] = submit_ok(executor, double_task, &number, sizeof number);
    future[1] = submit_ok(executor, fail_task, &number, sizeof number);
    for (int i = 0; i < 2; i++) {
        struct sight sight = { 0 };
        end_of(future[i]);
        assert_status(weir_future_on_done(future[i], look, &sight), WEIR_OK);
        assert_int_equal(sight.called, 1);
        assert_status(sight.status, i == 0 ? WEIR_OK : WEIR_EFAILED);
        assert_true(pthread_equal(sight.thread, pthread_self()));
        weir_future_unref(future[i]);
    }
    weir_executor_destroy(executor);
}

static void callback_runs_in_the_worker(void **state)
{
    needs(state, TRAIT_CONCURRENT | TRAIT_THREADS);
    struct parked parked = park(state, .workers = 1);
    struct sight sight = { 0 };
    pthread_t worker;
    weir_future *future = submit_ok(parked.executor, thread_task, NULL, 0);
    assert_status(weir_future_on_done(future, look, &sight), WEIR_OK);
    gate_open(parked.gate);
    assert_status(weir_future_result(future, &worker, sizeof worker, WATCHDOG_NS), WEIR_OK);
    unpark(&parked);
    assert_int_equal(sight.called, 1);
    assert_true(pthread_equal(sight.thread, worker));
    weir_future_unref(future);
}

struct order {
    struct journal *journal;
    uint32_t value;
};

static void write_order(weir_future *future, void *data)
{
    struct order *order = data;
    (void)future;
    journal_write(order->journal, order->value);
}

static void run_in_order(void **state, const weir_submission *submission)
{
    struct journal *journal = journal_create();
    struct parked parked = park(state, .workers = 1);
    struct order order[7];
    weir_future *future = NULL;
    assert_status(weir_submit_with(parked.executor, submission, &future), WEIR_OK);
    for (uint32_t i = 0; i < 7; i++) {
        order[i] = (struct order){ .journal = journal, .value = i };
        assert_status(weir_future_on_done(future, write_order, &order[i]), WEIR_OK);
    }
    gate_open(parked.gate);
    assert_status(end_of(future), WEIR_OK);
    assert_ptr_equal(weir_future_name(future), submission->name);
    weir_future_unref(future);
    unpark(&parked);
    assert_int_equal(journal->count, 7);
    for (uint32_t i = 0; i < 7; i++)
        assert_int_equal(journal->entry[i], i);
    journal_destroy(journal);
}

static void callbacks_of_one_future_run_in_order(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    run_in_order(state, &(weir_submission){ .fn = noop_task });
    run_in_order(state, &(weir_submission){ .fn = noop_task, .name = "named" });
    run_in_order(state, &(weir_submission){ .fn = noop_task, .start_within_ns = WATCHDOG_NS });
}

struct tally {
    _Atomic uint32_t good;
    _Atomic uint32_t bad;
};

static void tally_up(weir_future *future, void *data)
{
    struct tally *tally = data;
    atomic_fetch_add(weir_future_status(future) == WEIR_OK ? &tally->good : &tally->bad, 1);
}

static void callbacks_of_ten_tasks_half_failing_all_run(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 2);
    struct tally tally = { 0 };
    for (int i = 0; i < 10; i++) {
        weir_future *future =
            submit_ok(executor, i % 2 == 0 ? double_task : fail_task, &i, sizeof i);
        assert_status(weir_future_on_done(future, tally_up, &tally), WEIR_OK);
        weir_future_unref(future); /* the registration keeps it */
    }
    assert_status(weir_executor_shutdown(executor, NULL), WEIR_OK);
    weir_executor_destroy(executor);
    assert_int_equal(tally.good, 5);
    assert_int_equal(tally.bad, 5);
}

struct adders {
    weir_future *future;
    struct tally tally;
};

static void add_some(void *shared, size_t index)
{
    struct adders *adders = shared;
    (void)index;
    for (int i = 0; i < 5; i++)
        weir_future_on_done(adders->future, tally_up, &adders->tally);
}

static void callbacks_added_while_it_ends_run_once_each(void **state)
{
    for (int i = 0; i < ROUNDS(200); i++) {
        weir_executor *executor = new_executor(state, .workers = 2);
        struct adders adders = { .future = submit_ok(executor, noop_task, NULL, 0) };
        crew_run(3, add_some, &adders);
        weir_executor_destroy(executor); /* the worker has left its callbacks behind */
        assert_int_equal(adders.tally.good, 15);
        weir_future_unref(adders.future);
    }
}

/* What a callback did with its executor. */
struct deed {
    weir_executor *executor;
    weir_future *other;
    weir_status status[3];
    bool cancelled;
    struct sight nested;
    _Atomic bool over;
};

static void act(weir_future *future, void *data)
{
    struct deed *deed = data;
    weir_future *mine = NULL;
    int number = 6;
    deed->status[0] = weir_submit(deed->executor, double_task, &number, sizeof number, &mine);
    deed->status[1] = weir_future_wait(mine, WATCHDOG_NS);
    deed->status[2] = weir_future_on_done(mine, look, &deed->nested);
    deed->cancelled = weir_future_cancel(deed->other);
    weir_future_unref(mine);
    weir_future_unref(future);
    atomic_store(&deed->over, true);
}

static void callback_may_submit_wait_register_cancel_and_unref(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 1);
    struct deed deed = { .executor = parked.executor };
    weir_future *future = submit_ok(parked.executor, noop_task, NULL, 0);
    deed.other = submit_ok(parked.executor, noop_task, NULL, 0);
    assert_status(weir_future_on_done(future, act, &deed), WEIR_OK); /* takes our reference */
    gate_open(parked.gate);
    assert_eventually(atomic_load(&deed.over));
    assert_status(deed.status[0], WEIR_OK);
    assert_status(deed.status[1], WEIR_OK);
    assert_status(deed.status[2], WEIR_OK);
    assert_int_equal(deed.nested.called, 1);
    assert_int_equal(deed.nested.value, 12);
    /* On threads, the callback is in the way of what comes next; a worker process is free already. */
    if (factory_has(*state, TRAIT_THREADS))
        assert_true(deed.cancelled);
    assert_status(end_and_unref(deed.other), deed.cancelled ? WEIR_ECANCELLED : WEIR_OK);
    unpark(&parked);
}

int suite_callbacks(const struct executor_factory *factory)
{
    const struct CMUnitTest tests[] = {
        ON(factory, callback_before_the_end_sees_how_it_ended),
        ON(factory, callback_after_the_end_runs_at_once_here),
        ON(factory, callback_runs_in_the_worker),
        ON(factory, callbacks_of_one_future_run_in_order),
        ON(factory, callbacks_of_ten_tasks_half_failing_all_run),
        ON(factory, callbacks_added_while_it_ends_run_once_each),
        ON(factory, callback_may_submit_wait_register_cancel_and_unref),
    };
    return cmocka_run_group_tests_name("callbacks", tests, NULL, NULL);
}
