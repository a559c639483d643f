/* Schedules of cancellation: with the start, the end, a wait, the end of the executor. */
#include "unit/schedule/scenario.h"

static void cancel_given(void *data)
{
    weir_future_cancel(data);
}

static void cancel_and_unref(void *data)
{
    weir_future_cancel(data);
    weir_future_unref(data);
}

static void wait_given(void *data)
{
    schedule_check(weir_future_wait(data, WEIR_FOREVER) == WEIR_OK);
    schedule_check(weir_future_status(data) != WEIR_EPENDING);
}

/* One task, cancelled by two, waited for by two. */
static void cancel_and_start_and_wait(void)
{
    struct attempt attempt = { .number = 0 };
    create_pool(&(weir_thread_options){ .workers = 1 });
    attempt_one(&attempt);
    pthread_t actor[] = {
        actor_start(cancel_given, attempt.future),
        actor_start(cancel_given, attempt.future),
        actor_start(wait_given, attempt.future),
        actor_start(wait_given, attempt.future),
    };
    for (int i = 0; i < 4; i++)
        actor_join(actor[i]);
    check_attempt(&attempt);
    finish_pool();
}

/* A future outlives its executor, so its holder may cancel while the executor is destroyed. */
static void cancel_and_destroy(void)
{
    enum { N = 3 };
    pthread_t actor[N];
    create_pool(&(weir_thread_options){ .workers = 1 });
    for (unsigned i = 0; i < N; i++) {
        weir_future *future;
        schedule_check(submit_note(i, &future) == WEIR_OK);
        actor[i] = actor_start(cancel_and_unref, future);
    }
    weir_executor_destroy(pool);
    for (unsigned i = 0; i < N; i++)
        actor_join(actor[i]);
    for (unsigned i = 0; i < N; i++)
        schedule_check(ran.started[i] <= 1);
}

/* When a shutdown returns, what was accepted has ended, whoever ends it. */
static void cancel_and_shutdown(void)
{
    enum { N = 3 };
    pthread_t actor[N];
    weir_future *future[N];
    create_pool(&(weir_thread_options){ .workers = 1 });
    for (unsigned i = 0; i < N; i++)
        schedule_check(submit_note(i, &future[i]) == WEIR_OK);
    for (unsigned i = 0; i < N; i++)
        actor[i] = actor_start(cancel_given, future[i]);
    schedule_check(weir_executor_shutdown(pool, NULL) == WEIR_OK);
    for (unsigned i = 0; i < N; i++)
        schedule_check(weir_future_status(future[i]) != WEIR_EPENDING);
    check_sums();
    for (unsigned i = 0; i < N; i++) {
        actor_join(actor[i]);
        weir_future_unref(future[i]);
    }
    weir_executor_destroy(pool);
}

static void shutdown_cancelling(void *data)
{
    (void)data;
    schedule_check(weir_executor_shutdown(
                       pool, &(weir_shutdown_options){ .mode = WEIR_CANCEL_QUEUED }) == WEIR_OK);
    check_sums();
}

static void two_shutdowns(void)
{
    enum { N = 3 };
    weir_future *future[N];
    create_pool(&(weir_thread_options){ .workers = 1 });
    for (unsigned i = 0; i < N; i++)
        schedule_check(submit_note(i, &future[i]) == WEIR_OK);
    pthread_t actor = actor_start(shutdown_cancelling, NULL);
    schedule_check(weir_executor_shutdown(pool, NULL) == WEIR_OK);
    for (unsigned i = 0; i < N; i++)
        schedule_check(weir_future_status(future[i]) != WEIR_EPENDING);
    actor_join(actor);
    for (unsigned i = 0; i < N; i++)
        weir_future_unref(future[i]);
    weir_executor_destroy(pool);
}

SCENARIO(cancel_and_start_and_wait)
SCENARIO(cancel_and_destroy)
SCENARIO(cancel_and_shutdown)
SCENARIO(two_shutdowns)

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cancel_and_start_and_wait_is_sound),
        cmocka_unit_test(cancel_and_destroy_is_sound),
        cmocka_unit_test(cancel_and_shutdown_is_sound),
        cmocka_unit_test(two_shutdowns_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
