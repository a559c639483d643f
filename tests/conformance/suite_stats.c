/* Statistics: that they add up at any moment, and that each number is what it says. */
#include "conformance/conformance.h"
#include "support/crew.h"

static void stats_of_a_new_executor_are_zero(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 2);
    weir_stats stats = stats_of(executor);
    assert_int_equal(stats.submitted, 0);
    assert_int_equal(stats.run_ns, 0);
    assert_int_equal(stats.backlog_peak, 0);
    assert_int_equal(stats.running, 0);
    assert_int_equal(weir_executor_backlog(executor), 0);
    weir_executor_destroy(executor);
}

static void stats_of_a_failure_a_long_and_a_short_task(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 2);
    int64_t burn_ns = 20 * WEIR_MILLISECOND;
    int number = 1;
    weir_future *future[3];
    future[0] = submit_ok(executor, fail_task, &number, sizeof number);
    future[1] = submit_ok(executor, burn_task, &burn_ns, sizeof burn_ns);
    future[2] = submit_ok(executor, double_task, &number, sizeof number);
    for (int i = 0; i < 3; i++)
        end_of(future[i]);
    weir_stats stats = stats_of(executor); /* already up to date, before any shutdown */
    assert_int_equal(stats.submitted, 3);
    assert_int_equal(stats.completed, 3);
    assert_int_equal(stats.failed, 1);
    assert_int_equal(stats.running, 0);
    assert_true(stats.run_ns >= (uint64_t)(burn_ns - SLACK_NS));
    assert_true(stats.run_max_ns >= (uint64_t)(burn_ns - SLACK_NS));
    assert_true(stats.run_max_ns <= stats.run_ns);
    end_all(future, 3);
    weir_executor_destroy(executor);
}

static void stats_gauges_show_where_tasks_are(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 3, .limit = 10);
    for (int i = 0; i < 5; i++)
        assert_status(weir_submit(parked.executor, noop_task, NULL, 0, NULL), WEIR_OK);
    weir_stats stats = stats_of(parked.executor);
    assert_int_equal(stats.workers, 3);
    assert_int_equal(stats.workers_peak, 3);
    assert_int_equal(stats.running, 3);
    assert_int_equal(stats.idle, 0);
    assert_int_equal(stats.backlog, 5);
    assert_int_equal(stats.limit, 10);
    assert_true(stats.capacity >= stats.limit);
    gate_open(parked.gate);
    assert_status(weir_executor_shutdown(parked.executor, NULL), WEIR_OK);
    stats = stats_of(parked.executor);
    assert_int_equal(stats.running, 0);
    assert_int_equal(stats.backlog, 0);
    assert_int_equal(stats.backlog_peak, 5);
    assert_int_equal(stats.completed, 8);
    unpark(&parked);
}

static void stats_wait_time_is_that_in_the_backlog(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    enum { N = 10 };
    const int64_t held_ns = 2 * WEIR_MILLISECOND;
    int64_t start_ns = now_ns();
    struct parked parked = park(state, .workers = 1, .limit = N);
    weir_future *future[N];
    for (int i = 0; i < N; i++)
        future[i] = submit_ok(parked.executor, noop_task, NULL, 0);
    int64_t submitted_ns = now_ns();
    assert_eventually(now_ns() >= submitted_ns + held_ns); /* time itself is what is measured */
    gate_open(parked.gate);
    for (int i = 0; i < N; i++)
        end_of(future[i]);
    uint64_t wall_ns = (uint64_t)(now_ns() - start_ns + SLACK_NS);
    weir_stats stats = stats_of(parked.executor);
    assert_true(stats.wait_ns >= (uint64_t)(N * (held_ns - SLACK_NS)));
    assert_true(stats.wait_ns <= (N + 1) * wall_ns); /* the parked one waited for its worker */
    assert_true(stats.wait_max_ns >= (uint64_t)(held_ns - SLACK_NS));
    assert_true(stats.wait_max_ns <= wall_ns);
    end_all(future, N);
    unpark(&parked);
}

struct turmoil {
    weir_executor *executor;
    uint64_t rounds;
    _Atomic uint32_t over;
    _Atomic uint32_t odd; /* what a submission returned that no policy can be blamed for */
};

/* All ways for a submission to go, mixed. */
static void make_turmoil(void *shared, size_t index)
{
    struct turmoil *turmoil = shared;
    for (uint64_t i = 0; i < turmoil->rounds; i++) {
        weir_submission submission = { .fn = noop_task };
        weir_future *future = NULL;
        int code = 1;
        if (i % 5 == 0)
            submission = (weir_submission){ .fn = fail_task, .arg = &code, .arg_size = sizeof code };
        if (i % 7 == 0)
            submission.start_within_ns = 1;
        if (i % 11 == 0)
            submission.flags = WEIR_MUST_ADMIT;
        weir_status status = weir_submit_with(turmoil->executor, &submission, &future);
        if (status != WEIR_OK && status != WEIR_EREJECTED && status != WEIR_ETIMEDOUT)
            atomic_store(&turmoil->odd, (uint32_t)status);
        if (status != WEIR_OK)
            continue;
        if ((i + index) % 3 == 0)
            weir_future_cancel(future);
        weir_future_unref(future);
    }
    atomic_fetch_add(&turmoil->over, 1);
}

static void check_snapshots_under(void **state, weir_policy policy)
{
    struct turmoil turmoil = { .rounds = ROUNDS(20000) };
    turmoil.executor = new_executor(state, .workers = 2, .limit = 4, .policy = policy);
    struct crew *crew = crew_start(3, make_turmoil, &turmoil);
    weir_stats former = stats_of(turmoil.executor);
    while (atomic_load(&turmoil.over) < 3) {
        weir_stats stats = stats_of(turmoil.executor); /* adds up, or the test fails */
        if (!stats_grew(&former, &stats))
            fail_msg("a counter went backwards");
        former = stats;
    }
    crew_join(crew);
    assert_status((weir_status)turmoil.odd, WEIR_OK);
    assert_status(weir_executor_shutdown(turmoil.executor, NULL), WEIR_OK);
    weir_stats stats = stats_of(turmoil.executor);
    assert_int_equal(stats.submitted, 3 * turmoil.rounds);
    assert_int_equal(stats.running, 0);
    assert_int_equal(stats.backlog, 0);
    assert_int_equal(stats.blocked, 0);
    weir_executor_destroy(turmoil.executor);
}

static void stats_in_turmoil_always_add_up_and_never_go_back(void **state)
{
    check_snapshots_under(state, weir_reject_when_reached(4));
    check_snapshots_under(state, weir_discard_oldest());
    check_snapshots_under(state, weir_caller_runs());
    check_snapshots_under(state, weir_block(10 * WEIR_MICROSECOND));
}

static void stats_of_each_worker_make_up_the_whole(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 2, .limit = 20);
    weir_worker_stats worker[3];
    size_t count = 77;
    for (int i = 0; i < 20; i++)
        assert_status(weir_submit(parked.executor, noop_task, NULL, 0, NULL), WEIR_OK);
    assert_status(weir_executor_worker_stats(parked.executor, NULL, 0, &count), WEIR_OK);
    assert_int_equal(count, 2);
    assert_status(weir_executor_worker_stats(parked.executor, worker, 3, &count), WEIR_OK);
    assert_int_equal(count, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(worker[i].completed, 0);
        assert_true(worker[i].running_ns > 0);
        assert_true(worker[i].busy_ns >= worker[i].running_ns);
    }
    gate_open(parked.gate);
    assert_status(weir_executor_shutdown(parked.executor, NULL), WEIR_OK);
    assert_status(weir_executor_worker_stats(parked.executor, worker, 3, &count), WEIR_OK);
    assert_int_equal(worker[0].completed + worker[1].completed, 22);
    assert_int_equal(worker[0].running_ns + worker[1].running_ns, 0);
    unpark(&parked);
}

static void stats_of_workers_there_are_none_inline(void **state)
{
    if (factory_has(*state, TRAIT_CONCURRENT))
        skip();
    weir_executor *executor = new_executor(state, .name = NULL);
    size_t count = 77;
    assert_status(weir_executor_worker_stats(executor, NULL, 0, &count), WEIR_OK);
    assert_int_equal(count, 0);
    assert_int_equal(stats_of(executor).workers, 0);
    weir_executor_destroy(executor);
}

static void stats_format_is_a_line_a_field(void **state)
{
    static const char *const names[] = { "submitted", "rejected",    "discarded", "cancelled",
                                         "expired",   "completed",   "failed",    "run",
                                         "wait",      "backlog_peak", "workers",  "capacity" };
    weir_executor *executor = new_executor(state, .workers = 1);
    weir_stats stats = stats_of(executor);
    char text[8192];
    char cut[20];
    size_t length = weir_stats_format(&stats, text, sizeof text);
    assert_int_equal(length, strlen(text));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strstr(text, names[i]) == NULL)
            fail_msg("no line for %s in:\n%s", names[i], text);
    assert_int_equal(weir_stats_format(&stats, cut, sizeof cut), length);
    assert_int_equal(strlen(cut), sizeof cut - 1);
    assert_memory_equal(cut, text, sizeof cut - 1);
    assert_int_equal(weir_stats_format(&stats, NULL, 0), length);
    assert_int_equal(weir_stats_format(NULL, cut, sizeof cut), 0);
    weir_executor_destroy(executor);
}

static void stats_for_an_older_or_newer_caller_fit_its_struct(void **state)
{
    union {
        weir_stats stats;
        unsigned char bytes[sizeof(weir_stats) + 64];
    } room;
    weir_executor *executor = new_executor(state, .workers = 1);
    assert_status(end_and_unref(submit_ok(executor, noop_task, NULL, 0)), WEIR_OK);
    memset(&room, 0xee, sizeof room);
    assert_status(weir_executor_stats_sized(executor, &room.stats, 2 * sizeof(uint64_t)), WEIR_OK);
    assert_int_equal(room.stats.submitted, 1);
    for (size_t i = 2 * sizeof(uint64_t); i < sizeof room; i++)
        assert_int_equal(room.bytes[i], 0xee);
    assert_status(weir_executor_stats_sized(executor, &room.stats, sizeof room), WEIR_OK);
    assert_int_equal(room.stats.completed, 1);
    for (size_t i = sizeof(weir_stats); i < sizeof room; i++)
        assert_int_equal(room.bytes[i], 0);
    weir_executor_destroy(executor);
}

int suite_stats(const struct executor_factory *factory)
{
    const struct CMUnitTest tests[] = {
        ON(factory, stats_of_a_new_executor_are_zero),
        ON(factory, stats_of_a_failure_a_long_and_a_short_task),
        ON(factory, stats_gauges_show_where_tasks_are),
        ON(factory, stats_wait_time_is_that_in_the_backlog),
        ON(factory, stats_in_turmoil_always_add_up_and_never_go_back),
        ON(factory, stats_of_each_worker_make_up_the_whole),
        ON(factory, stats_of_workers_there_are_none_inline),
        ON(factory, stats_format_is_a_line_a_field),
        ON(factory, stats_for_an_older_or_newer_caller_fit_its_struct),
    };
    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
