/* Schedules of tasks that wait for tasks: the waiter takes them out of the backlog, or another
 * worker has them, or they are cancelled; and what that does to the places. */
#include "base/atomic.h"
#include "unit/schedule/scenario.h"

enum { CHILDREN = 2 };

static weir_future *child[CHILDREN];
static _Atomic bool there;

/* Task 8 + n submits children and waits for all of them. */
static weir_status parent_task(weir_task *task, void *arg)
{
    (void)task;
    (void)arg;
    for (unsigned i = 0; i < CHILDREN; i++)
        if (submit_note(i, &child[i]) != WEIR_OK)
            child[i] = NULL;
    atomic_store(&there, true);
    for (unsigned i = 0; i < CHILDREN; i++) {
        schedule_check(!child[i] || weir_future_wait(child[i], WEIR_FOREVER) == WEIR_OK);
        schedule_check(!child[i] || weir_future_status(child[i]) != WEIR_EPENDING);
    }
    return WEIR_OK;
}

static void cancel_children(void *data)
{
    (void)data;
    while (!atomic_load(&there))
        schedule_step();
    for (unsigned i = 0; i < CHILDREN; i++)
        weir_future_cancel(child[i]);
}

static void check_children(void)
{
    for (unsigned i = 0; i < CHILDREN; i++) {
        if (!child[i])
            continue;
        schedule_check(ran.started[i] == (weir_future_status(child[i]) == WEIR_OK));
        weir_future_unref(child[i]);
    }
}

/* The pool stands still: exactly its places can be taken. */
static void check_places(size_t workers, size_t limit)
{
    enum { ROOM = 8 };
    struct weir__parker latch[ROOM] = { 0 };
    size_t accepted = 0;
    while (accepted < workers + limit + 2 &&
           weir_submit(pool, latch_task, &latch[accepted], 0, NULL) == WEIR_OK)
        accepted++;
    weir_stats stats;
    schedule_check(weir_executor_stats(pool, &stats) == WEIR_OK);
    schedule_check(stats.backlog == limit);
    schedule_check(accepted == workers + limit);
    for (size_t i = 0; i < accepted; i++)
        weir__unpark(&latch[i]);
    schedule_check(weir_executor_shutdown(pool, NULL) == WEIR_OK);
}

static void wait_here(size_t workers, size_t limit, const weir_policy *policy)
{
    weir_future *parent;
    weir_thread_options options = { .workers = workers, .limit = limit, .policy = *policy };
    memset(child, 0, sizeof child);
    atomic_store(&there, false);
    create_pool(&options);
    pthread_t actor = actor_start(cancel_children, NULL);
    schedule_check(weir_submit(pool, parent_task, NULL, 0, &parent) == WEIR_OK);
    schedule_check(weir_future_wait(parent, WEIR_FOREVER) == WEIR_OK);
    actor_join(actor);
    weir_future_unref(parent);
    check_children();
    check_sums();
}

static void waited_for_by_the_only_worker(void)
{
    weir_policy refuse = { 0 };
    wait_here(1, 2, &refuse);
    check_places(1, 2);
    finish_pool();
}

static void waited_for_beside_another_worker(void)
{
    weir_policy refuse = { 0 };
    wait_here(2, 1, &refuse);
    check_places(2, 1);
    finish_pool();
}

static void waited_for_where_callers_run(void)
{
    weir_policy caller = weir_caller_runs();
    wait_here(1, 1, &caller);
    finish_pool();
}

static void waited_for_without_backlog(void)
{
    weir_policy block = weir_block(WEIR_FOREVER);
    wait_here(1, WEIR_ZERO, &block);
    finish_pool();
}

/* Two parents on two workers wait for each other's child, and for what the other one may hold. */
static weir_status cross_task(weir_task *task, void *arg)
{
    unsigned own = *(unsigned *)arg;
    (void)task;
    weir_future *mine;
    schedule_check(submit_note(own, &mine) == WEIR_OK);
    child[own] = mine;
    atomic_thread_fence(memory_order_seq_cst);
    for (unsigned i = 0; i < 100 && !child[1 - own]; i++)
        schedule_step();
    weir_future *pair[] = { child[1 - own], mine };
    size_t index;
    schedule_check(weir_wait_any(pair, 2, WEIR_FOREVER, &index) == WEIR_OK);
    schedule_check(weir_wait_all(pair, 2, WEIR_FOREVER, NULL) == WEIR_OK);
    return WEIR_OK;
}

static void waited_for_across(void)
{
    weir_future *parent[2];
    memset(child, 0, sizeof child);
    create_pool(&(weir_thread_options){ .workers = 2, .limit = 4 });
    for (unsigned i = 0; i < 2; i++)
        schedule_check(weir_submit(pool, cross_task, &i, sizeof i, &parent[i]) == WEIR_OK);
    schedule_check(weir_wait_all(parent, 2, WEIR_FOREVER, NULL) == WEIR_OK);
    for (unsigned i = 0; i < 2; i++) {
        weir_future_unref(parent[i]);
        schedule_check(ran.started[i] == 1);
    }
    check_children();
    check_places(2, 4);
    finish_pool();
}

/* What waits for a place gets the one that a nested task gives back. */
static void submit_blocking(void *data)
{
    weir_future *future;
    unsigned number = *(unsigned *)data;
    schedule_check(submit_note(number, &future) == WEIR_OK);
    schedule_check(weir_future_wait(future, WEIR_FOREVER) == WEIR_OK);
    weir_future_unref(future);
}

static void waited_for_beside_blocked_submitters(void)
{
    static unsigned number[] = { 4, 5 };
    weir_policy block = weir_block(WEIR_FOREVER);
    weir_future *parent;
    memset(child, 0, sizeof child);
    atomic_store(&there, false);
    create_pool(&(weir_thread_options){ .workers = 1, .limit = 1, .policy = block });
    pthread_t actor[] = { actor_start(submit_blocking, &number[0]),
                          actor_start(submit_blocking, &number[1]),
                          actor_start(cancel_children, NULL) };
    schedule_check(weir_submit(pool, parent_task, NULL, 0, &parent) == WEIR_OK);
    schedule_check(weir_future_wait(parent, WEIR_FOREVER) == WEIR_OK);
    for (int i = 0; i < 3; i++)
        actor_join(actor[i]);
    weir_future_unref(parent);
    check_children();
    schedule_check(ran.started[4] == 1 && ran.started[5] == 1);
    finish_pool();
}

SCENARIO(waited_for_by_the_only_worker)
SCENARIO(waited_for_beside_another_worker)
SCENARIO(waited_for_where_callers_run)
SCENARIO(waited_for_without_backlog)
SCENARIO(waited_for_across)
SCENARIO(waited_for_beside_blocked_submitters)

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waited_for_by_the_only_worker_is_sound),
        cmocka_unit_test(waited_for_beside_another_worker_is_sound),
        cmocka_unit_test(waited_for_where_callers_run_is_sound),
        cmocka_unit_test(waited_for_without_backlog_is_sound),
        cmocka_unit_test(waited_for_across_is_sound),
        cmocka_unit_test(waited_for_beside_blocked_submitters_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
