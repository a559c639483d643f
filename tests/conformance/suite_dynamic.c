/* Pools that grow and shrink: on demand, by idle time, and by futurist's rule and arithmetic. */
#include "conformance/conformance.h"

#include "support/crew.h"
#include "support/proc.h"

static weir_executor *new_pool(size_t min_workers, size_t workers)
{
    weir_executor *executor = NULL;
    weir_thread_options options = { .workers = workers,
                                    .min_workers = min_workers,
                                    .idle_ns = WEIR_FOREVER,
                                    .limit = 2 * workers };
    assert_status(weir_thread_executor_create(&executor, &options), WEIR_OK);
    return executor;
}

static void dynamic_sequential_tasks_use_one_thread(void **state)
{
    needs(state, TRAIT_DYNAMIC);
    weir_executor *executor = new_pool(1, 10);
    for (int i = 0; i < 10; i++)
        assert_status(end_and_unref(submit_ok(executor, noop_task, NULL, 0)), WEIR_OK);
    assert_int_equal(stats_of(executor).workers_peak, 1);
    weir_executor_destroy(executor);
}

static void dynamic_pool_starts_with_its_minimum(void **state)
{
    needs(state, TRAIT_DYNAMIC);
    weir_executor *executor = new_pool(WEIR_ZERO, 4);
    assert_int_equal(stats_of(executor).workers, 0);
    weir_executor_destroy(executor);
    executor = new_pool(3, 4);
    assert_int_equal(stats_of(executor).workers, 3);
    weir_executor_destroy(executor);
}

static void dynamic_pool_grows_when_busy_and_shrinks_when_told(void **state)
{
    needs(state, TRAIT_DYNAMIC);
    struct gate *gate = gate_create();
    weir_executor *executor = new_pool(1, 20);
    size_t workers = 77;
    saturate(executor, gate, 10);
    assert_int_equal(stats_of(executor).workers, 10);
    assert_int_equal(stats_of(executor).idle, 0);
    assert_status(weir_thread_executor_maintain(executor, &workers), WEIR_OK);
    assert_int_equal(workers, 10); /* all of them are busy */
    gate_open(gate);
    assert_eventually(stats_of(executor).idle == 10);
    assert_status(weir_thread_executor_maintain(executor, &workers), WEIR_OK);
    assert_int_equal(workers, 1);
    assert_eventually(stats_of(executor).workers == 1);
    assert_status(end_and_unref(submit_ok(executor, noop_task, NULL, 0)), WEIR_OK);
    weir_executor_destroy(executor);
    gate_destroy(gate);
}

static void dynamic_idle_threads_go_after_their_time(void **state)
{
    needs(state, TRAIT_DYNAMIC);
    struct parked parked = park(state, .workers = 4, .name = "passing");
    gate_open(parked.gate);
    assert_eventually(stats_of(parked.executor).workers == 0);
    assert_eventually(proc_threads_named("passing/") == 0);
    assert_int_equal(stats_of(parked.executor).workers_peak, 4);
    assert_true(weir_executor_alive(parked.executor));
    assert_status(end_and_unref(submit_ok(parked.executor, noop_task, NULL, 0)), WEIR_OK);
    unpark(&parked);
}

static void dynamic_queued_tasks_run_at_shutdown(void **state)
{
    needs(state, TRAIT_DYNAMIC);
    int64_t burn_ns = WEIR_MILLISECOND;
    weir_executor *executor = new_pool(WEIR_ZERO, 2);
    weir_future *future[5];
    for (int i = 0; i < 5; i++)
        future[i] = submit_ok(executor, burn_task, &burn_ns, sizeof burn_ns);
    assert_status(weir_executor_shutdown(executor, NULL), WEIR_OK);
    for (int i = 0; i < 5; i++)
        assert_int_equal(weir_future_state(future[i]), WEIR_FINISHED);
    end_all(future, 5);
    weir_executor_destroy(executor);
}

struct fickle {
    weir_executor *executor;
    uint64_t rounds;
    _Atomic uint32_t odd;
    _Atomic uint64_t ended;
};

static void note_end(weir_future *future, void *data)
{
    (void)future;
    atomic_fetch_add((_Atomic uint64_t *)data, 1);
}

static void submit_to_fickle(void *shared, size_t index)
{
    struct fickle *fickle = shared;
    for (uint64_t i = 0; i < fickle->rounds; i++) {
        weir_future *future = NULL;
        weir_status status = weir_submit(fickle->executor, noop_task, NULL, 0, &future);
        if (status != WEIR_OK)
            atomic_store(&fickle->odd, (uint32_t)status);
        else
            weir_future_on_done(future, note_end, (void *)&fickle->ended);
        if (status == WEIR_OK && i % (index + 2) == 0) /* let the pool run dry now and then */
            weir_future_wait(future, WATCHDOG_NS);
        weir_future_unref(future);
    }
}

/* Whoever comes just as the last worker has gone gets a new one, by whichever way it comes in. */
static void dynamic_threads_that_go_at_once_leave_nobody_unserved(void **state)
{
    needs(state, TRAIT_DYNAMIC);
    const weir_policy policies[] = { weir_block(WEIR_FOREVER), weir_discard_oldest(),
                                     weir_caller_runs() };
    for (int i = 0; i < 3; i++) {
        struct fickle fickle = { .rounds = ROUNDS(2000) };
        weir_thread_options options = { .workers = 2, .min_workers = WEIR_ZERO, .idle_ns = 1,
                                        .limit = 1, .policy = policies[i] };
        assert_status(weir_thread_executor_create(&fickle.executor, &options), WEIR_OK);
        crew_run(4, submit_to_fickle, &fickle);
        assert_status((weir_status)fickle.odd, WEIR_OK);
        weir_executor_destroy(fickle.executor);
        assert_int_equal(fickle.ended, 4 * fickle.rounds);
    }
}

/* A pool under futurist's rule, with its default thresholds, `busy` of its `workers` at the gate
 * and `queued` tasks behind them. While it fills up, its bounds leave it nothing to decide. */
struct ruled {
    weir_executor *executor;
    struct gate *gate;
};

static struct ruled ruled_pool(size_t workers, size_t busy, size_t queued)
{
    struct ruled pool = { .gate = gate_create() };
    weir_thread_options options = { .workers = workers,
                                    .min_workers = workers,
                                    .idle_ns = WEIR_FOREVER,
                                    .stack_bytes = (size_t)1 << 18,
                                    .grow_threshold = 0.8,
                                    .shrink_threshold = 0.4 };
    assert_status(weir_thread_executor_create(&pool.executor, &options), WEIR_OK);
    assert_int_equal(stats_of(pool.executor).workers, workers);
    saturate(pool.executor, pool.gate, busy);
    for (size_t i = 0; i < queued; i++)
        assert_status(weir_submit(pool.executor, gate_task, pool.gate, 0, NULL), WEIR_OK);
    assert_eventually(stats_of(pool.executor).idle == workers - busy);
    return pool;
}

/* What maintain() makes of it under new bounds; then all tasks run, and nothing is lost. */
static void check_maintained(struct ruled pool, size_t min, size_t max, size_t expected)
{
    size_t workers = 77;
    assert_status(weir_thread_executor_resize(pool.executor, min, max), WEIR_OK);
    assert_status(weir_thread_executor_maintain(pool.executor, &workers), WEIR_OK);
    assert_int_equal(workers, expected);
    assert_status(weir_thread_executor_maintain(pool.executor, &workers), WEIR_OK);
    assert_int_equal(workers, expected); /* it is stable */
    assert_eventually(stats_of(pool.executor).workers == expected);
    gate_open(pool.gate);
    weir_executor_destroy(pool.executor);
    assert_int_equal(pool.gate->passed, pool.gate->entered);
    gate_destroy(pool.gate);
}

static void maintain_below_the_minimum_starts_up_to_it(void **state)
{
    needs(state, TRAIT_DYNAMIC);
    check_maintained(ruled_pool(1, 0, 0), 1, 100, 1);
    check_maintained(ruled_pool(1, 0, 0), 42, 100, 42);
}

static void maintain_too_many_idle_ends_down_to_the_minimum(void **state)
{
    needs(state, TRAIT_DYNAMIC);
    check_maintained(ruled_pool(100, 0, 0), 42, 100, 42);
}

static void maintain_all_busy_at_the_maximum_changes_nothing(void **state)
{
    needs(state, TRAIT_DYNAMIC);
    check_maintained(ruled_pool(100, 100, 0), 42, 100, 100);
}

static void maintain_all_busy_below_the_maximum_starts_more(void **state)
{
    needs(state, TRAIT_DYNAMIC);
    check_maintained(ruled_pool(100, 100, 0), 42, 200, 126); /* 100/125 is still at 0.8 */
}

static void maintain_within_range_changes_nothing(void **state)
{
    needs(state, TRAIT_DYNAMIC);
    check_maintained(ruled_pool(100, 70, 0), 42, 200, 100);
}

/* futurist's case has idle threads beside a queue, which cannot be here. The sum is the same. */
static void maintain_busy_with_a_backlog_counts_it(void **state)
{
    needs(state, TRAIT_DYNAMIC);
    check_maintained(ruled_pool(70, 70, 20), 42, 200, 113); /* 90/112 is above 0.8, 90/113 not */
}

static void submission_applies_the_rule_once(void **state)
{
    needs(state, TRAIT_DYNAMIC);
    struct ruled pool = ruled_pool(4, 4, 0);
    assert_status(weir_thread_executor_resize(pool.executor, 1, 10), WEIR_OK);
    assert_status(weir_submit(pool.executor, gate_task, pool.gate, 0, NULL), WEIR_OK);
    assert_int_equal(stats_of(pool.executor).workers_peak, 5);
    assert_true(gate_wait_entered(pool.gate, 5));
    gate_open(pool.gate);
    weir_executor_destroy(pool.executor);
    gate_destroy(pool.gate);
}

int suite_dynamic(const struct executor_factory *factory)
{
    const struct CMUnitTest tests[] = {
        ON(factory, dynamic_sequential_tasks_use_one_thread),
        ON(factory, dynamic_pool_starts_with_its_minimum),
        ON(factory, dynamic_pool_grows_when_busy_and_shrinks_when_told),
        ON(factory, dynamic_idle_threads_go_after_their_time),
        ON(factory, dynamic_queued_tasks_run_at_shutdown),
        ON(factory, dynamic_threads_that_go_at_once_leave_nobody_unserved),
        ON(factory, maintain_below_the_minimum_starts_up_to_it),
        ON(factory, maintain_too_many_idle_ends_down_to_the_minimum),
        ON(factory, maintain_all_busy_at_the_maximum_changes_nothing),
        ON(factory, maintain_all_busy_below_the_maximum_starts_more),
        ON(factory, maintain_within_range_changes_nothing),
        ON(factory, maintain_busy_with_a_backlog_counts_it),
        ON(factory, submission_applies_the_rule_once),
    };
    return cmocka_run_group_tests_name("dynamic", tests, NULL, NULL);
}
