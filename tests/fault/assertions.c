/* Misuse that no status can answer: builds with assertions die of it, at once. */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "support/child.h"
#include "support/gate.h"
#include "support/submit.h"
#include "support/tasks.h"

#ifdef NDEBUG
enum {
    ASSERTIONS = 0
};
#else
enum {
    ASSERTIONS = 1
};
#endif

/* In the child, the report is not for the log, and a dump of its memory for nobody. */
static int quietly(void)
{
    struct rlimit none = { 0, 0 };
    int nowhere = open("/dev/null", O_WRONLY);
    signal(SIGABRT, SIG_DFL);
    return dup2(nowhere, STDERR_FILENO) < 0 || setrlimit(RLIMIT_CORE, &none) != 0;
}

static weir_future *ended_future(void)
{
    weir_executor *executor = NULL;
    weir_future *future = NULL;
    if (weir_inline_executor_create(&executor, NULL) == WEIR_OK)
        weir_submit(executor, noop_task, NULL, 0, &future);
    return future; /* the executor stays: its slots have to */
}

static int unref_twice(void *data)
{
    weir_future *future = ended_future();
    (void)data;
    if (quietly() || !future)
        return 2;
    weir_future_unref(future);
    weir_future_unref(future);
    return 1;
}

static int ref_after_the_last_unref(void *data)
{
    weir_future *future = ended_future();
    (void)data;
    if (quietly() || !future)
        return 2;
    weir_future_unref(future);
    weir_future_ref(future);
    return 1;
}

static weir_status destroy_task(weir_task *task, void *executor)
{
    (void)task;
    weir_executor_destroy(executor);
    return WEIR_OK;
}

static void destroy_callback(weir_future *future, void *executor)
{
    (void)future;
    weir_executor_destroy(executor);
}

static int destroy_in_a_task_of_ones_own(void *data)
{
    weir_executor *executor = NULL;
    (void)data;
    if (quietly() || weir_inline_executor_create(&executor, NULL) != WEIR_OK)
        return 2;
    weir_submit(executor, destroy_task, executor, 0, NULL);
    return 1;
}

static int destroy_on_ones_own_worker(void *data)
{
    weir_executor *executor = NULL;
    weir_future *future = NULL;
    (void)data;
    if (quietly() ||
        weir_thread_executor_create(&executor, &(weir_thread_options){ .workers = 1 }) != WEIR_OK)
        return 2;
    weir_submit(executor, destroy_task, executor, 0, &future);
    weir_future_wait(future, WATCHDOG_NS);
    return 1;
}

static int destroy_in_a_callback_of_ones_own(void *data)
{
    weir_executor *executor = NULL;
    weir_future *future = NULL;
    int64_t end_ns = now_ns() + WATCHDOG_NS;
    (void)data;
    if (quietly() ||
        weir_thread_executor_create(&executor, &(weir_thread_options){ .workers = 1 }) != WEIR_OK)
        return 2;
    /* It ends after its callback is there: else that would run here, where it is allowed. */
    struct gate *gate = gate_create();
    weir_submit(executor, gate_task, gate, 0, &future);
    weir_future_on_done(future, destroy_callback, executor);
    gate_open(gate);
    while (now_ns() < end_ns)
        sched_yield();
    return 1;
}

static void dies_of_it(int (*misuse)(void *data))
{
    if (!ASSERTIONS)
        skip();
    assert_int_equal(run_in_child(misuse, NULL), -SIGABRT);
}

static void reference_given_up_twice_is_caught(void **state)
{
    (void)state;
    dies_of_it(unref_twice);
}

static void reference_taken_on_nothing_is_caught(void **state)
{
    (void)state;
    dies_of_it(ref_after_the_last_unref);
}

static void destroy_in_a_task_run_by_its_submitter_is_caught(void **state)
{
    (void)state;
    dies_of_it(destroy_in_a_task_of_ones_own);
}

static void destroy_on_a_worker_is_caught(void **state)
{
    (void)state;
#if defined(__SANITIZE_THREAD__)
    skip(); /* it does not support threads in a forked child */
#endif
    dies_of_it(destroy_on_ones_own_worker);
}

static void destroy_in_a_callback_on_a_worker_is_caught(void **state)
{
    (void)state;
#if defined(__SANITIZE_THREAD__)
    skip();
#endif
    dies_of_it(destroy_in_a_callback_of_ones_own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_given_up_twice_is_caught),
        cmocka_unit_test(reference_taken_on_nothing_is_caught),
        cmocka_unit_test(destroy_in_a_task_run_by_its_submitter_is_caught),
        cmocka_unit_test(destroy_on_a_worker_is_caught),
        cmocka_unit_test(destroy_in_a_callback_on_a_worker_is_caught),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
