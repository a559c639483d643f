/* Tasks that submit tasks, in long rows, so that places are lent to their workers, beside others who
 * submit now and then, so that they are taken back: nothing is lost, nothing runs twice, with one worker
 * the tasks of one submitter start in order, and what the executor counted is what happened. */
#include <stdlib.h>

#include "stress/support.h"
#include "support/crew.h"
#include "support/snapshot.h"
#include "support/tasks.h"

enum { CHAINS = 3, OTHERS = 2, SUBMITTERS = CHAINS + OTHERS, ROW = 16, SELDOM = 20 };

/* One submission. */
struct entry {
    _Atomic unsigned runs;
    unsigned submitter, number;
    weir_status status;
};

static struct {
    weir_executor *executor;
    unsigned rows;  /* of a submitter, at the most */
    bool waits;     /* tasks may wait for those that they submit */
    bool ordered;   /* one worker, nobody else runs anything, or out of turn */
    struct entry *entries;             /* SUBMITTERS * rows * ROW */
    weir_future **futures;             /* likewise */
    _Atomic unsigned last[SUBMITTERS]; /* number + 1 of the task that started last */
    _Atomic unsigned submitted;        /* rows */
} lent;

static weir_status run_entry(weir_task *task, void *arg)
{
    struct entry *entry = arg;
    (void)task;
    must(atomic_fetch_add(&entry->runs, 1) == 0);
    if (lent.ordered)
        must(atomic_exchange(&lent.last[entry->submitter], entry->number + 1) < entry->number + 1);
    return entry->number % 13 == 12 ? WEIR_EFAILED : WEIR_OK;
}

/* A row of one submitter's, who may wait for some of it. */
static void submit_row(size_t submitter, unsigned row, bool waits)
{
    struct dice dice = dice_of(submitter * lent.rows + row);
    size_t first = (submitter * lent.rows + row) * ROW;
    struct entry *entries = &lent.entries[first];
    weir_future **futures = &lent.futures[first];
    for (unsigned i = 0; i < ROW; i++) {
        entries[i].submitter = (unsigned)submitter;
        entries[i].number = row * ROW + i;
        entries[i].status = weir_submit(lent.executor, run_entry, &entries[i], 0, &futures[i]);
        unsigned back = throw_dice(&dice, 4);
        if (back > i || !futures[i - back])
            continue;
        if (throw_dice(&dice, 8) == 0)
            weir_future_cancel(futures[i - back]);
        else if (waits && throw_dice(&dice, 4) == 0)
            must(weir_future_wait(futures[i - back], WATCHDOG_NS) == WEIR_OK);
    }
    atomic_fetch_add(&lent.submitted, 1);
}

struct link {
    size_t submitter;
    unsigned row;
};

/* Submits a row, and the task that submits the next. If that is refused a place, it does it all itself. */
static weir_status link_task(weir_task *task, void *arg)
{
    struct link link = *(struct link *)arg;
    (void)task;
    do {
        submit_row(link.submitter, link.row, lent.waits);
        if (++link.row == lent.rows)
            return WEIR_OK;
    } while (weir_submit(lent.executor, link_task, &link, sizeof link, NULL) != WEIR_OK);
    return WEIR_OK;
}

/* Somebody else, who submits a row for every few of theirs. */
static void submit_beside(void *unused, size_t index)
{
    size_t submitter = CHAINS + index;
    int64_t end_ns = now_ns() + WATCHDOG_NS;
    (void)unused;
    for (unsigned row = 0; row < lent.rows / SELDOM; row++) {
        while (atomic_load(&lent.submitted) < row * SELDOM && now_ns() < end_ns)
            sched_yield();
        submit_row(submitter, row, false);
    }
}

/* What the entries say against what the executor says. */
static void check_counts(void)
{
    weir_stats s = stats_of(lent.executor);
    uint64_t ran = 0, failed = 0, cancelled = 0, rejected = 0;
    for (size_t i = 0; i < (size_t)SUBMITTERS * lent.rows * ROW; i++) {
        weir_future *future = lent.futures[i];
        weir_status end = future ? weir_future_status(future) : WEIR_EPENDING;
        bool by_itself = end == WEIR_OK || end == WEIR_EFAILED;
        assert_int_equal(atomic_load(&lent.entries[i].runs), by_itself);
        assert_true(!future || by_itself || end == WEIR_ECANCELLED);
        ran += by_itself;
        failed += end == WEIR_EFAILED;
        cancelled += end == WEIR_ECANCELLED;
        rejected += lent.entries[i].status != WEIR_OK;
        weir_future_unref(future);
    }
    assert_int_equal(s.failed, failed);
    assert_int_equal(s.cancelled, cancelled);
    assert_in_range(s.completed, ran + CHAINS, ran + CHAINS * lent.rows); /* and the links */
    assert_true(s.rejected >= rejected);
}

static void lend(size_t workers, size_t limit, weir_policy policy, bool waits)
{
    bool caller = policy.at_limit == WEIR_RUN_IN_CALLER || policy.at_limit == WEIR_WAIT;
    lent.rows = rounds(200);
    lent.waits = waits;
    lent.ordered = workers == 1 && !waits && !caller;
    lent.entries = calloc((size_t)SUBMITTERS * lent.rows * ROW, sizeof *lent.entries);
    lent.futures = calloc((size_t)SUBMITTERS * lent.rows * ROW, sizeof(weir_future *));
    assert_non_null(lent.entries);
    assert_non_null(lent.futures);
    atomic_store(&lent.submitted, 0);
    for (unsigned i = 0; i < SUBMITTERS; i++)
        atomic_store(&lent.last[i], 0);
    assert_status(weir_thread_executor_create(
                      &lent.executor,
                      &(weir_thread_options){
                          .workers = workers, .limit = limit, .policy = policy }),
                  WEIR_OK);
    /* Who waits for a task, or finds no place for it, runs it on top of its own, one at a time; and what
     * it runs so may be a link, which does the same. */
    struct reader reader = { .executor = lent.executor,
                             .fixed = true,
                             .nested = CHAINS * (lent.rows + 1) + OTHERS };
    reader_start(&reader);
    for (size_t i = 0; i < CHAINS; i++) {
        struct link link = { i, 0 };
        assert_status(weir_submit(lent.executor, link_task, &link, sizeof link, NULL), WEIR_OK);
    }
    crew_run(OTHERS, submit_beside, NULL);
    unsigned rows = CHAINS * lent.rows + OTHERS * (lent.rows / SELDOM);
    int64_t end_ns = now_ns() + WATCHDOG_NS;
    while (atomic_load(&lent.submitted) < rows && now_ns() < end_ns)
        sched_yield();
    assert_status(weir_executor_shutdown(lent.executor, NULL), WEIR_OK);
    reader_stop(&reader);
    assert_all_ended(lent.executor);
    check_counts();
    weir_executor_destroy(lent.executor);
    free(lent.futures);
    free(lent.entries);
}

static _Atomic uint64_t added;

/* One task keeps more than a queue of its own has room for, and goes on submitting, and waiting. */
static weir_status keep_many_task(weir_task *task, void *arg)
{
    enum { FEW = 100, TURNS = 600 };
    unsigned many = *(unsigned *)arg;
    weir_future *future[TURNS];
    (void)task;
    for (unsigned i = 0; i < FEW; i++) /* some backlog, as much of which can be lent */
        must(weir_submit(lent.executor, count_task, &added, 0, &future[i]) == WEIR_OK);
    for (unsigned i = 0; i < FEW; i++) {
        must(weir_future_wait(future[i], WATCHDOG_NS) == WEIR_OK);
        weir_future_unref(future[i]);
    }
    for (unsigned i = 0; i < many; i++)
        must(weir_submit(lent.executor, count_task, &added, 0, NULL) == WEIR_OK);
    for (unsigned i = 0; i < TURNS; i++) {
        must(weir_submit(lent.executor, count_task, &added, 0, &future[i]) == WEIR_OK);
        must(weir_future_wait(future[i], WATCHDOG_NS) == WEIR_OK);
        weir_future_unref(future[i]);
    }
    return WEIR_OK;
}

static void lent_for_more_than_can_be_kept(void **state)
{
    (void)state;
    unsigned expected = 0;
    atomic_store(&added, 0);
    assert_status(weir_thread_executor_create(
                      &lent.executor, &(weir_thread_options){ .workers = 1, .limit = 1024 }),
                  WEIR_OK);
    for (unsigned many = 0; many < 600; many += 50) {
        weir_future *future;
        assert_status(weir_submit(lent.executor, keep_many_task, &many, sizeof many, &future),
                      WEIR_OK);
        assert_status(weir_future_wait(future, WATCHDOG_NS), WEIR_OK);
        weir_future_unref(future);
        expected += 700 + many;
    }
    assert_status(weir_executor_shutdown(lent.executor, NULL), WEIR_OK);
    assert_nothing_wrong();
    assert_int_equal(atomic_load(&added), expected);
    weir_executor_destroy(lent.executor);
}

static void lend_sizes(weir_policy policy)
{
    static const size_t sizes[][2] = { { 1, 8 }, { 1, 1024 }, { 2, 64 }, { 4, 1024 } };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        lend(sizes[i][0], sizes[i][1], policy, false);
        lend(sizes[i][0], sizes[i][1], policy, true);
    }
}

static void lent_where_the_limit_refuses(void **state)
{
    (void)state;
    lend_sizes((weir_policy){ 0 });
}

static void lent_where_submitters_wait(void **state)
{
    (void)state;
    lend_sizes(weir_block(WEIR_FOREVER));
}

static void lent_where_callers_run(void **state)
{
    (void)state;
    lend_sizes(weir_caller_runs());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lent_where_the_limit_refuses),
        cmocka_unit_test(lent_where_submitters_wait),
        cmocka_unit_test(lent_where_callers_run),
        cmocka_unit_test(lent_for_more_than_can_be_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
