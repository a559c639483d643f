/* Delayed submission on a test clock, over a thread executor and over an inline one. */
#include "weir/delayed.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "support/check.h"
#include "support/child.h"
#include "support/gate.h"
#include "support/submit.h"
#include "support/tasks.h"

struct fixture {
    weir_clock *clock;
    weir_executor *executor;
    weir_scheduler *scheduler;
    struct gate *gate;
    struct journal *journal;
};

static struct fixture fixture;

static int begin(weir_policy policy, size_t limit)
{
    fixture = (struct fixture){ .gate = gate_create(), .journal = journal_create() };
    return weir_test_clock_create(&fixture.clock, 0) ||
           weir_thread_executor_create(
               &fixture.executor,
               &(weir_thread_options){ .workers = 1, .policy = policy, .limit = limit }) ||
           weir_scheduler_create(&fixture.scheduler, fixture.executor,
                                 &(weir_scheduler_options){ .clock = fixture.clock });
}

static int set_up(void **state)
{
    *state = &fixture;
    return begin((weir_policy){ .limit = 0 }, 0);
}

static int tear_down(void **state)
{
    (void)state;
    gate_open(fixture.gate);
    weir_scheduler_shutdown(fixture.scheduler,
                            &(weir_shutdown_options){ .mode = WEIR_CANCEL_QUEUED });
    weir_scheduler_destroy(fixture.scheduler);
    weir_executor_destroy(fixture.executor);
    weir_test_clock_destroy(fixture.clock);
    journal_destroy(fixture.journal);
    gate_destroy(fixture.gate);
    return 0;
}

static weir_future *note_after(int64_t delay_ns, uint32_t value)
{
    weir_future *future = NULL;
    struct note note = { fixture.journal, value };
    assert_status(weir_scheduler_submit_after(fixture.scheduler, delay_ns, note_task, &note,
                                              sizeof note, &future),
                  WEIR_OK);
    return future;
}

static void run_for(int64_t by_ns)
{
    assert_status(weir_test_clock_run_for(fixture.clock, by_ns, WATCHDOG_NS), WEIR_OK);
}

static void assert_noted(size_t count, const uint32_t *values)
{
    assert_int_equal(fixture.journal->count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(fixture.journal->entry[i], values[i]);
}

/* Park the only worker, so that what comes due stays in the backlog. */
static void park_worker(void)
{
    assert_status(weir_submit(fixture.executor, gate_task, fixture.gate, 0, NULL), WEIR_OK);
    assert_true(gate_wait_entered(fixture.gate, 1));
}

static weir_scheduler_counts counts(void)
{
    weir_scheduler_counts counts;
    assert_status(weir_scheduler_stats(fixture.scheduler, &counts), WEIR_OK);
    assert_int_equal(counts.submitted, counts.pending + counts.in_flight + counts.cancelled +
                                           counts.refused + counts.ended);
    return counts;
}

static void task_runs_at_its_time_and_not_before(void **state)
{
    (void)state;
    weir_future *future = note_after(100, 1);
    run_for(99); /* the worker is idle all the time */
    assert_int_equal(weir_future_state(future), WEIR_PENDING);
    assert_noted(0, NULL);
    run_for(1);
    assert_status(weir_future_status(future), WEIR_OK);
    assert_noted(1, (uint32_t[]){ 1 });
    weir_future_unref(future);
}

static void argument_and_result_pass_through(void **state)
{
    (void)state;
    weir_future *future;
    int value = 21;
    assert_status(weir_scheduler_submit_after(fixture.scheduler, 5, double_task, &value,
                                              sizeof value, &future),
                  WEIR_OK);
    value = 0; /* it was copied */
    run_for(5);
    assert_status(weir_future_result(future, &value, sizeof value, 0), WEIR_OK);
    assert_int_equal(value, 42);
    weir_future_unref(future);
}

static void zero_delay_runs_without_the_clock_moving(void **state)
{
    (void)state;
    weir_future_unref(note_after(0, 1));
    run_for(0);
    assert_noted(1, (uint32_t[]){ 1 });
}

static void tasks_run_in_the_order_of_their_times(void **state)
{
    (void)state;
    weir_future_unref(note_after(30, 3));
    weir_future_unref(note_after(10, 1));
    weir_future_unref(note_after(20, 2));
    run_for(100);
    assert_noted(3, (uint32_t[]){ 1, 2, 3 });
}

static void equal_times_keep_their_order(void **state)
{
    (void)state;
    uint32_t expected[100];
    for (uint32_t i = 0; i < 100; i++) {
        weir_future_unref(note_after(50, i));
        expected[i] = i;
    }
    run_for(50);
    assert_noted(100, expected);
}

static void earlier_task_pre_empts_the_wait(void **state)
{
    (void)state;
    weir_future_unref(note_after(100, 2));
    assert_status(weir_test_clock_wait_asleep(fixture.clock, WATCHDOG_NS), WEIR_OK);
    assert_int_equal(weir_test_clock_next(fixture.clock), 100);
    weir_future_unref(note_after(10, 1));
    assert_status(weir_test_clock_wait_asleep(fixture.clock, WATCHDOG_NS), WEIR_OK);
    assert_int_equal(weir_test_clock_next(fixture.clock), 10);
    run_for(10);
    assert_noted(1, (uint32_t[]){ 1 });
    run_for(90);
    assert_noted(2, (uint32_t[]){ 1, 2 });
}

static void task_at_a_time_in_the_past_runs_now(void **state)
{
    (void)state;
    run_for(1000);
    weir_future *future;
    struct note note = { fixture.journal, 7 };
    weir_submission submission = {
        .fn = note_task, .arg = &note, .arg_size = sizeof note, .name = "late"
    };
    assert_status(weir_scheduler_submit_at(fixture.scheduler, 500, &submission, &future), WEIR_OK);
    assert_string_equal(weir_future_name(future), "late");
    run_for(0);
    assert_noted(1, (uint32_t[]){ 7 });
    weir_future_unref(future);
}

static void lateness_counts_from_when_it_could_be_met(void **state)
{
    (void)state;
    weir_submission submission = { .fn = noop_task };
    run_for(1000);
    assert_status(weir_scheduler_submit_at(fixture.scheduler, 0, &submission, NULL), WEIR_OK);
    run_for(0);
    assert_int_equal(counts().late_max_ns, 0);
    weir_future_unref(note_after(10, 1));
    assert_status(weir_test_clock_wait_asleep(fixture.clock, WATCHDOG_NS), WEIR_OK);
    assert_status(weir_test_clock_advance(fixture.clock, 15), WEIR_OK);
    run_for(0);
    assert_int_equal(counts().late_ns, 5);
    assert_int_equal(counts().late_max_ns, 5);
}

static weir_status take_time(weir_task *task, void *arg)
{
    (void)task;
    return weir_test_clock_advance(fixture.clock, *(int64_t *)arg);
}

static void lateness_is_without_the_time_that_submitting_takes(void **state)
{
    (void)state;
    weir_executor *executor;
    weir_scheduler *scheduler;
    weir_scheduler_counts seen;
    assert_status(weir_inline_executor_create(&executor, NULL), WEIR_OK);
    assert_status(weir_scheduler_create(&scheduler, executor,
                                        &(weir_scheduler_options){ .clock = fixture.clock }),
                  WEIR_OK);
    assert_status(weir_scheduler_submit_after(scheduler, 5, take_time, &(int64_t){ 100 },
                                              sizeof(int64_t), NULL),
                  WEIR_OK);
    run_for(5);
    assert_status(weir_scheduler_stats(scheduler, &seen), WEIR_OK);
    assert_int_equal(seen.ended, 1);
    assert_int_equal(seen.late_ns, 0);
    weir_scheduler_destroy(scheduler);
    weir_executor_destroy(executor);
}

static void failure_is_a_failure_in_the_statistics(void **state) /* D12 */
{
    (void)state;
    weir_future *future;
    assert_status(weir_scheduler_submit_after(fixture.scheduler, 1, fail_task, &(int){ 9 },
                                              sizeof(int), &future),
                  WEIR_OK);
    run_for(1);
    const char *message;
    assert_status(weir_future_status(future), WEIR_EFAILED);
    assert_int_equal(weir_future_error(future, &message), 9);
    assert_string_equal(message, "failed with 9");
    weir_stats stats;
    assert_status(weir_executor_stats(fixture.executor, &stats), WEIR_OK);
    assert_int_equal(stats.failed, 1);
    assert_int_equal(stats.completed, 1);
    weir_future_unref(future);
}

static void task_cancelled_before_its_time_never_runs(void **state)
{
    (void)state;
    weir_future *future = note_after(10, 1);
    assert_status(weir_test_clock_wait_asleep(fixture.clock, WATCHDOG_NS), WEIR_OK);
    assert_true(weir_future_cancel(future));
    assert_int_equal(weir_future_state(future), WEIR_CANCELLED);
    assert_int_equal(counts().pending, 0);
    run_for(20);
    assert_noted(0, NULL);
    weir_future_unref(future);
}

static void task_that_is_due_can_be_cancelled_until_it_starts(void **state) /* D13 */
{
    (void)state;
    park_worker();
    weir_future *future = note_after(10, 1);
    assert_status(weir_test_clock_advance(fixture.clock, 10), WEIR_OK);
    assert_status(weir_test_clock_wait_asleep(fixture.clock, WATCHDOG_NS), WEIR_OK);
    assert_int_equal(weir_executor_backlog(fixture.executor), 1);
    assert_int_equal(weir_future_state(future), WEIR_PENDING);
    assert_true(weir_future_cancel(future));
    assert_int_equal(weir_executor_backlog(fixture.executor), 0);
    assert_int_equal(weir_future_state(future), WEIR_CANCELLED);
    gate_open(fixture.gate);
    run_for(0);
    assert_noted(0, NULL);
    weir_future_unref(future);
}

static void task_that_runs_is_told_to_stop(void **state)
{
    (void)state;
    weir_future *future;
    assert_status(
        weir_scheduler_submit_after(fixture.scheduler, 10, until_cancelled_task, NULL, 0, &future),
        WEIR_OK);
    assert_status(weir_test_clock_advance(fixture.clock, 10), WEIR_OK);
    assert_eventually(weir_future_state(future) == WEIR_RUNNING);
    assert_false(weir_future_cancel(future));
    bool told = false;
    assert_status(weir_future_result(future, &told, sizeof told, WATCHDOG_NS), WEIR_OK);
    assert_true(told);
    weir_future_unref(future);
}

static void refusal_when_due_ends_the_future_rejected(void **state)
{
    tear_down(state);
    assert_int_equal(begin(weir_reject_when_reached(1), 1), 0);
    park_worker();
    weir_future *queued = note_after(10, 1), *refused = note_after(10, 2);
    assert_status(weir_test_clock_advance(fixture.clock, 10), WEIR_OK);
    assert_status(end_of(refused), WEIR_EREJECTED);
    assert_int_equal(weir_future_state(refused), WEIR_FINISHED);
    assert_int_equal(weir_future_state(queued), WEIR_PENDING);
    assert_status(weir_test_clock_wait_asleep(fixture.clock, WATCHDOG_NS), WEIR_OK);
    assert_int_equal(counts().refused, 1);
    gate_open(fixture.gate);
    assert_status(end_and_unref(queued), WEIR_OK);
    weir_future_unref(refused);
}

static void executor_shut_down_before_the_time_is_told_apart(void **state)
{
    (void)state;
    weir_future *future = note_after(10, 1);
    assert_status(weir_executor_shutdown(fixture.executor, NULL), WEIR_OK);
    run_for(10);
    assert_status(end_and_unref(future), WEIR_ESHUTDOWN);
}

static void discard_and_expiry_show_in_the_future(void **state)
{
    tear_down(state);
    assert_int_equal(begin(weir_discard(), 1), 0);
    park_worker();
    weir_future *queued = note_after(10, 1), *discarded = note_after(10, 2);
    assert_status(weir_test_clock_advance(fixture.clock, 10), WEIR_OK);
    assert_status(end_of(discarded), WEIR_EDISCARDED);
    assert_int_equal(weir_future_state(discarded), WEIR_DISCARDED);
    gate_open(fixture.gate);
    assert_status(end_and_unref(queued), WEIR_OK);
    weir_future_unref(discarded);
}

/* The submission to the executor is under way, and somebody cancels: it is not decided yet, and when
 * it is, the task does not run. */
static weir_verdict cancel_while_asked(const weir_admission *admission, void *data)
{
    weir_future *_Atomic *future = data;
    (void)admission;
    if (atomic_load(future) && weir_future_cancel(atomic_load(future)))
        atomic_store(future, NULL);
    return WEIR_ADMIT;
}

static void task_cancelled_while_it_is_submitted_never_runs(void **state)
{
    static weir_future *_Atomic shared;
    atomic_store(&shared, NULL);
    tear_down(state);
    assert_int_equal(begin(weir_check_and_reject(cancel_while_asked, (void *)&shared), 0), 0);
    park_worker();
    weir_future *future = note_after(10, 1);
    atomic_store(&shared, future);
    assert_status(weir_test_clock_advance(fixture.clock, 10), WEIR_OK);
    assert_status(end_of(future), WEIR_ECANCELLED);
    assert_ptr_equal(atomic_load(&shared), future); /* it was not said to be cancelled too early */
    assert_int_equal(weir_executor_backlog(fixture.executor), 0);
    gate_open(fixture.gate);
    run_for(0);
    assert_noted(0, NULL);
    weir_future_unref(future);
}

static void draining_shutdown_runs_each_task_at_its_time(void **state)
{
    (void)state;
    weir_future_unref(note_after(10, 1));
    weir_future_unref(note_after(20, 2));
    assert_status(
        weir_scheduler_shutdown(fixture.scheduler, &(weir_shutdown_options){ .timeout_ns = -1 }),
        WEIR_ETIMEDOUT);
    assert_false(weir_scheduler_alive(fixture.scheduler));
    run_for(10);
    assert_noted(1, (uint32_t[]){ 1 });
    run_for(10);
    assert_noted(2, (uint32_t[]){ 1, 2 });
    assert_status(weir_scheduler_shutdown(fixture.scheduler, NULL), WEIR_OK);
    assert_status(weir_scheduler_shutdown(fixture.scheduler, NULL), WEIR_OK); /* twice is safe */
    assert_true(weir_executor_alive(fixture.executor));
}

static void cancelling_shutdown_cancels_all_the_head_too(void **state) /* D11 */
{
    (void)state;
    weir_future *head = note_after(10, 1), *tail = note_after(20, 2);
    /* The thread sleeps on the head. */
    assert_status(weir_test_clock_wait_asleep(fixture.clock, WATCHDOG_NS), WEIR_OK);
    weir_shutdown_report report;
    assert_status(weir_scheduler_shutdown(
                      fixture.scheduler,
                      &(weir_shutdown_options){ .mode = WEIR_CANCEL_QUEUED, .report = &report }),
                  WEIR_OK);
    assert_status(weir_future_status(head), WEIR_ECANCELLED);
    assert_status(weir_future_status(tail), WEIR_ECANCELLED);
    assert_int_equal(report.cancelled, 2);
    assert_int_equal(report.queued + report.running + report.finished, 0);
    weir_future_unref(head);
    weir_future_unref(tail);
}

static void cancelling_shutdown_reaches_the_backlog_and_spares_what_runs(void **state)
{
    (void)state;
    struct note note = { fixture.journal, 1 };
    weir_future *running, *queued, *later;
    assert_status(
        weir_scheduler_submit_after(fixture.scheduler, 1, gate_task, fixture.gate, 0, &running),
        WEIR_OK);
    assert_status(
        weir_scheduler_submit_after(fixture.scheduler, 2, note_task, &note, sizeof note, &queued),
        WEIR_OK);
    later = note_after(50, 2);
    assert_status(weir_test_clock_advance(fixture.clock, 2), WEIR_OK);
    assert_status(weir_test_clock_wait_asleep(fixture.clock, WATCHDOG_NS), WEIR_OK);
    assert_true(gate_wait_entered(fixture.gate, 1));
    weir_shutdown_report report;
    assert_status(weir_scheduler_shutdown(fixture.scheduler,
                                          &(weir_shutdown_options){ .mode = WEIR_CANCEL_QUEUED,
                                                                    .timeout_ns = -1,
                                                                    .report = &report }),
                  WEIR_ETIMEDOUT);
    assert_int_equal(report.cancelled, 2);
    assert_int_equal(report.running, 1);
    assert_status(weir_future_status(queued), WEIR_ECANCELLED);
    assert_status(weir_future_status(later), WEIR_ECANCELLED);
    gate_open(fixture.gate);
    assert_status(end_and_unref(running), WEIR_OK);
    weir_future_unref(queued);
    weir_future_unref(later);
}

enum {
    LOOPING = 60
};

static _Atomic int looping, told;

static weir_status loop_until_told(weir_task *task, void *arg)
{
    (void)arg;
    atomic_fetch_add(&looping, 1);
    while (!weir_task_cancel_requested(task))
        usleep(1000);
    atomic_fetch_add(&told, 1);
    return WEIR_OK;
}

struct closing {
    weir_scheduler *scheduler;
    pthread_barrier_t *barrier;
    bool cancel_running;
};

static void *close_cancelling(void *data)
{
    const struct closing *closing = data;
    pthread_barrier_wait(closing->barrier);
    weir_scheduler_shutdown(closing->scheduler,
                            &(weir_shutdown_options){ .mode = WEIR_CANCEL_QUEUED,
                                                      .cancel_running = closing->cancel_running,
                                                      .timeout_ns = -1 });
    return NULL;
}

struct own {
    weir_future *future;
    weir_status waited, waited_for_all;
};

static weir_status wait_for_own(weir_task *task, void *arg)
{
    struct own *own = arg;
    (void)task;
    own->waited = weir_future_wait(own->future, WATCHDOG_NS);
    own->waited_for_all = weir_wait_all(&own->future, 1, WATCHDOG_NS, NULL);
    return WEIR_OK;
}

static void task_in_the_own_thread_cannot_wait_for_its_own_future(void **state)
{
    (void)state;
    weir_executor *executor;
    weir_scheduler *scheduler;
    struct own own = { .future = NULL };
    assert_status(weir_inline_executor_create(&executor, NULL), WEIR_OK);
    assert_status(weir_scheduler_create(&scheduler, executor,
                                        &(weir_scheduler_options){ .clock = fixture.clock }),
                  WEIR_OK);
    assert_status(weir_scheduler_submit_after(scheduler, 1, wait_for_own, &own, 0, &own.future),
                  WEIR_OK);
    run_for(1);
    assert_status(end_and_unref(own.future), WEIR_OK);
    assert_status(own.waited, WEIR_EDEADLOCK);
    assert_status(own.waited_for_all, WEIR_EDEADLOCK);
    weir_scheduler_destroy(scheduler);
    weir_executor_destroy(executor);
}

static weir_status end_thread(weir_task *task, void *arg)
{
    (void)task;
    (void)arg;
    pthread_exit(NULL);
}

static void task_that_ends_the_own_thread_leaves_nobody_waiting(void **state)
{
    (void)state;
    weir_executor *executor;
    weir_scheduler *scheduler;
    weir_future *ending, *pending;
    assert_status(weir_inline_executor_create(&executor, NULL), WEIR_OK);
    assert_status(weir_scheduler_create(&scheduler, executor,
                                        &(weir_scheduler_options){ .clock = fixture.clock }),
                  WEIR_OK);
    assert_status(weir_scheduler_submit_after(scheduler, 2, noop_task, NULL, 0, &pending), WEIR_OK);
    assert_status(weir_scheduler_submit_after(scheduler, 1, end_thread, NULL, 0, &ending), WEIR_OK);
    run_for(1);
    assert_status(end_of(ending), WEIR_EFAILED);
    assert_int_equal(weir_future_error(ending, NULL), ECANCELED);
    assert_status(end_and_unref(pending), WEIR_EBROKEN);
    weir_future_unref(ending);
    assert_status(weir_scheduler_submit_after(scheduler, 1, noop_task, NULL, 0, NULL),
                  WEIR_ESHUTDOWN);
    assert_status(weir_scheduler_shutdown(scheduler, NULL), WEIR_OK);
    weir_scheduler_counts counts;
    assert_status(weir_scheduler_stats(scheduler, &counts), WEIR_OK);
    assert_int_equal(counts.ended, 1);
    assert_int_equal(counts.refused, 1);
    assert_int_equal(counts.in_flight, 0);
    weir_scheduler_destroy(scheduler);
    weir_executor_destroy(executor);
}

static void two_shutdowns_at_once_tell_all_that_runs(void **state)
{
    (void)state;
    weir_executor *executor;
    pthread_barrier_t barrier;
    assert_int_equal(pthread_barrier_init(&barrier, NULL, 2), 0);
    assert_status(
        weir_thread_executor_create(&executor, &(weir_thread_options){ .workers = LOOPING }),
        WEIR_OK);
    for (int round = 0; round < ROUNDS(100); round++) {
        atomic_store(&looping, 0);
        atomic_store(&told, 0);
        struct closing closing[2] = { { .barrier = &barrier, .cancel_running = true },
                                      { .barrier = &barrier } };
        weir_scheduler *scheduler;
        assert_status(weir_scheduler_create(&scheduler, executor, NULL), WEIR_OK);
        closing[0].scheduler = closing[1].scheduler = scheduler;
        for (int i = 0; i < LOOPING; i++)
            assert_status(weir_scheduler_submit_after(scheduler, 0, loop_until_told, NULL, 0, NULL),
                          WEIR_OK);
        assert_eventually(atomic_load(&looping) == LOOPING);
        pthread_t threads[2];
        for (int i = 0; i < 2; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, close_cancelling, &closing[i]), 0);
        for (int i = 0; i < 2; i++)
            pthread_join(threads[i], NULL);
        assert_eventually(atomic_load(&told) == LOOPING);
        weir_scheduler_destroy(scheduler);
    }
    weir_executor_destroy(executor);
    pthread_barrier_destroy(&barrier);
}

static void shutdown_cancels_at_its_timeout_if_told_to(void **state)
{
    (void)state;
    weir_future *future = note_after(10, 1);
    assert_status(weir_scheduler_shutdown(fixture.scheduler,
                                          &(weir_shutdown_options){ .timeout_ns = WEIR_MILLISECOND,
                                                                    .cancel_at_timeout = true }),
                  WEIR_OK);
    assert_status(end_and_unref(future), WEIR_ECANCELLED);
}

static void submission_after_shutdown_is_refused(void **state)
{
    (void)state;
    assert_true(weir_scheduler_alive(fixture.scheduler));
    assert_status(weir_scheduler_shutdown(fixture.scheduler, NULL), WEIR_OK);
    weir_future *future = (weir_future *)&fixture;
    assert_status(weir_scheduler_submit_after(fixture.scheduler, 1, noop_task, NULL, 0, &future),
                  WEIR_ESHUTDOWN);
    assert_ptr_equal(future, &fixture); /* untouched */
}

static weir_status shut_down_task(weir_task *task, void *arg)
{
    weir_scheduler *scheduler = *(weir_scheduler **)arg;
    (void)task;
    return weir_scheduler_shutdown(scheduler, NULL);
}

static void shutdown_from_a_task_does_not_wait_for_itself(void **state)
{
    (void)state;
    weir_future *future;
    assert_status(weir_scheduler_submit_after(fixture.scheduler, 10, shut_down_task,
                                              &fixture.scheduler, sizeof(void *), &future),
                  WEIR_OK);
    weir_future *later = note_after(20, 1);
    assert_status(weir_test_clock_advance(fixture.clock, 20), WEIR_OK);
    assert_status(end_and_unref(future), WEIR_OK);
    assert_status(end_and_unref(later), WEIR_OK);
    assert_noted(1, (uint32_t[]){ 1 });
}

static weir_status shut_down_at_the_gate(weir_task *task, void *arg)
{
    (void)arg;
    gate_task(task, fixture.gate);
    return weir_scheduler_shutdown(fixture.scheduler,
                                   &(weir_shutdown_options){ .timeout_ns = WATCHDOG_NS });
}

static void shutdown_from_the_only_worker_makes_room_for_what_comes_due(void **state)
{
    (void)state;
    tear_down(state);
    assert_int_equal(begin(weir_block(WEIR_FOREVER), 1), 0);
    weir_future *closing = submit_ok(fixture.executor, shut_down_at_the_gate, NULL, 0);
    assert_true(gate_wait_entered(fixture.gate, 1));
    for (uint32_t i = 1; i <= 3;
         i++) /* one in the backlog, one on its way, one that waits for it */
        weir_future_unref(note_after(0, i));
    weir_stats stats = { .blocked = 0 };
    assert_eventually(weir_executor_stats(fixture.executor, &stats) == WEIR_OK &&
                      stats.blocked == 1);
    gate_open(fixture.gate);
    assert_status(end_of(closing), WEIR_OK);
    assert_int_equal(weir_future_error(closing, NULL), 0);
    weir_future_unref(closing);
    assert_noted(3, (uint32_t[]){ 1, 2, 3 });
}

/* A wait for all that has no memory. The task ends when one of them is waited for. */
static _Atomic unsigned without_memory, waits;
weir_status __real_weir_future_wait(weir_future *, int64_t);
weir_status __wrap_weir_future_wait(weir_future *, int64_t);
weir_status __real_weir_wait_all(weir_future *const *, size_t, int64_t, size_t *);
weir_status __wrap_weir_wait_all(weir_future *const *, size_t, int64_t, size_t *);

weir_status __wrap_weir_wait_all(weir_future *const *futures, size_t n, int64_t timeout_ns,
                                 size_t *done)
{
    if (!atomic_load(&without_memory))
        return __real_weir_wait_all(futures, n, timeout_ns, done);
    if (atomic_fetch_add(&waits, 1) > 100)
        gate_open(fixture.gate);
    return WEIR_ENOMEM;
}

weir_status __wrap_weir_future_wait(weir_future *future, int64_t timeout_ns)
{
    if (atomic_load(&without_memory))
        gate_open(fixture.gate);
    return __real_weir_future_wait(future, timeout_ns);
}

static void shutdown_without_memory_waits_all_the_same(void **state)
{
    (void)state;
    weir_future *future;
    assert_status(
        weir_scheduler_submit_after(fixture.scheduler, 0, gate_task, fixture.gate, 0, &future),
        WEIR_OK);
    assert_true(gate_wait_entered(fixture.gate, 1));
    atomic_store(&waits, 0);
    atomic_store(&without_memory, 1);
    weir_status status = weir_scheduler_shutdown(fixture.scheduler, NULL);
    atomic_store(&without_memory, 0);
    assert_status(status, WEIR_OK);
    assert_int_equal(atomic_load(&waits), 1); /* and not in a busy loop */
    assert_status(end_and_unref(future), WEIR_OK);
}

static void shutdown_from_the_own_thread_returns_at_once(void **state)
{
    (void)state;
    weir_executor *executor;
    weir_scheduler *scheduler;
    weir_future *future;
    assert_status(weir_inline_executor_create(&executor, NULL), WEIR_OK);
    assert_status(weir_scheduler_create(&scheduler, executor,
                                        &(weir_scheduler_options){ .clock = fixture.clock }),
                  WEIR_OK);
    assert_status(weir_scheduler_submit_after(scheduler, 10, shut_down_task, &scheduler,
                                              sizeof(void *), &future),
                  WEIR_OK);
    run_for(10);
    assert_status(end_and_unref(future), WEIR_OK);
    weir_scheduler_destroy(scheduler);
    weir_executor_destroy(executor);
}

static void what_the_executor_cannot_do_is_refused_when_it_comes_due(void **state)
{
    (void)state;
    const weir_submission only_processes[] = {
        { .fn = noop_task, .run_within_ns = WEIR_SECOND },
        { .fn = noop_task, .retries = 1 },
        { .fn = noop_task, .flags = WEIR_KILL_ON_CANCEL },
    };
    for (int i = 0; i < 3; i++) {
        weir_future *future;
        assert_status(weir_scheduler_submit_at(fixture.scheduler, 1, &only_processes[i], &future),
                      WEIR_OK);
        run_for(1);
        assert_status(weir_future_status(future), WEIR_EINVAL);
        assert_int_equal(weir_future_state(future), WEIR_FINISHED);
        weir_future_unref(future);
    }
    assert_int_equal(counts().refused, 3);
}

static void limit_bounds_what_is_pending(void **state)
{
    (void)state;
    weir_scheduler *scheduler;
    weir_future *first;
    assert_status(
        weir_scheduler_create(&scheduler, fixture.executor,
                              &(weir_scheduler_options){ .clock = fixture.clock, .limit = 1 }),
        WEIR_OK);
    assert_status(weir_scheduler_submit_after(scheduler, 10, noop_task, NULL, 0, &first), WEIR_OK);
    assert_status(weir_scheduler_submit_after(scheduler, 10, noop_task, NULL, 0, NULL),
                  WEIR_EREJECTED);
    assert_true(weir_future_cancel(first)); /* gives its place back */
    assert_status(weir_scheduler_submit_after(scheduler, 10, noop_task, NULL, 0, NULL), WEIR_OK);
    run_for(10);
    weir_future_unref(first);
    weir_scheduler_destroy(scheduler);
}

static void thread_does_not_wake_while_nothing_is_due(void **state)
{
    (void)state;
    weir_future_unref(note_after(1000, 1));
    assert_status(weir_test_clock_wait_asleep(fixture.clock, WATCHDOG_NS), WEIR_OK);
    uint64_t before = counts().wakeups;
    for (int i = 0; i < 100; i++) {
        run_for(1);
        weir_future_unref(note_after(2000 + i, 2)); /* later than the head: no need to look */
    }
    assert_int_equal(counts().wakeups, before);
}

static void future_mixes_with_those_of_executors(void **state)
{
    (void)state;
    weir_future *both[] = { note_after(10, 1), submit_ok(fixture.executor, noop_task, NULL, 0) };
    size_t index, done;
    assert_status(weir_wait_any(both, 2, WATCHDOG_NS, &index), WEIR_OK);
    assert_int_equal(index, 1);
    assert_status(weir_test_clock_advance(fixture.clock, 10), WEIR_OK);
    assert_status(weir_wait_all(both, 2, WATCHDOG_NS, &done), WEIR_OK);
    assert_int_equal(done, 2);
    end_all(both, 2);
}

static weir_status wait_for_delayed(weir_task *task, void *arg)
{
    weir_future *future;
    struct note note = { fixture.journal, 5 };
    (void)arg;
    (void)task;
    weir_status status =
        weir_scheduler_submit_after(fixture.scheduler, 10, note_task, &note, sizeof note, &future);
    if (status != WEIR_OK)
        return status;
    gate_pass(fixture.gate); /* open: only to be seen here */
    status = weir_future_wait(future, WATCHDOG_NS);
    weir_future_unref(future);
    return status;
}

static void only_worker_can_wait_for_a_delayed_task_of_its_own(void **state)
{
    (void)state;
    gate_open(fixture.gate);
    weir_future *future = submit_ok(fixture.executor, wait_for_delayed, NULL, 0);
    assert_true(gate_wait_entered(fixture.gate, 1));
    assert_status(weir_test_clock_advance(fixture.clock, 10), WEIR_OK);
    assert_status(end_and_unref(future), WEIR_OK);
    assert_noted(1, (uint32_t[]){ 5 });
}

/* The scheduler has taken the task out of its heap and is about to submit it: cancelled right there. */
static weir_future *_Atomic cancel_before_hold;

weir_status __real_weir_promise_hold(weir_promise *promise);
weir_status __wrap_weir_promise_hold(weir_promise *promise);

weir_status __wrap_weir_promise_hold(weir_promise *promise)
{
    if (atomic_load(&cancel_before_hold))
        weir_future_cancel(atomic_load(&cancel_before_hold));
    return __real_weir_promise_hold(promise);
}

static void task_cancelled_right_before_it_is_submitted_never_runs(void **state)
{
    (void)state;
    weir_future *future = note_after(10, 1);
    atomic_store(&cancel_before_hold, future);
    run_for(10);
    atomic_store(&cancel_before_hold, NULL);
    assert_status(weir_future_status(future), WEIR_ECANCELLED);
    assert_status(weir_executor_shutdown(fixture.executor, NULL), WEIR_OK);
    assert_noted(0, NULL);
    assert_int_equal(counts().cancelled, 1);
    weir_future_unref(future);
}

/* Cancelled just as it comes due: it runs, or it is cancelled. */
static void task_cancelled_while_it_comes_due_ends_one_way(void **state)
{
    (void)state;
    _Atomic uint64_t runs = 0;
    uint64_t finished = 0;
    for (int i = 0; i < ROUNDS(20000); i++) {
        weir_future *future;
        assert_status(
            weir_scheduler_submit_after(fixture.scheduler, 0, count_task, &runs, 0, &future),
            WEIR_OK);
        for (int spin = 0; spin < i % 400; spin++)
            atomic_load(&runs);
        bool cancelled = weir_future_cancel(future);
        weir_status status = end_of(future);
        assert_true(status == WEIR_OK || status == WEIR_ECANCELLED);
        if (cancelled)
            assert_status(status, WEIR_ECANCELLED);
        finished += status == WEIR_OK;
        weir_future_unref(future);
    }
    assert_status(weir_scheduler_shutdown(fixture.scheduler, NULL), WEIR_OK);
    assert_status(weir_executor_shutdown(fixture.executor, NULL), WEIR_OK);
    assert_int_equal(atomic_load(&runs), finished);
    assert_int_equal(counts().submitted, counts().cancelled + counts().ended);
}

static int use_in_child(void *data)
{
    weir_scheduler_counts counts;
    (void)data;
    return weir_scheduler_submit_after(fixture.scheduler, 1, noop_task, NULL, 0, NULL) !=
               WEIR_EFORKED ||
           weir_scheduler_shutdown(fixture.scheduler, NULL) != WEIR_EFORKED ||
           weir_scheduler_stats(fixture.scheduler, &counts) != WEIR_EFORKED ||
           weir_scheduler_alive(fixture.scheduler);
}

static void forked_child_is_told_so(void **state)
{
    (void)state;
    weir_future_unref(note_after(10, 1));
    assert_int_equal(run_in_child(use_in_child, NULL), 0);
}

static void bad_arguments_are_refused(void **state)
{
    (void)state;
    weir_scheduler *s = fixture.scheduler, *none = NULL;
    weir_submission unnamed = { .fn = noop_task }, nothing = { .fn = NULL },
                    flags = { .fn = noop_task, .flags = 1u << 31 },
                    expiry = { .fn = noop_task, .start_within_ns = -1 },
                    overrun = { .fn = noop_task, .run_within_ns = -1 };
    assert_status(weir_scheduler_create(NULL, fixture.executor, NULL), WEIR_EINVAL);
    assert_status(weir_scheduler_create(&none, NULL, NULL), WEIR_EINVAL);
    assert_status(weir_scheduler_submit_after(NULL, 1, noop_task, NULL, 0, NULL), WEIR_EINVAL);
    assert_status(weir_scheduler_submit_after(s, -1, noop_task, NULL, 0, NULL), WEIR_EINVAL);
    assert_status(weir_scheduler_submit_after(s, 1, NULL, NULL, 0, NULL), WEIR_EINVAL);
    assert_status(weir_scheduler_submit_after(s, 1, noop_task, NULL, 1, NULL), WEIR_EINVAL);
    assert_status(weir_scheduler_submit_at(s, -1, &unnamed, NULL), WEIR_EINVAL);
    assert_status(weir_scheduler_submit_at(s, 1, &nothing, NULL), WEIR_EINVAL);
    assert_status(weir_scheduler_submit_at(s, 1, &flags, NULL), WEIR_EINVAL);
    assert_status(weir_scheduler_submit_at(s, 1, &overrun, NULL), WEIR_EINVAL);
    assert_status(weir_scheduler_submit_at(s, 1, &expiry, NULL), WEIR_EINVAL);
    assert_status(weir_scheduler_submit_at_sized(s, 1, NULL, 0, NULL), WEIR_EINVAL);
    assert_status(weir_scheduler_shutdown(NULL, NULL), WEIR_EINVAL);
    assert_status(weir_scheduler_shutdown(s, &(weir_shutdown_options){ .timeout_ns = -2 }),
                  WEIR_EINVAL);
    assert_status(weir_scheduler_stats(s, NULL), WEIR_EINVAL);
    assert_false(weir_scheduler_alive(NULL));
    weir_scheduler_destroy(NULL);
    assert_int_equal(counts().submitted, 0);
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(task_runs_at_its_time_and_not_before),
        test(argument_and_result_pass_through),
        test(zero_delay_runs_without_the_clock_moving),
        test(tasks_run_in_the_order_of_their_times),
        test(equal_times_keep_their_order),
        test(earlier_task_pre_empts_the_wait),
        test(task_at_a_time_in_the_past_runs_now),
        test(lateness_counts_from_when_it_could_be_met),
        test(lateness_is_without_the_time_that_submitting_takes),
        test(failure_is_a_failure_in_the_statistics),
        test(task_cancelled_before_its_time_never_runs),
        test(task_that_is_due_can_be_cancelled_until_it_starts),
        test(task_that_runs_is_told_to_stop),
        test(refusal_when_due_ends_the_future_rejected),
        test(executor_shut_down_before_the_time_is_told_apart),
        test(discard_and_expiry_show_in_the_future),
        test(task_cancelled_while_it_is_submitted_never_runs),
        test(draining_shutdown_runs_each_task_at_its_time),
        test(cancelling_shutdown_cancels_all_the_head_too),
        test(cancelling_shutdown_reaches_the_backlog_and_spares_what_runs),
        test(task_in_the_own_thread_cannot_wait_for_its_own_future),
        test(task_that_ends_the_own_thread_leaves_nobody_waiting),
        test(two_shutdowns_at_once_tell_all_that_runs),
        test(shutdown_cancels_at_its_timeout_if_told_to),
        test(submission_after_shutdown_is_refused),
        test(shutdown_from_a_task_does_not_wait_for_itself),
        test(shutdown_from_the_only_worker_makes_room_for_what_comes_due),
        test(shutdown_without_memory_waits_all_the_same),
        test(shutdown_from_the_own_thread_returns_at_once),
        test(what_the_executor_cannot_do_is_refused_when_it_comes_due),
        test(limit_bounds_what_is_pending),
        test(thread_does_not_wake_while_nothing_is_due),
        test(future_mixes_with_those_of_executors),
        test(only_worker_can_wait_for_a_delayed_task_of_its_own),
        test(task_cancelled_right_before_it_is_submitted_never_runs),
        test(task_cancelled_while_it_comes_due_ends_one_way),
        test(forked_child_is_told_so),
        test(bad_arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
