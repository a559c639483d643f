/* One worker dies in each of the ways there are: what its task tells, and what happens to the rest. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/check.h"
#include "support/child.h"
#include "support/gate.h"
#include "support/shared.h"
#include "support/tasks.h"
#include "support/system.h"
#include "support/victims.h"

static weir_executor *create(weir_process_options options)
{
    weir_executor *executor = NULL;
    options.allow_threads = true;
    assert_status(weir_process_executor_create(&executor, &options), WEIR_OK);
    return executor;
}

static weir_future *submit(weir_executor *executor, weir_submission submission)
{
    weir_future *future = NULL;
    assert_status(weir_submit_with(executor, &submission, &future), WEIR_OK);
    return future;
}

static weir_status end_of_future(weir_future *future)
{
    assert_status(weir_future_wait(future, WATCHDOG_NS), WEIR_OK);
    return weir_future_status(future);
}

static void is_well(weir_executor *executor)
{
    int number = 21, twice = 0;
    weir_future *future = submit(
        executor, (weir_submission){ .fn = double_task, .arg = &number, .arg_size = sizeof number });
    assert_status(weir_future_result(future, &twice, sizeof twice, WATCHDOG_NS), WEIR_OK);
    assert_int_equal(twice, 42);
    weir_future_unref(future);
}

enum way { BY_SEGFAULT, BY_ABORT, BY_KILL, BY_EXIT_5, BY_EXIT_0, WAYS };

static volatile uintptr_t address = 8; /* nothing is there; compilers must not know */

static weir_status die_task(weir_task *task, void *arg)
{
    (void)task;
    switch (*(enum way *)arg) {
    case BY_SEGFAULT:
        *(volatile int *)arg = *(volatile int *)address;
        break;
    case BY_ABORT:
        abort();
    case BY_KILL:
        raise(SIGKILL);
        break;
    case BY_EXIT_5:
        _exit(5);
    default:
        _exit(0);
    }
    return WEIR_OK;
}

static void death_is_told_with_its_cause(void **state)
{
    static const int signals[WAYS] = { SIGSEGV, SIGABRT, SIGKILL, 0, 0 };
    static const int codes[WAYS] = { -1, -1, -1, 5, 0 };
    (void)state;
    weir_executor *executor = create((weir_process_options){ .workers = 1 });
    for (enum way way = BY_SEGFAULT; way < WAYS; way++) {
        weir_crash_info info;
        const char *message;
        weir_future *future = submit(
            executor, (weir_submission){ .fn = die_task, .arg = &way, .arg_size = sizeof way });
        assert_status(end_of_future(future), WEIR_ECRASHED);
        assert_status(weir_future_crash(future, &info), WEIR_OK);
        assert_true(info.known);
        assert_true(info.pid > 0);
        assert_int_equal(info.signal, signals[way]);
        assert_int_equal(info.exit_code, codes[way]);
        assert_false(info.core_dumped); /* cores are off */
        assert_int_equal(weir_future_error(future, &message), 0);
        assert_non_null(strstr(message, signals[way] ? "died of signal" : "exited with code"));
        assert_int_equal(weir_future_state(future), WEIR_FINISHED);
        weir_future_unref(future);
        is_well(executor);
    }
    weir_stats stats;
    /* The host may hear of a new worker after what that has done already. */
    assert_eventually(weir_executor_stats(executor, &stats) == WEIR_OK && stats.respawned == WAYS);
    assert_int_equal(stats.crashed, WAYS);
    weir_executor_destroy(executor);
}

static void death_fails_one_future_of_many(void **state)
{
    (void)state;
    needs_system(SYSTEM_PIDFD);
    enum { MANY = 50 };
    struct gate *gate = gate_create();
    weir_executor *executor = create((weir_process_options){ .workers = 2 });
    weir_future *future[MANY];
    int pids[2], failed = 0;
    for (int i = 0; i < MANY; i++)
        future[i] = submit(executor, (weir_submission){ .fn = gate_task, .arg = gate });
    assert_true(gate_wait_entered(gate, 2));
    assert_int_equal(victims_find(executor, pids, 2), 2);
    assert_true(victims_signal(pids[0], SIGKILL));
    assert_true(gate_wait_entered(gate, 3)); /* the next one has taken the place */
    gate_open(gate);
    for (int i = 0; i < MANY; i++) {
        failed += end_of_future(future[i]) != WEIR_OK;
        weir_future_unref(future[i]);
    }
    assert_int_equal(failed, 1);
    weir_executor_destroy(executor);
    gate_destroy(gate);
}

struct stubborn {
    _Atomic uint32_t *starts;
    uint32_t deaths;
    char filler[40];
};

static weir_status die_first_task(weir_task *task, void *arg)
{
    struct stubborn *self = arg;
    uint32_t before = atomic_fetch_add(self->starts, 1);
    bool whole = self->filler[39] == 'x';
    self->filler[39] = 'y'; /* the next run must have its own copy */
    if (before < self->deaths)
        raise(SIGKILL);
    return weir_task_return(task, &whole, sizeof whole);
}

static void retryable_task_runs_again_up_to_its_number(void **state)
{
    (void)state;
    _Atomic uint32_t *starts = shared_alloc(sizeof *starts);
    weir_executor *executor = create((weir_process_options){ .workers = 2 });
    for (uint32_t retries = 0; retries < 4; retries++) {
        struct stubborn arg = { .starts = starts, .deaths = 2 };
        bool whole = false;
        memset(arg.filler, 'x', sizeof arg.filler);
        atomic_store(starts, 0);
        weir_future *future = submit(executor, (weir_submission){ .fn = die_first_task,
                                                                  .arg = &arg,
                                                                  .arg_size = sizeof arg,
                                                                  .retries = retries });
        weir_status status = weir_future_result(future, &whole, sizeof whole, WATCHDOG_NS);
        assert_status(status, retries < 2 ? WEIR_ECRASHED : WEIR_OK);
        assert_int_equal(atomic_load(starts), retries < 2 ? retries + 1 : 3);
        assert_true(whole || retries < 2);
        weir_future_unref(future);
    }
    weir_executor_destroy(executor);
    shared_free((void *)starts, sizeof *starts);
}

static weir_status die_init(void *data, size_t worker)
{
    (void)data;
    (void)worker;
    raise(SIGKILL);
    return WEIR_OK;
}

static weir_status fail_init(void *data, size_t worker)
{
    (void)data;
    (void)worker;
    return WEIR_EFAILED;
}

/* However long a busy machine takes for so many deaths. */
#define AT_ANY_PACE_NS (3600 * WEIR_SECOND)

static void is_broken(weir_worker_init_fn *init)
{
    weir_executor *executor = create((weir_process_options){ .workers = 2,
                                                             .limit = 100,
                                                             .worker_init = init,
                                                             .deaths_max = 6,
                                                             .deaths_within_ns = AT_ANY_PACE_NS });
    weir_future *future[20];
    int accepted = 0;
    while (accepted < 20 && weir_submit(executor, noop_task, NULL, 0, &future[accepted]) == WEIR_OK)
        accepted++;
    for (int i = 0; i < accepted; i++) {
        assert_status(end_of_future(future[i]), WEIR_EBROKEN);
        weir_future_unref(future[i]);
    }
    assert_eventually(!weir_executor_alive(executor));
    assert_status(weir_submit(executor, noop_task, NULL, 0, NULL), WEIR_EBROKEN);
    weir_executor_destroy(executor);
}

static void init_that_crashes_breaks_the_executor(void **state)
{
    (void)state;
    is_broken(die_init);
}

static void init_that_fails_breaks_the_executor(void **state)
{
    (void)state;
    is_broken(fail_init);
}

static void deaths_without_an_end_break_the_executor(void **state)
{
    (void)state;
    enum way way = BY_KILL;
    int crashed = 0;
    weir_executor *executor = create((weir_process_options){
        .workers = 2, .deaths_max = 4, .deaths_within_ns = AT_ANY_PACE_NS });
    weir_future *future = NULL;
    while (weir_submit(executor, die_task, &way, sizeof way, &future) == WEIR_OK) {
        weir_status status = end_of_future(future);
        assert_true(status == WEIR_ECRASHED || status == WEIR_EBROKEN);
        crashed += status == WEIR_ECRASHED;
        weir_future_unref(future);
    }
    assert_int_equal(crashed, 4);
    assert_status(weir_submit(executor, noop_task, NULL, 0, NULL), WEIR_EBROKEN);
    weir_executor_destroy(executor);
}

static void death_during_shutdown_leaves_the_rest_to_be_run(void **state)
{
    (void)state;
    enum { MANY = 20 };
    struct gate *gate = gate_create();
    enum way way = BY_KILL;
    weir_executor *executor = create((weir_process_options){ .workers = 1 });
    weir_future *first = submit(executor, (weir_submission){ .fn = gate_task, .arg = gate });
    weir_future *second = submit(
        executor, (weir_submission){ .fn = die_task, .arg = &way, .arg_size = sizeof way });
    weir_future *future[MANY];
    weir_shutdown_options at_once = { .timeout_ns = -1 };
    for (int i = 0; i < MANY; i++)
        future[i] = submit(executor, (weir_submission){ .fn = noop_task });
    assert_true(gate_wait_entered(gate, 1));
    assert_status(weir_executor_shutdown(executor, &at_once), WEIR_ETIMEDOUT);
    gate_open(gate);
    assert_status(end_of_future(first), WEIR_OK);
    assert_status(end_of_future(second), WEIR_ECRASHED);
    for (int i = 0; i < MANY; i++) {
        assert_status(end_of_future(future[i]), WEIR_OK);
        weir_future_unref(future[i]);
    }
    weir_future_unref(first);
    weir_future_unref(second);
    weir_executor_destroy(executor);
    gate_destroy(gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(death_is_told_with_its_cause),
        cmocka_unit_test(death_fails_one_future_of_many),
        cmocka_unit_test(retryable_task_runs_again_up_to_its_number),
        cmocka_unit_test(init_that_crashes_breaks_the_executor),
        cmocka_unit_test(init_that_fails_breaks_the_executor),
        cmocka_unit_test(deaths_without_an_end_break_the_executor),
        cmocka_unit_test(death_during_shutdown_leaves_the_rest_to_be_run),
    };
    return cmocka_run_group_tests_name("process_death", tests, NULL, NULL);
}
