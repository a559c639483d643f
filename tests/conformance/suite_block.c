/* Submitters that wait for a place. That one waits, the gauge of blocked submitters tells. */
#include "conformance/conformance.h"
#include "support/crew.h"
#include "support/shared.h"

/* A submitter of a task that does nothing, seen to be blocked as the n-th. */
static void start_blocked(struct submitter *submitter, weir_executor *executor, uint64_t n)
{
    *submitter = (struct submitter){ .executor = executor, .fn = noop_task };
    submitter_start(submitter);
    assert_eventually(stats_of(executor).blocked == n);
    assert_false(atomic_load(&submitter->returned));
}

static void block_at_the_limit_waits_for_a_place(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked =
        park(state, .workers = 1, .limit = 1, .policy = weir_block(WEIR_FOREVER));
    struct submitter submitter;
    assert_status(weir_submit(parked.executor, noop_task, NULL, 0, NULL), WEIR_OK);
    start_blocked(&submitter, parked.executor, 1);
    gate_open(parked.gate);
    assert_status(submitter_join(&submitter), WEIR_OK);
    assert_status(end_and_unref(submitter.future), WEIR_OK);
    assert_int_equal(stats_of(parked.executor).blocked, 0);
    assert_int_equal(stats_of(parked.executor).rejected, 0);
    unpark(&parked);
}

static void block_cancelled_task_gives_its_place_to_the_waiting(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked =
        park(state, .workers = 1, .limit = 1, .policy = weir_block(WEIR_FOREVER));
    struct submitter submitter;
    weir_future *queued = submit_ok(parked.executor, noop_task, NULL, 0);
    start_blocked(&submitter, parked.executor, 1);
    assert_true(weir_future_cancel(queued));
    assert_status(submitter_join(&submitter), WEIR_OK);
    assert_int_equal(weir_executor_backlog(parked.executor), 1);
    gate_open(parked.gate);
    assert_status(end_and_unref(submitter.future), WEIR_OK);
    weir_future_unref(queued);
    unpark(&parked);
}

static void block_for_a_time_gives_up_then(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    const int64_t times_ns[] = { 0, 1, 2 * WEIR_MILLISECOND };
    for (int i = 0; i < 3; i++) {
        struct parked parked =
            park(state, .workers = 1, .limit = 1, .policy = weir_block(times_ns[i]));
        weir_future *future = NULL;
        assert_status(weir_submit(parked.executor, noop_task, NULL, 0, NULL), WEIR_OK);
        int64_t start_ns = now_ns();
        assert_status(weir_submit(parked.executor, noop_task, NULL, 0, &future), WEIR_ETIMEDOUT);
        assert_true(now_ns() - start_ns >= times_ns[i]);
        assert_null(future);
        assert_int_equal(stats_of(parked.executor).rejected_timeout, 1);
        assert_int_equal(stats_of(parked.executor).blocked, 0);
        unpark(&parked);
    }
}

static void block_admits_in_the_order_of_coming(void **state)
{
    enum { N = 6 };
    needs(state, TRAIT_CONCURRENT);
    struct journal *journal = journal_create();
    struct parked parked =
        park(state, .workers = 1, .limit = 1, .policy = weir_block(WEIR_FOREVER));
    struct submitter submitter[N];
    struct note note[N];
    assert_status(weir_submit(parked.executor, noop_task, NULL, 0, NULL), WEIR_OK);
    for (uint32_t i = 0; i < N; i++) {
        note[i] = (struct note){ .journal = journal, .value = i };
        submitter[i] = (struct submitter){ .executor = parked.executor,
                                           .fn = note_task,
                                           .arg = &note[i],
                                           .arg_size = sizeof note[i] };
        submitter_start(&submitter[i]);
        assert_eventually(stats_of(parked.executor).blocked == i + 1);
    }
    gate_open(parked.gate);
    for (uint32_t i = 0; i < N; i++) {
        assert_status(submitter_join(&submitter[i]), WEIR_OK);
        assert_status(end_and_unref(submitter[i].future), WEIR_OK);
        assert_int_equal(journal->entry[i], i);
    }
    unpark(&parked);
    journal_destroy(journal);
}

static void block_newcomer_does_not_overtake(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked =
        park(state, .workers = 1, .limit = 2, .policy = weir_block(WEIR_FOREVER));
    struct submitter submitter[3];
    weir_future *queued[2];
    for (int i = 0; i < 2; i++)
        queued[i] = submit_ok(parked.executor, noop_task, NULL, 0);
    for (uint64_t i = 0; i < 3; i++)
        start_blocked(&submitter[i], parked.executor, i + 1);
    for (int i = 0; i < 2; i++) { /* each place goes to the one that came first */
        assert_true(weir_future_cancel(queued[i]));
        assert_status(submitter_join(&submitter[i]), WEIR_OK);
        assert_false(atomic_load(&submitter[2].returned));
    }
    gate_open(parked.gate);
    assert_status(submitter_join(&submitter[2]), WEIR_OK);
    for (int i = 0; i < 3; i++)
        assert_status(end_and_unref(submitter[i].future), WEIR_OK);
    end_all(queued, 2);
    unpark(&parked);
}

/* Fills the backlog from a worker and submits once more. Returns the threads of this task and of
 * the last. */
static weir_status overfill_task(weir_task *task, void *arg)
{
    weir_executor *executor = arg;
    pthread_t thread[2] = { pthread_self(), 0 };
    weir_future *future = NULL;
    weir_status status = weir_submit(executor, noop_task, NULL, 0, NULL);
    if (status == WEIR_OK)
        status = weir_submit(executor, thread_task, NULL, 0, &future);
    if (status == WEIR_OK)
        status = weir_future_result(future, &thread[1], sizeof thread[1], 0);
    weir_future_unref(future);
    if (status != WEIR_OK)
        return weir_task_fail(task, (int)status, "%s", weir_status_name(status));
    return weir_task_return(task, thread, sizeof thread);
}

static void block_own_worker_runs_the_task_itself(void **state)
{
    needs(state, TRAIT_CONCURRENT | TRAIT_SHARES_MEMORY);
    weir_executor *executor =
        new_executor(state, .workers = 1, .limit = 1, .policy = weir_block(WEIR_FOREVER));
    pthread_t thread[2];
    weir_future *future = submit_ok(executor, overfill_task, executor, 0);
    assert_status(weir_future_result(future, thread, sizeof thread, WATCHDOG_NS), WEIR_OK);
    assert_true(pthread_equal(thread[0], thread[1]));
    assert_int_equal(stats_of(executor).rejected, 0);
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

struct squeeze {
    weir_executor *executor;
    _Atomic uint64_t *ran;
    uint64_t rounds;
    _Atomic uint64_t odd;
};

static void squeeze_through(void *shared, size_t index)
{
    struct squeeze *squeeze = shared;
    (void)index;
    for (uint64_t i = 0; i < squeeze->rounds; i++)
        if (weir_submit(squeeze->executor, count_task, squeeze->ran, 0, NULL) != WEIR_OK)
            atomic_fetch_add(&squeeze->odd, 1);
}

static void block_many_submitters_all_get_through(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    static const size_t limits[] = { 1, 4, WEIR_ZERO };
    struct squeeze squeeze = { .ran = shared_alloc(sizeof *squeeze.ran), .rounds = ROUNDS(5000) };
    for (int i = 0; i < 3; i++) {
        squeeze.executor = new_executor(state, .workers = 2, .limit = limits[i],
                                        .policy = weir_block(WEIR_FOREVER));
        atomic_store(squeeze.ran, 0);
        crew_run(4, squeeze_through, &squeeze);
        assert_status(weir_executor_shutdown(squeeze.executor, NULL), WEIR_OK);
        assert_int_equal(squeeze.odd, 0);
        assert_int_equal(atomic_load(squeeze.ran), 4 * squeeze.rounds);
        weir_stats stats = stats_of(squeeze.executor);
        assert_true(stats.backlog_peak <= stats.limit);
        assert_int_equal(stats.blocked, 0);
        weir_executor_destroy(squeeze.executor);
    }
    shared_free(squeeze.ran, sizeof *squeeze.ran);
}

int suite_block(const struct executor_factory *factory)
{
    const struct CMUnitTest tests[] = {
        ON(factory, block_at_the_limit_waits_for_a_place),
        ON(factory, block_cancelled_task_gives_its_place_to_the_waiting),
        ON(factory, block_for_a_time_gives_up_then),
        ON(factory, block_admits_in_the_order_of_coming),
        ON(factory, block_newcomer_does_not_overtake),
        ON(factory, block_own_worker_runs_the_task_itself),
        ON(factory, block_many_submitters_all_get_through),
    };
    return cmocka_run_group_tests_name("block", tests, NULL, NULL);
}
