/* The promises to the program around: 6, shutdown is prompt; 7, nothing of the host is taken; 9,
 * idle costs nothing. */
#include "conformance/conformance.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/child.h"
#include "support/proc.h"

/* How long an idle executor takes to shut down, at best of so many tries, and of more if none was as
 * prompt: other load on the machine can only make a try slower, and a shutdown that waits for something
 * is slow every time. */
static int64_t best_shutdown_ns(void **state, size_t workers, int tries, int64_t prompt_ns)
{
    int64_t best_ns = INT64_MAX, end_ns = now_ns() + WATCHDOG_NS;
    for (int i = 0; i < tries || (best_ns >= prompt_ns && now_ns() < end_ns); i++) {
        struct gate *gate = gate_create();
        weir_executor *executor = new_executor(state, .workers = workers, .limit = 2);
        if (factory_has(*state, TRAIT_CONCURRENT))
            saturate(executor, gate, workers);
        gate_open(gate);
        assert_eventually(stats_of(executor).running == 0);
        int64_t start_ns = now_ns();
        assert_status(weir_executor_shutdown(executor, NULL), WEIR_OK);
        weir_executor_destroy(executor);
        int64_t took_ns = now_ns() - start_ns;
        best_ns = took_ns < best_ns ? took_ns : best_ns;
        gate_destroy(gate);
    }
    return best_ns;
}

static void promise6_idle_executor_shuts_down_within_10_ms(void **state)
{
    if (SANITIZED && factory_has(*state, TRAIT_PROCESSES))
        skip(); /* a process takes long to end with a sanitizer in it */
    int64_t prompt_ns = PROMPT_NS(10 * WEIR_MILLISECOND);
    assert_true(best_shutdown_ns(state, 8, 10, prompt_ns) < prompt_ns);
}

static void promise6_thousand_workers_shut_down_within_a_second(void **state)
{
    needs(state, TRAIT_THREADS);
    int64_t prompt_ns = PROMPT_NS(WEIR_SECOND);
    assert_true(best_shutdown_ns(state, 1000, 2, prompt_ns) < prompt_ns);
}

struct dispositions {
    struct sigaction action[65];
    sigset_t mask;
};

static struct dispositions look_at_signals(void)
{
    struct dispositions seen;
    memset(&seen, 0, sizeof seen);
    for (int i = 1; i < 65; i++)
        sigaction(i, NULL, &seen.action[i]);
    pthread_sigmask(SIG_SETMASK, NULL, &seen.mask);
    return seen;
}

static void check_same_signals(const struct dispositions *a, const struct dispositions *b)
{
    for (int i = 1; i < 65; i++) {
        assert_true(a->action[i].sa_handler == b->action[i].sa_handler);
        assert_int_equal(a->action[i].sa_flags, b->action[i].sa_flags);
        assert_int_equal(sigismember(&a->mask, i), sigismember(&b->mask, i));
    }
}

static void promise7_signals_of_the_host_are_as_they_were(void **state)
{
    struct dispositions before = look_at_signals();
    weir_executor *executor = new_executor(state, .workers = 2);
    assert_status(end_and_unref(submit_ok(executor, noop_task, NULL, 0)), WEIR_OK);
    struct dispositions during = look_at_signals();
    weir_executor_destroy(executor);
    struct dispositions after = look_at_signals();
    check_same_signals(&before, &during);
    check_same_signals(&before, &after);
}

static weir_status mask_task(weir_task *task, void *arg)
{
    sigset_t mask;
    (void)arg;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    return weir_task_return(task, &mask, sizeof mask);
}

static void promise7_workers_block_every_signal(void **state)
{
    needs(state, TRAIT_THREADS);
    weir_executor *executor = new_executor(state, .workers = 1, .result_bytes = sizeof(sigset_t));
    sigset_t mask;
    weir_future *future = submit_ok(executor, mask_task, NULL, 0);
    assert_status(weir_future_result(future, &mask, sizeof mask, WATCHDOG_NS), WEIR_OK);
    for (int i = 1; i < 65; i++) {
        if (i == SIGKILL || i == SIGSTOP || (i > 31 && i < SIGRTMIN))
            continue; /* nobody can block these, or the C library does not let them be */
        if (i == SIGSEGV || i == SIGBUS || i == SIGFPE || i == SIGILL)
            continue; /* a fault in a task is delivered, blocked or not */
        assert_int_equal(sigismember(&mask, i), 1);
    }
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

static void promise7_children_of_the_host_are_left_to_it(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 2);
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        _exit(7);
    for (int i = 0; i < 20; i++)
        assert_status(end_and_unref(submit_ok(executor, noop_task, NULL, 0)), WEIR_OK);
    weir_executor_destroy(executor);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

static int submit_in_child(void *executor)
{
    return weir_submit(executor, noop_task, NULL, 0, NULL) == WEIR_EFORKED ? 0 : 1;
}

static void promise7_forked_child_is_told_of_it(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 2);
    assert_int_equal(run_in_child(submit_in_child, executor), 0);
    assert_status(end_and_unref(submit_ok(executor, noop_task, NULL, 0)), WEIR_OK);
    weir_executor_destroy(executor);
}

/* The one place where time passing is itself what is tested: nothing may happen meanwhile. */
static void let_pass(int64_t ns)
{
    struct timespec time = { .tv_sec = ns / WEIR_SECOND, .tv_nsec = ns % WEIR_SECOND };
    nanosleep(&time, NULL);
}

/* A worker may look around for a moment before it goes to sleep: wait until all of them are asleep, and
 * a while has passed in which none of them switched. (One that did not switch may just not have got a
 * processor.) A polling worker fails the window that follows, not this. */
static bool came_to_rest(const char *prefix, size_t threads)
{
    int64_t end_ns = now_ns() + WATCHDOG_NS;
    while (now_ns() < end_ns) {
        uint64_t before = proc_switches_of(prefix);
        bool asleep = proc_threads_asleep(prefix) == threads;
        let_pass(20 * WEIR_MILLISECOND);
        if (asleep && proc_threads_asleep(prefix) == threads && proc_switches_of(prefix) == before)
            return true;
    }
    return false;
}

static void promise9_idle_executor_uses_no_time(void **state)
{
    needs(state, TRAIT_THREADS);
    struct parked parked = park(state, .workers = 8, .name = "asleep");
    gate_open(parked.gate);
    if (factory_has(*state, TRAIT_DYNAMIC)) { /* idle threads are not even there */
        assert_eventually(proc_threads_named("asleep/") == 0);
    } else {
        assert_true(came_to_rest("asleep/", 8));
        assert_int_equal(proc_threads_named("asleep/"), 8);
        uint64_t switches = proc_switches_of("asleep/");
        uint64_t ticks = proc_ticks_of("asleep/");
        let_pass(1100 * WEIR_MILLISECOND); /* a poll once a second is caught */
        assert_int_equal(proc_switches_of("asleep/"), switches);
        assert_int_equal(proc_ticks_of("asleep/"), ticks);
    }
    assert_status(end_and_unref(submit_ok(parked.executor, noop_task, NULL, 0)), WEIR_OK);
    unpark(&parked);
}

int suite_promises_host(const struct executor_factory *factory)
{
    const struct CMUnitTest tests[] = {
        ON(factory, promise6_idle_executor_shuts_down_within_10_ms),
        ON(factory, promise6_thousand_workers_shut_down_within_a_second),
        ON(factory, promise7_signals_of_the_host_are_as_they_were),
        ON(factory, promise7_workers_block_every_signal),
        ON(factory, promise7_children_of_the_host_are_left_to_it),
        ON(factory, promise7_forked_child_is_told_of_it),
        ON(factory, promise9_idle_executor_uses_no_time),
    };
    return cmocka_run_group_tests_name("promises_host", tests, NULL, NULL);
}
