/* Waiting for one future, and for all of several. */
#include "conformance/conformance.h"
#include "support/crew.h"

static void wait_all_of_none_is_done(void **state)
{
    size_t done = 77;
    (void)state;
    assert_status(weir_wait_all(NULL, 0, 0, &done), WEIR_OK);
    assert_int_equal(done, 0);
    assert_status(weir_wait_all(NULL, 0, WEIR_FOREVER, NULL), WEIR_OK);
}

static void wait_all_counts_every_kind_of_end(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 1);
    int number = 3;
    size_t done = 77;
    weir_future *future[4];
    future[0] = submit_ok(parked.executor, double_task, &number, sizeof number);
    future[1] = submit_ok(parked.executor, fail_task, &number, sizeof number);
    future[2] = submit_ok(parked.executor, noop_task, NULL, 0);
    future[3] = submit_ok(parked.executor, noop_task, NULL, 0);
    assert_true(weir_future_cancel(future[2]));
    assert_status(weir_wait_all(future, 4, 0, &done), WEIR_ETIMEDOUT);
    assert_int_equal(done, 1);
    gate_open(parked.gate);
    assert_status(weir_wait_all(future, 4, WATCHDOG_NS, &done), WEIR_OK);
    assert_int_equal(done, 4);
    assert_status(weir_wait_all(future, 4, 0, &done), WEIR_OK);
    end_all(future, 4);
    unpark(&parked);
}

static void wait_all_of_ten_finds_all_done(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 3);
    weir_future *future[10];
    size_t done = 0;
    for (int i = 0; i < 10; i++)
        future[i] = submit_ok(executor, double_task, &i, sizeof i);
    assert_status(weir_wait_all(future, 10, WATCHDOG_NS, &done), WEIR_OK);
    assert_int_equal(done, 10);
    for (int i = 0; i < 10; i++)
        assert_int_equal(*(const int *)weir_future_value(future[i], NULL), 2 * i);
    end_all(future, 10);
    weir_executor_destroy(executor);
}

static void wait_all_passes_gaps_and_repetitions_over(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 1);
    weir_future *one = submit_ok(parked.executor, noop_task, NULL, 0);
    weir_future *two = submit_ok(parked.executor, noop_task, NULL, 0);
    weir_future *future[] = { NULL, one, one, NULL, two, one };
    size_t done = 77;
    assert_status(weir_wait_all(future, 6, 0, &done), WEIR_ETIMEDOUT);
    assert_in_range(done, 2, 5); /* the gaps at least, and not all */
    assert_true(weir_future_cancel(one));
    assert_status(weir_wait_all(future, 6, 0, &done), WEIR_ETIMEDOUT);
    assert_int_equal(done, 5);
    gate_open(parked.gate);
    assert_status(weir_wait_all(future, 6, WATCHDOG_NS, &done), WEIR_OK);
    assert_int_equal(done, 6);
    assert_status(weir_wait_all((weir_future *[]){ NULL, NULL }, 2, 0, &done), WEIR_OK);
    assert_int_equal(done, 2);
    weir_future_unref(one);
    weir_future_unref(two);
    unpark(&parked);
}

static void wait_all_timed_out_says_how_many(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 1);
    weir_future *future[20];
    size_t done = 77;
    for (int i = 0; i < 20; i++)
        future[i] = submit_ok(parked.executor, noop_task, NULL, 0);
    for (int i = 0; i < 7; i++)
        assert_true(weir_future_cancel(future[2 * i]));
    assert_status(weir_wait_all(future, 20, WEIR_MILLISECOND, &done), WEIR_ETIMEDOUT);
    assert_int_equal(done, 7);
    gate_open(parked.gate);
    end_all(future, 20);
    unpark(&parked);
}

static void wait_all_of_several_executors_mixes_them(void **state)
{
    weir_executor *mine = new_executor(state, .workers = 2);
    weir_executor *other = NULL;
    weir_executor *plain = NULL;
    weir_future *future[9];
    assert_status(weir_thread_executor_create(&other, &(weir_thread_options){ .workers = 1 }),
                  WEIR_OK);
    assert_status(weir_inline_executor_create(&plain, NULL), WEIR_OK);
    weir_executor *executors[] = { mine, other, plain };
    for (int i = 0; i < 9; i++)
        future[i] = submit_ok(executors[i % 3], double_task, &i, sizeof i);
    assert_status(weir_wait_all(future, 9, WATCHDOG_NS, NULL), WEIR_OK);
    for (int i = 0; i < 9; i++)
        assert_int_equal(*(const int *)weir_future_value(future[i], NULL), 2 * i);
    end_all(future, 9);
    for (int i = 0; i < 3; i++)
        weir_executor_destroy(executors[i]);
}

static void wait_all_of_a_hundred_loses_no_wake_up(void **state)
{
    enum { N = 100 };
    weir_executor *executor = new_executor(state, .workers = 4);
    for (int i = 0; i < ROUNDS(200); i++) {
        weir_future *future[N];
        for (int k = 0; k < N; k++)
            future[k] = submit_ok(executor, noop_task, NULL, 0);
        end_all(future, N);
    }
    weir_executor_destroy(executor);
}

struct waiting {
    weir_future *future[3];
    _Atomic uint32_t woken;
};

static void wait_in_a_way(void *shared, size_t index)
{
    struct waiting *waiting = shared;
    size_t done = 0;
    weir_status status = index % 2 == 0
                             ? weir_future_wait(waiting->future[index % 3], WATCHDOG_NS)
                             : weir_wait_all(waiting->future, 3, WATCHDOG_NS, &done);
    if (status == WEIR_OK)
        atomic_fetch_add(&waiting->woken, 1);
}

static void wait_of_many_threads_wakes_them_all(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    for (int i = 0; i < ROUNDS(50); i++) {
        struct parked parked = park(state, .workers = 2);
        struct waiting waiting = { 0 };
        for (int k = 0; k < 3; k++)
            waiting.future[k] = submit_ok(parked.executor, noop_task, NULL, 0);
        struct crew *crew = crew_start(6, wait_in_a_way, &waiting);
        gate_open(parked.gate);
        crew_join(crew);
        assert_int_equal(waiting.woken, 6);
        end_all(waiting.future, 3);
        unpark(&parked);
    }
}

int suite_wait_all(const struct executor_factory *factory)
{
    const struct CMUnitTest tests[] = {
        ON(factory, wait_all_of_none_is_done),
        ON(factory, wait_all_counts_every_kind_of_end),
        ON(factory, wait_all_of_ten_finds_all_done),
        ON(factory, wait_all_passes_gaps_and_repetitions_over),
        ON(factory, wait_all_timed_out_says_how_many),
        ON(factory, wait_all_of_several_executors_mixes_them),
        ON(factory, wait_all_of_a_hundred_loses_no_wake_up),
        ON(factory, wait_of_many_threads_wakes_them_all),
    };
    return cmocka_run_group_tests_name("wait_all", tests, NULL, NULL);
}
