/* Forks of a busy host. In the child every call answers at once; in the parent nothing changes.
 *
 * The child has one thread and a copy of the memory as it was in the middle of everything: any lock
 * may be taken, and stays so. */
#include "future/future_impl.h"
#include "support/child.h"
#include "support/crew.h"
#include "support/gate.h"
#include "support/snapshot.h"
#include "support/submit.h"
#include "support/tasks.h"

/* In a child: which line it was that went wrong. Statuses are small. */
#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return __LINE__ % 200 + 1;                                                             \
    } while (0)

struct inherited {
    weir_executor *executor;
    weir_future *pending, *finished; /* finished: returned 14 */
    weir_as_completed *it;           /* over both, begun before the fork; may be NULL */
};

static void never_called(weir_future *future, void *data)
{
    (void)future;
    *(bool *)data = true;
}

static int executor_answers(const struct inherited *in)
{
    weir_future *future = NULL;
    weir_stats stats;
    weir_worker_stats worker;
    weir_submission must = { .fn = noop_task, .flags = WEIR_MUST_ADMIT };
    weir_shutdown_options cancel = { .mode = WEIR_CANCEL_QUEUED, .cancel_running = true };
    size_t count = 0;
    EXPECT(weir_submit(in->executor, noop_task, NULL, 0, &future) == WEIR_EFORKED);
    EXPECT(weir_submit_with(in->executor, &must, &future) == WEIR_EFORKED);
    EXPECT(future == NULL);
    EXPECT(weir_executor_stats(in->executor, &stats) == WEIR_EFORKED);
    EXPECT(weir_executor_worker_stats(in->executor, &worker, 1, &count) == WEIR_EFORKED);
    EXPECT(weir_thread_executor_resize(in->executor, 1, 4) == WEIR_EFORKED);
    EXPECT(weir_thread_executor_maintain(in->executor, NULL) == WEIR_EFORKED);
    EXPECT(weir_executor_shutdown(in->executor, NULL) == WEIR_EFORKED);
    EXPECT(weir_executor_shutdown(in->executor, &cancel) == WEIR_EFORKED);
    EXPECT(!weir_executor_alive(in->executor));
    EXPECT(weir_executor_backlog(in->executor) == 0);
    EXPECT(weir_executor_name(in->executor) != NULL);
    weir_executor_destroy(in->executor);
    return 0;
}

static int pending_answers(const struct inherited *in)
{
    weir_future *both[] = { in->finished, in->pending };
    weir_as_completed *it = NULL;
    bool called = false;
    size_t index = 77;
    int result = 0;
    EXPECT(weir_future_wait(in->pending, WEIR_FOREVER) == WEIR_EFORKED);
    EXPECT(weir_future_result(in->pending, &result, sizeof result, WEIR_FOREVER) == WEIR_EFORKED);
    EXPECT(weir_future_on_done(in->pending, never_called, &called) == WEIR_EFORKED && !called);
    EXPECT(!weir_future_cancel(in->pending));
    EXPECT(weir_future_status(in->pending) == WEIR_EPENDING);
    EXPECT(weir_wait_all(both, 2, WEIR_FOREVER, NULL) == WEIR_EFORKED);
    EXPECT(weir_wait_any(both + 1, 1, WEIR_FOREVER, NULL) == WEIR_EFORKED);
    EXPECT(weir_wait_first_failure(both, 2, WEIR_FOREVER, NULL) == WEIR_EFORKED);
    EXPECT(weir_as_completed_create(&it, both, 2) == WEIR_EFORKED && it == NULL);
    if (in->it) { /* what had ended may still come; then it says so */
        weir_status status;
        do
            status = weir_as_completed_next(in->it, WEIR_FOREVER, &index);
        while (status == WEIR_OK);
        EXPECT(status == WEIR_EFORKED);
        weir_as_completed_destroy(in->it);
    }
    return 0;
}

static int finished_answers(const struct inherited *in)
{
    weir_as_completed *it = NULL;
    bool called = false;
    size_t index = 77, done = 0;
    int result = 0;
    EXPECT(weir_future_wait(in->finished, WEIR_FOREVER) == WEIR_OK);
    EXPECT(weir_future_status(in->finished) == WEIR_OK);
    EXPECT(weir_future_state(in->finished) == WEIR_FINISHED);
    EXPECT(weir_future_result(in->finished, &result, sizeof result, 0) == WEIR_OK && result == 14);
    EXPECT(weir_future_value(in->finished, NULL) != NULL);
    EXPECT(weir_future_error(in->finished, NULL) == 0);
    EXPECT(weir_future_on_done(in->finished, never_called, &called) == WEIR_OK && called);
    EXPECT(!weir_future_cancel(in->finished));
    EXPECT(weir_wait_all(&in->finished, 1, WEIR_FOREVER, &done) == WEIR_OK && done == 1);
    EXPECT(weir_wait_any(&in->finished, 1, WEIR_FOREVER, &index) == WEIR_OK && index == 0);
    EXPECT(weir_wait_first_failure(&in->finished, 1, WEIR_FOREVER, &index) == WEIR_OK);
    EXPECT(weir_as_completed_create(&it, &in->finished, 1) == WEIR_OK);
    EXPECT(weir_as_completed_next(it, WEIR_FOREVER, &index) == WEIR_OK && index == 0);
    weir_as_completed_destroy(it);
    EXPECT(weir_future_ref(in->finished) == in->finished);
    weir_future_unref(in->finished);
    return 0;
}

static int everything_answers(void *data)
{
    int result = executor_answers(data);
    result = result ? result : pending_answers(data);
    return result ? result : finished_answers(data);
}

static int seven = 7;

static struct inherited leave(weir_executor *executor, struct gate *gate)
{
    struct inherited in = { .executor = executor };
    in.finished = submit_ok(executor, double_task, &seven, sizeof seven);
    assert_status(end_of(in.finished), WEIR_OK);
    in.pending = submit_ok(executor, gate_task, gate, 0);
    return in;
}

static void let_go(struct inherited *in, struct gate *gate)
{
    gate_open(gate);
    weir_as_completed_destroy(in->it);
    assert_status(end_and_unref(in->pending), WEIR_OK);
    weir_future_unref(in->finished);
}

static weir_executor *pool(size_t workers)
{
    weir_executor *executor;
    assert_status(weir_thread_executor_create(
                      &executor, &(weir_thread_options){ .workers = workers, .limit = 8 }),
                  WEIR_OK);
    return executor;
}

struct traffic {
    weir_executor *executor;
    _Atomic bool enough;
    _Atomic uint64_t accepted, ended;
};

static void count_end(weir_future *future, void *data)
{
    (void)future;
    atomic_fetch_add(&((struct traffic *)data)->ended, 1);
}

static void keep_submitting(void *shared, size_t index)
{
    struct traffic *traffic = shared;
    while (!atomic_load(&traffic->enough)) {
        weir_future *future = NULL;
        if (weir_submit(traffic->executor, double_task, &seven, sizeof seven, &future) != WEIR_OK) {
            sched_yield();
            continue;
        }
        atomic_fetch_add(&traffic->accepted, 1);
        weir_future_on_done(future, count_end, traffic);
        if (index == 0)
            weir_future_cancel(future);
        weir_future_unref(future);
    }
}

static void fork_while_busy_answers_in_the_child_and_changes_nothing_here(void **state)
{
    (void)state;
    struct gate *gate = gate_create();
    struct traffic traffic = { .executor = pool(3) };
    struct inherited in = leave(traffic.executor, gate); /* one worker is parked */
    weir_future *both[] = { in.pending, in.finished };
    assert_status(weir_as_completed_create(&in.it, both, 2), WEIR_OK);
    struct crew *crew = crew_start(3, keep_submitting, &traffic);
    assert_eventually(atomic_load(&traffic.accepted) > 0);
    for (size_t i = 0; i < ROUNDS(60) + 5; i++)
        assert_int_equal(run_in_child(everything_answers, &in), 0);
    atomic_store(&traffic.enough, true);
    crew_join(crew);
    let_go(&in, gate);
    weir_executor_destroy(traffic.executor);
    assert_int_equal(atomic_load(&traffic.accepted), atomic_load(&traffic.ended));
    gate_destroy(gate);
}

/* The locks that somebody may hold at the moment of the fork, held. */
static void fork_with_the_locks_taken_answers_in_the_child(void **state)
{
    (void)state;
    struct gate *gate = gate_create();
    weir_executor *executor = pool(1);
    struct inherited in = leave(executor, gate);
    assert_true(gate_wait_entered(gate, 1));
    weir__lock_take(&in.finished->lock);
    weir__lock_take(&in.pending->lock);
    int result = run_in_child(everything_answers, &in);
    weir__lock_release(&in.pending->lock);
    weir__lock_release(&in.finished->lock);
    assert_int_equal(result, 0);
    let_go(&in, gate);
    weir_executor_destroy(executor);
    gate_destroy(gate);
}

/* The child waits for its own and the parent's, in whatever order. */
static int waits_for_own_and_inherited(void *data)
{
    struct inherited *in = data;
    weir_executor *executor = NULL;
    struct gate *gate = gate_create();
    weir_future *own = NULL;
    EXPECT(weir_thread_executor_create(&executor, &(weir_thread_options){ .workers = 1 }) ==
           WEIR_OK);
    EXPECT(weir_submit(executor, gate_task, gate, 0, &own) == WEIR_OK);
    for (int i = 0; i < 2; i++) {
        weir_future *both[] = { i ? in->pending : own, i ? own : in->pending };
        weir_as_completed *it = NULL;
        EXPECT(weir_wait_all(both, 2, WATCHDOG_NS, NULL) == WEIR_EFORKED);
        EXPECT(weir_wait_any(both, 2, WATCHDOG_NS, NULL) == WEIR_EFORKED);
        EXPECT(weir_wait_first_failure(both, 2, WATCHDOG_NS, NULL) == WEIR_EFORKED);
        EXPECT(weir_as_completed_create(&it, both, 2) == WEIR_EFORKED);
    }
    gate_open(gate);
    EXPECT(weir_future_wait(own, WATCHDOG_NS) == WEIR_OK);
    EXPECT(weir_future_status(own) == WEIR_OK);
    weir_future_unref(own);
    weir_executor_destroy(executor);
    return 0;
}

static void fork_child_waiting_for_its_own_and_the_parents_is_told(void **state)
{
    (void)state;
#if defined(__SANITIZE_THREAD__)
    skip(); /* it does not support threads in a forked child */
#endif
    struct gate *gate = gate_create();
    weir_executor *executor = pool(1);
    struct inherited in = leave(executor, gate);
    assert_int_equal(run_in_child(waits_for_own_and_inherited, &in), 0);
    let_go(&in, gate);
    weir_executor_destroy(executor);
    gate_destroy(gate);
}

static int inline_answers(void *data)
{
    weir_executor *executor = data;
    weir_future *future = NULL;
    EXPECT(weir_submit(executor, noop_task, NULL, 0, &future) == WEIR_EFORKED && !future);
    EXPECT(weir_executor_shutdown(executor, NULL) == WEIR_EFORKED);
    EXPECT(weir_inline_executor_restart(executor) == WEIR_EFORKED);
    EXPECT(!weir_executor_alive(executor));
    weir_executor_destroy(executor);
    return 0;
}

struct forking {
    weir_executor *executor;
    int result;
};

static weir_status fork_in_a_task(weir_task *task, void *arg)
{
    struct forking *forking = arg;
    (void)task;
    forking->result = run_in_child(inline_answers, forking->executor);
    return WEIR_OK;
}

static void fork_in_a_task_answers_in_the_child(void **state)
{
    (void)state;
    struct forking forking = { .result = -1 };
    assert_status(weir_inline_executor_create(&forking.executor, NULL), WEIR_OK);
    assert_status(end_and_unref(submit_ok(forking.executor, fork_in_a_task, &forking, 0)), WEIR_OK);
    assert_int_equal(forking.result, 0);
    assert_status(weir_executor_shutdown(forking.executor, NULL), WEIR_OK);
    assert_int_equal(run_in_child(inline_answers, forking.executor), 0);
    weir_executor_destroy(forking.executor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fork_while_busy_answers_in_the_child_and_changes_nothing_here),
        cmocka_unit_test(fork_with_the_locks_taken_answers_in_the_child),
        cmocka_unit_test(fork_child_waiting_for_its_own_and_the_parents_is_told),
        cmocka_unit_test(fork_in_a_task_answers_in_the_child),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
