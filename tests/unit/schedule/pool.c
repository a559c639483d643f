/* Schedules of a whole pool. */
#include <stdio.h>

#include "support/scheduler.h"
#include "support/snapshot.h"
#include "sync/parker.h"

/* What happened to the tasks of a scenario. */
enum { TASKS = 8 };
static struct {
    unsigned started[TASKS]; /* how often each ran */
    unsigned order[TASKS];   /* in which order */
    unsigned count;
} ran;

static weir_status note_task(weir_task *task, void *arg)
{
    unsigned number = *(unsigned *)arg;
    ran.started[number]++;
    if (ran.count < TASKS)
        ran.order[ran.count++] = number;
    return weir_task_return(task, &number, sizeof number);
}

static weir_executor *pool;

static void create_pool(const weir_thread_options *options)
{
    memset(&ran, 0, sizeof ran);
    schedule_check(weir_thread_executor_create(&pool, options) == WEIR_OK);
}

static weir_status submit_note(unsigned number, weir_future **future)
{
    return weir_submit(pool, note_task, &number, sizeof number, future);
}

static void check_sums(void)
{
    weir_stats stats;
    schedule_check(weir_executor_stats(pool, &stats) == WEIR_OK);
    schedule_check(stats_add_up(&stats));
    schedule_check(stats.running == 0);
    schedule_check(stats.backlog == 0);
    schedule_check(stats.blocked == 0);
}

/* Shut the pool down, then look at it and destroy it. */
static void finish_pool(void)
{
    schedule_check(weir_executor_shutdown(pool, NULL) == WEIR_OK);
    check_sums();
    weir_executor_destroy(pool);
}

/* Whether tasks first…last ran, each once, in this order among themselves. */
static void check_ran_in_order(unsigned first, unsigned last)
{
    unsigned next = first;
    for (unsigned i = 0; i < ran.count; i++)
        if (ran.order[i] >= first && ran.order[i] <= last)
            schedule_check(ran.order[i] == next++);
    schedule_check(next == last + 1);
}

/* A submitter of three tasks, waiting for places. */
static void submit_three(void *data)
{
    unsigned first = *(unsigned *)data;
    weir_future *future[3];
    for (unsigned i = 0; i < 3; i++)
        schedule_check(submit_note(first + i, &future[i]) == WEIR_OK);
    schedule_check(weir_wait_all(future, 3, WEIR_FOREVER, NULL) == WEIR_OK);
    for (unsigned i = 0; i < 3; i++) {
        schedule_check(weir_future_status(future[i]) == WEIR_OK);
        weir_future_unref(future[i]);
    }
}

static void two_blocked_submitters(size_t workers, size_t limit)
{
    static unsigned first[] = { 0, 3 };
    create_pool(&(weir_thread_options){
        .workers = workers, .limit = limit, .policy = weir_block(WEIR_FOREVER) });
    pthread_t a = actor_start(submit_three, &first[0]), b = actor_start(submit_three, &first[1]);
    actor_join(a);
    actor_join(b);
    schedule_check(ran.count == 6);
    if (workers == 1) {
        check_ran_in_order(0, 2);
        check_ran_in_order(3, 5);
    }
    finish_pool();
}

static void block_one_worker(void)
{
    two_blocked_submitters(1, 1);
}

static void block_two_workers(void)
{
    two_blocked_submitters(2, 1);
}

static void block_without_backlog(void)
{
    two_blocked_submitters(1, WEIR_ZERO);
}

/* A submission that waits: whatever it returns is what becomes of the task. */
struct attempt {
    unsigned number;
    weir_status status;
    weir_future *future;
};

static void attempt_one(void *data)
{
    struct attempt *attempt = data;
    attempt->status = submit_note(attempt->number, &attempt->future);
}

static void attempt_and_cancel(void *data)
{
    attempt_one(data);
    struct attempt *attempt = data;
    if (attempt->status == WEIR_OK)
        weir_future_cancel(attempt->future);
}

/* The executor is shut down: what was accepted has ended. */
static void check_attempt(struct attempt *attempt, bool may_be_cancelled)
{
    unsigned times = ran.started[attempt->number];
    if (attempt->status != WEIR_OK) {
        schedule_check(attempt->status == WEIR_ESHUTDOWN || attempt->status == WEIR_ETIMEDOUT);
        schedule_check(times == 0);
        return;
    }
    weir_status end = weir_future_status(attempt->future);
    schedule_check(end == WEIR_OK || (may_be_cancelled && end == WEIR_ECANCELLED));
    schedule_check(times == (end == WEIR_OK));
    weir_future_unref(attempt->future);
}

static void attempts_and_shutdown(int64_t block_ns, void (*fn)(void *),
                                  const weir_shutdown_options *options)
{
    enum { N = 4 };
    struct attempt attempt[N];
    pthread_t actor[N];
    create_pool(&(weir_thread_options){
        .workers = 1, .limit = 1, .policy = weir_block(block_ns) });
    for (unsigned i = 0; i < N; i++) {
        attempt[i] = (struct attempt){ .number = i };
        actor[i] = actor_start(fn, &attempt[i]);
    }
    schedule_check(weir_executor_shutdown(pool, options) == WEIR_OK);
    for (unsigned i = 0; i < N; i++)
        actor_join(actor[i]);
    /* What was accepted before the shutdown returned has ended; nothing was accepted after. */
    for (unsigned i = 0; i < N; i++)
        if (attempt[i].status == WEIR_OK)
            schedule_check(weir_future_wait(attempt[i].future, WEIR_FOREVER) == WEIR_OK);
    for (unsigned i = 0; i < N; i++)
        check_attempt(&attempt[i], options != NULL || fn == attempt_and_cancel);
    finish_pool();
}

static void block_and_drain(void)
{
    attempts_and_shutdown(WEIR_FOREVER, attempt_one, NULL);
}

static void block_with_time_and_drain(void)
{
    attempts_and_shutdown(WEIR_MILLISECOND, attempt_one, NULL);
}

static void block_cancel_and_drain(void)
{
    attempts_and_shutdown(WEIR_FOREVER, attempt_and_cancel, NULL);
}

static void block_and_shutdown_cancelling(void)
{
    attempts_and_shutdown(WEIR_FOREVER, attempt_one,
                          &(weir_shutdown_options){ .mode = WEIR_CANCEL_QUEUED });
}

#define TEST(scenario)                                                                             \
    static void scenario##_is_sound(void **state)                                                  \
    {                                                                                              \
        (void)state;                                                                               \
        run_schedules(scenario);                                                                   \
    }

TEST(block_one_worker)
TEST(block_two_workers)
TEST(block_without_backlog)
TEST(block_and_drain)
TEST(block_with_time_and_drain)
TEST(block_cancel_and_drain)
TEST(block_and_shutdown_cancelling)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(block_one_worker_is_sound),
        cmocka_unit_test(block_two_workers_is_sound),
        cmocka_unit_test(block_without_backlog_is_sound),
        cmocka_unit_test(block_and_drain_is_sound),
        cmocka_unit_test(block_with_time_and_drain_is_sound),
        cmocka_unit_test(block_cancel_and_drain_is_sound),
        cmocka_unit_test(block_and_shutdown_cancelling_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
