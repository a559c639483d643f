/* Code of the user's that calls back into the executor: callbacks that submit and cancel, tasks that
 * submit and wait, and submitters whose time runs out just when a place comes free. */
#include <stdlib.h>

#include "stress/support.h"
#include "support/crew.h"
#include "support/snapshot.h"

enum { SUBMITTERS = 4 };

static weir_executor *executor;
static unsigned turns;

static void create(const weir_thread_options *options)
{
    assert_status(weir_thread_executor_create(&executor, options), WEIR_OK);
}

static void finish(void)
{
    assert_status(weir_executor_shutdown(executor, NULL), WEIR_OK);
    assert_all_ended(executor);
    weir_executor_destroy(executor);
}

/* Chains of tasks: the callback of each submits the next, and cancels it now and then. */
struct chain {
    _Atomic unsigned left;
    _Atomic unsigned ran, cancelled, refused, done;
    struct dice dice; /* of whoever runs the one callback there is */
};
static struct chain chain[SUBMITTERS];

static weir_status run_link(weir_task *task, void *arg)
{
    (void)task;
    atomic_fetch_add(&((struct chain *)arg)->ran, 1);
    return WEIR_OK;
}

static void link_ended(weir_future *future, void *data);

static void add_link(struct chain *own)
{
    while (atomic_load(&own->left) > 0) {
        weir_future *future;
        atomic_fetch_sub(&own->left, 1);
        if (weir_submit(executor, run_link, own, 0, &future) != WEIR_OK) {
            atomic_fetch_add(&own->refused, 1);
            continue;
        }
        bool cancel = throw_dice(&own->dice, 4) == 0;
        if (cancel)
            weir_future_cancel(future);
        must(weir_future_on_done(future, link_ended, own) == WEIR_OK);
        weir_future_unref(future);
        return;
    }
    atomic_store(&own->done, 1);
}

static void link_ended(weir_future *future, void *data)
{
    struct chain *own = data;
    must(weir_future_status(future) != WEIR_EPENDING);
    if (weir_future_status(future) == WEIR_ECANCELLED)
        atomic_fetch_add(&own->cancelled, 1);
    add_link(own);
}

static void callbacks_submit_and_cancel(void **state)
{
    (void)state;
    /* A callback that is given to a future which has ended runs at once, so links may nest, up to
     * the length of the chain. */
    for (unsigned round = 0; round < rounds(500); round++) {
        turns = 200;
        create(&(weir_thread_options){ .workers = 2, .limit = 2 });
        for (unsigned i = 0; i < SUBMITTERS; i++) {
            chain[i] = (struct chain){ .dice = dice_of(round * SUBMITTERS + i) };
            atomic_store(&chain[i].left, turns);
            add_link(&chain[i]);
        }
        for (unsigned i = 0; i < SUBMITTERS; i++) {
            assert_eventually(atomic_load(&chain[i].done));
            assert_int_equal(chain[i].ran + chain[i].cancelled + chain[i].refused, turns);
        }
        finish();
    }
}

/* A tree of tasks, each of which waits for its two children. */
static weir_status grow_tree(weir_task *task, void *arg)
{
    unsigned depth = *(unsigned *)arg, sum = 1, part;
    weir_future *child[2] = { NULL, NULL };
    if (depth == 0)
        return weir_task_return(task, &sum, sizeof sum);
    depth--;
    for (int i = 0; i < 2; i++)
        must(weir_submit(executor, grow_tree, &depth, sizeof depth, &child[i]) == WEIR_OK);
    must(weir_wait_all(child, 2, WATCHDOG_NS, NULL) == WEIR_OK);
    for (int i = 0; i < 2; i++) {
        must(weir_future_result(child[i], &part, sizeof part, WEIR_FOREVER) == WEIR_OK);
        sum += part;
        weir_future_unref(child[i]);
    }
    return weir_task_return(task, &sum, sizeof sum);
}

static void grow_trees(void *shared, size_t index)
{
    (void)shared;
    (void)index;
    for (unsigned i = 0; i < turns; i++) {
        unsigned depth = 6, sum = 0;
        weir_future *root;
        must(weir_submit(executor, grow_tree, &depth, sizeof depth, &root) == WEIR_OK);
        must(weir_future_result(root, &sum, sizeof sum, WATCHDOG_NS) == WEIR_OK);
        must(sum == 127);
        weir_future_unref(root);
    }
}

static void grow(size_t workers, size_t limit, weir_policy policy)
{
    turns = rounds(250);
    create(&(weir_thread_options){ .workers = workers, .limit = limit, .policy = policy });
    struct reader reader = { .executor = executor, .fixed = true, .nested = SUBMITTERS * 127 };
    reader_start(&reader);
    crew_run(SUBMITTERS, grow_trees, NULL);
    reader_stop(&reader);
    weir_stats stats = stats_of(executor);
    assert_int_equal(stats.submitted, (uint64_t)SUBMITTERS * turns * 127);
    finish();
}

static void trees_of_waiting_tasks(void **state)
{
    (void)state;
    grow(1, 4, weir_caller_runs());
    grow(2, 4, weir_caller_runs());
    grow(4, 1024, weir_caller_runs());
    grow(2, 1, weir_block(WEIR_FOREVER));
    grow(3, 64, weir_block(WEIR_FOREVER));
}

/* Submitters who wait about as long as it takes for a place to come free. */
static _Atomic uint64_t granted_ran, granted, timed_out;

static weir_status count_granted(weir_task *task, void *arg)
{
    (void)task;
    (void)arg;
    atomic_fetch_add(&granted_ran, 1);
    for (int i = 0; i < 200; i++)
        atomic_signal_fence(memory_order_seq_cst);
    return WEIR_OK;
}

static void submit_in_time(void *shared, size_t index)
{
    (void)shared;
    (void)index;
    for (unsigned i = 0; i < turns; i++) {
        weir_status status = weir_submit(executor, count_granted, NULL, 0, NULL);
        must(status == WEIR_OK || status == WEIR_ETIMEDOUT);
        atomic_fetch_add(status == WEIR_OK ? &granted : &timed_out, 1);
    }
}

static void places_come_free_as_time_runs_out(void **state)
{
    static const int64_t waits_ns[] = { 500, 2000, 10000, 60000, 300000 };
    (void)state;
    for (size_t i = 0; i < sizeof waits_ns / sizeof waits_ns[0]; i++) {
        turns = rounds(6000);
        atomic_store(&granted_ran, 0);
        atomic_store(&granted, 0);
        atomic_store(&timed_out, 0);
        create(&(weir_thread_options){
            .workers = 1, .limit = 1, .policy = weir_block(waits_ns[i]) });
        crew_run(2 * SUBMITTERS, submit_in_time, NULL);
        assert_status(weir_executor_shutdown(executor, NULL), WEIR_OK);
        weir_stats stats = stats_of(executor);
        assert_int_equal(atomic_load(&granted), atomic_load(&granted_ran));
        assert_int_equal(stats.completed, atomic_load(&granted));
        assert_int_equal(stats.rejected_timeout, atomic_load(&timed_out));
        assert_int_equal(stats.submitted, (uint64_t)2 * SUBMITTERS * turns);
        finish();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(callbacks_submit_and_cancel),
        cmocka_unit_test(trees_of_waiting_tasks),
        cmocka_unit_test(places_come_free_as_time_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
