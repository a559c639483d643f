/* A worker that cannot begin its work: the executor is broken, and says so to everybody. */
#include <pthread.h>

#include "support/gate.h"
#include "support/snapshot.h"
#include "support/submit.h"
#include "support/tasks.h"

enum {
    WORKERS = 4
};

struct beginning {
    size_t failing;    /* the worker that fails */
    bool exits;        /* by ending its thread */
    struct gate *gate; /* where it stops before */
    _Atomic unsigned begun, ended;
    _Atomic bool failed_one_ended; /* fini was called for it */
};

static weir_status begin_worker(void *data, size_t worker)
{
    struct beginning *beginning = data;
    if (worker != beginning->failing) {
        atomic_fetch_add(&beginning->begun, 1);
        return WEIR_OK;
    }
    gate_pass(beginning->gate);
    if (beginning->exits)
        pthread_exit(NULL);
    return WEIR_EFAILED;
}

static void end_worker(void *data, size_t worker)
{
    struct beginning *beginning = data;
    atomic_fetch_add(&beginning->ended, 1);
    if (worker == beginning->failing)
        atomic_store(&beginning->failed_one_ended, true);
}

static weir_executor *pool(struct beginning *beginning, size_t workers, size_t limit)
{
    weir_executor *executor;
    assert_status(weir_thread_executor_create(
                      &executor, &(weir_thread_options){ .workers = workers,
                                                         .limit = limit,
                                                         .policy = weir_block(WATCHDOG_NS),
                                                         .worker_init = begin_worker,
                                                         .init_data = beginning,
                                                         .worker_fini = end_worker,
                                                         .fini_data = beginning }),
                  WEIR_OK);
    return executor;
}

static void assert_broken(weir_executor *executor)
{
    weir_future *future = NULL;
    size_t workers = 77;
    assert_false(weir_executor_alive(executor));
    assert_status(weir_submit(executor, noop_task, NULL, 0, &future), WEIR_EBROKEN);
    assert_null(future);
    assert_status(weir_thread_executor_resize(executor, 1, 2), WEIR_EBROKEN);
    assert_status(weir_thread_executor_maintain(executor, &workers), WEIR_EBROKEN);
    assert_true(stats_of(executor).rejected_broken >= 1);
}

static void destroy_with_those_ended_that_began(weir_executor *executor,
                                                struct beginning *beginning)
{
    weir_executor_destroy(executor);
    assert_int_equal(atomic_load(&beginning->begun), atomic_load(&beginning->ended));
    assert_false(atomic_load(&beginning->failed_one_ended));
    gate_destroy(beginning->gate);
}

/* The only worker: nothing that was accepted can run. */
static void first_of_one_fails(bool exits)
{
    enum {
        QUEUED = 3,
        BLOCKED = 2
    };
    weir_future *queued[QUEUED];
    struct submitter blocked[BLOCKED];
    struct beginning beginning = { .failing = 0, .exits = exits, .gate = gate_create() };
    weir_executor *executor = pool(&beginning, 1, QUEUED - 1);
    assert_true(gate_wait_entered(beginning.gate, 1));
    for (int i = 0; i < QUEUED; i++)
        queued[i] = submit_ok(executor, noop_task, NULL, 0);
    for (size_t i = 0; i < BLOCKED; i++) {
        blocked[i] = (struct submitter){ .executor = executor, .fn = noop_task };
        submitter_start(&blocked[i]);
        assert_eventually(stats_of(executor).blocked == i + 1);
    }
    gate_open(beginning.gate);
    for (int i = 0; i < QUEUED; i++)
        assert_status(end_and_unref(queued[i]), WEIR_EBROKEN);
    for (int i = 0; i < BLOCKED; i++) {
        assert_status(submitter_join(&blocked[i]), WEIR_EBROKEN);
        assert_null(blocked[i].future);
    }
    assert_broken(executor);
    assert_int_equal(stats_of(executor).blocked, 0);
    assert_int_equal(stats_of(executor).backlog, 0);
    destroy_with_those_ended_that_began(executor, &beginning);
}

static void init_of_the_only_worker_failing_ends_everything_broken(void **state)
{
    (void)state;
    first_of_one_fails(false);
}

static void init_that_ends_its_thread_has_failed(void **state)
{
    (void)state;
    first_of_one_fails(true);
}

/* The third of four, while the others have tasks: those end as usual. */
static void init_of_the_third_of_four_failing_breaks_all_but_what_runs(void **state)
{
    (void)state;
    enum {
        BUSY = WORKERS - 1,
        BLOCKED = 2
    };
    weir_future *running[BUSY], *queued;
    struct submitter blocked[BLOCKED];
    struct gate *gate = gate_create();
    struct beginning beginning = { .failing = 2, .gate = gate_create() };
    weir_executor *executor = pool(&beginning, WORKERS, WEIR_ZERO);
    assert_true(gate_wait_entered(beginning.gate, 1));
    for (int i = 0; i < BUSY; i++)
        running[i] = submit_ok(executor, gate_task, gate, 0);
    assert_true(gate_wait_entered(gate, BUSY));
    queued = submit_ok(executor, noop_task, NULL, 0); /* for the one that has not begun yet */
    for (size_t i = 0; i < BLOCKED; i++) {
        blocked[i] = (struct submitter){ .executor = executor, .fn = noop_task };
        submitter_start(&blocked[i]);
        assert_eventually(stats_of(executor).blocked == i + 1);
    }
    gate_open(beginning.gate);
    assert_status(end_and_unref(queued), WEIR_EBROKEN);
    for (int i = 0; i < BLOCKED; i++)
        assert_status(submitter_join(&blocked[i]), WEIR_EBROKEN);
    assert_broken(executor);
    for (int i = 0; i < BUSY; i++)
        assert_status(weir_future_status(running[i]), WEIR_EPENDING);
    gate_open(gate);
    for (int i = 0; i < BUSY; i++)
        assert_status(end_and_unref(running[i]), WEIR_OK);
    assert_status(weir_executor_shutdown(executor, NULL), WEIR_OK);
    destroy_with_those_ended_that_began(executor, &beginning);
    gate_destroy(gate);
}

static void init_failing_while_shut_down_leaves_nobody_waiting(void **state)
{
    (void)state;
    weir_shutdown_report report = { 0 };
    struct beginning beginning = { .failing = 0, .gate = gate_create() };
    weir_executor *executor = pool(&beginning, 1, 5);
    assert_true(gate_wait_entered(beginning.gate, 1));
    weir_future *queued = submit_ok(executor, noop_task, NULL, 0);
    assert_status(weir_executor_shutdown(
                      executor, &(weir_shutdown_options){ .timeout_ns = -1, .report = &report }),
                  WEIR_ETIMEDOUT);
    gate_open(beginning.gate);
    assert_status(end_and_unref(queued), WEIR_EBROKEN);
    assert_status(
        weir_executor_shutdown(executor, &(weir_shutdown_options){ .timeout_ns = WATCHDOG_NS }),
        WEIR_OK);
    destroy_with_those_ended_that_began(executor, &beginning);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init_of_the_only_worker_failing_ends_everything_broken),
        cmocka_unit_test(init_that_ends_its_thread_has_failed),
        cmocka_unit_test(init_of_the_third_of_four_failing_breaks_all_but_what_runs),
        cmocka_unit_test(init_failing_while_shut_down_leaves_nobody_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
