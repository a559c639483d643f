/* A storm of signals, one every millisecond, on the thread that waits: no wait ends early, none is
 * missed. The storm has to be seen before what is waited for is let happen. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

#include "support/gate.h"
#include "support/snapshot.h"
#include "support/submit.h"
#include "support/tasks.h"

enum {
    ENOUGH = 20
}; /* interruptions of a wait */

static _Atomic unsigned interruptions;

static void interrupted(int signal)
{
    (void)signal;
    atomic_fetch_add(&interruptions, 1);
}

static int storm_begins(void **state)
{
    (void)state;
    struct sigaction action = { .sa_handler = interrupted }; /* no SA_RESTART */
    struct itimerval every = { { 0, 1000 }, { 0, 1000 } };
    return sigaction(SIGALRM, &action, NULL) | setitimer(ITIMER_REAL, &every, NULL);
}

static int storm_ends(void **state)
{
    (void)state;
    struct itimerval never = { { 0, 0 }, { 0, 0 } };
    return setitimer(ITIMER_REAL, &never, NULL);
}

/* A thread that is not interrupted, and opens a gate when the test's thread has been for a while. */
struct helper {
    pthread_t thread;
    struct gate *gate;
    weir_executor *executor; /* somebody has to wait for a place in it first, if not NULL */
};

static void *open_later(void *data)
{
    struct helper *helper = data;
    weir_stats stats;
    int64_t end_ns = now_ns() + WATCHDOG_NS;
    while (helper->executor && weir_executor_stats(helper->executor, &stats) == WEIR_OK &&
           stats.blocked == 0 && now_ns() < end_ns)
        sched_yield();
    unsigned seen = atomic_load(&interruptions);
    while (atomic_load(&interruptions) - seen < ENOUGH && now_ns() < end_ns)
        sched_yield();
    gate_open(helper->gate);
    return NULL;
}

static void helper_start(struct helper *helper)
{
    sigset_t alarm_only, before;
    sigemptyset(&alarm_only);
    sigaddset(&alarm_only, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarm_only, &before);
    assert_int_equal(pthread_create(&helper->thread, NULL, open_later, helper), 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static weir_executor *parked_pool(struct gate *gate, size_t limit, weir_policy policy,
                                  weir_future **parked)
{
    weir_executor *executor;
    assert_status(
        weir_thread_executor_create(
            &executor, &(weir_thread_options){ .workers = 1, .limit = limit, .policy = policy }),
        WEIR_OK);
    *parked = submit_ok(executor, gate_task, gate, 0);
    assert_true(gate_wait_entered(gate, 1));
    return executor;
}

static void interrupted_wait_lasts_as_long_as_it_should(void **state)
{
    (void)state;
    struct gate *gate = gate_create();
    weir_future *future;
    weir_executor *executor = parked_pool(gate, 0, (weir_policy){ 0 }, &future);
    const int64_t time_ns = 40 * WEIR_MILLISECOND;
    unsigned before = atomic_load(&interruptions);
    int64_t begin_ns = now_ns();
    errno = 77;
    assert_status(weir_future_wait(future, time_ns), WEIR_ETIMEDOUT);
    assert_true(now_ns() - begin_ns >= time_ns);
    assert_status(weir_wait_all(&future, 1, time_ns, NULL), WEIR_ETIMEDOUT);
    assert_true(now_ns() - begin_ns >= 2 * time_ns);
    assert_status(weir_wait_any(&future, 1, time_ns, NULL), WEIR_ETIMEDOUT);
    assert_true(now_ns() - begin_ns >= 3 * time_ns);
    assert_int_equal(errno, 77);
    assert_true(atomic_load(&interruptions) > before);
    gate_open(gate);
    assert_status(end_and_unref(future), WEIR_OK);
    weir_executor_destroy(executor);
    gate_destroy(gate);
}

static void interrupted_wait_is_woken_by_the_end(void **state)
{
    (void)state;
    struct gate *gate = gate_create();
    weir_future *future;
    weir_executor *executor = parked_pool(gate, 0, (weir_policy){ 0 }, &future);
    struct helper helper = { .gate = gate };
    helper_start(&helper);
    assert_status(weir_future_wait(future, WEIR_FOREVER), WEIR_OK);
    assert_status(weir_future_status(future), WEIR_OK);
    pthread_join(helper.thread, NULL);
    weir_future_unref(future);
    weir_executor_destroy(executor);
    gate_destroy(gate);
}

static void interrupted_iteration_yields_each_once(void **state)
{
    (void)state;
    struct gate *gate = gate_create();
    weir_future *future[3];
    weir_as_completed *it = NULL;
    weir_executor *executor = parked_pool(gate, 0, (weir_policy){ 0 }, &future[0]);
    future[1] = submit_ok(executor, noop_task, NULL, 0);
    future[2] = submit_ok(executor, noop_task, NULL, 0);
    struct helper helper = { .gate = gate };
    helper_start(&helper);
    assert_status(weir_as_completed_create(&it, future, 3), WEIR_OK);
    for (size_t i = 0; i < 3; i++) {
        size_t index = 77;
        assert_status(weir_as_completed_next(it, WEIR_FOREVER, &index), WEIR_OK);
        assert_int_equal(index, i);
    }
    weir_as_completed_destroy(it);
    pthread_join(helper.thread, NULL);
    end_all(future, 3);
    weir_executor_destroy(executor);
    gate_destroy(gate);
}

static void interrupted_submission_waits_for_its_place(void **state)
{
    (void)state;
    struct gate *gate = gate_create();
    weir_future *parked, *queued, *late = NULL;
    weir_executor *executor = parked_pool(gate, 1, weir_block(WEIR_FOREVER), &parked);
    queued = submit_ok(executor, noop_task, NULL, 0);
    struct helper helper = { .gate = gate, .executor = executor };
    helper_start(&helper);
    assert_status(weir_submit(executor, noop_task, NULL, 0, &late), WEIR_OK);
    pthread_join(helper.thread, NULL);
    assert_status(end_and_unref(parked), WEIR_OK);
    assert_status(end_and_unref(queued), WEIR_OK);
    assert_status(end_and_unref(late), WEIR_OK);
    weir_executor_destroy(executor);
    gate_destroy(gate);
}

static void interrupted_submission_waits_no_less_than_its_time(void **state)
{
    (void)state;
    const int64_t time_ns = 40 * WEIR_MILLISECOND;
    struct gate *gate = gate_create();
    weir_future *parked;
    weir_executor *executor = parked_pool(gate, WEIR_ZERO, weir_block(time_ns), &parked);
    int64_t begin_ns = now_ns();
    assert_status(weir_submit(executor, noop_task, NULL, 0, NULL), WEIR_ETIMEDOUT);
    assert_true(now_ns() - begin_ns >= time_ns);
    assert_int_equal(stats_of(executor).rejected_timeout, 1);
    assert_int_equal(stats_of(executor).blocked, 0);
    gate_open(gate);
    assert_status(end_and_unref(parked), WEIR_OK);
    weir_executor_destroy(executor);
    gate_destroy(gate);
}

static void interrupted_shutdown_waits_for_everything(void **state)
{
    (void)state;
    const int64_t time_ns = 40 * WEIR_MILLISECOND;
    struct gate *gate = gate_create();
    weir_future *parked;
    weir_executor *executor = parked_pool(gate, 0, (weir_policy){ 0 }, &parked);
    weir_future *queued = submit_ok(executor, noop_task, NULL, 0);
    int64_t begin_ns = now_ns();
    assert_status(
        weir_executor_shutdown(executor, &(weir_shutdown_options){ .timeout_ns = time_ns }),
        WEIR_ETIMEDOUT);
    assert_true(now_ns() - begin_ns >= time_ns);
    struct helper helper = { .gate = gate };
    helper_start(&helper);
    assert_status(weir_executor_shutdown(executor, NULL), WEIR_OK);
    assert_status(weir_future_status(parked), WEIR_OK);
    assert_status(weir_future_status(queued), WEIR_OK);
    pthread_join(helper.thread, NULL);
    weir_future_unref(parked);
    weir_future_unref(queued);
    weir_executor_destroy(executor);
    gate_destroy(gate);
}

#define IN_THE_STORM(test) cmocka_unit_test_setup_teardown(test, storm_begins, storm_ends)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_THE_STORM(interrupted_wait_lasts_as_long_as_it_should),
        IN_THE_STORM(interrupted_wait_is_woken_by_the_end),
        IN_THE_STORM(interrupted_iteration_yields_each_once),
        IN_THE_STORM(interrupted_submission_waits_for_its_place),
        IN_THE_STORM(interrupted_submission_waits_no_less_than_its_time),
        IN_THE_STORM(interrupted_shutdown_waits_for_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
