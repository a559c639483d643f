/* The rule of sizing by thresholds, first as arithmetic, then in a pool. */
#include "support/parked.h"
#include "support/snapshot.h"
#include "support/submit.h"
#include "support/tasks.h"
#include "thread/pool_impl.h"

/* A pool in the middle of its life, and where its maintenance ends. */
struct moment {
    const char *what;
    size_t workers, busy, queued; /* before */
    size_t min, max;
    size_t expected; /* workers after */
};

/* Thresholds: grow at four fifths, shrink at two fifths. */
static const struct moment moments[] = {
    { "one worker is there in the end", 0, 0, 0, 1, 1, 1 },
    { "as many as the minimum", 0, 0, 0, 42, 42, 42 },
    { "too many idle", 100, 0, 0, 42, 100, 42 },
    { "all busy, at the maximum", 100, 100, 0, 42, 100, 100 },
    { "all busy, may grow", 100, 100, 0, 42, 200, 126 },
    { "neither too busy nor too idle", 100, 70, 0, 42, 200, 100 },
    { "busy, and a queue", 100, 70, 20, 42, 200, 113 },
    { "the minimum is zero, no work", 5, 0, 0, 0, 5, 0 },
    { "none, none wanted, none needed", 0, 0, 0, 0, 0, 0 },
    { "exactly at the threshold for more", 10, 8, 0, 1, 20, 11 },
    { "exactly at the threshold for less", 10, 4, 0, 1, 20, 9 },
};
enum {
    MOMENTS = sizeof moments / sizeof moments[0]
};

static size_t maintained(const struct moment *m)
{
    size_t workers = m->workers;
    for (int i = 0; i < 1000; i++) {
        size_t idle = workers > m->busy ? workers - m->busy : 0;
        switch (weir__sizing_rule(workers, idle, m->queued, m->min, m->max, 0.8, 0.4)) {
        case WEIR__SIZE_GROW:
            workers++;
            break;
        case WEIR__SIZE_SHRINK:
            workers--;
            break;
        case WEIR__SIZE_KEEP:
            return workers;
        }
        if (workers == 0 && m->min == 0) /* of none, the rule makes one as soon as it is asked */
            return 0;
    }
    return SIZE_MAX;
}

static void rule_applied_until_nothing_changes_ends_where_it_should(void **state)
{
    (void)state;
    for (size_t i = 0; i < MOMENTS; i++)
        if (maintained(&moments[i]) != moments[i].expected)
            fail_msg("%s: %zu, not %zu", moments[i].what, maintained(&moments[i]),
                     moments[i].expected);
}

static void rule_never_leaves_its_bounds(void **state)
{
    (void)state;
    for (size_t workers = 0; workers <= 20; workers++)
        for (size_t idle = 0; idle <= workers; idle++)
            for (size_t backlog = 0; backlog < 30; backlog += 7) {
                enum weir__sizing rule = weir__sizing_rule(workers, idle, backlog, 5, 15, 0.8, 0.4);
                assert_true(rule != WEIR__SIZE_GROW || workers < 15);
                assert_true(rule != WEIR__SIZE_SHRINK || workers > 5);
                assert_true(rule == WEIR__SIZE_GROW || workers >= 5);
            }
}

/* A pool whose size only changes when it is told to: these thresholds are never reached. */
static weir_executor *pool(size_t workers, size_t min_workers, size_t limit, double grow,
                           double shrink)
{
    weir_executor *executor;
    assert_status(
        weir_thread_executor_create(&executor, &(weir_thread_options){ .workers = workers,
                                                                       .min_workers = min_workers,
                                                                       .limit = limit,
                                                                       .grow_threshold = grow,
                                                                       .shrink_threshold = shrink,
                                                                       .stack_bytes = 256 * 1024 }),
        WEIR_OK);
    return executor;
}

static size_t maintain(weir_executor *executor)
{
    size_t workers = SIZE_MAX;
    assert_status(weir_thread_executor_maintain(executor, &workers), WEIR_OK);
    assert_int_equal(stats_of(executor).workers, workers);
    return workers;
}

static void maintain_starts_up_to_the_minimum(void **state)
{
    (void)state;
    weir_executor *executor = pool(42, WEIR_ZERO, 0, 0.8, 0.4);
    assert_int_equal(stats_of(executor).workers, 0);
    assert_status(weir_thread_executor_resize(executor, 42, 42), WEIR_OK);
    assert_int_equal(maintain(executor), 42);
    weir_executor_destroy(executor);
}

static void maintain_of_an_idle_pool_goes_down_to_the_minimum(void **state)
{
    (void)state;
    weir_executor *executor = pool(60, 60, 0, 0.8, 0.4);
    assert_status(weir_thread_executor_resize(executor, 42, 60), WEIR_OK);
    assert_int_equal(maintain(executor), 42);
    assert_int_equal(maintain(executor), 42);
    assert_status(end_and_unref(submit_ok(executor, noop_task, NULL, 0)), WEIR_OK);
    weir_executor_destroy(executor);
}

static void maintain_of_a_busy_pool_grows_by_the_rule(void **state)
{
    (void)state;
    struct gate *gate = gate_create();
    weir_executor *executor = pool(20, 20, 0, 0.8, 0.4);
    saturate(executor, gate, 20);
    assert_int_equal(maintain(executor), 20); /* at its maximum */
    assert_status(weir_thread_executor_resize(executor, 20, 40), WEIR_OK);
    assert_int_equal(maintain(executor), 26); /* 20 of 25 are still four fifths */
    gate_open(gate);
    weir_executor_destroy(executor);
    gate_destroy(gate);
}

static void maintain_within_the_thresholds_changes_nothing(void **state)
{
    (void)state;
    struct gate *gate = gate_create();
    weir_executor *executor = pool(20, 20, 0, 0.8, 0.4);
    saturate(executor, gate, 14);
    assert_status(weir_thread_executor_resize(executor, 5, 40), WEIR_OK);
    assert_int_equal(maintain(executor), 20);
    gate_open(gate);
    weir_executor_destroy(executor);
    gate_destroy(gate);
}

static void maintain_without_thresholds_ends_the_idle_ones(void **state)
{
    (void)state;
    struct gate *gate = gate_create();
    weir_executor *executor = pool(6, 1, 0, 0, 0);
    saturate(executor, gate, 4);
    assert_int_equal(maintain(executor), 4); /* all are busy */
    gate_open(gate);
    assert_eventually(stats_of(executor).running == 0);
    assert_int_equal(maintain(executor), 1);
    weir_executor_destroy(executor);
    gate_destroy(gate);
}

static void maintain_of_what_has_no_threads_is_refused(void **state)
{
    (void)state;
    weir_executor *executor;
    assert_status(weir_inline_executor_create(&executor, NULL), WEIR_OK);
    assert_status(weir_thread_executor_maintain(executor, NULL), WEIR_EINVAL);
    assert_status(weir_thread_executor_maintain(NULL, NULL), WEIR_EINVAL);
    weir_executor_destroy(executor);
    executor = pool(1, 1, 0, 0, 0);
    assert_status(weir_executor_shutdown(executor, NULL), WEIR_OK);
    assert_status(weir_thread_executor_maintain(executor, NULL), WEIR_ESHUTDOWN);
    weir_executor_destroy(executor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rule_applied_until_nothing_changes_ends_where_it_should),
        cmocka_unit_test(rule_never_leaves_its_bounds),
        cmocka_unit_test(maintain_starts_up_to_the_minimum),
        cmocka_unit_test(maintain_of_an_idle_pool_goes_down_to_the_minimum),
        cmocka_unit_test(maintain_of_a_busy_pool_grows_by_the_rule),
        cmocka_unit_test(maintain_within_the_thresholds_changes_nothing),
        cmocka_unit_test(maintain_without_thresholds_ends_the_idle_ones),
        cmocka_unit_test(maintain_of_what_has_no_threads_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
