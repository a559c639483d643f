/* No wake-up is lost between the host and its workers. The collector's look around would make good for
 * one after a while, so here it never looks: who is not woken sleeps for ever, and the test fails. */
#include <sched.h>
#include <stdatomic.h>

#include "process/pool.h"
#include "support/check.h"
#include "support/rounds.h"
#include "support/shared.h"
#include "support/tasks.h"

/* An executor whose collector takes it that its timer is set. */
static weir_executor *create(size_t workers)
{
    weir_executor *executor = NULL;
    weir_process_options options = { .workers = workers, .allow_threads = true };
    assert_status(weir_process_executor_create(&executor, &options), WEIR_OK);
    weir__lock_take(&executor->lock);
    weir__process_pool_of(executor)->armed = true;
    weir__lock_release(&executor->lock);
    return executor;
}

static void one_after_the_other_are_each_woken_for(void **state)
{
    (void)state;
    weir_executor *executor = create(1);
    uint64_t rounds = wished_rounds("WEIR_WAKE_ROUNDS", 20000);
    for (uint32_t i = 0; i < rounds; i++) {
        weir_future *future[2];
        /* The second comes while the worker is on its way to sleep, at ever other moments. */
        assert_status(weir_submit(executor, noop_task, NULL, 0, &future[0]), WEIR_OK);
        for (volatile uint32_t wait = 0; wait < i % 4096; wait++)
            ;
        assert_status(weir_submit(executor, noop_task, NULL, 0, &future[1]), WEIR_OK);
        for (int j = 0; j < 2; j++) {
            assert_status(weir_future_wait(future[j], WATCHDOG_NS), WEIR_OK);
            weir_future_unref(future[j]);
        }
    }
    weir_executor_destroy(executor);
}

/* Two tasks that wait for each other need two workers awake. */
static weir_status meet_task(weir_task *task, void *arg)
{
    _Atomic uint32_t *there = arg;
    (void)task;
    atomic_fetch_add(there, 1);
    int64_t end_ns = now_ns() + WATCHDOG_NS;
    while (atomic_load(there) % 2 && now_ns() < end_ns)
        sched_yield();
    return WEIR_OK;
}

static void two_that_need_each_other_are_both_woken(void **state)
{
    (void)state;
    _Atomic uint32_t *there = shared_alloc(sizeof *there);
    weir_executor *executor = create(2);
    uint64_t rounds = wished_rounds("WEIR_WAKE_ROUNDS", 8000);
    for (uint32_t i = 0; i < rounds; i++) {
        weir_future *future[3];
        assert_status(weir_submit(executor, noop_task, NULL, 0, &future[2]), WEIR_OK);
        for (volatile uint32_t wait = 0; wait < i % 4096; wait++)
            ;
        for (int j = 0; j < 2; j++)
            assert_status(weir_submit(executor, meet_task, (void *)there, 0, &future[j]), WEIR_OK);
        for (int j = 0; j < 3; j++) {
            assert_status(weir_future_wait(future[j], 2 * WATCHDOG_NS), WEIR_OK);
            weir_future_unref(future[j]);
        }
    }
    weir_executor_destroy(executor);
    shared_free((void *)there, sizeof *there);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_after_the_other_are_each_woken_for),
        cmocka_unit_test(two_that_need_each_other_are_both_woken),
    };
    return cmocka_run_group_tests_name("process_wake", tests, NULL, NULL);
}
