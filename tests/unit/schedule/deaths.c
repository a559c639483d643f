/* Schedules of process executors whose workers die: killed at any of their steps, or for a task. The
 * collector never looks around for what should not have happened; see workers.c. */
#include "unit/schedule/processes.h"

/* Worker 0 dies when it has made worker 1 awake by its word, and not woken it yet. */
static void killed_with_a_wake_up_in_hand(void)
{
    create_processes((weir_process_options){ .workers = 2 });
    let_all_sleep();
    begin_meeting();
    schedule_check(weir__exchange_acq_rel(&weir__segment_station(segment(), 1)->sleep, 0u) != 0);
    processes_kill(0);
    weir_future *future[2] = { submit_number(meet_task, 0), submit_number(meet_task, 1) };
    schedule_check(end_and_drop(future[0]) == WEIR_OK);
    schedule_check(end_and_drop(future[1]) == WEIR_OK);
    schedule_check(weir_executor_shutdown(pool, NULL) == WEIR_OK);
    weir_executor_destroy(pool);
}

/* How tasks may have ended of which some were killed: those that were not retryable have started once at the most, and only
 * what was running can have died. */
static void check_doomed(weir_future **future, unsigned tasks, uint32_t retries)
{
    unsigned crashed = 0;
    for (unsigned i = 0; i < tasks; i++) {
        weir_status end = end_and_drop(future[i]);
        schedule_check(end == WEIR_OK || end == WEIR_ECRASHED);
        schedule_check(ran.started[i] <= 1 + retries);
        schedule_check(end != WEIR_OK || ran.started[i]);
        crashed += end == WEIR_ECRASHED;
    }
    schedule_check(crashed * (1 + retries) <= processes_killed());
}

static void killed_at_any_step(void)
{
    enum { N = 5 };
    weir_future *future[N];
    uint32_t retries = schedule_choose(2);
    create_doomed((weir_process_options){ .workers = 1 + schedule_choose(2) },
                  1 + schedule_choose(3));
    for (unsigned i = 0; i < N; i++) {
        weir_submission submission = {
            .fn = note_task, .arg = &i, .arg_size = sizeof i, .retries = retries
        };
        schedule_check(weir_submit_with(pool, &submission, &future[i]) == WEIR_OK);
        if (schedule_choose(3) == 0)
            schedule_check(weir_future_wait(future[i], WEIR_FOREVER) == WEIR_OK);
    }
    if (schedule_choose(2)) /* no more from here on, but all that are there */
        weir_executor_shutdown(pool, &(weir_shutdown_options){ .timeout_ns = -1 });
    check_doomed(future, N, retries);
    finish_doomed();
}

/* Three, so that one can be busy, one be killed, and one have to be woken. */
static void killed_while_others_sleep(void)
{
    create_doomed((weir_process_options){ .workers = 3 }, 1 + schedule_choose(3));
    struct weir__parker latch = { 0 };
    weir_future *held = NULL;
    schedule_check(weir_submit(pool, latch_task, &latch, 0, &held) == WEIR_OK);
    for (unsigned i = 0; i < 3; i++) {
        weir_status end = end_and_drop(submit_number(note_task, i));
        schedule_check(end == WEIR_OK || end == WEIR_ECRASHED);
    }
    weir__unpark(&latch);
    weir_status end = end_and_drop(held);
    schedule_check(end == WEIR_OK || end == WEIR_ECRASHED);
    finish_doomed();
}

enum { LARGE = 100 }; /* more than fits into a slot */

static weir_status large_task(weir_task *task, void *arg)
{
    unsigned char bytes[LARGE];
    memset(bytes, (int)(*(unsigned *)arg + 1), sizeof bytes);
    return weir_task_return(task, bytes, sizeof bytes);
}

/* More large results than there is room for at once, from a worker that may die at it. */
static void large_results(void)
{
    enum { N = 3 };
    weir_future *future[N];
    create_doomed((weir_process_options){ .workers = 1, .payload_bytes = LARGE },
                  schedule_choose(2));
    /* Room for one of them, not for the page that the system gives for each. */
    segment()->part_bytes = 128;
    for (unsigned i = 0; i < N; i++)
        future[i] = submit_number(large_task, i);
    for (unsigned i = 0; i < N; i++) {
        unsigned char bytes[LARGE];
        weir_status end = weir_future_result(future[i], bytes, sizeof bytes, WEIR_FOREVER);
        schedule_check(end == WEIR_OK || (end == WEIR_ECRASHED && processes_killed()));
        for (int at = 0; at < LARGE && end == WEIR_OK; at++)
            schedule_check(bytes[at] == i + 1);
        weir_future_unref(future[i]);
    }
    finish_doomed();
}

/* A worker is killed for the task that it runs, and for no other. */
static weir_status dawdle_task(weir_task *task, void *arg)
{
    (void)task;
    for (unsigned steps = *(unsigned *)arg; steps; steps--)
        schedule_step();
    return WEIR_OK;
}

static void cancel(void *future)
{
    weir_future_cancel(future);
}

static void condemned(void)
{
    unsigned steps = schedule_choose(40);
    bool overrun = schedule_choose(2);
    weir_future *future, *next[3];
    create_processes((weir_process_options){ .workers = 1 });
    weir_submission submission = { .fn = dawdle_task,
                                   .arg = &steps,
                                   .arg_size = sizeof steps,
                                   .flags = overrun ? 0 : WEIR_KILL_ON_CANCEL,
                                   .run_within_ns = overrun ? 1000 : 0 };
    schedule_check(weir_submit_with(pool, &submission, &future) == WEIR_OK);
    for (unsigned i = 0; i < 3; i++)
        next[i] = submit_number(note_task, i);
    pthread_t actor = 0;
    if (!overrun)
        actor = actor_start(cancel, future);
    for (unsigned i = 0; i < 3; i++)
        schedule_check(end_and_drop(next[i]) == WEIR_OK);
    if (!overrun)
        actor_join(actor);
    weir_crash_info info;
    schedule_check(weir_future_wait(future, WEIR_FOREVER) == WEIR_OK);
    if (weir_future_status(future) == WEIR_EOVERRUN)
        schedule_check(weir_future_crash(future, &info) == WEIR_OK && info.run_ns >= 1000);
    weir_status end = end_and_drop(future);
    schedule_check(end == WEIR_OK || end == (overrun ? WEIR_EOVERRUN : WEIR_ECANCELLED));
    check_ran_once(3);
    schedule_check(weir_executor_shutdown(pool, NULL) == WEIR_OK);
    weir_executor_destroy(pool);
}

/* The first of them, and the ones that run in workers that were started a moment ago. */
static void condemned_again_and_again(void)
{
    enum { N = 3 };
    static struct weir__parker nobody;
    weir_future *future[N];
    bool overrun = schedule_choose(2);
    create_processes((weir_process_options){ .workers = 1 });
    weir_submission submission = { .fn = latch_task,
                                   .arg = &nobody,
                                   .flags = overrun ? 0 : WEIR_KILL_ON_CANCEL,
                                   .run_within_ns = overrun ? 1000 : 0 };
    for (int i = 0; i < N; i++)
        schedule_check(weir_submit_with(pool, &submission, &future[i]) == WEIR_OK);
    for (int i = 0; i < N; i++) {
        if (!overrun)
            weir_future_cancel(future[i]);
        weir_status end = end_and_drop(future[i]);
        schedule_check(end == (overrun ? WEIR_EOVERRUN : WEIR_ECANCELLED));
    }
    schedule_check(weir_executor_shutdown(pool, NULL) == WEIR_OK);
    weir_executor_destroy(pool);
}

SCENARIO(killed_with_a_wake_up_in_hand)
SCENARIO(killed_at_any_step)
SCENARIO(killed_while_others_sleep)
SCENARIO(large_results)
SCENARIO(condemned)
SCENARIO(condemned_again_and_again)

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_with_a_wake_up_in_hand_is_sound),
        cmocka_unit_test(killed_at_any_step_is_sound),
        cmocka_unit_test(killed_while_others_sleep_is_sound),
        cmocka_unit_test(large_results_is_sound),
        cmocka_unit_test(condemned_is_sound),
        cmocka_unit_test(condemned_again_and_again_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
