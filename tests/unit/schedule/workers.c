/* Schedules of whole process executors, their workers played by threads (scheduler_process.h): going to
 * sleep, being woken, leaving.
 *
 * But in the last one, the collector never looks around for what should not have happened: a hint, a
 * wake-up or a completion that is lost is then a schedule in which nobody can go on. */
#include "unit/schedule/processes.h"

static void two_that_need_each_other(void)
{
    create_processes((weir_process_options){ .workers = 2 });
    for (int i = 0; i < 2; i++) {
        begin_meeting();
        weir_future *before = submit_number(note_task, (unsigned)i);
        weir_future *future[2] = { submit_number(meet_task, 0), submit_number(meet_task, 1) };
        schedule_check(end_and_drop(future[0]) == WEIR_OK);
        schedule_check(end_and_drop(future[1]) == WEIR_OK);
        schedule_check(end_and_drop(before) == WEIR_OK);
    }
    finish_processes(2);
}

/* The same with nothing but the hints, and what workers sleep on. */
static struct {
    struct weir__segment segment;
    struct weir__parker over;
    unsigned left;
} bare;

static void run_bare(void *data)
{
    /* Sometimes it looks for a while before it sleeps. */
    struct weir__spin spin = { .most_ns = schedule_choose(2) ? 5000 : 0, .cost_ns = 1000 };
    uint64_t hint;
    while (weir__idle_next(&bare.segment, *(size_t *)data, &spin, &hint)) {
        if (hint < 2)
            meet_task(NULL, &(unsigned){ (unsigned)hint });
        if (--bare.left == 0)
            weir__unpark(&bare.over);
    }
}

static void sleepers_that_need_each_other(void)
{
    enum { WORKERS = 3, ROUNDS_EACH = 2, HINTS = 3 };
    static size_t index[WORKERS] = { 0, 1, 2 };
    pthread_t actor[WORKERS];
    struct weir__hint_tail end = { 0 };
    memset(&bare, 0, sizeof bare);
    bare.segment.workers = WORKERS;
    bare.segment.slots = 1;
    schedule_check(weir__segment_map(&bare.segment) == WEIR_OK);
    for (int i = 0; i < WORKERS; i++)
        actor[i] = actor_start(run_bare, &index[i]);
    for (int round = 0; round < ROUNDS_EACH; round++) {
        begin_meeting();
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

static void submit_three(void *data)
{
    unsigned first = *(unsigned *)data;
    for (unsigned i = first; i < first + 3; i++)
        schedule_check(end_and_drop(submit_number(note_task, i)) == WEIR_OK);
}

static void one_after_the_other(void)
{
    static unsigned first[2] = { 0, 3 };
    create_processes((weir_process_options){ .workers = 1 + schedule_choose(2) });
    size_t workers = segment()->workers;
    pthread_t actor = actor_start(submit_three, &first[0]);
    submit_three(&first[1]);
    actor_join(actor);
    check_ran_once(6);
    finish_processes(workers);
}

/* Whatever is accepted runs, and then all workers leave without being made to. */
static void shutdown_against_submissions(void)
{
    struct attempt attempt[3];
    pthread_t actor[2];
    create_processes((weir_process_options){ .workers = 2 });
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
    finish_processes(2);
}

/* All are asleep. */
static void shutdown_of_idle_ones(void)
{
    enum { WORKERS = 3 };
    create_processes((weir_process_options){ .workers = WORKERS });
    schedule_wake_told_only();
    let_all_sleep();
    finish_processes(WORKERS);
}

/* Each worker is a process of its own for one task. */
static void recycled_after_each_task(void)
{
    enum { N = 5 };
    weir_future *future[N];
    create_processes((weir_process_options){ .workers = 2, .tasks_per_worker = 1 });
    for (unsigned i = 0; i < N; i++)
        future[i] = submit_number(note_task, i);
    for (unsigned i = 0; i < N; i++)
        schedule_check(end_and_drop(future[i]) == WEIR_OK);
    check_ran_once(N);
    schedule_check(weir_executor_shutdown(pool, NULL) == WEIR_OK);
    weir_executor_destroy(pool);
    schedule_check(processes_signals() == 0);
}

/* What is cancelled leaves its hint behind, until the ring is full of them; the rest keep their order. */
static void submit_and_cancel(void *data)
{
    for (unsigned i = 0; i < *(unsigned *)data; i++) {
        weir_future *future = submit_number(note_task, 9);
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
    create_processes((weir_process_options){ .workers = 1, .limit = N + 1 });
    segment()->hints = 8; /* a small one is full sooner */
    weir_future *held = hold_worker(&latch);
    unsigned room = (unsigned)segment()->hints - N - 1;
    for (unsigned i = 0; i < N; i++)
        future[i] = submit_number(note_task, i);
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
    finish_processes(1);
}

/* New hints for all, while the worker takes them: no task overtakes another. */
static void hinted_anew(void)
{
    enum { N = 4 };
    weir_future *future[N];
    struct weir__parker latch = { 0 };
    create_processes((weir_process_options){ .workers = 1, .limit = N });
    weir_future *held = hold_worker(&latch);
    for (unsigned i = 0; i < N; i++)
        future[i] = submit_number(note_task, i);
    schedule_race();
    weir__unpark(&latch);
    weir__lock_take(&pool->lock);
    weir__process_rebuild_locked(weir__process_pool_of(pool));
    weir__lock_release(&pool->lock);
    weir__idle_wake_one(segment());
    for (unsigned i = 0; i < N; i++)
        schedule_check(end_and_drop(future[i]) == WEIR_OK);
    schedule_check(end_and_drop(held) == WEIR_OK);
    check_ran_in_order(0, N - 1);
    check_ran_once(N);
    finish_processes(1);
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
    create_looked_after((weir_process_options){ .workers = 1 });
    let_all_sleep();
    if (mischief == WAKE_UP_TAKEN)
        do_mischief(mischief);
    weir_future *future = submit_number(note_task, 0);
    if (mischief != WAKE_UP_TAKEN)
        do_mischief(mischief);
    weir_status end = end_and_drop(future);
    schedule_check(end == WEIR_OK || (mischief == WORD_SPOILT && end == WEIR_EBROKEN));
    schedule_check(weir_executor_shutdown(pool, NULL) == WEIR_OK);
    weir_executor_destroy(pool);
}

SCENARIO(two_that_need_each_other)
SCENARIO(sleepers_that_need_each_other)
SCENARIO(one_after_the_other)
SCENARIO(shutdown_against_submissions)
SCENARIO(shutdown_of_idle_ones)
SCENARIO(recycled_after_each_task)
SCENARIO(full_of_stale_hints)
SCENARIO(hinted_anew)
SCENARIO(looked_after)

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_that_need_each_other_is_sound),
        cmocka_unit_test(sleepers_that_need_each_other_is_sound),
        cmocka_unit_test(one_after_the_other_is_sound),
        cmocka_unit_test(shutdown_against_submissions_is_sound),
        cmocka_unit_test(shutdown_of_idle_ones_is_sound),
        cmocka_unit_test(recycled_after_each_task_is_sound),
        cmocka_unit_test(full_of_stale_hints_is_sound),
        cmocka_unit_test(hinted_anew_is_sound),
        cmocka_unit_test(looked_after_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
