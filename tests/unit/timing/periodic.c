/* Periodic workers on a test clock. Callbacks take their time by moving the clock. */
#include "weir/periodic.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "support/check.h"
#include "support/child.h"
#include "support/gate.h"
#include "support/submit.h"
#include "support/tasks.h"
#include "weir/watcher.h"

#define S WEIR_SECOND

static weir_clock *test_clock;
static weir_periodic_worker *worker;
static struct journal *journal;

static void make(const weir_periodic_worker_options *options)
{
    weir_periodic_worker_options own = *options;
    own.clock = test_clock;
    own.seed = 1;
    assert_status(weir_periodic_worker_create(&worker, &own), WEIR_OK);
}

static int set_up(void **state)
{
    (void)state;
    journal = journal_create();
    worker = NULL;
    return weir_test_clock_create(&test_clock, 0) == WEIR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    weir_periodic_worker_destroy(worker);
    weir_test_clock_destroy(test_clock);
    journal_destroy(journal);
    return 0;
}

static void run_for(int64_t by_ns)
{
    assert_status(weir_test_clock_run_for(test_clock, by_ns, WATCHDOG_NS), WEIR_OK);
}

static uint64_t add(const weir_periodic *periodic)
{
    uint64_t id = 0;
    assert_status(weir_periodic_add(worker, periodic, &id), WEIR_OK);
    return id;
}

static weir_watcher watch(uint64_t id)
{
    weir_watcher watcher;
    assert_status(weir_watch(worker, id, &watcher), WEIR_OK);
    assert_int_equal(watcher.runs, watcher.successes + watcher.failures);
    return watcher;
}

static void stop_and_wait(void)
{
    assert_status(weir_periodic_stop(worker), WEIR_OK);
    assert_status(weir_periodic_wait(worker, WATCHDOG_NS), WEIR_OK);
}

/* Writes the second at which it runs into the journal, and takes as long as its argument says. */
static weir_status tick(weir_task *task, void *arg)
{
    (void)task;
    journal_write(journal, (uint32_t)(weir_clock_now(test_clock) / S));
    return weir_test_clock_advance(test_clock, arg ? *(int64_t *)arg : 0);
}

static void assert_ran_at(size_t count, const uint32_t *seconds)
{
    assert_int_equal(journal->count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(journal->entry[i], seconds[i]);
}

static void first_run_is_a_spacing_from_the_start(void **state)
{
    (void)state;
    make(&(weir_periodic_worker_options){ .name = "first" });
    add(&(weir_periodic){ .fn = tick, .spacing_ns = 2 * S });
    assert_status(weir_test_clock_advance(test_clock, 5 * S), WEIR_OK); /* before the start */
    assert_status(weir_periodic_start(worker), WEIR_OK);
    run_for(5 * S);
    assert_ran_at(2, (uint32_t[]){ 7, 9 });
}

static void immediate_first_run_is_at_the_start(void **state)
{
    (void)state;
    make(&(weir_periodic_worker_options){ .name = NULL });
    add(&(weir_periodic){ .fn = tick, .spacing_ns = 2 * S, .run_immediately = true });
    assert_status(weir_periodic_start(worker), WEIR_OK);
    run_for(4 * S);
    assert_ran_at(3, (uint32_t[]){ 0, 2, 4 });
}

/* The first run starts at 2 and takes so long; when is the next? */
static int64_t next_after(const char *name, int64_t takes_ns)
{
    weir_strategy strategy;
    assert_status(weir_strategy_by_name(name, &strategy), WEIR_OK);
    make(&(weir_periodic_worker_options){ .strategy = strategy });
    uint64_t id = add(&(weir_periodic){
        .fn = tick, .arg = &takes_ns, .arg_size = sizeof takes_ns, .spacing_ns = 2 * S });
    assert_status(weir_periodic_start(worker), WEIR_OK);
    assert_status(weir_test_clock_wait_idle(test_clock, WATCHDOG_NS), WEIR_OK);
    assert_status(weir_test_clock_advance(test_clock, 2 * S - weir_clock_now(test_clock)), WEIR_OK);
    assert_status(weir_test_clock_wait_idle(test_clock, WATCHDOG_NS), WEIR_OK);
    weir_watcher watcher = watch(id);
    assert_int_equal(watcher.runs, 1);
    assert_int_equal(watcher.elapsed_ns, takes_ns);
    weir_periodic_worker_destroy(worker);
    worker = NULL;
    weir_test_clock_destroy(test_clock);
    assert_status(weir_test_clock_create(&test_clock, 0), WEIR_OK);
    return watcher.next_run_ns;
}

static void strategies_give_exact_next_times(void **state)
{
    (void)state;
    assert_int_equal(next_after("last_started", S), 4 * S);
    assert_int_equal(next_after("last_finished", S), 5 * S);
    assert_int_equal(next_after("aligned_last_finished", 3 * S), 6 * S);
}

static void jitter_stays_within_its_part(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        int64_t next_ns = next_after("last_finished_jitter", S);
        assert_in_range((uint64_t)next_ns, (uint64_t)(5 * S), (uint64_t)(5 * S + S / 10 - 1));
    }
}

static int64_t double_gap(const weir_run *run, void *data)
{
    int64_t *gap_ns = data;
    *gap_ns *= 2;
    return run->started_ns + *gap_ns;
}

static void strategy_of_ones_own_decides(void **state)
{
    (void)state;
    int64_t gap_ns = S;
    make(&(weir_periodic_worker_options){ .strategy = weir_own_strategy(double_gap, &gap_ns) });
    add(&(weir_periodic){ .fn = tick, .spacing_ns = S });
    assert_status(weir_periodic_start(worker), WEIR_OK);
    run_for(20 * S);
    assert_ran_at(4, (uint32_t[]){ 1, 3, 7, 15 });
}

static int64_t never_more(const weir_run *run, void *data)
{
    (void)run;
    (void)data;
    return WEIR_FOREVER;
}

static void own_strategy_may_end_the_repetition(void **state)
{
    (void)state;
    make(&(weir_periodic_worker_options){ .auto_stop_when_empty = true });
    uint64_t id = add(&(weir_periodic){ .fn = tick,
                                        .spacing_ns = S,
                                        .has_strategy = true,
                                        .strategy = weir_own_strategy(never_more, NULL) });
    assert_status(weir_periodic_start(worker), WEIR_OK);
    run_for(5 * S);
    assert_status(weir_periodic_wait(worker, WATCHDOG_NS), WEIR_OK);
    assert_ran_at(1, (uint32_t[]){ 1 });
    assert_false(watch(id).active);
}

static void missed_periods(weir_missed missed, size_t count, const uint32_t *seconds,
                           uint64_t expected)
{
    make(&(weir_periodic_worker_options){ .missed = missed });
    uint64_t id = add(&(weir_periodic){ .fn = tick, .spacing_ns = 2 * S });
    assert_status(weir_periodic_start(worker), WEIR_OK);
    assert_status(weir_test_clock_wait_idle(test_clock, WATCHDOG_NS), WEIR_OK);
    assert_status(weir_test_clock_advance(test_clock, 9 * S), WEIR_OK); /* as if suspended */
    assert_status(weir_test_clock_wait_idle(test_clock, WATCHDOG_NS), WEIR_OK);
    run_for(3 * S); /* until 12 */
    assert_ran_at(count, seconds);
    assert_int_equal(watch(id).missed, expected);
}

static void missed_periods_are_run_once_by_default(void **state)
{
    (void)state;
    missed_periods(WEIR_RUN_ONCE, 2, (uint32_t[]){ 9, 11 }, 3);
}

static void missed_periods_are_skipped_if_so_wished(void **state)
{
    (void)state;
    missed_periods(WEIR_SKIP, 2, (uint32_t[]){ 10, 12 }, 4);
}

static void missed_periods_are_all_made_up_for_if_so_wished(void **state)
{
    (void)state;
    missed_periods(WEIR_CATCH_UP, 6, (uint32_t[]){ 9, 9, 9, 9, 10, 12 }, 0);
}

static void long_run_skips_to_the_next_time_of_the_row(void **state)
{
    (void)state;
    int64_t takes_ns = 3 * S;
    make(&(weir_periodic_worker_options){ .missed = WEIR_SKIP });
    add(&(weir_periodic){
        .fn = tick, .arg = &takes_ns, .arg_size = sizeof takes_ns, .spacing_ns = 2 * S });
    assert_status(weir_periodic_start(worker), WEIR_OK);
    run_for(9 * S);
    assert_ran_at(2, (uint32_t[]){ 2, 6 });
}

static weir_status note_arg(weir_task *task, void *arg)
{
    (void)task;
    journal_write(journal, *(uint32_t *)arg);
    *(uint32_t *)arg = 99; /* a copy: the next run has a fresh one */
    return WEIR_OK;
}

static void ties_run_in_the_order_they_were_added(void **state)
{
    (void)state;
    make(&(weir_periodic_worker_options){ .name = NULL });
    for (uint32_t i = 0; i < 5; i++)
        add(&(weir_periodic){ .fn = note_arg, .arg = &i, .arg_size = sizeof i, .spacing_ns = S });
    assert_status(weir_periodic_start(worker), WEIR_OK);
    run_for(2 * S);
    assert_ran_at(10, (uint32_t[]){ 0, 1, 2, 3, 4, 0, 1, 2, 3, 4 });
}

static weir_status thrice(weir_task *task, void *arg)
{
    _Atomic int *runs = arg;
    (void)task;
    return atomic_fetch_add(runs, 1) == 2 ? WEIR_NEVER_AGAIN : WEIR_OK;
}

static void callback_ends_its_own_repetition_as_a_success(void **state)
{
    (void)state;
    _Atomic int runs = 0;
    make(&(weir_periodic_worker_options){ .name = NULL });
    uint64_t id = add(&(weir_periodic){ .fn = thrice, .arg = &runs, .spacing_ns = S });
    uint64_t other = add(&(weir_periodic){ .fn = tick, .spacing_ns = S });
    assert_status(weir_periodic_start(worker), WEIR_OK);
    run_for(10 * S);
    weir_watcher seen = watch(id);
    assert_int_equal(seen.runs, 3);
    assert_int_equal(seen.successes, 3);
    assert_true(seen.stop_requested);
    assert_false(seen.active);
    assert_int_equal(seen.next_run_ns, WEIR_FOREVER);
    assert_int_equal(watch(other).runs, 10);
    assert_true(watch(other).active);
    assert_int_equal(weir_periodic_count(worker), 2);
}

struct failures {
    int count;
    weir_periodic_failure last;
    char message[64], name[64];
};

static void on_failure(const weir_periodic_failure *failure, void *data)
{
    struct failures *failures = data;
    failures->count++;
    failures->last = *failure;
    snprintf(failures->message, sizeof failures->message, "%s", failure->message);
    snprintf(failures->name, sizeof failures->name, "%s", failure->name);
}

static weir_status fail_with_text(weir_task *task, void *arg)
{
    (void)arg;
    return weir_task_fail(task, 42, "out of %s", "ink");
}

static weir_status fail_for_good(weir_task *task, void *arg)
{
    (void)arg;
    weir_task_fail(task, 42, "out of paper");
    return WEIR_NEVER_AGAIN;
}

static void failed_callback_may_end_its_repetition(void **state)
{
    (void)state;
    struct failures failures = { .count = 0 };
    make(&(weir_periodic_worker_options){ .on_failure = on_failure, .failure_data = &failures });
    uint64_t id = add(&(weir_periodic){ .fn = fail_for_good, .spacing_ns = S, .name = "print" });
    assert_status(weir_periodic_start(worker), WEIR_OK);
    run_for(5 * S);
    weir_watcher seen = watch(id);
    assert_int_equal(seen.runs, 1);
    assert_int_equal(seen.failures, 1);
    assert_true(seen.stop_requested);
    assert_false(seen.active);
    assert_int_equal(seen.last_started_ns, S);
    assert_int_equal(failures.count, 1);
    assert_int_equal(failures.last.code, 42);
    assert_string_equal(failures.message, "out of paper");
}

static void failure_is_counted_and_reported_and_runs_again(void **state)
{
    (void)state;
    struct failures failures = { .count = 0 };
    weir_executor *executor;
    weir_stats stats;
    assert_status(weir_inline_executor_create(&executor, NULL), WEIR_OK);
    make(&(weir_periodic_worker_options){
        .executor = executor, .on_failure = on_failure, .failure_data = &failures });
    uint64_t id = add(&(weir_periodic){
        .fn = fail_with_text, .spacing_ns = S, .name = "print", .run_immediately = true });
    assert_status(weir_periodic_start(worker), WEIR_OK);
    run_for(0);
    assert_int_equal(failures.count, 1);
    assert_true(failures.last.immediate);
    run_for(2 * S);
    assert_int_equal(failures.count, 3);
    assert_false(failures.last.immediate);
    assert_int_equal(failures.last.id, id);
    assert_int_equal(failures.last.spacing_ns, S);
    assert_status(failures.last.status, WEIR_EFAILED);
    assert_int_equal(failures.last.code, 42);
    assert_string_equal(failures.message, "out of ink");
    assert_string_equal(failures.name, "print");
    assert_int_equal(watch(id).failures, 3);
    assert_status(weir_executor_stats(executor, &stats), WEIR_OK);
    assert_int_equal(stats.failed, 3);
    stop_and_wait();
    assert_true(weir_executor_alive(executor)); /* it is not the worker's */
    weir_periodic_worker_destroy(worker);
    worker = NULL;
    weir_executor_destroy(executor);
}

static void watcher_has_times_and_averages(void **state)
{
    (void)state;
    int64_t takes_ns = S / 4;
    make(&(weir_periodic_worker_options){ .name = NULL });
    uint64_t id = add(&(weir_periodic){ .fn = tick,
                                        .arg = &takes_ns,
                                        .arg_size = sizeof takes_ns,
                                        .spacing_ns = S,
                                        .name = "tick" });
    weir_watcher seen = watch(id);
    assert_int_equal(seen.average_elapsed_ns + seen.average_waiting_ns, 0); /* without runs */
    assert_true(seen.active);
    assert_status(weir_periodic_start(worker), WEIR_OK);
    assert_int_equal(watch(id).next_run_ns, S);
    run_for(4 * S);
    seen = watch(id);
    assert_string_equal(seen.name, "tick");
    assert_int_equal(seen.runs, 4);
    assert_int_equal(seen.elapsed_ns, S);
    assert_int_equal(seen.average_elapsed_ns, S / 4);
    assert_int_equal(seen.average_waiting_ns, 0);
    assert_int_equal(seen.last_started_ns, 4 * S);
    assert_int_equal(seen.last_finished_ns, 4 * S + S / 4);
    assert_int_equal(seen.next_run_ns, 5 * S);
}

static void stopped_callback_has_no_next_run(void **state)
{
    (void)state;
    make(&(weir_periodic_worker_options){ .name = NULL });
    uint64_t id = add(&(weir_periodic){ .fn = tick, .spacing_ns = S });
    assert_status(weir_periodic_start(worker), WEIR_OK);
    run_for(S);
    assert_int_equal(watch(id).next_run_ns, 2 * S);
    stop_and_wait();
    assert_false(watch(id).active);
    assert_int_equal(watch(id).next_run_ns, WEIR_FOREVER);
}

static void reset_zeroes_everything_and_allows_another_start(void **state)
{
    (void)state;
    _Atomic int runs = 2;
    make(&(weir_periodic_worker_options){ .name = NULL });
    uint64_t id = add(&(weir_periodic){ .fn = tick, .spacing_ns = S, .name = "tick" });
    uint64_t once = add(&(weir_periodic){ .fn = thrice, .arg = &runs, .spacing_ns = S });
    assert_status(weir_periodic_start(worker), WEIR_OK);
    run_for(3 * S);
    assert_status(weir_periodic_reset(worker), WEIR_EINVAL); /* it runs */
    assert_true(watch(once).stop_requested);
    stop_and_wait();
    assert_int_equal(watch(id).runs, 3);
    assert_status(weir_periodic_reset(worker), WEIR_OK);
    weir_watcher seen = watch(id);
    assert_int_equal(seen.runs + (uint64_t)seen.elapsed_ns + (uint64_t)seen.last_started_ns, 0);
    assert_string_equal(seen.name, "tick");
    assert_false(watch(once).stop_requested);
    assert_status(weir_periodic_start(worker), WEIR_OK);
    run_for(2 * S);
    assert_int_equal(watch(id).runs, 2);
    assert_int_equal(watch(once).runs, 2);
}

static void callbacks_added_while_running_run(void **state)
{
    (void)state;
    make(&(weir_periodic_worker_options){ .allow_empty = true });
    assert_status(weir_periodic_start(worker), WEIR_OK);
    run_for(5 * S); /* asleep, with nothing to do */
    uint64_t immediate =
        add(&(weir_periodic){ .fn = tick, .spacing_ns = 100 * S, .run_immediately = true });
    run_for(0);
    assert_int_equal(watch(immediate).runs, 1);
    uint64_t ids[10];
    for (int i = 0; i < 10; i++)
        ids[i] = add(&(weir_periodic){ .fn = noop_task, .spacing_ns = S });
    run_for(2 * S);
    for (int i = 0; i < 10; i++)
        assert_int_equal(watch(ids[i]).runs, 2);
}

static void disabled_callback_is_not_added(void **state)
{
    (void)state;
    uint64_t id = 5;
    make(&(weir_periodic_worker_options){ .name = NULL });
    assert_status(
        weir_periodic_add(worker, &(weir_periodic){ .disabled = true, .spacing_ns = -1 }, &id),
        WEIR_OK);
    assert_int_equal(id, 0);
    assert_int_equal(weir_periodic_count(worker), 0);
}

static void removed_callback_does_not_run_any_more(void **state)
{
    (void)state;
    make(&(weir_periodic_worker_options){ .name = NULL });
    uint64_t id = add(&(weir_periodic){ .fn = tick, .spacing_ns = S });
    uint64_t other = add(&(weir_periodic){ .fn = noop_task, .spacing_ns = S });
    assert_status(weir_periodic_start(worker), WEIR_OK);
    run_for(2 * S);
    assert_status(weir_periodic_remove(worker, id), WEIR_OK);
    assert_status(weir_periodic_remove(worker, id), WEIR_EINVAL);
    run_for(2 * S);
    weir_watcher watcher;
    assert_status(weir_watch(worker, id, &watcher), WEIR_EINVAL);
    assert_ran_at(2, (uint32_t[]){ 1, 2 });
    assert_int_equal(watch(other).runs, 4);
    assert_int_equal(weir_periodic_count(worker), 1);
}

static weir_status remove_itself(weir_task *task, void *arg)
{
    (void)task;
    journal_write(journal, 1);
    return weir_periodic_remove(worker, *(uint64_t *)arg);
}

static void callback_may_remove_itself(void **state)
{
    (void)state;
    make(&(weir_periodic_worker_options){ .name = NULL });
    uint64_t id = 1;
    assert_int_equal(
        add(&(weir_periodic){ .fn = remove_itself, .arg = &id, .arg_size = 8, .spacing_ns = S }),
        id);
    assert_status(weir_periodic_start(worker), WEIR_OK);
    run_for(3 * S);
    assert_int_equal(journal->count, 1);
    assert_int_equal(weir_periodic_count(worker), 0);
}

static void *run_worker(void *data)
{
    *(weir_status *)data = weir_periodic_run(worker);
    return NULL;
}

static void worker_runs_in_the_callers_thread(void **state)
{
    (void)state;
    weir_status status = WEIR_EPENDING;
    pthread_t thread;
    make(&(weir_periodic_worker_options){ .name = NULL });
    uint64_t id = add(&(weir_periodic){ .fn = tick, .spacing_ns = S });
    assert_int_equal(pthread_create(&thread, NULL, run_worker, &status), 0);
    assert_eventually(weir_test_clock_next(test_clock) == S);
    run_for(3 * S);
    stop_and_wait();
    pthread_join(thread, NULL);
    assert_status(status, WEIR_OK);
    assert_int_equal(watch(id).runs, 3);
}

static void worker_without_work_stops_by_itself_if_told_to(void **state)
{
    (void)state;
    make(&(weir_periodic_worker_options){ .allow_empty = true, .auto_stop_when_empty = true });
    assert_status(weir_periodic_run(worker), WEIR_OK); /* in this thread: it returns */
    assert_status(weir_periodic_add(worker, &(weir_periodic){ .fn = tick, .spacing_ns = S }, NULL),
                  WEIR_ESHUTDOWN);
    weir_periodic_worker_destroy(worker);

    _Atomic int runs = 0;
    make(&(weir_periodic_worker_options){ .auto_stop_when_empty = true });
    uint64_t id = add(&(weir_periodic){ .fn = thrice, .arg = &runs, .spacing_ns = S });
    assert_status(weir_periodic_start(worker), WEIR_OK);
    run_for(5 * S);
    assert_status(weir_periodic_wait(worker, WATCHDOG_NS), WEIR_OK);
    assert_int_equal(watch(id).runs, 3);
    assert_true(watch(id).stop_requested);
}

static weir_status stop_it(weir_task *task, void *arg)
{
    (void)task;
    (void)arg;
    return weir_periodic_stop(worker) == WEIR_OK &&
                   weir_periodic_wait(worker, WEIR_FOREVER) == WEIR_EDEADLOCK
               ? WEIR_OK
               : WEIR_EFAILED;
}

static void callback_may_stop_its_worker_but_not_wait_for_it(void **state)
{
    (void)state;
    make(&(weir_periodic_worker_options){ .name = NULL });
    uint64_t id = add(&(weir_periodic){ .fn = stop_it, .spacing_ns = S });
    assert_status(weir_periodic_start(worker), WEIR_OK);
    run_for(3 * S);
    assert_status(weir_periodic_wait(worker, WATCHDOG_NS), WEIR_OK);
    assert_int_equal(watch(id).successes, 1);
}

/* A pool whose callbacks stay at a gate. */
static weir_executor *pool;
static struct gate *gate;

static void make_with_pool(size_t workers, weir_policy policy, int64_t retry_ns)
{
    gate = gate_create();
    assert_status(weir_thread_executor_create(
                      &pool, &(weir_thread_options){ .workers = workers, .policy = policy }),
                  WEIR_OK);
    make(&(weir_periodic_worker_options){ .executor = pool,
                                          .owns_executor = true,
                                          .retry_least_ns = retry_ns,
                                          .retry_most_ns = retry_ns });
}

static void end_gate(void)
{
    gate_open(gate);
    weir_periodic_worker_destroy(worker);
    worker = NULL;
    gate_destroy(gate);
}

static void callback_never_overlaps_itself(void **state)
{
    (void)state;
    make_with_pool(4, (weir_policy){ .limit = 0 }, 0);
    uint64_t id = add(&(weir_periodic){ .fn = gate_task, .arg = gate, .spacing_ns = S });
    assert_status(weir_periodic_start(worker), WEIR_OK);
    assert_status(weir_test_clock_wait_asleep(test_clock, WATCHDOG_NS), WEIR_OK);
    for (int i = 0; i < 5; i++) {
        assert_status(weir_test_clock_advance(test_clock, S), WEIR_OK);
        assert_status(weir_test_clock_wait_asleep(test_clock, WATCHDOG_NS), WEIR_OK);
    }
    assert_true(gate_wait_entered(gate, 1));
    assert_int_equal(gate->entered, 1);
    assert_true(watch(id).running);
    end_gate();
}

static void stop_with_a_run_under_way_keeps_its_count(void **state)
{
    (void)state;
    make_with_pool(1, (weir_policy){ .limit = 0 }, 0);
    uint64_t id = add(&(weir_periodic){ .fn = gate_task, .arg = gate, .spacing_ns = S });
    assert_status(weir_periodic_start(worker), WEIR_OK);
    assert_status(weir_test_clock_wait_asleep(test_clock, WATCHDOG_NS), WEIR_OK);
    assert_status(weir_test_clock_advance(test_clock, S), WEIR_OK);
    assert_true(gate_wait_entered(gate, 1));
    assert_status(weir_periodic_stop(worker), WEIR_OK);
    assert_status(weir_periodic_wait(worker, 0), WEIR_ETIMEDOUT);
    assert_int_equal(watch(id).runs, 0);
    gate_open(gate);
    assert_status(weir_periodic_wait(worker, WATCHDOG_NS), WEIR_OK);
    assert_int_equal(watch(id).runs, 1);
    assert_false(watch(id).active);
    end_gate();
}

static void refused_callback_is_tried_again_after_a_while(void **state)
{
    (void)state;
    make_with_pool(1, weir_reject_when_reached(0), 3 * S);
    weir_future *blocker = submit_ok(pool, gate_task, gate, 0);
    uint64_t id = add(&(weir_periodic){ .fn = tick, .spacing_ns = 10 * S });
    assert_status(weir_periodic_start(worker), WEIR_OK);
    run_for(10 * S);
    assert_int_equal(watch(id).refused, 1);
    assert_int_equal(watch(id).runs, 0);
    assert_int_equal(watch(id).next_run_ns, 13 * S);
    gate_open(gate);
    assert_status(end_and_unref(blocker), WEIR_OK);
    weir_stats stats;
    assert_eventually(weir_executor_stats(pool, &stats) == WEIR_OK && stats.idle == 1);
    run_for(3 * S);
    assert_int_equal(watch(id).runs, 1);
    assert_int_equal(watch(id).next_run_ns, 23 * S);
    end_gate();
}

static void discarded_run_is_tried_again_and_not_counted(void **state)
{
    (void)state;
    make_with_pool(1, weir_policy_chain(weir_reject_when_reached(0), weir_discard()), 2 * S);
    weir_future *blocker = submit_ok(pool, gate_task, gate, 0);
    uint64_t id = add(&(weir_periodic){ .fn = tick, .spacing_ns = 10 * S });
    assert_status(weir_periodic_start(worker), WEIR_OK);
    run_for(14 * S);
    assert_int_equal(watch(id).refused, 3);
    assert_int_equal(watch(id).runs, 0);
    gate_open(gate);
    end_and_unref(blocker);
    end_gate();
}

/* Snapshots from another thread add up at every moment. */
static _Atomic bool looking;
static _Atomic uint64_t wrong;

static void add_up(const weir_watcher *watcher, void *data)
{
    (void)data;
    if (watcher->runs != watcher->successes + watcher->failures)
        atomic_fetch_add(&wrong, 1);
}

static void *look(void *data)
{
    (void)data;
    while (atomic_load(&looking))
        weir_watch_all(worker, add_up, NULL);
    return NULL;
}

static weir_status every_other(weir_task *task, void *arg)
{
    _Atomic uint64_t *calls = arg;
    (void)task;
    return atomic_fetch_add(calls, 1) % 2 ? WEIR_EFAILED : WEIR_OK;
}

static void stops_in_flight_lose_no_run_and_snapshots_add_up(void **state)
{
    (void)state;
    pthread_t looker;
    atomic_store(&looking, true);
    atomic_store(&wrong, 0);
    assert_status(weir_thread_executor_create(&pool, &(weir_thread_options){ .workers = 2 }),
                  WEIR_OK);
    /* On the real clock, as fast as it goes. */
    assert_status(
        weir_periodic_worker_create(
            &worker, &(weir_periodic_worker_options){ .executor = pool, .owns_executor = true }),
        WEIR_OK);
    static _Atomic uint64_t calls[4];
    uint64_t ids[4];
    for (int i = 0; i < 4; i++) {
        atomic_store(&calls[i], 0);
        ids[i] = add(&(weir_periodic){ .fn = every_other, .arg = &calls[i], .spacing_ns = 1000 });
    }
    assert_int_equal(pthread_create(&looker, NULL, look, NULL), 0);
    uint64_t total = 0;
    for (int round = 0; round < ROUNDS(40); round++) {
        uint64_t before = atomic_load(&calls[0]);
        assert_status(weir_periodic_start(worker), WEIR_OK);
        assert_eventually(atomic_load(&calls[0]) > before + 20);
        stop_and_wait();
        for (int i = 0; i < 4; i++) {
            weir_watcher seen = watch(ids[i]);
            assert_int_equal(seen.runs, atomic_load(&calls[i]));
            total += seen.runs;
            atomic_store(&calls[i], 0);
        }
        assert_status(weir_periodic_reset(worker), WEIR_OK);
    }
    atomic_store(&looking, false);
    pthread_join(looker, NULL);
    assert_int_equal(atomic_load(&wrong), 0);
    assert_true(total > 0);
}

static void table_has_the_chosen_columns(void **state)
{
    (void)state;
    static const weir_column columns[] = { WEIR_COLUMN_NAME, WEIR_COLUMN_RUNS, WEIR_COLUMN_RUNS_IN,
                                           WEIR_COLUMN_AVERAGE_ELAPSED };
    char text[512];
    size_t needed = 0;
    make(&(weir_periodic_worker_options){ .name = NULL });
    add(&(weir_periodic){ .fn = tick, .spacing_ns = 2 * S, .name = "print_stats" });
    add(&(weir_periodic){ .fn = noop_task, .spacing_ns = S / 2, .name = "a" });
    assert_status(weir_periodic_start(worker), WEIR_OK);
    run_for(3 * S);
    assert_status(weir_watchers_format(worker, columns, 4, text, sizeof text, &needed), WEIR_OK);
    assert_string_equal(text, "Name         Runs  Runs in  Average elapsed\n"
                              "-----------  ----  -------  ---------------\n"
                              "print_stats     1  1.000 s          0.000 s\n"
                              "a               6  0.500 s          0.000 s\n");
    assert_int_equal(needed, strlen(text));
    assert_status(weir_watchers_format(worker, NULL, 0, text, 10, &needed), WEIR_OK);
    assert_int_equal(strlen(text), 9); /* cut, and terminated */
    assert_true(needed > 300);
    assert_status(weir_watchers_format(worker, NULL, 0, NULL, 0, &needed), WEIR_OK);
}

static int use_in_child(void *data)
{
    weir_watcher watcher;
    (void)data;
    return weir_periodic_stop(worker) != WEIR_EFORKED ||
           weir_periodic_start(worker) != WEIR_EFORKED ||
           weir_periodic_wait(worker, 0) != WEIR_EFORKED ||
           weir_watch(worker, 1, &watcher) != WEIR_EFORKED || weir_periodic_count(worker) != 0;
}

static void forked_child_is_told_so(void **state)
{
    (void)state;
    make(&(weir_periodic_worker_options){ .allow_empty = true });
    assert_status(weir_periodic_start(worker), WEIR_OK);
    assert_int_equal(run_in_child(use_in_child, NULL), 0);
}

static struct gate *closer_gate;
static weir_status closer_waited;
static bool closer_stops;

static weir_status close_worker(weir_task *task, void *arg)
{
    (void)arg;
    gate_task(task, closer_gate);
    if (closer_stops)
        weir_periodic_stop(worker);
    closer_waited = weir_periodic_wait(worker, WATCHDOG_NS);
    return WEIR_OK;
}

/* The only worker of a pool waits for the periodic worker, the first run of which is in the backlog. */
static void wait_in_the_only_worker(const weir_periodic *periodic, bool stops, bool auto_stop,
                                    uint64_t runs)
{
    weir_executor *executor;
    assert_status(weir_thread_executor_create(&executor, &(weir_thread_options){ .workers = 1 }),
                  WEIR_OK);
    make(&(weir_periodic_worker_options){ .executor = executor,
                                          .auto_stop_when_empty = auto_stop });
    uint64_t id = add(periodic);
    closer_gate = gate_create();
    closer_waited = WEIR_EPENDING;
    closer_stops = stops;
    assert_status(weir_periodic_start(worker), WEIR_OK);
    weir_future *future = submit_ok(executor, close_worker, NULL, 0);
    assert_true(gate_wait_entered(closer_gate, 1));
    assert_status(weir_test_clock_advance(test_clock, S), WEIR_OK);
    assert_status(weir_test_clock_wait_asleep(test_clock, WATCHDOG_NS), WEIR_OK);
    assert_int_equal(weir_executor_backlog(executor), 1);
    gate_open(closer_gate);
    for (uint64_t run = 1; run < runs; run++) { /* they come while it waits */
        assert_eventually(watch(id).runs == run);
        assert_status(weir_test_clock_wait_idle(test_clock, WATCHDOG_NS), WEIR_OK);
        assert_status(weir_test_clock_advance(test_clock, S), WEIR_OK);
    }
    assert_status(end_and_unref(future), WEIR_OK);
    assert_status(closer_waited, WEIR_OK);
    assert_int_equal(watch(id).runs, runs);
    weir_periodic_worker_destroy(worker);
    worker = NULL;
    weir_executor_destroy(executor);
    gate_destroy(closer_gate);
}

static void only_worker_of_a_pool_can_wait_for_runs_in_its_backlog(void **state)
{
    (void)state;
    wait_in_the_only_worker(&(weir_periodic){ .fn = tick, .spacing_ns = S }, true, false, 1);
}

static weir_status stop_from_inside(weir_task *task, void *arg)
{
    (void)task;
    (void)arg;
    return weir_periodic_stop(worker);
}

static void only_worker_of_a_pool_can_wait_for_the_run_that_stops_the_worker(void **state)
{
    (void)state;
    wait_in_the_only_worker(&(weir_periodic){ .fn = stop_from_inside, .spacing_ns = S }, false,
                            false, 1);
}

static weir_status three_times(weir_task *task, void *arg)
{
    (void)task;
    return ++*(int *)arg == 3 ? WEIR_NEVER_AGAIN : WEIR_OK;
}

static void only_worker_of_a_pool_can_wait_for_a_worker_that_stops_by_itself(void **state)
{
    (void)state;
    int calls = 0;
    wait_in_the_only_worker(&(weir_periodic){ .fn = three_times, .arg = &calls, .spacing_ns = S }, false,
                            true, 3);
}

static void run_in_the_backlog_still_runs_after_stop_and_removal(void **state)
{
    (void)state;
    weir_executor *executor;
    struct gate *parked = gate_create();
    assert_status(weir_thread_executor_create(&executor, &(weir_thread_options){ .workers = 1 }),
                  WEIR_OK);
    assert_status(weir_submit(executor, gate_task, parked, 0, NULL), WEIR_OK);
    assert_true(gate_wait_entered(parked, 1));
    make(&(weir_periodic_worker_options){ .executor = executor });
    uint64_t id = add(&(weir_periodic){ .fn = tick, .spacing_ns = S, .run_immediately = true });
    assert_status(weir_periodic_start(worker), WEIR_OK);
    assert_status(weir_test_clock_wait_asleep(test_clock, WATCHDOG_NS), WEIR_OK);
    assert_status(weir_periodic_stop(worker), WEIR_OK);
    assert_status(weir_periodic_remove(worker, id), WEIR_OK);
    gate_open(parked);
    assert_status(weir_periodic_wait(worker, WATCHDOG_NS), WEIR_OK);
    assert_ran_at(1, (uint32_t[]){ 0 });
    weir_periodic_worker_destroy(worker);
    worker = NULL;
    weir_executor_destroy(executor);
    gate_destroy(parked);
}

static weir_status end_thread(weir_task *task, void *arg)
{
    (void)task;
    (void)arg;
    pthread_exit(NULL);
}

static void note_code(const weir_periodic_failure *failure, void *data)
{
    *(int *)data = failure->code;
}

static void callback_that_ends_the_own_thread_stops_the_worker(void **state)
{
    (void)state;
    int code = 0;
    make(&(weir_periodic_worker_options){ .on_failure = note_code, .failure_data = &code });
    uint64_t id = add(&(weir_periodic){ .fn = end_thread, .spacing_ns = S });
    uint64_t other = add(&(weir_periodic){ .fn = tick, .spacing_ns = 2 * S });
    assert_status(weir_periodic_start(worker), WEIR_OK);
    assert_status(weir_test_clock_advance(test_clock, S), WEIR_OK);
    assert_status(weir_periodic_wait(worker, WATCHDOG_NS), WEIR_OK);
    assert_int_equal(watch(id).failures, 1);
    assert_int_equal(code, ECANCELED);
    assert_int_equal(watch(other).runs, 0);
}

static void starting_wrongly_is_refused(void **state)
{
    (void)state;
    make(&(weir_periodic_worker_options){ .name = NULL });
    assert_status(weir_periodic_start(worker), WEIR_EINVAL); /* empty */
    assert_status(weir_periodic_run(worker), WEIR_EINVAL);
    add(&(weir_periodic){ .fn = tick, .spacing_ns = S });
    assert_status(weir_periodic_start(worker), WEIR_OK);
    assert_status(weir_periodic_start(worker), WEIR_EINVAL); /* twice */
    assert_status(weir_periodic_run(worker), WEIR_EINVAL);
    stop_and_wait();
    stop_and_wait();
    assert_status(weir_periodic_start(worker), WEIR_ESHUTDOWN);
    assert_status(weir_periodic_add(worker, &(weir_periodic){ .fn = tick, .spacing_ns = S }, NULL),
                  WEIR_ESHUTDOWN);
}

static void bad_arguments_are_refused(void **state)
{
    (void)state;
    uint64_t id = 77;
    char text[8] = "intact";
    weir_column unknown[] = { WEIR_COLUMN_NAME, (weir_column)10 };
    weir_watcher watcher;
    weir_periodic_worker *none;
    make(&(weir_periodic_worker_options){ .name = NULL });
#define refuse(...)                                                                                \
    assert_status(weir_periodic_add(worker, &(weir_periodic){ __VA_ARGS__ }, &id), WEIR_EINVAL)
    refuse(.fn = NULL, .spacing_ns = S);
    refuse(.fn = tick, .spacing_ns = 0);
    refuse(.fn = tick, .spacing_ns = -1);
    refuse(.fn = tick, .spacing_ns = S, .arg_size = 1);
    refuse(.fn = tick, .spacing_ns = S, .missed = (weir_missed)3);
    refuse(.fn = tick, .spacing_ns = S, .strategy = weir_own_strategy(NULL, NULL));
#undef refuse
    assert_int_equal(id, 77);
    assert_status(weir_periodic_add_sized(worker, NULL, 0, NULL), WEIR_EINVAL);
    assert_status(weir_periodic_add(NULL, &(weir_periodic){ .disabled = true }, NULL), WEIR_EINVAL);
    assert_status(weir_periodic_worker_create(NULL, NULL), WEIR_EINVAL);
#define refuse(...)                                                                                \
    assert_status(                                                                                 \
        weir_periodic_worker_create(&none, &(weir_periodic_worker_options){ __VA_ARGS__ }),        \
        WEIR_EINVAL)
    refuse(.strategy = weir_with_jitter(weir_last_started(), 2));
    refuse(.missed = (weir_missed)-1);
    refuse(.retry_least_ns = -1);
    refuse(.retry_least_ns = 2, .retry_most_ns = 1);
    refuse(.owns_executor = true);
#undef refuse
    assert_status(weir_periodic_remove(worker, 1), WEIR_EINVAL);
    assert_status(weir_periodic_wait(worker, -1), WEIR_EINVAL);
    assert_status(weir_periodic_stop(NULL), WEIR_EINVAL);
    assert_status(weir_periodic_reset(worker), WEIR_EINVAL);
    assert_status(weir_watch(worker, 1, &watcher), WEIR_EINVAL);
    assert_status(weir_watch_all(worker, NULL, NULL), WEIR_EINVAL);
    assert_status(weir_watchers_format(worker, unknown, 2, text, sizeof text, NULL), WEIR_EINVAL);
    assert_status(weir_watchers_format(worker, unknown, 0, text, sizeof text, NULL), WEIR_EINVAL);
    assert_status(weir_watchers_format(worker, NULL, 1, text, sizeof text, NULL), WEIR_EINVAL);
    assert_status(weir_watchers_format(worker, NULL, 0, NULL, 8, NULL), WEIR_EINVAL);
    assert_string_equal(text, "intact");
    weir_periodic_worker_destroy(NULL);
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(first_run_is_a_spacing_from_the_start),
        test(immediate_first_run_is_at_the_start),
        test(strategies_give_exact_next_times),
        test(jitter_stays_within_its_part),
        test(strategy_of_ones_own_decides),
        test(own_strategy_may_end_the_repetition),
        test(missed_periods_are_run_once_by_default),
        test(missed_periods_are_skipped_if_so_wished),
        test(missed_periods_are_all_made_up_for_if_so_wished),
        test(long_run_skips_to_the_next_time_of_the_row),
        test(ties_run_in_the_order_they_were_added),
        test(callback_ends_its_own_repetition_as_a_success),
        test(failed_callback_may_end_its_repetition),
        test(failure_is_counted_and_reported_and_runs_again),
        test(watcher_has_times_and_averages),
        test(stopped_callback_has_no_next_run),
        test(reset_zeroes_everything_and_allows_another_start),
        test(callbacks_added_while_running_run),
        test(disabled_callback_is_not_added),
        test(removed_callback_does_not_run_any_more),
        test(callback_may_remove_itself),
        test(worker_runs_in_the_callers_thread),
        test(worker_without_work_stops_by_itself_if_told_to),
        test(callback_may_stop_its_worker_but_not_wait_for_it),
        test(callback_never_overlaps_itself),
        test(stop_with_a_run_under_way_keeps_its_count),
        test(refused_callback_is_tried_again_after_a_while),
        test(discarded_run_is_tried_again_and_not_counted),
        test(stops_in_flight_lose_no_run_and_snapshots_add_up),
        test(table_has_the_chosen_columns),
        test(forked_child_is_told_so),
        test(only_worker_of_a_pool_can_wait_for_runs_in_its_backlog),
        test(only_worker_of_a_pool_can_wait_for_the_run_that_stops_the_worker),
        test(only_worker_of_a_pool_can_wait_for_a_worker_that_stops_by_itself),
        test(run_in_the_backlog_still_runs_after_stop_and_removal),
        test(callback_that_ends_the_own_thread_stops_the_worker),
        test(starting_wrongly_is_refused),
        test(bad_arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
