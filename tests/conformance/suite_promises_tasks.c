/* The promises about tasks: 1, exactly one end; 3, policies run free; 4, the numbers add up; 5,
 * waiting inside a task cannot deadlock. */
#include "conformance/conformance.h"
#include "support/crew.h"
#include "support/fibonacci.h"

enum { SUBMITTERS = 3, EACH = 64 };

/* One round: some submit, everything that can end a task happens, then each future is looked at. */
struct round {
    weir_executor *executor;
    weir_future *future[SUBMITTERS][EACH];
    _Atomic uint32_t called[SUBMITTERS][EACH];
};

static void note_call(weir_future *future, void *data)
{
    (void)future;
    atomic_fetch_add((_Atomic uint32_t *)data, 1);
}

static void submit_all_kinds(void *shared, size_t index)
{
    struct round *round = shared;
    for (int i = 0; i < EACH; i++) {
        int code = 1;
        weir_submission submission = { .fn = i % 3 == 0 ? fail_task : noop_task,
                                       .arg = &code,
                                       .arg_size = sizeof code,
                                       .start_within_ns = i % 5 == 0 };
        weir_future **future = &round->future[index][i];
        if (weir_submit_with(round->executor, &submission, future) != WEIR_OK)
            continue;
        weir_future_on_done(*future, note_call, (void *)&round->called[index][i]);
        if (i % 4 == 0)
            weir_future_cancel(*future);
    }
}

static void check_ends(struct round *round)
{
    for (int i = 0; i < SUBMITTERS; i++)
        for (int k = 0; k < EACH; k++) {
            weir_future *future = round->future[i][k];
            uint32_t called = atomic_load(&round->called[i][k]);
            assert_int_equal(called, future != NULL);
            if (future != NULL)
                assert_int_not_equal(weir_future_status(future), WEIR_EPENDING);
            weir_future_unref(future);
        }
}

static void promise1_every_task_ends_once_whatever_happens(void **state)
{
    const weir_policy policies[] = { weir_reject_when_reached(8), weir_discard_oldest(),
                                     weir_discard(), weir_caller_runs(),
                                     weir_block(10 * WEIR_MICROSECOND) };
    for (int i = 0; i < ROUNDS(300); i++) {
        struct round round = { .executor = NULL };
        round.executor =
            new_executor(state, .workers = 2, .limit = 8, .policy = policies[i % 5]);
        struct crew *crew = crew_start(SUBMITTERS, submit_all_kinds, &round);
        weir_shutdown_options options = { .mode = i % 2 ? WEIR_CANCEL_QUEUED : WEIR_DRAIN };
        assert_eventually(stats_of(round.executor).submitted > (uint64_t)(i % 7) * 20);
        assert_status(weir_executor_shutdown(round.executor, &options), WEIR_OK);
        crew_join(crew);
        for (int k = 0; k < SUBMITTERS; k++) /* all have ended, and a waiter is told so */
            assert_status(weir_wait_all(round.future[k], EACH, 0, NULL), WEIR_OK);
        weir_executor_destroy(round.executor); /* callbacks in workers are over now */
        check_ends(&round);
    }
}

/* A policy that does all that a policy may. */
struct busybody {
    weir_executor *executor;
    struct gate *gate;
    unsigned depth;
    weir_status status[4];
    bool added_up;
};

static weir_verdict meddle(const weir_admission *admission, void *data)
{
    struct busybody *self = data;
    weir_stats stats;
    weir_future *future = NULL;
    if (self->depth++ > 0) /* asked for its own submission */
        return WEIR_RUN_IN_CALLER;
    self->status[0] = weir_executor_stats(admission->executor, &stats);
    self->added_up = stats_add_up(&stats);
    self->status[1] = weir_submit(admission->executor, noop_task, NULL, 0, &future);
    self->status[2] = weir_future_wait(future, WATCHDOG_NS);
    weir_future_unref(future);
    gate_pass(self->gate); /* slow: others go on meanwhile */
    return WEIR_REJECT;
}

static void promise3_policy_is_free_to_act_and_holds_nobody_up(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct busybody self = { .gate = gate_create() };
    struct parked parked =
        park(state, .workers = 1, .limit = 1, .policy = weir_check_at_limit(meddle, &self));
    struct submitter submitter = { .executor = parked.executor, .fn = noop_task };
    weir_future *queued = submit_ok(parked.executor, noop_task, NULL, 0);
    submitter_start(&submitter);
    assert_true(gate_wait_entered(self.gate, 1));
    /* While the policy is being slow, the backlog moves, and others submit. */
    assert_true(weir_future_cancel(queued));
    weir_future *other = submit_ok(parked.executor, noop_task, NULL, 0);
    gate_open(parked.gate);
    assert_status(end_and_unref(other), WEIR_OK);
    assert_false(atomic_load(&submitter.returned));
    gate_open(self.gate);
    assert_status(submitter_join(&submitter), WEIR_EREJECTED);
    for (int i = 0; i < 3; i++)
        assert_status(self.status[i], WEIR_OK);
    assert_true(self.added_up);
    weir_future_unref(queued);
    unpark(&parked);
    gate_destroy(self.gate);
}

struct audit {
    weir_executor *executor;
    _Atomic bool over;
    _Atomic uint64_t wrong;
    _Atomic uint64_t snapshots;
};

static void audit_until_over(void *shared, size_t index)
{
    struct audit *audit = shared;
    weir_stats former = { 0 };
    (void)index;
    while (!atomic_load(&audit->over)) {
        weir_stats stats;
        if (weir_executor_stats(audit->executor, &stats) != WEIR_OK || !stats_add_up(&stats) ||
            !stats_grew(&former, &stats))
            atomic_fetch_add(&audit->wrong, 1);
        former = stats;
        atomic_fetch_add(&audit->snapshots, 1);
    }
}

/* Tasks that submit, wait and help, run by workers and by callers: whichever way a task changes
 * hands, no snapshot sees it twice or not at all. */
static void promise4_numbers_add_up_while_tasks_change_hands(void **state)
{
    needs(state, TRAIT_SHARES_MEMORY);
    struct audit audit = { .executor = new_executor(state, .workers = 2, .limit = 4,
                                                    .policy = weir_caller_runs()) };
    struct crew *crew = crew_start(2, audit_until_over, &audit);
    for (int i = 0; i < ROUNDS(100); i++)
        assert_int_equal(fibonacci_on(audit.executor, 10), 55);
    assert_eventually(atomic_load(&audit.snapshots) > 10);
    atomic_store(&audit.over, true);
    crew_join(crew);
    assert_int_equal(audit.wrong, 0);
    assert_int_equal(stats_of(audit.executor).completed, ROUNDS(100) * fibonacci_nodes(10));
    weir_executor_destroy(audit.executor);
}

static void promise5_fibonacci_of_22_ends_on_any_number_of_workers(void **state)
{
    needs(state, TRAIT_SHARES_MEMORY);
    static const size_t workers[] = { 1, 2, 8 };
    for (int i = 0; i < 3; i++) {
        weir_executor *executor = new_executor(state, .workers = workers[i]);
        assert_int_equal(fibonacci_on(executor, 22), 17711);
        assert_int_equal(stats_of(executor).completed, fibonacci_nodes(22));
        weir_executor_destroy(executor);
    }
}

static void promise5_fibonacci_of_22_ends_at_a_limit_of_four(void **state)
{
    needs(state, TRAIT_SHARES_MEMORY);
    static const size_t workers[] = { 1, 2, 8 };
    const weir_policy policies[] = { weir_caller_runs(), weir_block(WEIR_FOREVER) };
    for (int i = 0; i < 6; i++) {
        weir_executor *executor = new_executor(state, .workers = workers[i % 3], .limit = 4,
                                               .policy = policies[i / 3]);
        assert_int_equal(fibonacci_on(executor, 22), 17711);
        weir_stats stats = stats_of(executor);
        assert_int_equal(stats.completed, fibonacci_nodes(22));
        assert_true(stats.backlog_peak <= 4);
        weir_executor_destroy(executor);
    }
}

int suite_promises_tasks(const struct executor_factory *factory)
{
    const struct CMUnitTest tests[] = {
        ON(factory, promise1_every_task_ends_once_whatever_happens),
        ON(factory, promise3_policy_is_free_to_act_and_holds_nobody_up),
        ON(factory, promise4_numbers_add_up_while_tasks_change_hands),
        ON(factory, promise5_fibonacci_of_22_ends_on_any_number_of_workers),
        ON(factory, promise5_fibonacci_of_22_ends_at_a_limit_of_four),
    };
    return cmocka_run_group_tests_name("promises_tasks", tests, NULL, NULL);
}
