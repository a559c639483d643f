/* Executors that come and go, or change their size, while everybody uses them: shutdowns of every
 * kind beside submissions, futures that outlive their executor, resizing without pause. */
#include <stdlib.h>

#include "stress/support.h"
#include "support/crew.h"
#include "support/snapshot.h"

enum { SUBMITTERS = 4, MOST = 400 };

static struct use {
    weir_executor *executor;
    _Atomic unsigned ran[SUBMITTERS * MOST];
    weir_future *future[SUBMITTERS * MOST];
    unsigned round;
} use;

static weir_status count_run(weir_task *task, void *arg)
{
    (void)task;
    atomic_fetch_add((_Atomic unsigned *)arg, 1);
    return WEIR_OK;
}

static bool is_refusal(weir_status status)
{
    return status == WEIR_EREJECTED || status == WEIR_ETIMEDOUT || status == WEIR_ESHUTDOWN;
}

/* Submit until it is shut down. */
static void submit_until_shutdown(void *shared, size_t index)
{
    (void)shared;
    struct dice dice = dice_of(use.round * SUBMITTERS + index);
    for (unsigned i = 0; i < MOST; i++) {
        size_t at = index * MOST + i;
        weir_status status =
            weir_submit(use.executor, count_run, &use.ran[at], 0, &use.future[at]);
        must(status == WEIR_OK || is_refusal(status));
        if (status == WEIR_ESHUTDOWN)
            break;
        if (status == WEIR_OK && throw_dice(&dice, 3) == 0)
            weir_future_cancel(use.future[at]);
    }
}

static void shut_down_somehow(struct dice *dice)
{
    weir_shutdown_report report;
    weir_shutdown_options options = { .report = &report };
    switch (throw_dice(dice, 4)) {
    case 0:
        break;
    case 1:
        options.mode = WEIR_CANCEL_QUEUED;
        break;
    case 2:
        options.timeout_ns = 1 + throw_dice(dice, 100000);
        options.cancel_at_timeout = true;
        options.cancel_running = true;
        break;
    default:
        options.timeout_ns = -1;
        break;
    }
    weir_status status = weir_executor_shutdown(use.executor, &options);
    must(status == WEIR_OK || (options.timeout_ns != 0 && status == WEIR_ETIMEDOUT));
    must(status != WEIR_OK || (report.running == 0 && report.queued == 0));
}

/* Every future has ended, was counted once, and outlives the executor. */
static void check_futures(void)
{
    for (unsigned i = 0; i < SUBMITTERS * MOST; i++) {
        weir_future *future = use.future[i];
        unsigned ran = atomic_load(&use.ran[i]);
        if (!future) {
            assert_int_equal(ran, 0);
            continue;
        }
        weir_status end = weir_future_status(future);
        assert_true(end == WEIR_OK || end == WEIR_ECANCELLED || end == WEIR_EDISCARDED);
        assert_int_equal(ran, end == WEIR_OK);
        assert_int_equal(weir_future_cancel(future), end == WEIR_ECANCELLED);
        weir_future_unref(future);
    }
}

static weir_policy policy_of(unsigned number)
{
    switch (number) {
    case 0:
        return weir_block(WEIR_FOREVER);
    case 1:
        return weir_block(50 * WEIR_MICROSECOND);
    case 2:
        return weir_discard_oldest();
    case 3:
        return weir_caller_runs();
    default:
        return weir_reject_when_reached(8);
    }
}

static void create_somehow(struct dice *dice)
{
    weir_thread_options options = { .workers = 1 + throw_dice(dice, 4),
                                    .limit = throw_dice(dice, 2) ? 1 : 64,
                                    .policy = policy_of(throw_dice(dice, 5)) };
    if (throw_dice(dice, 3) == 0) {
        options.min_workers = WEIR_ZERO;
        options.idle_ns = WEIR_MICROSECOND;
    }
    assert_status(weir_thread_executor_create(&use.executor, &options), WEIR_OK);
}

static void shutdowns_beside_submissions_lose_nothing(void **state)
{
    (void)state;
    struct dice dice = dice_of(77);
    for (use.round = 0; use.round < rounds(1500); use.round++) {
        memset(use.ran, 0, sizeof use.ran);
        memset(use.future, 0, sizeof use.future);
        create_somehow(&dice);
        struct crew *crew = crew_start(SUBMITTERS, submit_until_shutdown, NULL);
        for (unsigned i = throw_dice(&dice, 200); i; i--)
            sched_yield();
        shut_down_somehow(&dice);
        shut_down_somehow(&dice);
        crew_join(crew);
        assert_status(weir_executor_shutdown(use.executor, NULL), WEIR_OK);
        assert_all_ended(use.executor);
        weir_executor_destroy(use.executor);
        check_futures();
    }
}

static void create_use_destroy(void *shared, size_t index)
{
    (void)shared;
    struct dice dice = dice_of(index);
    for (unsigned round = 0; round < rounds(400); round++) {
        weir_executor *executor;
        weir_future *future[4] = { NULL };
        _Atomic unsigned ran = 0;
        unsigned accepted = 0, ended = 0;
        weir_thread_options options = { .workers = 1 + throw_dice(&dice, 3), .limit = 4 };
        must(weir_thread_executor_create(&executor, &options) == WEIR_OK);
        for (unsigned i = throw_dice(&dice, 5); i-- > 0;)
            accepted += weir_submit(executor, count_run, &ran, 0, &future[i]) == WEIR_OK;
        weir_executor_destroy(executor);
        for (unsigned i = 0; i < 4; i++) {
            ended += future[i] && weir_future_status(future[i]) == WEIR_OK;
            weir_future_unref(future[i]);
        }
        must(ended == accepted && atomic_load(&ran) == accepted);
    }
}

static void executors_come_and_go(void **state)
{
    (void)state;
    crew_run(4, create_use_destroy, NULL);
    assert_nothing_wrong();
}

static _Atomic uint64_t resized_ran;
static _Atomic unsigned busy;
static unsigned turns;

static weir_status count_resized(weir_task *task, void *arg)
{
    (void)task;
    (void)arg;
    atomic_fetch_add(&resized_ran, 1);
    return WEIR_OK;
}

static void submit_and_wait(void *shared, size_t index)
{
    (void)shared;
    struct dice dice = dice_of(index);
    for (unsigned i = 0; i < turns; i++) {
        weir_future *future;
        must(weir_submit(use.executor, count_resized, NULL, 0, &future) == WEIR_OK);
        if (throw_dice(&dice, 8) == 0)
            must(weir_future_wait(future, WATCHDOG_NS) == WEIR_OK);
        weir_future_unref(future);
    }
    atomic_fetch_sub(&busy, 1);
}

static void sizes_change_without_pause(void **state)
{
    (void)state;
    struct dice dice = dice_of(3);
    turns = rounds(8000);
    atomic_store(&resized_ran, 0);
    atomic_store(&busy, SUBMITTERS);
    assert_status(weir_thread_executor_create(
                      &use.executor, &(weir_thread_options){ .workers = 4,
                                                             .min_workers = 1,
                                                             .limit = 16,
                                                             .idle_ns = 20 * WEIR_MICROSECOND,
                                                             .policy = weir_block(WEIR_FOREVER) }),
                  WEIR_OK);
    struct reader reader = { .executor = use.executor };
    reader_start(&reader);
    struct crew *crew = crew_start(SUBMITTERS, submit_and_wait, NULL);
    while (atomic_load(&busy)) {
        size_t workers = 1 + throw_dice(&dice, 8), count;
        assert_status(weir_thread_executor_resize(use.executor, throw_dice(&dice, 2), workers),
                      WEIR_OK);
        if (throw_dice(&dice, 4) == 0)
            assert_status(weir_thread_executor_maintain(use.executor, &count), WEIR_OK);
        sched_yield();
    }
    crew_join(crew);
    reader_stop(&reader);
    assert_status(weir_executor_shutdown(use.executor, NULL), WEIR_OK);
    assert_all_ended(use.executor);
    assert_int_equal(atomic_load(&resized_ran), (uint64_t)SUBMITTERS * turns);
    weir_executor_destroy(use.executor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shutdowns_beside_submissions_lose_nothing),
        cmocka_unit_test(executors_come_and_go),
        cmocka_unit_test(sizes_change_without_pause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
