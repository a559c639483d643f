/* Schedules of pools whose last worker goes while submitters wait for places: who waits has a worker
 * started when it needs one, and is not told that there is none. */
#include "base/atomic.h"
#include "unit/schedule/scenario.h"

static void submit_three(void *data)
{
    unsigned first = *(unsigned *)data;
    for (unsigned i = 0; i < 3; i++) {
        weir_future *future;
        schedule_check(submit_note(first + i, &future) == WEIR_OK);
        if (schedule_choose(2))
            weir_future_cancel(future);
        weir_future_unref(future);
    }
}

static void wait_for_places(size_t workers, size_t limit)
{
    static unsigned first[] = { 0, 3, 6 };
    pthread_t actor[3];
    create_pool(&(weir_thread_options){ .workers = workers,
                                        .min_workers = WEIR_ZERO,
                                        .limit = limit,
                                        .idle_ns = WEIR_MICROSECOND,
                                        .policy = weir_block(WEIR_FOREVER) });
    for (int i = 0; i < 3; i++)
        actor[i] = actor_start(submit_three, &first[i]);
    for (int i = 0; i < 3; i++)
        actor_join(actor[i]);
    finish_pool();
}

static void last_worker_goes_while_others_wait(void)
{
    wait_for_places(1, 1);
}

static void last_worker_goes_without_backlog(void)
{
    wait_for_places(1, WEIR_ZERO);
}

static void last_of_two_workers_goes(void)
{
    wait_for_places(2, 1);
}

SCENARIO(last_worker_goes_while_others_wait)
SCENARIO(last_worker_goes_without_backlog)
SCENARIO(last_of_two_workers_goes)

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(last_worker_goes_while_others_wait_is_sound),
        cmocka_unit_test(last_worker_goes_without_backlog_is_sound),
        cmocka_unit_test(last_of_two_workers_goes_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
