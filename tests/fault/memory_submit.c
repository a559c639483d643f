/* Submissions for which there is no memory: they say so, and nothing has happened. */
#include "fault/scarce_stage.h"
#include "support/snapshot.h"
#include "support/submit.h"
#include "support/tasks.h"

/* Submissions until one needs memory for its slot. What was refused is nowhere to be seen. */
static void check_without_slots(const weir_submission *submission)
{
    struct stage stage = set_up((weir_policy){ 0 });
    int met = 0;
    for (int i = 0; i < 500; i++) {
        weir_future *future = NULL;
        weir_stats before = stats_of(stage.executor);
        fail_the(1);
        weir_status status = weir_submit_with(stage.executor, submission, &future);
        if (has_failed()) {
            weir_stats after = stats_of(stage.executor);
            met++;
            assert_status(status, WEIR_ENOMEM);
            assert_null(future);
            assert_int_equal(after.submitted, before.submitted);
            assert_int_equal(after.backlog, before.backlog);
            status = weir_submit_with(stage.executor, submission, &future);
        }
        assert_status(status, WEIR_OK);
        weir_future_unref(future);
    }
    assert_true(met >= 2);
    tear_down(&stage);
}

static void submit_without_slots_changes_nothing(void **state)
{
    (void)state;
    check_without_slots(&(weir_submission){ .fn = noop_task });
    /* These take two. One is out already, so the second is the one for which there is no memory. */
    check_without_slots(&(weir_submission){ .fn = noop_task, .name = "named" });
}

static void submit_of_a_large_argument_without_memory_changes_nothing(void **state)
{
    (void)state;
    struct stage stage = set_up((weir_policy){ 0 });
    char large[500] = { 0 };
    weir_future *future = NULL;
    weir_stats before = stats_of(stage.executor);
    fail_each(weir_submit(stage.executor, noop_task, large, sizeof large, &future), 1);
    assert_int_equal(stats_of(stage.executor).submitted, before.submitted + 1);
    weir_future_unref(future);
    tear_down(&stage);
}

/* The copy is made first: if there is no slot for it then, it has to go. */
static void submit_of_a_large_argument_without_slots_leaks_nothing(void **state)
{
    (void)state;
    struct stage stage = set_up((weir_policy){ 0 });
    char large[500] = { 0 };
    int met = 0;
    for (int i = 0; i < 300; i++) {
        long before = allocations_held();
        fail_the(2);
        weir_status status = weir_submit(stage.executor, noop_task, large, sizeof large, NULL);
        if (!has_failed())
            continue;
        met++;
        assert_status(status, WEIR_ENOMEM);
        assert_int_equal(allocations_held(), before);
        assert_status(weir_submit(stage.executor, noop_task, large, sizeof large, NULL), WEIR_OK);
    }
    assert_true(met >= 2);
    tear_down(&stage);
}

static weir_verdict say(const weir_admission *admission, void *verdict)
{
    (void)admission;
    return *(weir_verdict *)verdict;
}

static void submit_that_runs_or_discards_without_slots_changes_nothing(void **state)
{
    (void)state;
    static weir_verdict verdict;
    const weir_verdict verdicts[] = { WEIR_RUN_IN_CALLER, WEIR_DISCARD };
    for (size_t v = 0; v < 2; v++) {
        enum {
            N = 200
        };
        weir_future *future[N] = { NULL };
        struct stage stage = set_up(weir_check_and_reject(say, &verdict));
        int met = 0;
        verdict = verdicts[v];
        for (int i = 0; i < N; i++) {
            weir_stats before = stats_of(stage.executor);
            fail_the(1);
            weir_status status = weir_submit(stage.executor, noop_task, NULL, 0, &future[i]);
            if (!has_failed())
                continue;
            met++;
            assert_status(status, WEIR_ENOMEM);
            assert_null(future[i]);
            assert_int_equal(stats_of(stage.executor).submitted, before.submitted);
        }
        assert_true(met >= 1);
        for (int i = 0; i < N; i++)
            weir_future_unref(future[i]);
        verdict = WEIR_ADMIT;
        tear_down(&stage);
    }
}

static void submit_that_waits_without_slots_is_not_in_the_way(void **state)
{
    (void)state;
    enum {
        N = 64
    };
    weir_future *future[N] = { NULL };
    weir_future *waiting = NULL;
    struct stage stage = { .gate = gate_create(), .held = allocations_held() };
    stage.executor = pool(&(weir_thread_options){
        .workers = 1, .limit = WEIR_ZERO, .policy = weir_block(WEIR_MILLISECOND) });
    assert_status(weir_submit(stage.executor, gate_task, stage.gate, 0, NULL), WEIR_OK);
    assert_true(gate_wait_entered(stage.gate, 1));
    /* Use slots up, until there is none left for one that would wait. */
    size_t count = 0;
    bool met = false;
    for (; count < N && !met; count++) { /* must-admit has room for 64 */
        fail_the(1);
        weir_status status = weir_submit(stage.executor, noop_task, NULL, 0, &waiting);
        met = has_failed();
        assert_status(status, met ? WEIR_ENOMEM : WEIR_ETIMEDOUT);
        assert_int_equal(stats_of(stage.executor).blocked, 0);
        weir_submission must = { .fn = noop_task, .flags = WEIR_MUST_ADMIT };
        if (!met && weir_submit_with(stage.executor, &must, &future[count]) != WEIR_OK)
            break;
    }
    assert_true(met);
    gate_open(stage.gate);
    for (size_t i = 0; i < count; i++)
        if (future[i])
            assert_status(end_and_unref(future[i]), WEIR_OK);
    weir_executor_destroy(stage.executor);
    assert_int_equal(allocations_held(), stage.held);
    gate_destroy(stage.gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(submit_without_slots_changes_nothing, end_scarcity),
        cmocka_unit_test_teardown(submit_of_a_large_argument_without_memory_changes_nothing,
                                  end_scarcity),
        cmocka_unit_test_teardown(submit_of_a_large_argument_without_slots_leaks_nothing,
                                  end_scarcity),
        cmocka_unit_test_teardown(submit_that_runs_or_discards_without_slots_changes_nothing,
                                  end_scarcity),
        cmocka_unit_test_teardown(submit_that_waits_without_slots_is_not_in_the_way, end_scarcity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
