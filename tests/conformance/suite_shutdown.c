/* Shutdown: what was accepted ends, what comes later is refused, nobody hangs. */
#include "conformance/conformance.h"
#include "support/crew.h"
#include "support/shared.h"

static void shutdown_refuses_what_comes_later(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 2);
    weir_future *untouched = (weir_future *)(void *)&untouched;
    weir_future *future = untouched;
    assert_true(weir_executor_alive(executor));
    assert_status(weir_executor_shutdown(executor, NULL), WEIR_OK);
    assert_false(weir_executor_alive(executor));
    assert_status(weir_submit(executor, noop_task, NULL, 0, &future), WEIR_ESHUTDOWN);
    assert_ptr_equal(future, untouched);
    weir_submission must = { .fn = noop_task, .flags = WEIR_MUST_ADMIT };
    assert_status(weir_submit_with(executor, &must, NULL), WEIR_ESHUTDOWN);
    assert_int_equal(stats_of(executor).rejected_shutdown, 2);
    weir_executor_destroy(executor);
}

static void shutdown_waits_for_all_tasks(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 2);
    int64_t burn_ns = WEIR_MILLISECOND;
    weir_future *future[5];
    for (int i = 0; i < 5; i++)
        future[i] = submit_ok(executor, burn_task, &burn_ns, sizeof burn_ns);
    assert_status(weir_executor_shutdown(executor, NULL), WEIR_OK);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(weir_future_state(future[i]), WEIR_FINISHED);
        weir_future_unref(future[i]);
    }
    assert_int_equal(stats_of(executor).completed, 5);
    weir_executor_destroy(executor);
}

static void shutdown_again_and_again_is_harmless(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 2);
    weir_future *future = submit_ok(executor, noop_task, NULL, 0);
    for (int i = 0; i < 3; i++)
        assert_status(weir_executor_shutdown(executor, NULL), WEIR_OK);
    assert_status(weir_executor_shutdown(
                      executor, &(weir_shutdown_options){ .mode = WEIR_CANCEL_QUEUED }),
                  WEIR_OK);
    assert_status(end_and_unref(future), WEIR_OK);
    weir_executor_destroy(executor);
}

static weir_status alive_task(weir_task *task, void *arg)
{
    bool alive = weir_executor_alive(arg);
    return weir_task_return(task, &alive, sizeof alive);
}

static void shutdown_not_begun_task_finds_executor_alive(void **state)
{
    needs(state, TRAIT_SHARES_MEMORY);
    weir_executor *executor = new_executor(state, .workers = 1);
    bool alive = false;
    weir_future *future = submit_ok(executor, alive_task, executor, 0);
    assert_status(weir_future_result(future, &alive, sizeof alive, WATCHDOG_NS), WEIR_OK);
    assert_true(alive);
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

static void destroy_without_shutdown_runs_what_was_accepted(void **state)
{
    _Atomic uint64_t *count = shared_alloc(sizeof *count);
    weir_executor *executor = new_executor(state, .workers = 2, .limit = 50);
    for (int i = 0; i < 50; i++)
        assert_status(weir_submit(executor, count_task, count, 0, NULL), WEIR_OK);
    weir_executor_destroy(executor);
    assert_int_equal(atomic_load(count), 50);
    weir_executor_destroy(NULL);
    shared_free(count, sizeof *count);
}

struct ending {
    weir_executor *executor;
    _Atomic uint32_t good;
};

static void shut_it_down(void *shared, size_t index)
{
    struct ending *ending = shared;
    (void)index;
    if (weir_executor_shutdown(ending->executor, NULL) == WEIR_OK &&
        weir_executor_backlog(ending->executor) == 0)
        atomic_fetch_add(&ending->good, 1);
}

static void shutdown_from_many_threads_all_return(void **state)
{
    for (int i = 0; i < ROUNDS(50); i++) {
        struct ending ending = { .executor = new_executor(state, .workers = 2) };
        for (int k = 0; k < 20; k++)
            assert_status(weir_submit(ending.executor, noop_task, NULL, 0, NULL), WEIR_OK);
        crew_run(3, shut_it_down, &ending);
        assert_int_equal(ending.good, 3);
        assert_int_equal(stats_of(ending.executor).completed, 20);
        weir_executor_destroy(ending.executor);
    }
}

static weir_status shutdown_task(weir_task *task, void *arg)
{
    weir_status status = weir_executor_shutdown(arg, NULL);
    return weir_task_return(task, &status, sizeof status);
}

static void shutdown_from_a_task_returns_and_the_rest_runs(void **state)
{
    needs(state, TRAIT_CONCURRENT | TRAIT_SHARES_MEMORY);
    struct parked parked = park(state, .workers = 1);
    weir_status status = WEIR_EINVAL;
    weir_future *first = submit_ok(parked.executor, shutdown_task, parked.executor, 0);
    weir_future *behind = submit_ok(parked.executor, noop_task, NULL, 0);
    gate_open(parked.gate);
    assert_status(weir_future_result(first, &status, sizeof status, WATCHDOG_NS), WEIR_OK);
    assert_status(status, WEIR_OK);
    assert_status(end_and_unref(behind), WEIR_OK);
    assert_false(weir_executor_alive(parked.executor));
    assert_status(weir_submit(parked.executor, noop_task, NULL, 0, NULL), WEIR_ESHUTDOWN);
    weir_future_unref(first);
    unpark(&parked);
}

static void shutdown_in_callback(weir_future *future, void *data)
{
    struct ending *ending = data;
    (void)future;
    if (weir_executor_shutdown(ending->executor, NULL) == WEIR_OK)
        atomic_fetch_add(&ending->good, 1);
}

static void shutdown_from_a_callback_returns(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 1);
    struct ending ending = { .executor = parked.executor };
    weir_future *future = submit_ok(parked.executor, noop_task, NULL, 0);
    assert_status(weir_future_on_done(future, shutdown_in_callback, &ending), WEIR_OK);
    gate_open(parked.gate);
    assert_eventually(atomic_load(&ending.good) == 1);
    assert_false(weir_executor_alive(parked.executor));
    weir_future_unref(future);
    unpark(&parked);
}

struct onslaught {
    weir_executor *executor;
    _Atomic uint64_t *ran;
    _Atomic uint64_t accepted;
    _Atomic uint32_t odd; /* submissions that ended neither way */
};

static void submit_until_refused(void *shared, size_t index)
{
    struct onslaught *onslaught = shared;
    (void)index;
    for (;;) {
        weir_status status = weir_submit(onslaught->executor, count_task, onslaught->ran, 0, NULL);
        if (status == WEIR_OK)
            atomic_fetch_add(&onslaught->accepted, 1);
        else if (status == WEIR_ESHUTDOWN)
            return;
        else if (status != WEIR_EREJECTED)
            atomic_fetch_add(&onslaught->odd, 1);
    }
}

static void shutdown_racing_with_submissions_drops_none(void **state)
{
    _Atomic uint64_t *ran = shared_alloc(sizeof *ran);
    for (int i = 0; i < ROUNDS(100); i++) {
        struct onslaught onslaught = { .ran = ran };
        onslaught.executor = new_executor(state, .workers = 2, .limit = 8);
        atomic_store(ran, 0);
        struct crew *crew = crew_start(3, submit_until_refused, &onslaught);
        assert_eventually(atomic_load(&onslaught.accepted) > 10);
        assert_status(weir_executor_shutdown(onslaught.executor, NULL), WEIR_OK);
        uint64_t ran_by_then = atomic_load(ran);
        crew_join(crew);
        assert_int_equal(onslaught.odd, 0);
        assert_int_equal(onslaught.accepted, ran_by_then);
        assert_int_equal(atomic_load(ran), ran_by_then);
        assert_int_equal(stats_of(onslaught.executor).completed, ran_by_then);
        weir_executor_destroy(onslaught.executor);
    }
    shared_free(ran, sizeof *ran);
}

int suite_shutdown(const struct executor_factory *factory)
{
    const struct CMUnitTest tests[] = {
        ON(factory, shutdown_refuses_what_comes_later),
        ON(factory, shutdown_waits_for_all_tasks),
        ON(factory, shutdown_again_and_again_is_harmless),
        ON(factory, shutdown_not_begun_task_finds_executor_alive),
        ON(factory, destroy_without_shutdown_runs_what_was_accepted),
        ON(factory, shutdown_from_many_threads_all_return),
        ON(factory, shutdown_from_a_task_returns_and_the_rest_runs),
        ON(factory, shutdown_from_a_callback_returns),
        ON(factory, shutdown_racing_with_submissions_drops_none),
    };
    return cmocka_run_group_tests_name("shutdown", tests, NULL, NULL);
}
