/* The arithmetic of a snapshot, as a property: whatever happens between any two of its loads, the
 * numbers add up, the backlog is within its limit, and no counter goes back.
 *
 * The file under test is included with a step before each of its loads. In a step, a model of an
 * executor does what its threads might do at that moment: any number of their steps, in any order,
 * each thread's own in the order in which the library does them. */
#define WEIR_STEP_HOOK
#include "stats/snapshot.c"

#include "support/snapshot.h"

enum {
    WORKERS = 6,
    LIMIT = 5,
    CALLERS = 2
};

/* What a worker, or a submitter that runs a task, is about to do. */
enum phase {
    IDLE,
    RUNNING,
    COUNTED,
    FAILURE_COUNTED
};

static struct model {
    struct weir__counters counters;
    struct weir__run_counters worker[WORKERS];
    weir__counter accepted, released[2];
    _Atomic size_t live;
    enum phase worker_phase[WORKERS];
    unsigned depth[WORKERS]; /* tasks that the worker has taken out on top of its own */
    enum phase caller_phase[CALLERS];
    uint64_t queued; /* accepted, not yet in anybody's hands */
    bool displacing; /* between counting the one that goes and the one that comes */
} model;

static uint32_t random_state;
static bool reading;  /* a step is a step of the snapshot */
static unsigned pace; /* out of 8: how much happens in a step */
static bool ebb;      /* nobody submits just now, so that workers become idle, and go */

static unsigned choose(unsigned n)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % n;
}

static uint64_t value(const weir__counter *counter)
{
    return atomic_load_explicit((weir__counter *)(uintptr_t)counter, memory_order_relaxed);
}

static void bump(weir__counter *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static uint64_t occupied(void)
{
    return value(&model.accepted) - value(&model.released[0]) - value(&model.released[1]) -
           value(&model.counters.cancelled) - value(&model.counters.expired) -
           value(&model.counters.displaced) - value(&model.counters.stranded);
}

static void submitter_steps(void)
{
    if (model.displacing || occupied() < model.live + LIMIT) {
        bump(&model.accepted);
        model.queued++;
        model.displacing = false;
    } else if (model.queued && occupied() > model.live && choose(2)) {
        bump(&model.counters.displaced);
        model.queued--;
        model.displacing = true;
    } else {
        bump(&model.counters.rejected[choose(WEIR__REJECTIONS)]);
    }
}

/* A task of the queue ends without running. */
static void withdrawer_steps(void)
{
    if (!model.queued)
        return;
    model.queued--;
    bump(choose(3)   ? &model.counters.cancelled
         : choose(2) ? &model.counters.expired
                     : &model.counters.stranded);
}

static void worker_steps(size_t w)
{
    struct weir__run_counters *own = &model.worker[w];
    switch (model.worker_phase[w]) {
    case IDLE:
        if (model.queued) {
            model.queued--;
            model.worker_phase[w] = RUNNING;
        }
        break;
    case RUNNING:
        if (model.queued && model.depth[w] < 3 && choose(4) == 0) {
            model.queued--; /* it waits for one in the queue: that gives its place back first */
            bump(&model.released[w % 2]);
            model.depth[w]++;
            break;
        }
        bump(&own->completed);
        model.worker_phase[w] = COUNTED;
        break;
    case COUNTED:
        if (choose(2))
            bump(&own->failed);
        model.worker_phase[w] = FAILURE_COUNTED;
        break;
    case FAILURE_COUNTED:
        if (model.depth[w]) {
            model.depth[w]--;
            model.worker_phase[w] = RUNNING; /* back in the task below */
        } else {
            bump(&model.released[w % 2]);
            model.worker_phase[w] = IDLE;
        }
        break;
    }
}

static void caller_steps(size_t c)
{
    switch (model.caller_phase[c]) {
    case IDLE:
        bump(&model.counters.caller_started);
        model.caller_phase[c] = RUNNING;
        break;
    case RUNNING:
        bump(&model.counters.caller.completed);
        model.caller_phase[c] = COUNTED;
        break;
    default:
        if (choose(2))
            bump(&model.counters.caller.failed);
        model.caller_phase[c] = IDLE;
        break;
    }
}

/* Workers come before a task does, and go when they are not needed. */
static void size_steps(void)
{
    if (choose(2) && model.live < WORKERS)
        model.live++;
    else if (model.live > 1 && occupied() < model.live && !model.displacing)
        model.live--;
}

static void somebody_steps(void)
{
    switch (choose(16)) {
    case 0:
    case 1:
    case 2:
    case 3:
        if (!ebb)
            submitter_steps();
        break;
    case 4:
        withdrawer_steps();
        break;
    case 5:
        caller_steps(choose(CALLERS));
        break;
    case 6:
        bump(&model.counters.discarded);
        break;
    case 7:
        size_steps();
        break;
    default:
        worker_steps(choose(WORKERS));
        break;
    }
}

void weir__step(void)
{
    if (!reading)
        return;
    /* Often nothing, sometimes a whole era. */
    unsigned steps = choose(8) < pace ? choose(choose(8) ? 4 : 200) : 0;
    if (steps > 4)
        ebb = choose(2);
    while (steps--)
        somebody_steps();
}

/* As weir__places_tally(), then the workers. */
static void read_model(const void *owner, struct weir__tally *out)
{
    (void)owner;
    out->accepted = weir__load_acquire(&model.accepted);
    out->workers = weir__load_acquire(&model.live);
    for (size_t i = 0; i < 2; i++)
        out->released += weir__load_acquire(&model.released[i]);
    for (size_t i = 0; i < WORKERS; i++)
        weir__tally_add(out, &model.worker[i]);
}

static weir_stats snap(bool while_others_step)
{
    weir_stats stats;
    reading = while_others_step;
    weir__snapshot(&model.counters, read_model, NULL, &stats);
    reading = false;
    return stats;
}

static void reset(uint32_t seed)
{
    memset(&model, 0, sizeof model);
    model.live = 1 + seed % WORKERS;
    random_state = seed * 2654435761u;
    pace = 1 + seed % 8;
    ebb = false;
}

static void check(const weir_stats *stats, uint32_t seed)
{
    char text[4096];
    if (stats_add_up(stats) && stats->backlog <= LIMIT)
        return;
    weir_stats_format(stats, text, sizeof text);
    fail_msg("seed %u:\n%s", (unsigned)seed, text);
}

static void snapshot_adds_up_and_never_goes_back_whatever_happens(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= ROUNDS(1500); seed++) {
        weir_stats before = { 0 };
        reset(seed);
        for (int i = 0; i < 30; i++) {
            weir_stats stats = snap(true);
            check(&stats, seed);
            if (!stats_grew(&before, &stats))
                fail_msg("seed %u: a counter went back", (unsigned)seed);
            before = stats;
            for (unsigned steps = choose(50); steps; steps--)
                somebody_steps();
        }
    }
}

/* No worker is left between counting an end and giving its place back. */
static void settle(void)
{
    for (size_t w = 0; w < WORKERS; w++)
        while (model.worker_phase[w] > RUNNING)
            worker_steps(w);
}

static void snapshot_of_what_stands_still_is_exact(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= ROUNDS(1500); seed++) {
        reset(seed);
        for (int i = 0; i < 10; i++) {
            for (unsigned steps = choose(100); steps; steps--)
                somebody_steps();
            settle();
            weir_stats stats = snap(false);
            uint64_t taken = occupied();
            uint64_t backlog = taken > model.live ? taken - model.live : 0;
            check(&stats, seed);
            assert_int_equal(stats.backlog, backlog);
            assert_int_equal(stats.workers, model.live);
            assert_int_equal(stats.idle, model.live - (taken - backlog));
        }
    }
}

static void snapshot_at_rest_shows_only_ends(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= ROUNDS(1000); seed++) {
        reset(seed);
        for (unsigned steps = choose(500); steps; steps--)
            somebody_steps();
        if (model.displacing)
            submitter_steps();
        uint64_t callers_left = 0;
        do {
            for (size_t i = 0; i < WORKERS; i++)
                worker_steps(i);
            callers_left = 0;
            for (size_t i = 0; i < CALLERS; i++) {
                if (model.caller_phase[i] != IDLE)
                    caller_steps(i);
                callers_left += model.caller_phase[i] != IDLE;
            }
        } while (occupied() || model.queued || callers_left);
        weir_stats stats = snap(false);
        check(&stats, seed);
        assert_int_equal(stats.running, 0);
        assert_int_equal(stats.backlog, 0);
        assert_int_equal(stats.idle, stats.workers);
    }
}

static void snapshot_sums_what_workers_and_callers_spent(void **state)
{
    (void)state;
    reset(1);
    weir__count_run(&model.worker[0], 10, 3, true);
    weir__count_run(&model.worker[0], 5, 7, false);
    weir__count_run(&model.worker[1], 20, 1, false);
    weir__count_run_shared(&model.counters.caller, 30, true);
    weir__count_run_shared(&model.counters.caller, 2, false);
    weir_stats stats = snap(false);
    assert_int_equal(stats.run_ns, 67);
    assert_int_equal(stats.run_max_ns, 30);
    assert_int_equal(stats.wait_ns, 11);
    assert_int_equal(stats.wait_max_ns, 7);
    assert_int_equal(stats.completed, 5);
    assert_int_equal(stats.failed, 2);
    assert_int_equal(stats.caller_ran, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snapshot_adds_up_and_never_goes_back_whatever_happens),
        cmocka_unit_test(snapshot_of_what_stands_still_is_exact),
        cmocka_unit_test(snapshot_at_rest_shows_only_ends),
        cmocka_unit_test(snapshot_sums_what_workers_and_callers_spent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
