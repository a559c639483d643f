/* On the monotonic clock: never early, no wake-ups while nothing is due, and no look at the wall clock.
 *
 * The program has a clock_gettime() of its own (see WRAP), whose wall clock leaps an hour back and
 * forth at every look. */
#include <stdatomic.h>
#include <time.h>

#include "support/check.h"
#include "support/submit.h"
#include "support/tasks.h"

static _Atomic uint64_t looks;

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = __real_clock_gettime(clock, now);
    if (clock != CLOCK_MONOTONIC)
        now->tv_sec += atomic_fetch_add(&looks, 1) % 2 ? 3600 : -3600;
    return result;
}

enum {
    TASKS = 200
};

static int64_t due_ns[TASKS], started_ns[TASKS];

static weir_status note_start(weir_task *task, void *arg)
{
    (void)task;
    started_ns[*(int *)arg] = now_ns();
    return WEIR_OK;
}

static void tasks_are_never_early_and_leaps_of_the_wall_clock_change_nothing(void **state)
{
    (void)state;
    weir_executor *executor;
    weir_scheduler *scheduler;
    weir_future *futures[TASKS];
    assert_status(weir_thread_executor_create(&executor, &(weir_thread_options){ .workers = 1 }),
                  WEIR_OK);
    assert_status(weir_scheduler_create(&scheduler, executor, NULL), WEIR_OK);
    int64_t base_ns = weir_clock_now(weir_clock_monotonic());
    for (int i = 0; i < TASKS; i++) {
        due_ns[i] = base_ns + i * 7919 % TASKS * 50 * WEIR_MICROSECOND;
        weir_submission submission = { .fn = note_start, .arg = &i, .arg_size = sizeof i };
        assert_status(weir_scheduler_submit_at(scheduler, due_ns[i], &submission, &futures[i]),
                      WEIR_OK);
    }
    size_t done;
    assert_status(weir_wait_all(futures, TASKS, WATCHDOG_NS, &done), WEIR_OK);
    for (int i = 0; i < TASKS; i++) {
        assert_true(started_ns[i] >= due_ns[i]);
        assert_true(started_ns[i] < due_ns[i] + WATCHDOG_NS);
        weir_future_unref(futures[i]);
    }
    assert_int_equal(atomic_load(&looks), 0); /* nobody asked what time it is on the wall */
    weir_scheduler_destroy(scheduler);
    weir_executor_destroy(executor);
}

static void periodic_worker_does_not_look_at_the_wall_clock(void **state)
{
    (void)state;
    weir_periodic_worker *worker;
    _Atomic uint64_t runs = 0;
    assert_status(weir_periodic_worker_create(&worker, NULL), WEIR_OK);
    assert_status(
        weir_periodic_add(
            worker,
            &(weir_periodic){ .fn = count_task, .arg = &runs, .spacing_ns = WEIR_MILLISECOND },
            NULL),
        WEIR_OK);
    assert_status(weir_periodic_start(worker), WEIR_OK);
    assert_eventually(atomic_load(&runs) >= 5);
    weir_periodic_worker_destroy(worker);
    assert_int_equal(atomic_load(&looks), 0);
}

static uint64_t wakeups(weir_scheduler *scheduler)
{
    weir_scheduler_counts counts;
    assert_status(weir_scheduler_stats(scheduler, &counts), WEIR_OK);
    return counts.wakeups;
}

static void nothing_wakes_while_nothing_is_due(void **state)
{
    (void)state;
    weir_executor *executor;
    weir_scheduler *scheduler;
    assert_status(weir_thread_executor_create(&executor, &(weir_thread_options){ .workers = 1 }),
                  WEIR_OK);
    assert_status(weir_scheduler_create(&scheduler, executor, NULL), WEIR_OK);
    for (int i = 0; i < TASKS; i++) /* each later than the one before: none needs a look */
        assert_status(weir_scheduler_submit_after(scheduler, (3600 + i) * WEIR_SECOND, noop_task,
                                                  NULL, 0, NULL),
                      WEIR_OK);
    assert_eventually(wakeups(scheduler) == 1); /* for the first one */
    int64_t busy_ns = 50 * WEIR_MILLISECOND;    /* meanwhile time passes, elsewhere */
    assert_status(end_and_unref(submit_ok(executor, burn_task, &busy_ns, sizeof busy_ns)), WEIR_OK);
    assert_true(wakeups(scheduler) <= 1);
    assert_status(
        weir_scheduler_shutdown(scheduler, &(weir_shutdown_options){ .mode = WEIR_CANCEL_QUEUED }),
        WEIR_OK);
    weir_scheduler_destroy(scheduler);
    weir_executor_destroy(executor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_are_never_early_and_leaps_of_the_wall_clock_change_nothing),
        cmocka_unit_test(periodic_worker_does_not_look_at_the_wall_clock),
        cmocka_unit_test(nothing_wakes_while_nothing_is_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
