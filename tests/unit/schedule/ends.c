/* Schedules of the end of an executor: drains, breakdowns, and those who submit meanwhile. */
#include "base/atomic.h"
#include "unit/schedule/scenario.h"

enum { SUBMITTERS = 3, EACH = 3 };

static struct attempt attempts[SUBMITTERS * EACH];

static void attempt_each(void *data)
{
    struct attempt *first = data;
    for (unsigned i = 0; i < EACH; i++)
        (schedule_choose(4) ? attempt_one : attempt_and_cancel)(&first[i]);
}

static bool is_refusal(weir_status status)
{
    return status == WEIR_ESHUTDOWN || status == WEIR_EREJECTED || status == WEIR_EBROKEN ||
           status == WEIR_ETIMEDOUT;
}

/* Everybody submits while it ends. What has been accepted by then has ended when the shutdown
 * returns; what comes later is refused. */
static void submit_and_end(const weir_thread_options *options, const weir_shutdown_options *how)
{
    pthread_t actor[SUBMITTERS];
    create_pool(options);
    for (unsigned i = 0; i < SUBMITTERS * EACH; i++)
        attempts[i] = (struct attempt){ .number = i, .status = WEIR_EPENDING };
    for (unsigned i = 0; i < SUBMITTERS; i++)
        actor[i] = actor_start(attempt_each, &attempts[i * EACH]);
    weir_status status = weir_executor_shutdown(pool, how);
    schedule_check(status == WEIR_OK || (how && status == WEIR_ETIMEDOUT));
    if (status == WEIR_OK) {
        check_sums();
        for (unsigned i = 0; i < SUBMITTERS * EACH; i++)
            if (attempts[i].status == WEIR_OK)
                schedule_check(weir_future_status(attempts[i].future) != WEIR_EPENDING);
    }
    for (unsigned i = 0; i < SUBMITTERS; i++)
        actor_join(actor[i]);
    schedule_check(weir_executor_shutdown(pool, NULL) == WEIR_OK);
    for (unsigned i = 0; i < SUBMITTERS * EACH; i++) {
        schedule_check(attempts[i].status == WEIR_OK || is_refusal(attempts[i].status));
        weir_status end = attempts[i].status == WEIR_OK ? weir_future_status(attempts[i].future)
                                                        : WEIR_OK;
        schedule_check(end == WEIR_OK || end == WEIR_ECANCELLED || end == WEIR_EDISCARDED ||
                       end == WEIR_EBROKEN);
        check_attempt(&attempts[i]);
    }
    finish_pool();
}

static void drain_and_submit(void)
{
    submit_and_end(&(weir_thread_options){ .workers = 2, .limit = 4 }, NULL);
}

static void drain_and_submit_without_backlog(void)
{
    submit_and_end(&(weir_thread_options){ .workers = 2, .limit = WEIR_ZERO }, NULL);
}

static void drain_and_displace(void)
{
    submit_and_end(&(weir_thread_options){
                       .workers = 1, .limit = 1, .policy = weir_discard_oldest() },
                   NULL);
}

static void drain_and_wait_without_backlog(void)
{
    submit_and_end(&(weir_thread_options){
                       .workers = 1, .limit = WEIR_ZERO, .policy = weir_block(WEIR_FOREVER) },
                   NULL);
}

static void drain_and_run_in_callers(void)
{
    submit_and_end(&(weir_thread_options){
                       .workers = 1, .limit = 1, .policy = weir_caller_runs() },
                   NULL);
}

static void drain_and_start_workers(void)
{
    submit_and_end(&(weir_thread_options){ .workers = 2,
                                           .min_workers = WEIR_ZERO,
                                           .limit = 1,
                                           .idle_ns = WEIR_MICROSECOND },
                   NULL);
}

static void cancel_queued_and_wait(void)
{
    submit_and_end(&(weir_thread_options){
                       .workers = 1, .limit = 1, .policy = weir_block(WEIR_MILLISECOND) },
                   &(weir_shutdown_options){ .mode = WEIR_CANCEL_QUEUED,
                                             .timeout_ns = WEIR_FOREVER });
}

/* A drain whose time runs out at some step, and cancels what is left. */
static void drain_a_moment_and_cancel(void)
{
    submit_and_end(&(weir_thread_options){ .workers = 1, .limit = 4 },
                   &(weir_shutdown_options){ .timeout_ns = 1 + schedule_choose(20000),
                                             .cancel_at_timeout = true });
}

/* The second worker that starts breaks the executor. */
static weir_status init_failing(void *data, size_t worker)
{
    (void)data;
    return worker == 1 ? WEIR_EFAILED : WEIR_OK;
}

static void break_and_submit(void)
{
    submit_and_end(&(weir_thread_options){ .workers = 2, .limit = 4, .worker_init = init_failing },
                   NULL);
}

static void break_and_wait(void)
{
    submit_and_end(&(weir_thread_options){ .workers = 2,
                                           .limit = 1,
                                           .worker_init = init_failing,
                                           .policy = weir_block(WEIR_FOREVER) },
                   NULL);
}

/* Nobody shuts it down: what was accepted ends all the same when no worker is left. */
static weir_status init_failing_always(void *data, size_t worker)
{
    (void)data;
    (void)worker;
    return WEIR_EFAILED;
}

static void break_at_once(void)
{
    pthread_t actor;
    create_pool(&(weir_thread_options){ .workers = 1, .worker_init = init_failing_always });
    for (unsigned i = 0; i < EACH; i++)
        attempts[i] = (struct attempt){ .number = i };
    actor = actor_start(attempt_each, attempts);
    actor_join(actor);
    for (unsigned i = 0; i < EACH; i++) {
        if (attempts[i].status == WEIR_OK)
            schedule_check(weir_future_wait(attempts[i].future, WEIR_FOREVER) == WEIR_OK);
        check_attempt(&attempts[i]);
    }
    finish_pool();
}

SCENARIO(drain_and_submit)
SCENARIO(drain_and_submit_without_backlog)
SCENARIO(drain_and_displace)
SCENARIO(drain_and_wait_without_backlog)
SCENARIO(drain_and_run_in_callers)
SCENARIO(drain_and_start_workers)
SCENARIO(cancel_queued_and_wait)
SCENARIO(drain_a_moment_and_cancel)
SCENARIO(break_and_submit)
SCENARIO(break_and_wait)
SCENARIO(break_at_once)

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drain_and_submit_is_sound),
        cmocka_unit_test(drain_and_submit_without_backlog_is_sound),
        cmocka_unit_test(drain_and_displace_is_sound),
        cmocka_unit_test(drain_and_wait_without_backlog_is_sound),
        cmocka_unit_test(drain_and_run_in_callers_is_sound),
        cmocka_unit_test(drain_and_start_workers_is_sound),
        cmocka_unit_test(cancel_queued_and_wait_is_sound),
        cmocka_unit_test(drain_a_moment_and_cancel_is_sound),
        cmocka_unit_test(break_and_submit_is_sound),
        cmocka_unit_test(break_and_wait_is_sound),
        cmocka_unit_test(break_at_once_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
