/* Map, ordered and unordered, over any executor. */
#include <sched.h>

#include "conformance/conformance.h"
#include "support/child.h"
#include "support/shared.h"

enum {
    MANY = 500
};

static int numbers[MANY], doubles[MANY];

static void fill_numbers(void)
{
    for (int i = 0; i < MANY; i++) {
        numbers[i] = i;
        doubles[i] = -1;
    }
}

static weir_status map_doubles(weir_executor *executor, const weir_map_options *options)
{
    return weir_map(executor, double_task, numbers, MANY, sizeof(int), doubles, sizeof(int),
                    options);
}

static void assert_all_doubled(void)
{
    for (int i = 0; i < MANY; i++)
        assert_int_equal(doubles[i], 2 * i);
}

static void map_gives_results_in_the_order_of_the_items(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 2);
    fill_numbers();
    assert_status(map_doubles(executor, NULL), WEIR_OK);
    assert_all_doubled();
    weir_executor_destroy(executor);
}

static void map_macro_takes_arrays(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 2);
    int in[4] = { 1, 2, 3, 4 }, out[4] = { 0 };
    assert_status(WEIR_MAP(executor, double_task, in, out), WEIR_OK);
    assert_memory_equal(out, ((int[]){ 2, 4, 6, 8 }), sizeof out);
    weir_executor_destroy(executor);
}

static void map_with_any_chunk_gives_the_same(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 2);
    for (size_t chunk = 1; chunk <= MANY + 1; chunk = 3 * chunk + 1) {
        fill_numbers();
        weir_map_report report;
        assert_status(
            map_doubles(executor, &(weir_map_options){ .chunk = chunk, .report = &report }),
            WEIR_OK);
        assert_all_doubled();
        assert_int_equal(report.done, MANY);
        assert_int_equal(report.failed, MANY);
    }
    weir_executor_destroy(executor);
}

static void chunk_is_one_task_in_the_statistics(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 2);
    weir_stats stats;
    fill_numbers();
    assert_status(map_doubles(executor, &(weir_map_options){ .chunk = 50 }), WEIR_OK);
    assert_status(weir_executor_stats(executor, &stats), WEIR_OK);
    assert_int_equal(stats.submitted, MANY / 50);
    weir_executor_destroy(executor);
}

/* Longer than the limit, many times over, and never refused. */
static void map_longer_than_the_limit_never_trips_the_policy(void **state)
{
    weir_executor *executor =
        new_executor(state, .workers = 2, .limit = 3, .policy = weir_reject_when_reached(3));
    weir_stats stats;
    fill_numbers();
    assert_status(map_doubles(executor, &(weir_map_options){ .chunk = 1, .in_flight = 1000 }),
                  WEIR_OK);
    assert_all_doubled();
    assert_status(weir_executor_stats(executor, &stats), WEIR_OK);
    assert_int_equal(stats.rejected, 0);
    assert_true(stats.backlog_peak <= 3);
    weir_executor_destroy(executor);
}

static void map_keeps_no_more_in_flight_than_told(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    weir_executor *executor = new_executor(state, .workers = 2, .limit = 100);
    weir_stats stats;
    fill_numbers();
    assert_status(map_doubles(executor, &(weir_map_options){ .chunk = 1, .in_flight = 2 }),
                  WEIR_OK);
    assert_status(weir_executor_stats(executor, &stats), WEIR_OK);
    assert_true(stats.backlog_peak <= 2);
    assert_all_doubled();
    weir_executor_destroy(executor);
}

static void map_shares_a_full_backlog_with_others(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct gate *gate = gate_create();
    weir_executor *executor = new_executor(state, .workers = 1, .limit = 2);
    fill_numbers();
    /* Of the two places one is taken by a task that does not end before the map does. */
    gate_open(gate);
    weir_future *other = submit_ok(executor, gate_task, gate, 0);
    assert_status(map_doubles(executor, &(weir_map_options){ .chunk = 10, .in_flight = 2 }),
                  WEIR_OK);
    assert_all_doubled();
    end_and_unref(other);
    weir_executor_destroy(executor);
    gate_destroy(gate);
}

static void map_refused_with_nothing_in_flight_is_rejected(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 1, .limit = 1);
    fill_numbers();
    weir_future *filler = submit_ok(parked.executor, noop_task, NULL, 0);
    assert_status(map_doubles(parked.executor, NULL), WEIR_EREJECTED);
    weir_future_unref(filler);
    unpark(&parked);
}

static weir_status fail_at_seven(weir_task *task, void *arg)
{
    int value = *(int *)arg;
    if (value == 7)
        return weir_task_fail(task, 77, "no %d", value);
    return weir_task_return(task, &value, sizeof value);
}

static void first_failure_is_reported_with_its_index(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    for (size_t chunk = 1; chunk <= 20; chunk += 4) {
        weir_map_report report;
        weir_status statuses[MANY];
        fill_numbers();
        assert_status(
            weir_map(executor, fail_at_seven, numbers, MANY, sizeof(int), doubles, sizeof(int),
                     &(weir_map_options){
                         .chunk = chunk, .in_flight = 1, .report = &report, .statuses = statuses }),
            WEIR_EFAILED);
        assert_int_equal(report.failed, 7);
        assert_status(report.status, WEIR_EFAILED);
        assert_int_equal(report.code, 77);
        assert_string_equal(report.message, "no 7");
        assert_int_equal(report.done, 7 / chunk * chunk); /* whole chunks before it */
        assert_status(statuses[7], WEIR_EFAILED);
        assert_status(statuses[MANY - 1], WEIR_ECANCELLED);
        for (size_t i = 0; i < report.done; i++)
            assert_status(statuses[i], WEIR_OK);
        assert_int_equal(doubles[MANY - 1], -1);
    }
    weir_stats stats;
    assert_status(weir_executor_stats(executor, &stats), WEIR_OK);
    assert_int_equal(stats.failed, 5); /* a failing chunk is a failed task */
    weir_executor_destroy(executor);
}

static void failure_cancels_what_has_not_started(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    weir_executor *executor = new_executor(state, .workers = 1, .limit = 64);
    weir_stats stats;
    fill_numbers();
    for (int i = 0; i < MANY; i++)
        numbers[i] = 7;
    assert_status(weir_map(executor, fail_at_seven, numbers, MANY, sizeof(int), NULL, 0,
                           &(weir_map_options){ .chunk = 1, .in_flight = 64 }),
                  WEIR_EFAILED);
    assert_status(weir_executor_stats(executor, &stats), WEIR_OK);
    assert_true(stats.submitted <= 65);
    assert_int_equal(stats.completed + stats.cancelled, stats.submitted);
    assert_int_equal(stats.backlog, 0);
    weir_executor_destroy(executor);
}

static weir_status return_einval(weir_task *task, void *arg)
{
    (void)task;
    (void)arg;
    return WEIR_EINVAL;
}

static void status_returned_without_a_message_is_reported(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    fill_numbers();
    for (size_t chunk = 1; chunk <= 2; chunk++) {
        weir_map_report report;
        assert_status(weir_map(executor, return_einval, numbers, 4, sizeof(int), NULL, 0,
                               &(weir_map_options){ .chunk = chunk, .report = &report }),
                      WEIR_EFAILED);
        assert_int_equal(report.failed, 0);
        assert_int_equal(report.code, WEIR_EINVAL);
        assert_string_equal(report.message, weir_status_text(WEIR_EINVAL));
    }
    weir_executor_destroy(executor);
}

static void result_too_large_fails_its_item(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    char small[8];
    weir_map_report report;
    fill_numbers();
    assert_status(weir_map(executor, double_task, numbers, 8, sizeof(int), small, 1,
                           &(weir_map_options){ .report = &report }),
                  WEIR_ETOOBIG);
    assert_int_equal(report.failed, 0);
    weir_executor_destroy(executor);
}

static weir_status length_task(weir_task *task, void *arg)
{
    size_t length = strlen(arg);
    return weir_task_return(task, &length, sizeof length);
}

static void items_may_be_pointers(void **state)
{
    needs(state, TRAIT_SHARES_MEMORY);
    weir_executor *executor = new_executor(state, .workers = 2);
    const char *words[] = { "a", "weir", "holds", "the", "river", "back" };
    for (size_t chunk = 1; chunk <= 6; chunk++) {
        size_t lengths[6] = { 0 };
        assert_status(weir_map(executor, length_task, words, 6, 0, lengths, sizeof lengths[0],
                               &(weir_map_options){ .chunk = chunk }),
                      WEIR_OK);
        for (int i = 0; i < 6; i++)
            assert_int_equal(lengths[i], strlen(words[i]));
    }
    weir_executor_destroy(executor);
}

static void deadline_cancels_what_has_not_started_and_lets_go_of_the_rest(void **state)
{
    needs(state, TRAIT_CONCURRENT | TRAIT_SHARES_MEMORY);
    weir_status statuses[8] = { WEIR_OK };
    int64_t end_ns = now_ns() + WATCHDOG_NS;
    /* On a busy machine the time may be over before the worker has got to any of them, or when it is
     * just getting to one: then with more time. */
    for (int64_t timeout_ns = WEIR_MILLISECOND; statuses[0] != WEIR_EPENDING && now_ns() < end_ns;
         timeout_ns *= 2) {
        weir_executor *executor = new_executor(state, .workers = 1);
        struct gate *gate = gate_create();
        void *gates[8];
        weir_map_report report;
        int let_go = 0;
        for (int i = 0; i < 8; i++)
            gates[i] = gate;
        assert_status(weir_map(executor, gate_task, gates, 8, 0, NULL, 0,
                               &(weir_map_options){ .chunk = 1,
                                                    .in_flight = 4,
                                                    .timeout_ns = timeout_ns,
                                                    .statuses = statuses,
                                                    .report = &report }),
                      WEIR_ETIMEDOUT);
        assert_int_equal(report.done, 0);
        assert_int_equal(report.failed, 8);
        for (int i = 0; i < 8; i++) {
            let_go += statuses[i] == WEIR_EPENDING;
            assert_true(statuses[i] == WEIR_ECANCELLED || (i < 4 && statuses[i] == WEIR_EPENDING));
        }
        assert_true(let_go <= 1); /* there is one worker */
        assert_int_equal(weir_executor_backlog(executor), 0);
        gate_open(gate);
        weir_executor_destroy(executor);
        gate_destroy(gate);
    }
    assert_status(statuses[0], WEIR_EPENDING);
}

static weir_status nap_task(weir_task *task, void *arg)
{
    (void)task;
    (void)arg;
    nanosleep(&(struct timespec){ 0, 5 * WEIR_MILLISECOND }, NULL);
    return WEIR_OK;
}

/* On an inline executor some chunk is done whenever the map looks. */
static void deadline_holds_while_chunks_keep_ending(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    static weir_status statuses[MANY];
    weir_map_report report;
    fill_numbers();
    assert_status(weir_map(executor, nap_task, numbers, MANY, sizeof(int), NULL, 0,
                           &(weir_map_options){ .chunk = 1,
                                                .in_flight = 2,
                                                .timeout_ns = 50 * WEIR_MILLISECOND,
                                                .statuses = statuses,
                                                .report = &report }),
                  WEIR_ETIMEDOUT);
    assert_in_range(report.done, 0, MANY / 10); /* 10, if tasks run one after another */
    assert_int_equal(report.failed, MANY);
    size_t delivered = 0;
    for (size_t i = 0; i < MANY; i++)
        delivered += statuses[i] == WEIR_OK;
    assert_int_equal(delivered, report.done);
    assert_status(statuses[MANY - 1], WEIR_ECANCELLED); /* it was not submitted */
    weir_executor_destroy(executor);
}

static weir_status see_slowly(size_t index, const void *value, size_t size, void *data)
{
    (void)index;
    (void)value;
    (void)size;
    ++*(int *)data;
    nanosleep(&(struct timespec){ 0, 5 * WEIR_MILLISECOND }, NULL);
    return WEIR_OK;
}

static void deadline_holds_while_results_are_delivered(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 2);
    int calls = 0;
    weir_map_report report;
    fill_numbers();
    assert_status(weir_map_unordered(
                      executor, double_task, numbers, MANY, sizeof(int), see_slowly, &calls,
                      &(weir_map_options){
                          .chunk = 1, .timeout_ns = 50 * WEIR_MILLISECOND, .report = &report }),
                  WEIR_ETIMEDOUT);
    assert_true(calls <= 11);
    assert_int_equal(report.done, calls);
    weir_executor_destroy(executor);
}

struct stop_item {
    struct gate *gate;
    weir_executor *executor;
    int which;
};

/* Item 0 has its executor tell all that runs to stop, as soon as item 2 runs; that one waits until it
 * is told. With two in a chunk, neither 1 nor 3 may start. */
static weir_status stop_all(weir_task *task, void *arg)
{
    const struct stop_item *item = arg;
    if (item->which == 0) {
        if (!gate_wait_entered(item->gate, 1))
            return WEIR_EINVAL;
        weir_executor_shutdown(item->executor, &(weir_shutdown_options){ .mode = WEIR_CANCEL_QUEUED,
                                                                         .cancel_running = true,
                                                                         .timeout_ns = -1 });
    } else if (item->which == 2) {
        gate_open(item->gate);
        gate_pass(item->gate);
        while (!weir_task_cancel_requested(task))
            sched_yield();
    }
    return WEIR_OK;
}

static void items_told_to_stop_are_cancelled_not_failed(void **state)
{
    needs(state, TRAIT_CONCURRENT | TRAIT_SHARES_MEMORY);
    weir_executor *executor = new_executor(state, .workers = 2);
    struct gate *gate = gate_create();
    struct stop_item items[4];
    weir_status statuses[4];
    weir_map_report report;
    for (int i = 0; i < 4; i++)
        items[i] = (struct stop_item){ gate, executor, i };
    assert_status(
        weir_map(executor, stop_all, items, 4, sizeof items[0], NULL, 0,
                 &(weir_map_options){
                     .chunk = 2, .in_flight = 2, .statuses = statuses, .report = &report }),
        WEIR_ECANCELLED);
    assert_status(report.status, WEIR_ECANCELLED);
    assert_true(report.failed == 1 || report.failed == 3);
    assert_int_equal(report.code, 0);
    assert_status(statuses[0], WEIR_EDISCARDED);
    assert_status(statuses[1], WEIR_ECANCELLED);
    assert_status(statuses[2], WEIR_EDISCARDED);
    assert_status(statuses[3], WEIR_ECANCELLED);
    weir_executor_destroy(executor);
    gate_destroy(gate);
}

static weir_status map_inside(weir_task *task, void *arg)
{
    weir_executor *executor = *(weir_executor **)arg;
    int in[10], out[10] = { 0 }, sum = 0;
    for (int i = 0; i < 10; i++)
        in[i] = i;
    weir_status status = weir_map(executor, double_task, in, 10, sizeof(int), out, sizeof(int),
                                  &(weir_map_options){ .chunk = 1 });
    for (int i = 0; i < 10; i++)
        sum += out[i];
    return status == WEIR_OK ? weir_task_return(task, &sum, sizeof sum) : status;
}

static void map_inside_a_task_of_the_only_worker_ends(void **state)
{
    needs(state, TRAIT_SHARES_MEMORY);
    weir_executor *executor = new_executor(state, .workers = 1);
    weir_future *future = submit_ok(executor, map_inside, &executor, sizeof(void *));
    int sum = 0;
    assert_status(weir_future_result(future, &sum, sizeof sum, WATCHDOG_NS), WEIR_OK);
    assert_int_equal(sum, 90);
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

struct seen {
    size_t count;
    size_t stop_at;
    size_t index[MANY];
    bool wrong;
};

static weir_status see(size_t index, const void *value, size_t size, void *data)
{
    struct seen *seen = data;
    int twice = 0;
    if (size == sizeof twice)
        memcpy(&twice, value, size);
    seen->wrong |= twice != 2 * (int)index;
    seen->index[seen->count++] = index;
    return seen->count == seen->stop_at ? WEIR_EINVAL : WEIR_OK;
}

static void unordered_map_calls_back_once_for_every_item(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 2);
    for (size_t chunk = 1; chunk < 100; chunk += 33) {
        static struct seen seen;
        bool got[MANY] = { false };
        seen = (struct seen){ .count = 0 };
        fill_numbers();
        assert_status(weir_map_unordered(executor, double_task, numbers, MANY, sizeof(int), see,
                                         &seen, &(weir_map_options){ .chunk = chunk }),
                      WEIR_OK);
        assert_int_equal(seen.count, MANY);
        assert_false(seen.wrong);
        for (size_t i = 0; i < MANY; i++) {
            assert_false(got[seen.index[i]]);
            got[seen.index[i]] = true;
        }
    }
    weir_executor_destroy(executor);
}

/* The first item waits until the second has run: so the second is called back first. */
static weir_status pass_or_open(weir_task *task, void *arg)
{
    struct gate *gate = *(struct gate **)arg;
    int which = ((int *)arg)[2];
    (void)task;
    if (which == 0)
        return gate_pass(gate) ? WEIR_OK : WEIR_EINVAL;
    return WEIR_OK;
}

static struct gate *held_gate;

static weir_status open_after_second(size_t index, const void *value, size_t size, void *data)
{
    size_t *order = data;
    (void)value;
    (void)size;
    order[order[2]++] = index;
    gate_open(held_gate);
    return WEIR_OK;
}

static void unordered_map_calls_back_in_the_order_of_completion(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    held_gate = gate_create();
    weir_executor *executor = new_executor(state, .workers = 2);
    struct {
        struct gate *gate;
        int which, unused;
    } items[2] = { { held_gate, 0, 0 }, { held_gate, 1, 0 } };
    size_t order[3] = { 9, 9, 0 };
    assert_status(weir_map_unordered(executor, pass_or_open, items, 2, sizeof items[0],
                                     open_after_second, order, &(weir_map_options){ .chunk = 1 }),
                  WEIR_OK);
    assert_int_equal(order[0], 1);
    assert_int_equal(order[1], 0);
    weir_executor_destroy(executor);
    gate_destroy(held_gate);
}

static void callback_can_stop_the_map(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    static struct seen seen;
    weir_map_report report;
    seen = (struct seen){ .stop_at = 3 };
    fill_numbers();
    assert_status(weir_map_unordered(executor, double_task, numbers, MANY, sizeof(int), see, &seen,
                                     &(weir_map_options){ .chunk = 1, .report = &report }),
                  WEIR_EINVAL);
    assert_int_equal(seen.count, 3);
    assert_int_equal(report.done, 2);
    assert_int_equal(report.failed, seen.index[2]);
    weir_executor_destroy(executor);
}

static void map_of_nothing_is_done_at_once(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    weir_map_report report = { .done = 9 };
    assert_status(weir_map(executor, double_task, NULL, 0, 4, NULL, 0,
                           &(weir_map_options){ .report = &report }),
                  WEIR_OK);
    assert_int_equal(report.done + report.failed, 0);
    weir_executor_destroy(executor);
}

static void map_over_a_closed_executor_says_so(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    fill_numbers();
    assert_status(weir_executor_shutdown(executor, NULL), WEIR_OK);
    assert_status(map_doubles(executor, NULL), WEIR_ESHUTDOWN);
    weir_executor_destroy(executor);
}

static int map_in_child(void *executor)
{
    weir_status statuses[2] = { WEIR_OK, WEIR_OK };
    weir_map_report report = { .failed = 77 };
    if (weir_map(executor, double_task, (int[]){ 1, 2 }, 2, sizeof(int), NULL, 0,
                 &(weir_map_options){ .statuses = statuses, .report = &report }) != WEIR_EFORKED)
        return 1;
    if (report.done != 0 || report.failed != 2)
        return 2;
    return statuses[0] == WEIR_ECANCELLED && statuses[1] == WEIR_ECANCELLED ? 0 : 3;
}

static void map_that_cannot_begin_fills_the_statuses(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    assert_int_equal(run_in_child(map_in_child, executor), 0);
    weir_executor_destroy(executor);
}

static void bad_arguments_are_refused(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    fill_numbers();
    assert_status(map_doubles(NULL, NULL), WEIR_EINVAL);
    assert_status(map_doubles(executor, &(weir_map_options){ .chunk = WEIR_ZERO }), WEIR_EINVAL);
    assert_status(map_doubles(executor, &(weir_map_options){ .in_flight = WEIR_ZERO }),
                  WEIR_EINVAL);
    assert_status(map_doubles(executor, &(weir_map_options){ .timeout_ns = -1 }), WEIR_EINVAL);
    assert_status(weir_map(executor, NULL, numbers, 1, 4, NULL, 0, NULL), WEIR_EINVAL);
    assert_status(weir_map(executor, double_task, NULL, 1, 4, NULL, 0, NULL), WEIR_EINVAL);
    assert_status(weir_map(executor, double_task, numbers, 1, 4, NULL, 4, NULL), WEIR_EINVAL);
    assert_status(weir_map_unordered(executor, double_task, numbers, 1, 4, NULL, NULL, NULL),
                  WEIR_EINVAL);
    assert_status(weir_map(executor, double_task, numbers, 1, SIZE_MAX, NULL, 0, NULL),
                  WEIR_EINVAL);
    assert_status(weir_map(executor, double_task, numbers, SIZE_MAX, 0, NULL, 0, NULL),
                  WEIR_EINVAL);
    assert_status(weir_map(executor, double_task, numbers, 2, 4, numbers, SIZE_MAX / 2, NULL),
                  WEIR_EINVAL);
    weir_executor_destroy(executor);
}

int suite_map(const struct executor_factory *factory)
{
    const struct CMUnitTest tests[] = {
        ON(factory, map_gives_results_in_the_order_of_the_items),
        ON(factory, map_macro_takes_arrays),
        ON(factory, map_with_any_chunk_gives_the_same),
        ON(factory, chunk_is_one_task_in_the_statistics),
        ON(factory, map_longer_than_the_limit_never_trips_the_policy),
        ON(factory, map_keeps_no_more_in_flight_than_told),
        ON(factory, map_shares_a_full_backlog_with_others),
        ON(factory, map_refused_with_nothing_in_flight_is_rejected),
        ON(factory, first_failure_is_reported_with_its_index),
        ON(factory, failure_cancels_what_has_not_started),
        ON(factory, status_returned_without_a_message_is_reported),
        ON(factory, result_too_large_fails_its_item),
        ON(factory, items_may_be_pointers),
        ON(factory, deadline_cancels_what_has_not_started_and_lets_go_of_the_rest),
        ON(factory, deadline_holds_while_chunks_keep_ending),
        ON(factory, deadline_holds_while_results_are_delivered),
        ON(factory, items_told_to_stop_are_cancelled_not_failed),
        ON(factory, map_inside_a_task_of_the_only_worker_ends),
        ON(factory, unordered_map_calls_back_once_for_every_item),
        ON(factory, unordered_map_calls_back_in_the_order_of_completion),
        ON(factory, callback_can_stop_the_map),
        ON(factory, map_of_nothing_is_done_at_once),
        ON(factory, map_over_a_closed_executor_says_so),
        ON(factory, map_that_cannot_begin_fills_the_statuses),
        ON(factory, bad_arguments_are_refused),
    };
    return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
