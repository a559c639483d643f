/* What the thread executor does with its threads: how many, called what, of which size. */
#include "conformance/conformance.h"

#include <stdlib.h>

#include "support/crew.h"
#include "support/proc.h"
#include "support/shared.h"

static weir_status thread_name_task(weir_task *task, void *arg)
{
    char name[16] = "";
    (void)arg;
    pthread_getname_np(pthread_self(), name, sizeof name);
    return weir_task_return(task, name, sizeof name);
}

static void threads_are_named_and_numbered(void **state)
{
    needs(state, TRAIT_THREADS);
    struct parked parked = park(state, .workers = 3, .name = "mill");
    assert_int_equal(proc_threads_named("mill/"), 3);
    assert_int_equal(proc_threads_named("mill/0"), 1);
    assert_int_equal(proc_threads_named("mill/1"), 1);
    assert_int_equal(proc_threads_named("mill/2"), 1);
    unpark(&parked);
    /* A thread that has been joined may be listed for a moment longer. */
    assert_eventually(proc_threads_named("mill/") == 0);
    weir_executor *nameless = new_executor(state, .workers = 1);
    char name[16] = "";
    weir_future *future = submit_ok(nameless, thread_name_task, NULL, 0);
    assert_status(weir_future_result(future, name, sizeof name, WATCHDOG_NS), WEIR_OK);
    assert_string_equal(name, "weir/0");
    weir_future_unref(future);
    weir_executor_destroy(nameless);
    parked = park(state, .workers = 2, .name = "a-name-that-is-too-long-for-a-thread");
    assert_int_equal(proc_threads_named("a-name-that-"), 2);
    unpark(&parked);
}

static void threads_of_a_saturated_pool_are_as_many_as_allowed(void **state)
{
    needs(state, TRAIT_THREADS);
    struct gate *gate = gate_create();
    weir_executor *executor = new_executor(state, .workers = 5, .limit = 60, .name = "sated");
    for (int i = 0; i < 60; i++)
        assert_status(weir_submit(executor, gate_task, gate, 0, NULL), WEIR_OK);
    assert_true(gate_wait_entered(gate, 5));
    assert_int_equal(proc_threads_named("sated/"), 5);
    assert_int_equal(stats_of(executor).workers, 5);
    assert_int_equal(stats_of(executor).backlog, 55);
    gate_open(gate);
    weir_executor_destroy(executor);
    assert_int_equal(gate->passed, 60);
    gate_destroy(gate);
}

/* The number of workers of an executor made without saying it, with WEIR_WORKERS as given. */
static uint64_t default_workers(const char *variable)
{
    weir_executor *executor = NULL;
    if (variable == NULL)
        unsetenv("WEIR_WORKERS");
    else
        setenv("WEIR_WORKERS", variable, 1);
    assert_status(weir_thread_executor_create(&executor, NULL), WEIR_OK);
    uint64_t workers = stats_of(executor).workers;
    weir_executor_destroy(executor);
    unsetenv("WEIR_WORKERS");
    return workers;
}

static void threads_by_default_are_as_many_as_processors(void **state)
{
    needs(state, TRAIT_THREADS);
    static const char *const nonsense[] = { "", "0", "-1", "many", "3x", "99999999999999999999" };
    cpu_set_t all;
    cpu_set_t one;
    uint64_t workers = default_workers(NULL);
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    assert_in_range(workers, 1, CPU_COUNT(&all));
    assert_int_equal(default_workers("3"), 3);
    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++)
        assert_int_equal(default_workers(nonsense[i]), workers);
    CPU_ZERO(&one);
    for (size_t cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; cpu++)
        if (CPU_ISSET(cpu, &all))
            CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    workers = default_workers(NULL);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
    assert_int_equal(workers, 1);
}

static weir_status stack_task(weir_task *task, void *arg)
{
    pthread_attr_t attributes;
    size_t size = 0;
    (void)arg;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        return weir_task_fail(task, 1, "no attributes");
    pthread_attr_getstacksize(&attributes, &size);
    pthread_attr_destroy(&attributes);
    return weir_task_return(task, &size, sizeof size);
}

static void threads_have_the_stack_that_was_asked_for(void **state)
{
    needs(state, TRAIT_THREADS);
    const size_t wanted = (size_t)24 << 20; /* more than anybody's default */
    size_t size = 0;
    weir_executor *executor = NULL;
    assert_status(weir_thread_executor_create(
                      &executor, &(weir_thread_options){ .workers = 1, .stack_bytes = wanted }),
                  WEIR_OK);
    weir_future *future = submit_ok(executor, stack_task, NULL, 0);
    assert_status(weir_future_result(future, &size, sizeof size, WATCHDOG_NS), WEIR_OK);
    assert_true(size >= wanted);
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

static void resize_up_puts_more_threads_to_work(void **state)
{
    needs(state, TRAIT_THREADS);
    struct parked parked = park(state, .workers = 2);
    for (int i = 0; i < 6; i++)
        assert_status(weir_submit(parked.executor, gate_task, parked.gate, 0, NULL), WEIR_OK);
    assert_status(weir_thread_executor_resize(parked.executor, 5, 5), WEIR_OK);
    assert_true(gate_wait_entered(parked.gate, 5));
    weir_stats stats = stats_of(parked.executor);
    assert_int_equal(stats.workers, 5);
    assert_int_equal(stats.running, 5);
    assert_int_equal(stats.backlog, 3);
    gate_open(parked.gate);
    assert_status(weir_executor_shutdown(parked.executor, NULL), WEIR_OK);
    assert_status(weir_thread_executor_resize(parked.executor, 1, 1), WEIR_ESHUTDOWN);
    assert_status(weir_thread_executor_maintain(parked.executor, NULL), WEIR_ESHUTDOWN);
    assert_int_equal(stats_of(parked.executor).completed, 8);
    unpark(&parked);
}

static void resize_down_lets_surplus_threads_go(void **state)
{
    needs(state, TRAIT_THREADS);
    struct parked parked = park(state, .workers = 4, .name = "fewer");
    for (int i = 0; i < 6; i++)
        assert_status(weir_submit(parked.executor, gate_task, parked.gate, 0, NULL), WEIR_OK);
    assert_status(weir_thread_executor_resize(parked.executor, 1, 1), WEIR_OK);
    assert_int_equal(stats_of(parked.executor).running, 4); /* nobody is interrupted */
    gate_open(parked.gate);
    assert_eventually(stats_of(parked.executor).completed == 10);
    assert_eventually(stats_of(parked.executor).workers <= 1);
    assert_eventually(proc_threads_named("fewer/") <= 1);
    assert_status(end_and_unref(submit_ok(parked.executor, noop_task, NULL, 0)), WEIR_OK);
    unpark(&parked);
}

struct feeding {
    weir_executor *executor;
    _Atomic uint64_t *ran;
    uint64_t rounds;
    _Atomic uint32_t over;
    _Atomic uint64_t odd;
};

static void feed(void *shared, size_t index)
{
    struct feeding *feeding = shared;
    (void)index;
    for (uint64_t i = 0; i < feeding->rounds; i++)
        if (weir_submit(feeding->executor, count_task, feeding->ran, 0, NULL) != WEIR_OK)
            atomic_fetch_add(&feeding->odd, 1);
    atomic_fetch_add(&feeding->over, 1);
}

static void resize_many_times_under_load_loses_nothing(void **state)
{
    needs(state, TRAIT_THREADS);
    struct feeding feeding = { .ran = shared_alloc(sizeof *feeding.ran), .rounds = ROUNDS(10000) };
    feeding.executor =
        new_executor(state, .workers = 4, .limit = 16, .policy = weir_block(WEIR_FOREVER));
    struct crew *crew = crew_start(2, feed, &feeding);
    size_t sizes[] = { 1, 4, 2, 7, 3 };
    for (size_t i = 0; atomic_load(&feeding.over) < 2; i++) {
        size_t workers = sizes[i % 5];
        assert_status(weir_thread_executor_resize(feeding.executor, i % 2 ? workers : 0, workers),
                      WEIR_OK);
    }
    crew_join(crew);
    assert_status(weir_executor_shutdown(feeding.executor, NULL), WEIR_OK);
    assert_int_equal(feeding.odd, 0);
    assert_int_equal(atomic_load(feeding.ran), 2 * feeding.rounds);
    weir_executor_destroy(feeding.executor);
    shared_free(feeding.ran, sizeof *feeding.ran);
}

int suite_threads(const struct executor_factory *factory)
{
    const struct CMUnitTest tests[] = {
        ON(factory, threads_are_named_and_numbered),
        ON(factory, threads_of_a_saturated_pool_are_as_many_as_allowed),
        ON(factory, threads_by_default_are_as_many_as_processors),
        ON(factory, threads_have_the_stack_that_was_asked_for),
        ON(factory, resize_up_puts_more_threads_to_work),
        ON(factory, resize_down_lets_surplus_threads_go),
        ON(factory, resize_many_times_under_load_loses_nothing),
    };
    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
