/* Delayed tasks, promises, maps and periodic work for which there is no memory: what was accepted is never
 * forgotten, and what was not never happens. */
#include "fault/scarce_stage.h"
#include "support/submit.h"
#include "support/tasks.h"
#include "weir/weir.h"

static void ignore(weir_future *future, void *data)
{
    (void)future;
    (void)data;
}

static void follow_needs_no_memory(void **state)
{
    (void)state;
    struct stage stage = set_up((weir_policy){ 0 });
    weir_promise_pool *pool = NULL;
    weir_promise *promise = NULL;
    weir_future *future = NULL;
    assert_status(weir_promise_pool_create(&pool), WEIR_OK);
    assert_status(weir_promise_create(pool, NULL, &promise, &future), WEIR_OK);
    weir_future *other = submit_ok(stage.executor, noop_task, NULL, 0);
    weir_future *filler = submit_ok(stage.executor, noop_task, NULL, 0);
    assert_in_range(use_up(filler, ignore, NULL), 1, 999);
    assert_status(weir_promise_hold(promise), WEIR_OK);
    assert_status(weir_promise_follow(promise, other), WEIR_OK);
    assert_true(has_failed());
    gate_open(stage.gate);
    assert_status(end_and_unref(other), WEIR_OK);
    assert_status(end_and_unref(future), WEIR_OK);
    assert_status(end_and_unref(filler), WEIR_OK);
    weir_promise_destroy(promise);
    weir_promise_pool_destroy(pool);
    tear_down(&stage);
}

/* It is refused at once, or when it comes due, or it runs; and its scheduler forgets it. */
static void delayed_task_without_memory_runs_or_fails(void **state)
{
    (void)state;
    enum { MOST = 60 };
    _Atomic uint64_t runs = 0;
    uint64_t expected = 0, met = 0;
    struct stage stage = set_up((weir_policy){ 0 });
    gate_open(stage.gate);
    for (long n = 1; n <= MOST; n++) {
        weir_scheduler *scheduler = NULL;
        weir_future *future[MOST] = { NULL };
        assert_status(weir_scheduler_create(&scheduler, stage.executor, NULL), WEIR_OK);
        fail_the(n);
        for (int i = 0; i < MOST; i++) {
            weir_status status =
                weir_scheduler_submit_after(scheduler, 0, count_task, &runs, 0, &future[i]);
            if (status == WEIR_ENOMEM)
                future[i] = NULL;
            else
                assert_status(status, WEIR_OK);
        }
        for (int i = 0; i < MOST; i++) {
            weir_status end = future[i] ? end_and_unref(future[i]) : WEIR_ENOMEM;
            if (end == WEIR_OK)
                expected++;
            else
                assert_status(end, WEIR_ENOMEM);
            met += end == WEIR_ENOMEM;
        }
        has_failed();
        weir_scheduler_destroy(scheduler);
    }
    assert_true(met > 0);
    tear_down(&stage);
    assert_int_equal(runs, expected);
}

static weir_status map_task(weir_task *task, void *arg)
{
    return weir_task_return(task, arg, sizeof(int));
}

static void map_without_memory_comes_to_an_end(void **state)
{
    (void)state;
    enum { ITEMS = 300 };
    static int items[ITEMS], results[ITEMS];
    bool all = false;
    uint32_t met = 0;
    for (long n = 1; !all; n++) {
        struct stage stage = set_up((weir_policy){ 0 });
        weir_map_options options = { .chunk = 1, .in_flight = 100 };
        gate_open(stage.gate);
        fail_the(n);
        weir_status status = weir_map(stage.executor, map_task, items, ITEMS, sizeof items[0], results,
                                      sizeof results[0], &options);
        all = !has_failed();
        met += status == WEIR_ENOMEM;
        if (status != WEIR_ENOMEM)
            assert_status(status, WEIR_OK);
        if (all)
            assert_status(status, WEIR_OK);
        tear_down(&stage);
    }
    assert_true(met > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(follow_needs_no_memory, end_scarcity),
        cmocka_unit_test_teardown(delayed_task_without_memory_runs_or_fails, end_scarcity),
        cmocka_unit_test_teardown(map_without_memory_comes_to_an_end, end_scarcity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
