/* What each worker is given to do first and last; and what follows when the first fails. */
#include "conformance/conformance.h"

enum { MOST = 8 };

struct opening {
    _Atomic uint32_t begun[MOST]; /* calls of init, by worker */
    _Atomic uint32_t ended[MOST]; /* calls of fini */
    _Atomic bool failing;         /* what init is to do now */
    struct gate *gate;            /* if not NULL, init stops there first */
};

static weir_status begin(void *data, size_t worker)
{
    struct opening *opening = data;
    if (opening->gate != NULL)
        gate_pass(opening->gate);
    atomic_fetch_add(&opening->begun[worker % MOST], 1);
    return atomic_load(&opening->failing) ? WEIR_EFAILED : WEIR_OK;
}

static void end(void *data, size_t worker)
{
    struct opening *opening = data;
    atomic_fetch_add(&opening->ended[worker % MOST], 1);
}

#define OPENING(opening)                                                                           \
    .worker_init = begin, .init_data = (opening), .worker_fini = end, .fini_data = (opening)

struct begun_arg {
    struct opening *opening;
    struct gate *gate;
};

static weir_status begun_task(weir_task *task, void *arg)
{
    struct begun_arg *self = arg;
    size_t worker = weir_task_worker(task);
    uint32_t balance = atomic_load(&self->opening->begun[worker % MOST]) -
                       atomic_load(&self->opening->ended[worker % MOST]);
    gate_pass(self->gate); /* so that every worker gets one of these */
    return weir_task_return(task, &balance, sizeof balance);
}

static void init_runs_once_in_every_worker_before_its_tasks(void **state)
{
    needs(state, TRAIT_THREADS);
    struct opening opening = { .gate = NULL };
    struct begun_arg arg = { .opening = &opening, .gate = gate_create() };
    weir_executor *executor = new_executor(state, .workers = 4, OPENING(&opening));
    weir_future *future[4];
    for (int i = 0; i < 4; i++)
        future[i] = submit_ok(executor, begun_task, &arg, sizeof arg);
    assert_true(gate_wait_entered(arg.gate, 4));
    gate_open(arg.gate);
    for (int i = 0; i < 4; i++) {
        uint32_t balance = 77;
        assert_status(weir_future_result(future[i], &balance, sizeof balance, WATCHDOG_NS),
                      WEIR_OK);
        assert_int_equal(balance, 1);
    }
    end_all(future, 4);
    weir_executor_destroy(executor);
    for (int i = 0; i < MOST; i++) {
        assert_int_equal(opening.begun[i], opening.ended[i]);
        assert_true(opening.begun[i] >= (i < 4) && (i < 4 || opening.begun[i] == 0));
    }
    gate_destroy(arg.gate);
}

static void fini_runs_after_the_last_task(void **state)
{
    needs(state, TRAIT_THREADS);
    struct opening opening = { .gate = NULL };
    struct parked parked = park(state, .workers = 1, OPENING(&opening));
    assert_int_equal(opening.begun[0], 1);
    assert_int_equal(opening.ended[0], 0);
    unpark(&parked);
    assert_int_equal(opening.ended[0], 1);
}

static void note_broken(weir_future *future, void *data)
{
    _Atomic uint32_t *count = data;
    if (weir_future_status(future) == WEIR_EBROKEN)
        atomic_fetch_add(count, 1);
}

static void init_failing_ends_the_backlog_broken_and_refuses_more(void **state)
{
    needs(state, TRAIT_THREADS);
    struct opening opening = { .failing = true, .gate = gate_create() };
    weir_executor *executor = new_executor(state, .workers = 2, .limit = 8, OPENING(&opening));
    _Atomic uint32_t called = 0;
    weir_future *future[5];
    for (int i = 0; i < 5; i++) {
        future[i] = submit_ok(executor, noop_task, NULL, 0);
        assert_status(weir_future_on_done(future[i], note_broken, (void *)&called), WEIR_OK);
    }
    gate_open(opening.gate);
    for (int i = 0; i < 5; i++) {
        assert_status(end_of(future[i]), WEIR_EBROKEN);
        assert_int_equal(weir_future_state(future[i]), WEIR_FINISHED);
        assert_status(weir_future_result(future[i], NULL, 0, 0), WEIR_EBROKEN);
    }
    assert_eventually(atomic_load(&called) == 5);
    assert_false(weir_executor_alive(executor));
    assert_status(weir_submit(executor, noop_task, NULL, 0, NULL), WEIR_EBROKEN);
    weir_stats stats = stats_of(executor);
    assert_int_equal(stats.completed, 5);
    assert_int_equal(stats.failed, 5);
    assert_int_equal(stats.rejected_broken, 1);
    end_all(future, 5);
    assert_status(weir_executor_shutdown(executor, NULL), WEIR_OK);
    weir_executor_destroy(executor);
    for (int i = 0; i < MOST; i++)
        assert_int_equal(opening.ended[i], 0);
    gate_destroy(opening.gate);
}

static void init_failing_later_lets_running_tasks_end(void **state)
{
    needs(state, TRAIT_THREADS);
    struct opening opening = { .gate = NULL };
    struct gate *gate = gate_create();
    weir_executor *executor = new_executor(state, .workers = 1, OPENING(&opening));
    int number = 3;
    weir_future *running = submit_ok(executor, gate_task, gate, 0);
    assert_true(gate_wait_entered(gate, 1));
    weir_future *queued = submit_ok(executor, double_task, &number, sizeof number);
    atomic_store(&opening.failing, true);
    assert_status(weir_thread_executor_resize(executor, 2, 2), WEIR_OK); /* starts the second */
    assert_status(end_and_unref(queued), WEIR_EBROKEN);
    assert_status(weir_future_status(running), WEIR_EPENDING);
    assert_status(weir_submit(executor, noop_task, NULL, 0, NULL), WEIR_EBROKEN);
    assert_status(weir_thread_executor_resize(executor, 2, 3), WEIR_EBROKEN);
    assert_status(weir_thread_executor_maintain(executor, NULL), WEIR_EBROKEN);
    gate_open(gate);
    assert_status(end_and_unref(running), WEIR_OK);
    weir_executor_destroy(executor);
    gate_destroy(gate);
}

/* The new worker brings a place with it, which the first of the waiting gets; its init fails, and
 * the second is let go. */
static void init_failing_releases_blocked_submitters(void **state)
{
    needs(state, TRAIT_THREADS);
    struct opening opening = { .gate = NULL };
    struct parked parked = park(state, .workers = 1, .limit = 1,
                                .policy = weir_block(WEIR_FOREVER), OPENING(&opening));
    struct submitter submitter[2];
    weir_future *queued = submit_ok(parked.executor, noop_task, NULL, 0);
    for (uint64_t i = 0; i < 2; i++) {
        submitter[i] = (struct submitter){ .executor = parked.executor, .fn = noop_task };
        submitter_start(&submitter[i]);
        assert_eventually(stats_of(parked.executor).blocked == i + 1);
    }
    atomic_store(&opening.failing, true);
    assert_status(weir_thread_executor_resize(parked.executor, 2, 2), WEIR_OK);
    assert_status(submitter_join(&submitter[0]), WEIR_OK);
    assert_status(end_and_unref(submitter[0].future), WEIR_EBROKEN);
    assert_status(submitter_join(&submitter[1]), WEIR_EBROKEN);
    assert_null(submitter[1].future);
    assert_status(end_and_unref(queued), WEIR_EBROKEN);
    unpark(&parked);
}

int suite_init(const struct executor_factory *factory)
{
    const struct CMUnitTest tests[] = {
        ON(factory, init_runs_once_in_every_worker_before_its_tasks),
        ON(factory, fini_runs_after_the_last_task),
        ON(factory, init_failing_ends_the_backlog_broken_and_refuses_more),
        ON(factory, init_failing_later_lets_running_tasks_end),
        ON(factory, init_failing_releases_blocked_submitters),
    };
    return cmocka_run_group_tests_name("init", tests, NULL, NULL);
}
