/* The limit of the backlog: where it lies, and that it holds. */
#include "conformance/conformance.h"
#include "support/crew.h"

/* Submits tasks to a full set of workers until one is refused, and gives how many were not. */
static size_t fill(weir_executor *executor)
{
    size_t accepted = 0;
    while (accepted < 100000) {
        weir_status status = weir_submit(executor, noop_task, NULL, 0, NULL);
        if (status == WEIR_EREJECTED)
            return accepted;
        assert_status(status, WEIR_OK);
        accepted++;
    }
    return accepted;
}

static void admission_limit_is_exact(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    static const size_t limits[] = { 1, 2, 3, 7, 64, 1000 };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct parked parked = park(state, .workers = 2, .limit = limits[i]);
        assert_int_equal(stats_of(parked.executor).limit, limits[i]);
        assert_int_equal(fill(parked.executor), limits[i]);
        assert_int_equal(weir_executor_backlog(parked.executor), limits[i]);
        weir_stats stats = stats_of(parked.executor);
        assert_int_equal(stats.backlog_peak, limits[i]);
        assert_int_equal(stats.rejected_limit, 1);
        unpark(&parked);
    }
}

static void admission_default_limit_is_finite(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 1);
    assert_int_equal(stats_of(parked.executor).limit, WEIR_LIMIT_DEFAULT);
    assert_int_equal(fill(parked.executor), WEIR_LIMIT_DEFAULT);
    unpark(&parked);
}

static void admission_without_backlog_takes_what_idle_workers_take(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    const struct factory_options options[] = {
        { .workers = 3, .limit = WEIR_ZERO },
        { .workers = 3, .policy = weir_reject_when_reached(0) },
        { .workers = 3, .limit = 5, .policy = weir_reject_when_reached(0) },
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        struct parked parked = park_workers(*state, &options[i]);
        assert_int_equal(stats_of(parked.executor).limit, 0);
        assert_int_equal(fill(parked.executor), 0);
        gate_open(parked.gate);
        assert_eventually(stats_of(parked.executor).running == 0);
        weir_future *future = submit_ok(parked.executor, noop_task, NULL, 0);
        assert_status(end_and_unref(future), WEIR_OK);
        assert_int_equal(stats_of(parked.executor).backlog_peak, 0);
        unpark(&parked);
    }
}

static void admission_of_two_limits_the_lower_holds(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    const struct factory_options options[] = {
        { .workers = 1, .limit = 5, .policy = weir_reject_when_reached(3) },
        { .workers = 1, .limit = 3, .policy = weir_reject_when_reached(5) },
        { .workers = 1, .policy = weir_reject_when_reached(3) },
        { .workers = 1,
          .limit = 9,
          .policy = weir_policy_chain(weir_reject_when_reached(3), weir_reject_when_reached(7)) },
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        struct parked parked = park_workers(*state, &options[i]);
        assert_int_equal(stats_of(parked.executor).limit, 3);
        assert_int_equal(fill(parked.executor), 3);
        unpark(&parked);
    }
}

static void admission_refused_leaves_no_trace(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct journal *journal = journal_create();
    struct parked parked = park(state, .workers = 1, .limit = 1);
    struct note note = { .journal = journal, .value = 1 };
    weir_future *untouched = (weir_future *)(void *)&untouched;
    weir_future *future = untouched;
    assert_status(weir_submit(parked.executor, noop_task, NULL, 0, NULL), WEIR_OK);
    for (int i = 0; i < 10; i++)
        assert_status(weir_submit(parked.executor, note_task, &note, sizeof note, &future),
                      WEIR_EREJECTED);
    assert_ptr_equal(future, untouched);
    assert_int_equal(weir_executor_backlog(parked.executor), 1);
    assert_int_equal(stats_of(parked.executor).rejected, 10);
    unpark(&parked);
    assert_int_equal(journal->count, 0);
    journal_destroy(journal);
}

static void admission_must_goes_up_to_the_capacity(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 1, .limit = 2);
    weir_submission must = { .fn = noop_task, .flags = WEIR_MUST_ADMIT };
    assert_int_equal(fill(parked.executor), 2);
    uint64_t capacity = stats_of(parked.executor).capacity;
    assert_true(capacity > 2);
    for (uint64_t i = 2; i < capacity; i++) {
        assert_status(weir_submit_with(parked.executor, &must, NULL), WEIR_OK);
        assert_status(weir_submit(parked.executor, noop_task, NULL, 0, NULL), WEIR_EREJECTED);
    }
    assert_status(weir_submit_with(parked.executor, &must, NULL), WEIR_EREJECTED);
    weir_stats stats = stats_of(parked.executor);
    assert_int_equal(stats.backlog, capacity);
    assert_int_equal(stats.must_admitted, capacity - 2);
    gate_open(parked.gate);
    assert_status(weir_executor_shutdown(parked.executor, NULL), WEIR_OK);
    assert_int_equal(stats_of(parked.executor).completed, capacity + 1);
    unpark(&parked);
}

struct crowd {
    weir_executor *executor;
    size_t limit;
    uint64_t rounds;
    _Atomic uint64_t accepted;
    _Atomic uint64_t refused;
    _Atomic uint64_t odd;
    _Atomic uint64_t above;
};

static void submit_and_watch(void *shared, size_t index)
{
    struct crowd *crowd = shared;
    (void)index;
    for (uint64_t i = 0; i < crowd->rounds; i++) {
        weir_status status = weir_submit(crowd->executor, noop_task, NULL, 0, NULL);
        atomic_fetch_add(status == WEIR_OK          ? &crowd->accepted
                         : status == WEIR_EREJECTED ? &crowd->refused
                                                    : &crowd->odd,
                         1);
        if (weir_executor_backlog(crowd->executor) > crowd->limit)
            atomic_fetch_add(&crowd->above, 1);
    }
}

static void admission_racing_submitters_never_exceed_the_limit(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    static const size_t limits[] = { 1, 2, 5 };
    for (size_t i = 0; i < 3; i++) {
        struct crowd crowd = { .limit = limits[i], .rounds = ROUNDS(20000) };
        crowd.executor = new_executor(state, .workers = 2, .limit = limits[i]);
        crew_run(4, submit_and_watch, &crowd);
        assert_status(weir_executor_shutdown(crowd.executor, NULL), WEIR_OK);
        weir_stats stats = stats_of(crowd.executor);
        assert_int_equal(crowd.odd, 0);
        assert_int_equal(crowd.above, 0);
        assert_true(stats.backlog_peak <= limits[i]);
        assert_int_equal(stats.completed, crowd.accepted);
        assert_int_equal(stats.rejected, crowd.refused);
        weir_executor_destroy(crowd.executor);
    }
}

static void admission_racing_for_the_last_places_fills_them_exactly(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    for (int i = 0; i < ROUNDS(200); i++) {
        struct parked parked = park(state, .workers = 1, .limit = 7);
        struct crowd crowd = { .executor = parked.executor, .limit = 7, .rounds = 3 };
        crew_run(4, submit_and_watch, &crowd);
        assert_int_equal(crowd.accepted, 7);
        assert_int_equal(crowd.refused, 5);
        unpark(&parked);
    }
}

/* The example of the book's chapter: 8 workers, limit 2, 20 tasks. */
static void admission_of_twenty_to_eight_workers_and_two_places(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct gate *gate = gate_create();
    weir_executor *executor =
        new_executor(state, .workers = 8, .policy = weir_reject_when_reached(2));
    int accepted = 0;
    for (int i = 0; i < 20; i++)
        accepted += weir_submit(executor, gate_task, gate, 0, NULL) == WEIR_OK;
    assert_int_equal(accepted, 10);
    weir_stats stats = stats_of(executor);
    assert_int_equal(stats.running, 8);
    assert_int_equal(stats.backlog, 2);
    assert_int_equal(stats.rejected, 10);
    gate_open(gate);
    weir_executor_destroy(executor);
    gate_destroy(gate);
}

int suite_admission(const struct executor_factory *factory)
{
    const struct CMUnitTest tests[] = {
        ON(factory, admission_limit_is_exact),
        ON(factory, admission_default_limit_is_finite),
        ON(factory, admission_without_backlog_takes_what_idle_workers_take),
        ON(factory, admission_of_two_limits_the_lower_holds),
        ON(factory, admission_refused_leaves_no_trace),
        ON(factory, admission_must_goes_up_to_the_capacity),
        ON(factory, admission_racing_submitters_never_exceed_the_limit),
        ON(factory, admission_racing_for_the_last_places_fills_them_exactly),
        ON(factory, admission_of_twenty_to_eight_workers_and_two_places),
    };
    return cmocka_run_group_tests_name("admission", tests, NULL, NULL);
}
