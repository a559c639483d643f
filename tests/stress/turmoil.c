/* Many submitters, every policy, small and large limits, with cancels and waits of all kinds:
 * nothing is lost, nothing runs twice, one submitter's tasks start in order if there is one worker,
 * and what the executor counted is what happened. */
#include <stdlib.h>

#include "stress/support.h"
#include "support/crew.h"
#include "support/snapshot.h"

enum { SUBMITTERS = 6, BATCH = 24 };

/* One submission. */
struct entry {
    _Atomic unsigned runs;
    unsigned submitter, number;
    weir_status status; /* of the submission */
    weir_status end;    /* of the task */
};

struct turmoil {
    weir_executor *executor;
    unsigned batches;
    bool ordered; /* one worker, nobody else runs anything */
    struct entry *entries; /* SUBMITTERS * batches * BATCH */
    _Atomic unsigned last[SUBMITTERS]; /* number + 1 of the task that started last */
};

static struct turmoil turmoil;

static weir_status run_entry(weir_task *task, void *arg)
{
    struct entry *entry = arg;
    (void)task;
    must(atomic_fetch_add(&entry->runs, 1) == 0);
    if (turmoil.ordered) {
        unsigned before = atomic_exchange(&turmoil.last[entry->submitter], entry->number + 1);
        must(before < entry->number + 1);
    }
    if (entry->number % 13 == 12)
        return weir_task_fail(task, 12, "the thirteenth");
    return WEIR_OK;
}

static void count_callback(weir_future *future, void *data)
{
    must(weir_future_status(future) != WEIR_EPENDING);
    atomic_fetch_add((_Atomic unsigned *)data, 1);
}

static void wait_somehow(weir_future **futures, size_t n, struct dice *dice)
{
    size_t index = n, done = 0;
    bool any = false;
    for (size_t i = 0; i < n; i++)
        any |= futures[i] != NULL;
    switch (throw_dice(dice, 5)) {
    case 0:
        if (any)
            must(weir_wait_any(futures, n, WATCHDOG_NS, &index) == WEIR_OK && index < n &&
                 weir_future_status(futures[index]) != WEIR_EPENDING);
        break;
    case 1:
        must(weir_wait_first_failure(futures, n, WATCHDOG_NS, &index) == WEIR_OK && index <= n);
        break;
    case 2:
        weir_wait_all(futures, n, throw_dice(dice, 100000), &done);
        must(done <= n);
        break;
    case 3: {
        weir_as_completed *iterator;
        bool seen[BATCH] = { false };
        must(weir_as_completed_create(&iterator, futures, n) == WEIR_OK);
        while (weir_as_completed_remaining(iterator) &&
               weir_as_completed_next(iterator, WATCHDOG_NS, &index) == WEIR_OK) {
            must(!seen[index]);
            seen[index] = true;
        }
        must(weir_as_completed_remaining(iterator) == 0);
        weir_as_completed_destroy(iterator);
        break;
    }
    default:
        break;
    }
    must(weir_wait_all(futures, n, WATCHDOG_NS, &done) == WEIR_OK && done == n);
}

static void submit_batch(struct entry *entries, struct dice *dice)
{
    weir_future *futures[BATCH] = { NULL };
    unsigned observed = 0;
    _Atomic unsigned told = 0;
    for (unsigned i = 0; i < BATCH; i++) {
        struct entry *entry = &entries[i];
        entry->status = weir_submit(turmoil.executor, run_entry, entry, 0, &futures[i]);
        if (entry->status != WEIR_OK)
            continue;
        if (throw_dice(dice, 4) == 0 &&
            weir_future_on_done(futures[i], count_callback, &told) == WEIR_OK)
            observed++;
        if (throw_dice(dice, 4) == 0) {
            unsigned back = throw_dice(dice, 4);
            weir_future_cancel(futures[back < i ? i - back : i]);
        }
    }
    wait_somehow(futures, BATCH, dice);
    for (unsigned i = 0; i < BATCH; i++) {
        if (entries[i].status == WEIR_OK)
            entries[i].end = weir_future_status(futures[i]);
        weir_future_unref(futures[i]);
    }
    /* Callbacks come after the waiters: wait for them, since they count in our stack. */
    int64_t end_ns = now_ns() + WATCHDOG_NS;
    while (atomic_load(&told) < observed && now_ns() < end_ns)
        sched_yield();
    must(atomic_load(&told) == observed);
}

static void submit_batches(void *shared, size_t index)
{
    (void)shared;
    struct dice dice = dice_of(index);
    struct entry *entries = &turmoil.entries[index * turmoil.batches * BATCH];
    for (unsigned i = 0; i < turmoil.batches * BATCH; i++) {
        entries[i].submitter = (unsigned)index;
        entries[i].number = i;
    }
    for (unsigned i = 0; i < turmoil.batches; i++)
        submit_batch(&entries[i * BATCH], &dice);
}

/* What the entries say against what the executor says. */
static void check_counts(void)
{
    weir_stats s = stats_of(turmoil.executor);
    uint64_t ran = 0, failed = 0, cancelled = 0, discarded = 0, rejected = 0;
    unsigned count = SUBMITTERS * turmoil.batches * BATCH;
    for (unsigned i = 0; i < count; i++) {
        struct entry *entry = &turmoil.entries[i];
        bool accepted = entry->status == WEIR_OK;
        bool ended_by_itself = accepted && (entry->end == WEIR_OK || entry->end == WEIR_EFAILED);
        assert_int_equal(atomic_load(&entry->runs), ended_by_itself);
        ran += ended_by_itself;
        failed += accepted && entry->end == WEIR_EFAILED;
        cancelled += accepted && entry->end == WEIR_ECANCELLED;
        discarded += accepted && entry->end == WEIR_EDISCARDED;
        rejected += !accepted;
    }
    assert_int_equal(ran + cancelled + discarded + rejected, count);
    assert_int_equal(s.submitted, count);
    assert_int_equal(s.completed, ran);
    assert_int_equal(s.failed, failed);
    assert_int_equal(s.cancelled, cancelled);
    assert_int_equal(s.discarded, discarded);
    assert_int_equal(s.rejected, rejected);
}

static void stir(size_t workers, size_t limit, weir_policy policy, unsigned batches)
{
    bool caller = policy.at_limit == WEIR_RUN_IN_CALLER;
    turmoil.batches = rounds(batches);
    turmoil.ordered = workers == 1 && !caller;
    turmoil.entries = calloc(SUBMITTERS * turmoil.batches * BATCH, sizeof *turmoil.entries);
    for (unsigned i = 0; i < SUBMITTERS; i++)
        atomic_store(&turmoil.last[i], 0);
    assert_status(weir_thread_executor_create(
                      &turmoil.executor,
                      &(weir_thread_options){
                          .workers = workers, .limit = limit, .policy = policy }),
                  WEIR_OK);
    struct reader reader = { .executor = turmoil.executor,
                             .fixed = true,
                             .nested = caller ? SUBMITTERS : 0 };
    reader_start(&reader);
    crew_run(SUBMITTERS, submit_batches, NULL);
    reader_stop(&reader);
    assert_status(weir_executor_shutdown(turmoil.executor, NULL), WEIR_OK);
    assert_all_ended(turmoil.executor);
    check_counts();
    weir_executor_destroy(turmoil.executor);
    free(turmoil.entries);
}

static void stir_sizes(weir_policy policy)
{
    static const size_t sizes[][2] = { { 1, WEIR_ZERO }, { 1, 1 }, { 1, 64 },
                                       { 2, 1 },         { 4, 2 }, { 8, 1024 } };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        stir(sizes[i][0], sizes[i][1], policy, 250);
}

static void turmoil_when_refused(void **state)
{
    (void)state;
    stir_sizes((weir_policy){ 0 });
}

static void turmoil_when_blocked(void **state)
{
    (void)state;
    stir_sizes(weir_block(WEIR_FOREVER));
}

static void turmoil_when_blocked_for_a_moment(void **state)
{
    (void)state;
    stir_sizes(weir_block(20 * WEIR_MICROSECOND));
}

static void turmoil_when_callers_run(void **state)
{
    (void)state;
    stir_sizes(weir_caller_runs());
}

static void turmoil_when_discarded(void **state)
{
    (void)state;
    stir_sizes(weir_discard());
}

static void turmoil_when_displaced(void **state)
{
    (void)state;
    stir_sizes(weir_discard_oldest());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turmoil_when_refused),
        cmocka_unit_test(turmoil_when_blocked),
        cmocka_unit_test(turmoil_when_blocked_for_a_moment),
        cmocka_unit_test(turmoil_when_callers_run),
        cmocka_unit_test(turmoil_when_discarded),
        cmocka_unit_test(turmoil_when_displaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
