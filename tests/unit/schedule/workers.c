/* Schedules of whole process executors, their workers played by threads (scheduler_process.h), which can
 * be killed at every step.
 *
 * But in the last one, the collector never looks around for what should not have happened: a hint, a
 * wake-up or a completion that is lost is then a schedule in which nobody can go on. */
#include "base/atomic.h"
#include "process/idle.h"
#include "support/scheduler_process.h"
#include "unit/schedule/scenario.h"

static void create_with(weir_process_options options, unsigned kills, bool never_looks)
{
    memset(&ran, 0, sizeof ran);
    processes_doom(kills, 100); /* the steps that a few tasks take */
    schedule_prepare();
    options.deaths_max = 1000;
    if (!options.kill_grace_ns)
        options.kill_grace_ns = 1000 * WEIR_SECOND; /* time flies in schedules */
    pool = processes_create(&options, never_looks);
    schedule_race();
}

static void create(weir_process_options options)
{
    create_with(options, 0, true);
}

/* So many workers die at any of their steps. */
static void create_doomed(weir_process_options options, unsigned kills)
{
    create_with(options, kills, true);
}

static struct weir__segment *segment(void)
{
    return &weir__process_pool_of(pool)->plan.segment;
}

/* Until then, schedules are not those of the race. */
static void let_all_sleep(void)
{
    schedule_prepare();
    for (size_t i = 0; i < segment()->workers; i++)
        while (weir__load_relaxed(&weir__segment_station(segment(), i)->sleep) == 0)
            ;
    schedule_race();
}

/* End, with nobody to be killed for it. */
static void finish(size_t workers)
{
    schedule_check(weir_executor_shutdown(pool, NULL) == WEIR_OK);
    weir_executor_destroy(pool);
    schedule_check(processes_signals() == 0);
    schedule_check(processes_left() == workers);
}

static weir_future *submit(weir_task_fn *fn, unsigned number)
{
    weir_future *future = NULL;
    schedule_check(weir_submit(pool, fn, &number, sizeof number, &future) == WEIR_OK);
    return future;
}

static weir_status end_and_drop(weir_future *future)
{
    schedule_check(weir_future_wait(future, WEIR_FOREVER) == WEIR_OK);
    weir_status status = weir_future_status(future);
    weir_future_unref(future);
    return status;
}

/* Tasks 0 and 1 each wait for the other: both workers must run one, and not one worker both. */
static struct weir__parker meeting[2];

static weir_status meet_task(weir_task *task, void *arg)
{
    unsigned number = *(unsigned *)arg;
    (void)task;
    weir__unpark(&meeting[1 - number]);
    weir__park(&meeting[number], WEIR_FOREVER);
    return WEIR_OK;
}

static void two_that_need_each_other(void)
{
    create((weir_process_options){ .workers = 2 });
    for (int i = 0; i < 2; i++) {
        memset(meeting, 0, sizeof meeting);
        weir_future *before = submit(note_task, (unsigned)i);
        weir_future *future[2] = { submit(meet_task, 0), submit(meet_task, 1) };
        schedule_check(end_and_drop(future[0]) == WEIR_OK);
        schedule_check(end_and_drop(future[1]) == WEIR_OK);
        schedule_check(end_and_drop(before) == WEIR_OK);
    }
    finish(2);
}

/* The same with nothing but the hints, and what workers sleep on. */
static struct {
    struct weir__segment segment;
    struct weir__parker over;
    unsigned left;
} bare;

static void run_bare(void *data)
{
    uint64_t hint;
    while (weir__idle_next(&bare.segment, *(size_t *)data, &hint)) {
        if (hint < 2)
            meet_task(NULL, &(unsigned){ (unsigned)hint });
        if (--bare.left == 0)
            weir__unpark(&bare.over);
    }
}

static void sleepers_that_need_each_other(void)
{
    enum { WORKERS = 2, ROUNDS_EACH = 2, HINTS = 3 };
    static size_t index[WORKERS] = { 0, 1 };
    pthread_t actor[WORKERS];
    struct weir__hint_tail end = { 0 };
    memset(&bare, 0, sizeof bare);
    bare.segment.workers = WORKERS;
    bare.segment.slots = 1;
    schedule_check(weir__segment_map(&bare.segment) == WEIR_OK);
    for (int i = 0; i < WORKERS; i++)
        actor[i] = actor_start(run_bare, &index[i]);
    for (int round = 0; round < ROUNDS_EACH; round++) {
        memset(meeting, 0, sizeof meeting);
        bare.left = HINTS;
        for (uint64_t hint = HINTS; hint-- > 0;) {
            schedule_check(weir__hints_push(&bare.segment, &end, hint) == WEIR__PUSH_OK);
            weir__idle_wake_one(&bare.segment);
        }
        weir__park(&bare.over, WEIR_FOREVER);
    }
    weir__store_seq_cst(&weir__segment_commons(&bare.segment)->leave, 1u);
    weir__idle_wake_all(&bare.segment);
    for (int i = 0; i < WORKERS; i++)
        actor_join(actor[i]);
    weir__segment_unmap(&bare.segment);
}

/* Worker 0 dies when it has taken the 1 of worker 1, and not woken it yet. */
static void killed_with_a_wake_up_in_hand(void)
{
    uint32_t asleep = 1;
    create((weir_process_options){ .workers = 2 });
    let_all_sleep();
    memset(meeting, 0, sizeof meeting);
    schedule_check(weir__cas_acq_rel(&weir__segment_station(segment(), 1)->sleep, &asleep, 0u));
    processes_kill(0);
    weir_future *future[2] = { submit(meet_task, 0), submit(meet_task, 1) };
    schedule_check(end_and_drop(future[0]) == WEIR_OK);
    schedule_check(end_and_drop(future[1]) == WEIR_OK);
    schedule_check(weir_executor_shutdown(pool, NULL) == WEIR_OK);
    weir_executor_destroy(pool);
}

static void submit_three(void *data)
{
    unsigned first = *(unsigned *)data;
    for (unsigned i = first; i < first + 3; i++)
        schedule_check(end_and_drop(submit(note_task, i)) == WEIR_OK);
}

static void check_ran_once(unsigned tasks)
{
    for (unsigned i = 0; i < tasks; i++)
        schedule_check(ran.started[i] == 1);
}

static void one_after_the_other(void)
{
    static unsigned first[2] = { 0, 3 };
    create((weir_process_options){ .workers = 1 + schedule_choose(2) });
    size_t workers = segment()->workers;
    pthread_t actor = actor_start(submit_three, &first[0]);
    submit_three(&first[1]);
    actor_join(actor);
    check_ran_once(6);
    finish(workers);
}

/* Whatever is accepted runs, and then all workers leave without being made to. */
static void shutdown_against_submissions(void)
{
    struct attempt attempt[3];
    pthread_t actor[2];
    create((weir_process_options){ .workers = 2 });
    for (unsigned i = 0; i < 3; i++)
        attempt[i] = (struct attempt){ .number = i };
    for (int i = 0; i < 2; i++)
        actor[i] = actor_start(attempt_one, &attempt[i]);
    attempt_one(&attempt[2]);
    schedule_check(weir_executor_shutdown(pool, NULL) == WEIR_OK);
    for (int i = 0; i < 2; i++)
        actor_join(actor[i]);
    for (int i = 0; i < 3; i++)
        check_attempt(&attempt[i]);
    finish(2);
}

/* All are asleep. */
static void shutdown_of_idle_ones(void)
{
    enum { WORKERS = 3 };
    create((weir_process_options){ .workers = WORKERS });
    schedule_wake_told_only();
    let_all_sleep();
    finish(WORKERS);
}

/* Each worker is a process of its own for one task. */
static void recycled_after_each_task(void)
{
    enum { N = 5 };
    weir_future *future[N];
    create((weir_process_options){ .workers = 2, .tasks_per_worker = 1 });
    for (unsigned i = 0; i < N; i++)
        future[i] = submit(note_task, i);
    for (unsigned i = 0; i < N; i++)
        schedule_check(end_and_drop(future[i]) == WEIR_OK);
    check_ran_once(N);
    schedule_check(weir_executor_shutdown(pool, NULL) == WEIR_OK);
    weir_executor_destroy(pool);
    schedule_check(processes_signals() == 0);
}

static void finish_doomed(void)
{
    schedule_check(weir_executor_shutdown(pool, NULL) == WEIR_OK);
    check_sums();
    weir_executor_destroy(pool);
    schedule_check(processes_signals() == 0);
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
        weir_status end = end_and_drop(submit(note_task, i));
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
        future[i] = submit(large_task, i);
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

/* What is cancelled leaves its hint behind, until the ring is full of them; the rest keep their order. */
static void submit_and_cancel(void *data)
{
    for (unsigned i = 0; i < *(unsigned *)data; i++) {
        weir_future *future = submit(note_task, 9);
        if (!weir_future_cancel(future)) /* it runs already */
            schedule_check(weir_future_wait(future, WEIR_FOREVER) == WEIR_OK);
        weir_future_unref(future);
    }
}

static void full_of_stale_hints(void)
{
    enum { N = 3 };
    static unsigned cancels = 4;
    weir_future *future[N];
    struct weir__parker latch = { 0 };
    weir_future *held = NULL;
    create((weir_process_options){ .workers = 1, .limit = N + 1 });
    segment()->hints = 8; /* a small one is full sooner */
    schedule_prepare();
    schedule_check(weir_submit(pool, latch_task, &latch, 0, &held) == WEIR_OK);
    while (weir_future_state(held) != WEIR_RUNNING)
        schedule_step();
    unsigned room = (unsigned)segment()->hints - N - 1;
    for (unsigned i = 0; i < N; i++)
        future[i] = submit(note_task, i);
    submit_and_cancel(&room);
    schedule_race();
    pthread_t actor = actor_start(submit_and_cancel, &cancels);
    weir__unpark(&latch);
    for (unsigned i = 0; i < N; i++)
        schedule_check(end_and_drop(future[i]) == WEIR_OK);
    actor_join(actor);
    schedule_check(end_and_drop(held) == WEIR_OK);
    check_ran_in_order(0, N - 1);
    check_ran_once(N);
    finish(1);
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
    create((weir_process_options){ .workers = 1 });
    weir_submission submission = { .fn = dawdle_task,
                                   .arg = &steps,
                                   .arg_size = sizeof steps,
                                   .flags = overrun ? 0 : WEIR_KILL_ON_CANCEL,
                                   .run_within_ns = overrun ? 1000 : 0 };
    schedule_check(weir_submit_with(pool, &submission, &future) == WEIR_OK);
    for (unsigned i = 0; i < 3; i++)
        next[i] = submit(note_task, i);
    pthread_t actor = 0;
    if (!overrun)
        actor = actor_start(cancel, future);
    for (unsigned i = 0; i < 3; i++)
        schedule_check(end_and_drop(next[i]) == WEIR_OK);
    if (!overrun)
        actor_join(actor);
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
    create((weir_process_options){ .workers = 1 });
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

/* What a worker that is stopped, or one that scribbles, can do: the collector looks around after a while,
 * and makes it good. */
enum mischief { HINT_TAKEN, WAKE_UP_TAKEN, WORD_SPOILT, MISCHIEFS };

static void do_mischief(enum mischief mischief)
{
    uint64_t hint;
    if (mischief == HINT_TAKEN)
        weir__hints_pop(segment(), &hint);
    else if (mischief == WAKE_UP_TAKEN)
        weir__store_seq_cst(&weir__segment_station(segment(), 0)->sleep, 0u);
    else
        for (size_t i = 0; i < segment()->slots; i++)
            weir__store_seq_cst(&weir__segment_slot(segment(), i)->word, UINT64_MAX);
}

static void looked_after(void)
{
    enum mischief mischief = (enum mischief)schedule_choose(MISCHIEFS);
    create_with((weir_process_options){ .workers = 1 }, 0, false);
    let_all_sleep();
    if (mischief == WAKE_UP_TAKEN)
        do_mischief(mischief);
    weir_future *future = submit(note_task, 0);
    if (mischief != WAKE_UP_TAKEN)
        do_mischief(mischief);
    weir_status end = end_and_drop(future);
    schedule_check(end == WEIR_OK || (mischief == WORD_SPOILT && end == WEIR_EBROKEN));
    schedule_check(weir_executor_shutdown(pool, NULL) == WEIR_OK);
    weir_executor_destroy(pool);
}

SCENARIO(two_that_need_each_other)
SCENARIO(sleepers_that_need_each_other)
SCENARIO(killed_with_a_wake_up_in_hand)
SCENARIO(one_after_the_other)
SCENARIO(shutdown_against_submissions)
SCENARIO(shutdown_of_idle_ones)
SCENARIO(recycled_after_each_task)
SCENARIO(killed_at_any_step)
SCENARIO(killed_while_others_sleep)
SCENARIO(large_results)
SCENARIO(full_of_stale_hints)
SCENARIO(condemned)
SCENARIO(condemned_again_and_again)
SCENARIO(looked_after)

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_that_need_each_other_is_sound),
        cmocka_unit_test(sleepers_that_need_each_other_is_sound),
        cmocka_unit_test(killed_with_a_wake_up_in_hand_is_sound),
        cmocka_unit_test(one_after_the_other_is_sound),
        cmocka_unit_test(shutdown_against_submissions_is_sound),
        cmocka_unit_test(shutdown_of_idle_ones_is_sound),
        cmocka_unit_test(recycled_after_each_task_is_sound),
        cmocka_unit_test(killed_at_any_step_is_sound),
        cmocka_unit_test(killed_while_others_sleep_is_sound),
        cmocka_unit_test(large_results_is_sound),
        cmocka_unit_test(full_of_stale_hints_is_sound),
        cmocka_unit_test(condemned_is_sound),
        cmocka_unit_test(condemned_again_and_again_is_sound),
        cmocka_unit_test(looked_after_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
