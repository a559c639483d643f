/* The promise about the bound, 2: it is exact, from a standing start and in motion; a cancelled
 * task gives its place back; and 8, the steady state allocates nothing. */
#include "conformance/conformance.h"
#include "support/allocations.h"
#include "support/fibonacci.h"
#include "support/proc.h"

enum { MOST_WORKERS = 8, MOST_LIMIT = 64 };

/* One round from a standing start: as many as there are workers and places are admitted, and not
 * one more. A standing start is when the futures of the round before have been waited for: a task
 * has left its place and its worker before its future is seen to have ended. */
static void burst(weir_executor *executor, struct gate *gate, size_t n)
{
    weir_future *future[MOST_WORKERS + MOST_LIMIT];
    for (size_t i = 0; i < n; i++)
        assert_status(weir_submit(executor, gate_task, gate, 0, &future[i]), WEIR_OK);
    assert_status(weir_submit(executor, gate_task, gate, 0, NULL), WEIR_EREJECTED);
    gate_open(gate);
    end_all(future, n);
    gate_reset(gate);
}

static void promise2_bursts_of_workers_plus_limit_are_admitted_and_no_more(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    static const size_t workers[] = { 1, 2, 4, MOST_WORKERS };
    static const size_t limits[] = { 1, 2, 7, MOST_LIMIT };
    const uint64_t rounds = factory_has(*state, TRAIT_DYNAMIC)     ? ROUNDS(1000)
                            : factory_has(*state, TRAIT_PROCESSES) ? ROUNDS(1500)
                                                                   : ROUNDS(10000);
    for (int i = 0; i < 16; i++) {
        size_t w = workers[i / 4];
        size_t l = limits[i % 4];
        struct gate *gate = gate_create();
        weir_executor *executor = new_executor(state, .workers = w, .limit = l);
        for (uint64_t k = 1; k <= rounds; k++) {
            burst(executor, gate, w + l);
            weir_stats stats = stats_of(executor);
            assert_int_equal(stats.completed, k * (w + l));
            assert_int_equal(stats.rejected, k);
            assert_true(stats.backlog_peak <= l);
        }
        weir_executor_destroy(executor);
        gate_destroy(gate);
    }
}

static void promise2_cancel_and_resubmit_is_never_refused_and_takes_no_memory(void **state)
{
    enum { PLACES = 8 };
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 2, .limit = PLACES);
    weir_future *future[PLACES] = { NULL };
    const size_t rounds = ROUNDS(1000000);
    size_t resident_bytes = 0;
    for (size_t i = 0; i < rounds; i++) {
        size_t place = (i * 5) % PLACES; /* neither the oldest first nor the youngest */
        if (future[place] != NULL)
            assert_true(weir_future_cancel(future[place]));
        weir_future_unref(future[place]);
        future[place] = submit_ok(parked.executor, noop_task, NULL, 0);
        if (i == rounds / 10)
            resident_bytes = proc_resident_bytes();
    }
    /* A task left behind by each round would cost tens of megabytes by now. */
    if (!SANITIZED)
        assert_true(proc_resident_bytes() < resident_bytes + ((size_t)2 << 20));
    weir_stats stats = stats_of(parked.executor);
    assert_int_equal(stats.cancelled, rounds - PLACES);
    assert_int_equal(stats.backlog, PLACES);
    assert_int_equal(stats.backlog_peak, PLACES);
    assert_int_equal(stats.rejected, 0);
    gate_open(parked.gate);
    end_all(future, PLACES);
    unpark(&parked);
}

struct payload {
    char bytes[WEIR_INLINE_DEFAULT];
};

static weir_status payload_task(weir_task *task, void *arg)
{
    return weir_task_return(task, arg, sizeof(struct payload));
}

static void count_call(weir_future *future, void *data)
{
    (void)future;
    atomic_fetch_add((_Atomic uint32_t *)data, 1);
}

/* Of every four, one is named, one has a time, one calls back, one does all of it. */
static void run_batch(weir_executor *executor)
{
    enum { N = 16 };
    struct payload payload = { "as much as fits inline" };
    weir_future *future[N];
    _Atomic uint32_t calls = 0;
    for (int i = 0; i < N; i++) {
        weir_submission submission = {
            .fn = payload_task,
            .arg = &payload,
            .arg_size = sizeof payload,
            .name = i % 4 == 0 || i % 4 == 3 ? "named" : NULL,
            .start_within_ns = i % 4 == 1 || i % 4 == 3 ? WEIR_FOREVER : 0,
        };
        assert_status(weir_submit_with(executor, &submission, &future[i]), WEIR_OK);
        if (i % 4 >= 2)
            assert_status(weir_future_on_done(future[i], count_call, &calls), WEIR_OK);
    }
    end_all(future, N);
    while (atomic_load(&calls) < N / 2)
        sched_yield();
}

static void promise8_steady_state_allocates_nothing(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 2, .limit = 64);
    if (!allocations_can_be_counted() || factory_has(*state, TRAIT_DYNAMIC)) {
        weir_executor_destroy(executor); /* to start a thread does allocate */
        skip();
    }
    make_slots(executor, 160); /* more than a batch and what threads keep for themselves */
    for (int i = 0; i < 100; i++)
        run_batch(executor);
    uint64_t before = allocations_so_far();
    for (int i = 0; i < 2000; i++)
        run_batch(executor);
    assert_int_equal(allocations_so_far() - before, 0);
    weir_executor_destroy(executor);
}

static void promise8_recursion_allocates_nothing_once_warm(void **state)
{
    needs(state, TRAIT_SHARES_MEMORY);
    weir_executor *executor = new_executor(state, .workers = 1);
    if (!allocations_can_be_counted() || factory_has(*state, TRAIT_DYNAMIC)) {
        weir_executor_destroy(executor);
        skip();
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(fibonacci_on(executor, 16), 987);
    uint64_t before = allocations_so_far();
    assert_int_equal(fibonacci_on(executor, 16), 987);
    assert_int_equal(allocations_so_far() - before, 0);
    weir_executor_destroy(executor);
}

int suite_promises_bound(const struct executor_factory *factory)
{
    const struct CMUnitTest tests[] = {
        ON(factory, promise2_bursts_of_workers_plus_limit_are_admitted_and_no_more),
        ON(factory, promise2_cancel_and_resubmit_is_never_refused_and_takes_no_memory),
        ON(factory, promise8_steady_state_allocates_nothing),
        ON(factory, promise8_recursion_allocates_nothing_once_warm),
    };
    return cmocka_run_group_tests_name("promises_bound", tests, NULL, NULL);
}
