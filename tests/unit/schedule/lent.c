/* Schedules of tasks that submit tasks while places are lent to their workers: nothing is lost, nothing
 * runs twice, the order is kept, and so is the bound, whoever takes the places back. */
#include "base/atomic.h"
#include "unit/schedule/scenario.h"

enum { BATCH = 3, BATCHES = 3, CHILDREN = BATCH * BATCHES, TURNS = 6 };

/* A task that submits batches, and what is to happen with them. */
static struct parent {
    unsigned waits; /* bits: for this batch, before the next */
    bool leaves;    /* at its end, by ending its thread */
    struct attempt child[CHILDREN];
    weir_future *future;
} parent;

static _Atomic bool closed, ended; /* the executor, and the parent's function */
static uint64_t most_seen; /* in the backlog, by who looks at the numbers */

static weir_status parent_task(weir_task *task, void *arg)
{
    struct parent *me = arg;
    (void)task;
    for (unsigned i = 0; i < CHILDREN; i++) {
        bool late = atomic_load(&closed);
        me->child[i].number = i;
        attempt_one(&me->child[i]);
        schedule_check(!late || me->child[i].status == WEIR_ESHUTDOWN);
        if (i % BATCH < BATCH - 1 || !(me->waits & 1u << i / BATCH))
            continue;
        for (unsigned k = i + 1 - BATCH; k <= i; k++)
            if (me->child[k].status == WEIR_OK)
                schedule_check(weir_future_wait(me->child[k].future, WEIR_FOREVER) == WEIR_OK);
    }
    atomic_store(&ended, true);
    if (me->leaves)
        pthread_exit(NULL);
    return WEIR_OK;
}

/* With the largest backlog at its first batch, after which as much can be lent. */
static void create_parent(const weir_thread_options *options)
{
    parent = (struct parent){ .waits = 1 | schedule_choose(8) };
    atomic_store(&closed, false);
    atomic_store(&ended, false);
    most_seen = 0;
    create_pool(options);
}

static void submit_parent(void)
{
    schedule_check(weir_submit(pool, parent_task, &parent, 0, &parent.future) == WEIR_OK);
}

static void wait_for_parent(void)
{
    schedule_check(weir_future_wait(parent.future, WEIR_FOREVER) == WEIR_OK);
    weir_future_unref(parent.future);
}

static void check_children(void)
{
    for (unsigned i = 0; i < CHILDREN; i++)
        check_attempt(&parent.child[i]);
}

static void check_peak(void)
{
    weir_stats stats;
    schedule_check(weir_executor_stats(pool, &stats) == WEIR_OK);
    schedule_check(most_seen <= stats.backlog_peak);
}

/* The parent, beside these actors; and the end. */
static void run_beside(void (*one)(void *), void *data, void (*other)(void *))
{
    pthread_t a = actor_start(one, data), b;
    if (other)
        b = actor_start(other, NULL);
    submit_parent();
    wait_for_parent();
    actor_join(a);
    if (other)
        actor_join(b);
    schedule_check(weir_executor_shutdown(pool, NULL) == WEIR_OK);
    check_peak();
    check_children();
    finish_pool();
}

/* Somebody else submits, too. */
static void submit_three(void *data)
{
    for (unsigned i = 0; i < 3; i++)
        schedule_check(submit_note(*(unsigned *)data + i, NULL) == WEIR_OK);
}

static void look_at_numbers(void *data)
{
    weir_stats earlier = { 0 }, stats;
    (void)data;
    for (int i = 0; i < 12; i++) {
        schedule_check(weir_executor_stats(pool, &stats) == WEIR_OK);
        schedule_check(stats_add_up(&stats));
        schedule_check(stats_grew(&earlier, &stats));
        schedule_check(stats.backlog <= stats.limit);
        if (stats.backlog > most_seen)
            most_seen = stats.backlog;
        earlier = stats;
    }
}

static void kept_in_order(void)
{
    static unsigned first = CHILDREN;
    create_parent(&(weir_thread_options){ .workers = 1, .limit = 16 });
    /* Who waits makes a task jump the queue: so only for those that come first. */
    parent.waits = schedule_choose(2) ? 1 : 3;
    run_beside(submit_three, &first, NULL);
    check_ran_in_order(0, CHILDREN - 1);
    check_ran_in_order(CHILDREN, CHILDREN + 2);
}

static void kept_beside_another_worker(void)
{
    static unsigned first = CHILDREN;
    create_parent(&(weir_thread_options){ .workers = 2, .limit = 16 });
    run_beside(submit_three, &first, NULL);
    schedule_check(ran.count == CHILDREN + 3);
}

/* What is counted, by whoever submits: and no backlog is larger than the largest. */
static void counted_while_kept(void)
{
    static unsigned first = CHILDREN;
    create_parent(&(weir_thread_options){ .workers = 1, .limit = 16 });
    run_beside(submit_three, &first, look_at_numbers);
}

/* The limit is reached now by the parent, now by the others. */
static void attempt_some(void *data)
{
    struct attempt *attempt = data;
    for (unsigned i = 0; i < 3; i++) {
        attempt[i].number = CHILDREN + i;
        if (schedule_choose(2))
            attempt_one(&attempt[i]);
        else
            attempt_and_cancel(&attempt[i]);
    }
}

static void kept_at_the_limit(const weir_policy *policy)
{
    static struct attempt attempt[3];
    memset(attempt, 0, sizeof attempt);
    create_parent(&(weir_thread_options){
        .workers = 1 + schedule_choose(2), .limit = BATCH, .policy = *policy });
    run_beside(attempt_some, attempt, look_at_numbers);
    for (unsigned i = 0; i < 3; i++)
        check_attempt(&attempt[i]);
}

static void kept_where_the_limit_refuses(void)
{
    weir_policy refuse = { 0 };
    kept_at_the_limit(&refuse);
}

static void kept_where_submitters_wait(void)
{
    weir_policy block = weir_block(WEIR_FOREVER);
    kept_at_the_limit(&block);
}

static void kept_where_the_oldest_goes(void)
{
    weir_policy displace = weir_discard_oldest();
    kept_at_the_limit(&displace);
}

/* Places that were lent can be had by others, all of them: nobody is ever refused here, since there is
 * one for each who submits. */
static void take_turns(unsigned number)
{
    for (unsigned i = 0; i < TURNS; i++) {
        weir_future *future;
        schedule_check(submit_note(number, &future) == WEIR_OK);
        if (schedule_choose(2))
            schedule_check(weir_future_wait(future, WEIR_FOREVER) == WEIR_OK);
        else
            weir_future_cancel(future);
        schedule_check(weir_future_wait(future, WEIR_FOREVER) == WEIR_OK);
        weir_future_unref(future);
    }
}

static weir_status turns_task(weir_task *task, void *arg)
{
    (void)task;
    take_turns(*(unsigned *)arg);
    return WEIR_OK;
}

static void turns_actor(void *data)
{
    take_turns(*(unsigned *)data);
}

static void never_refused_for_what_is_lent(void)
{
    enum { MOST = 2 };
    static unsigned number[] = { 0, 1, 2, 3 };
    unsigned workers = 1 + schedule_choose(MOST), others = 1 + schedule_choose(MOST);
    pthread_t actor[MOST];
    weir_future *turns[MOST];
    create_pool(&(weir_thread_options){ .workers = workers, .limit = workers + others });
    for (unsigned i = 0; i < workers; i++)
        schedule_check(weir_submit(pool, turns_task, &number[i], sizeof number[i], &turns[i]) ==
                       WEIR_OK);
    for (unsigned i = 0; i < others; i++)
        actor[i] = actor_start(turns_actor, &number[MOST + i]);
    for (unsigned i = 0; i < others; i++)
        actor_join(actor[i]);
    for (unsigned i = 0; i < workers; i++) {
        schedule_check(weir_future_wait(turns[i], WEIR_FOREVER) == WEIR_OK);
        weir_future_unref(turns[i]);
    }
    finish_pool();
}

/* The end comes while places are lent: at once, or after the parent. */
static void shut_down(void *data)
{
    weir_shutdown_options options = { .timeout_ns = schedule_choose(2) ? -1 : 0,
                                      .mode = schedule_choose(2) ? WEIR_CANCEL_QUEUED : WEIR_DRAIN };
    (void)data;
    while (ran.count < BATCH) /* from now on, places can be lent */
        schedule_step();
    weir_status status = weir_executor_shutdown_sized(pool, &options, sizeof options);
    schedule_check(status == WEIR_OK ? atomic_load(&ended) : status == WEIR_ETIMEDOUT);
    atomic_store(&closed, true);
}

static void closed_while_kept(void)
{
    create_parent(&(weir_thread_options){ .workers = 1 + schedule_choose(2), .limit = 16 });
    run_beside(shut_down, NULL, NULL);
}

/* Who waits for something in a task, and not for its task, does not keep it from others. */
static weir_status let_go_task(weir_task *task, void *arg)
{
    (void)task;
    weir__unpark(arg);
    return WEIR_OK;
}

static weir_status need_another_task(weir_task *task, void *arg)
{
    struct weir__parker latch = { 0 };
    (void)task;
    (void)arg;
    for (unsigned i = 0; i < TURNS; i++) {
        schedule_check(weir_submit(pool, let_go_task, &latch, 0, NULL) == WEIR_OK);
        weir__park(&latch, WEIR_FOREVER);
    }
    return WEIR_OK;
}

static void taken_by_another_worker(void)
{
    weir_future *future;
    create_parent(&(weir_thread_options){ .workers = 2, .limit = 16 });
    schedule_check(weir_submit(pool, need_another_task, NULL, 0, &future) == WEIR_OK);
    submit_parent();
    wait_for_parent();
    schedule_check(weir_future_wait(future, WEIR_FOREVER) == WEIR_OK);
    weir_future_unref(future);
    schedule_check(weir_executor_shutdown(pool, NULL) == WEIR_OK);
    check_children();
    finish_pool();
}

/* The worker goes while it has something to itself. */
static void left_by_its_worker(void)
{
    static unsigned first = CHILDREN;
    create_parent(&(weir_thread_options){ .workers = 1 + schedule_choose(2), .limit = 16 });
    parent.leaves = true;
    run_beside(submit_three, &first, NULL);
    schedule_check(ran.count == CHILDREN + 3);
}

static void resize(void *data)
{
    (void)data;
    schedule_check(weir_thread_executor_resize(pool, 1, 1) == WEIR_OK);
    schedule_check(weir_thread_executor_resize(pool, 1, 3) == WEIR_OK);
}

static void kept_while_resized(void)
{
    static unsigned first = CHILDREN;
    create_parent(&(weir_thread_options){ .workers = 2, .limit = 16 });
    run_beside(submit_three, &first, resize);
}

static _Atomic unsigned stage, warm;

/* Some backlog, of so many tasks at a time, so that there is something to lend to each. */
static void warm_up(unsigned first, unsigned tasks)
{
    weir_future *future[BATCH];
    for (unsigned i = 0; i < BATCH; i++)
        schedule_check(submit_note(first + i, &future[i]) == WEIR_OK);
    atomic_fetch_add(&warm, 1);
    while (atomic_load(&warm) < tasks)
        schedule_step();
    for (unsigned i = 0; i < BATCH; i++) {
        schedule_check(weir_future_wait(future[i], WEIR_FOREVER) == WEIR_OK);
        weir_future_unref(future[i]);
    }
    atomic_fetch_add(&warm, 1);
    while (atomic_load(&warm) < 2 * tasks)
        schedule_step();
}

static void create_two(weir_task_fn *one, weir_task_fn *other, const weir_thread_options *options)
{
    atomic_store(&stage, 0);
    atomic_store(&warm, 0);
    create_pool(options);
    schedule_check(weir_submit(pool, one, NULL, 0, NULL) == WEIR_OK);
    schedule_check(weir_submit(pool, other, NULL, 0, NULL) == WEIR_OK);
}

/* A worker that is to go may still submit, in worker_fini; and is lent nothing for that. */
static _Atomic bool resized, going;
static struct attempt last[2][BATCH]; /* of each worker: enough of them for something to be lent */

static void await(_Atomic bool *flag)
{
    while (!atomic_load(flag))
        schedule_step();
}

static weir_status await_resize_task(weir_task *task, void *arg)
{
    (void)task;
    (void)arg;
    await(&resized);
    return WEIR_OK;
}

static weir_status no_task(weir_task *task, void *arg)
{
    (void)task;
    (void)arg;
    return WEIR_OK;
}

static weir_status leave_task(weir_task *task, void *arg)
{
    await_resize_task(task, arg);
    pthread_exit(NULL);
}

static weir_status warm_up_and_stay_task(weir_task *task, void *arg)
{
    (void)task;
    (void)arg;
    warm_up(0, 1);
    await(&going);
    return WEIR_OK;
}

static void submit_last(void *data, size_t index)
{
    (void)data;
    atomic_store(&going, true);
    if (index >= 2 || last[index][0].number) /* another one, in the place of the first */
        return;
    for (unsigned i = 0; i < BATCH; i++) {
        last[index][i].number = CHILDREN + (unsigned)index * BATCH + i;
        attempt_one(&last[index][i]);
    }
}

static void lent_nothing_on_the_way_out(void)
{
    weir_task_fn *others[] = { await_resize_task, no_task, leave_task };
    memset(last, 0, sizeof last);
    atomic_store(&resized, false);
    atomic_store(&going, false);
    /* The other worker goes because it is one too many, at work or idle; or its task ends its thread. */
    create_two(others[schedule_choose(3)], warm_up_and_stay_task,
               &(weir_thread_options){ .workers = 2, .limit = 16, .worker_fini = submit_last });
    while (ran.count < BATCH)
        schedule_step();
    schedule_check(weir_thread_executor_resize(pool, 1, 1) == WEIR_OK);
    atomic_store(&resized, true);
    await(&going);
    schedule_check(weir_executor_shutdown(pool, NULL) == WEIR_OK);
    for (unsigned i = 0; i < 2 * BATCH; i++)
        check_attempt(&last[i / BATCH][i % BATCH]);
    finish_pool();
}

/* A pool that may grow is asked for a worker by each submission. */
static weir_status need_more_workers_task(weir_task *task, void *arg)
{
    struct weir__parker latch = { 0 };
    parent_task(task, arg);
    await(&resized);
    schedule_check(weir_submit(pool, let_go_task, &latch, 0, NULL) == WEIR_OK);
    weir__park(&latch, WEIR_FOREVER);
    return WEIR_OK;
}

static void asked_for_another_worker(void)
{
    atomic_store(&resized, false);
    create_parent(&(weir_thread_options){ .workers = 1, .limit = 16 });
    parent.waits = 7;
    schedule_check(weir_submit(pool, need_more_workers_task, &parent, 0, &parent.future) == WEIR_OK);
    while (ran.count < CHILDREN)
        schedule_step();
    schedule_check(weir_thread_executor_resize(pool, 1, 2) == WEIR_OK);
    atomic_store(&resized, true);
    wait_for_parent();
    schedule_check(weir_executor_shutdown(pool, NULL) == WEIR_OK);
    check_children();
    finish_pool();
}

static void await_stage(unsigned number)
{
    while (atomic_load(&stage) < number)
        schedule_step();
}

/* Two tasks keep one each: the first of them is the older, for whoever takes both back. */
static struct {
    weir_task_fn *fn;
    void *arg;
    weir_future *future;
} elder, younger;

static weir_status submit_elder_task(weir_task *task, void *arg)
{
    (void)task;
    (void)arg;
    warm_up(0, 2);
    schedule_check(weir_submit(pool, elder.fn, elder.arg, 0, &elder.future) == WEIR_OK);
    atomic_store(&stage, 1);
    await_stage(3);
    return WEIR_OK;
}

static weir_status submit_younger_task(weir_task *task, void *arg)
{
    (void)task;
    (void)arg;
    warm_up(BATCH, 2);
    await_stage(1);
    schedule_check(weir_submit(pool, younger.fn, younger.arg, 0, &younger.future) == WEIR_OK);
    atomic_store(&stage, 2);
    return WEIR_OK;
}

static weir_status submit_younger_and_stay_task(weir_task *task, void *arg)
{
    submit_younger_task(task, arg);
    await_stage(3);
    return WEIR_OK;
}

static void unref_both(void)
{
    weir_future_unref(elder.future);
    weir_future_unref(younger.future);
}

static void oldest_of_all_kept(void)
{
    enum { LIMIT = 2 * BATCH };
    elder.fn = younger.fn = no_task;
    create_two(submit_elder_task, submit_younger_and_stay_task,
               &(weir_thread_options){
                   .workers = 2, .limit = LIMIT, .policy = weir_discard_oldest() });
    await_stage(2);
    for (unsigned i = 0; i < LIMIT - 1; i++)
        schedule_check(submit_note(2 * BATCH + i, NULL) == WEIR_OK);
    schedule_check(weir_future_status(elder.future) == WEIR_EDISCARDED);
    schedule_check(weir_future_status(younger.future) == WEIR_EPENDING);
    atomic_store(&stage, 3);
    schedule_check(weir_future_wait(younger.future, WEIR_FOREVER) == WEIR_OK);
    unref_both();
    finish_pool();
}

/* The younger waits, in its own way, for the elder, whose submitter has its worker: what is older begins
 * first, so nobody waits for ever. */
static weir_status let_younger_go_task(weir_task *task, void *arg)
{
    atomic_store(&stage, 3);
    return let_go_task(task, arg);
}

static void elder_begins_first(void)
{
    struct weir__parker elder_ran = { 0 };
    elder.fn = let_younger_go_task;
    younger.fn = latch_task;
    elder.arg = younger.arg = &elder_ran;
    create_two(submit_elder_task, submit_younger_task,
               &(weir_thread_options){ .workers = 2, .limit = 16 });
    for (unsigned steps = 0; atomic_load(&stage) < 3; steps++) {
        schedule_check(steps < 100000);
        schedule_step();
    }
    schedule_check(weir_executor_shutdown(pool, NULL) == WEIR_OK);
    unref_both();
    finish_pool();
}

/* Two tasks take all places but one while somebody looks whether there is one, some of them lent. */
static weir_status take_two_task(weir_task *task, void *arg)
{
    (void)task;
    (void)arg;
    warm_up(0, 2);
    await_stage(1);
    schedule_check(submit_note(0, NULL) == WEIR_OK);
    atomic_fetch_add(&stage, 1);
    await_stage(3); /* most likely the other has, too, and places can be lent */
    schedule_check(submit_note(0, NULL) == WEIR_OK);
    atomic_fetch_add(&stage, 1);
    await_stage(6);
    return WEIR_OK;
}

static void look_for_the_last(void *data)
{
    (void)data;
    await_stage(1);
    schedule_check(submit_note(1, NULL) == WEIR_OK);
    atomic_fetch_add(&stage, 1);
}

static void last_one_found(void)
{
    create_two(take_two_task, take_two_task,
               &(weir_thread_options){ .workers = 2, .limit = 2 * BATCH });
    pthread_t actor = actor_start(look_for_the_last, NULL);
    while (atomic_load(&warm) < 4)
        schedule_step();
    schedule_check(submit_note(2, NULL) == WEIR_OK); /* takes back what was lent so far */
    atomic_store(&stage, 1);
    actor_join(actor);
    await_stage(6); /* all have theirs */
    finish_pool();
}

/* Two parents on two workers, each with places of its own. */
static void kept_by_two(void)
{
    static struct parent other;
    weir_thread_options options = { .workers = 2, .limit = 2 * CHILDREN };
    create_parent(&options);
    other = (struct parent){ .waits = schedule_choose(8) | 1 };
    submit_parent();
    schedule_check(weir_submit(pool, parent_task, &other, 0, &other.future) == WEIR_OK);
    wait_for_parent();
    schedule_check(weir_future_wait(other.future, WEIR_FOREVER) == WEIR_OK);
    weir_future_unref(other.future);
    schedule_check(weir_executor_shutdown(pool, NULL) == WEIR_OK);
    for (unsigned i = 0; i < CHILDREN; i++) {
        schedule_check(ran.started[i] == 2);
        weir_future_unref(parent.child[i].future);
        weir_future_unref(other.child[i].future);
    }
    finish_pool();
}

SCENARIO(kept_in_order)
SCENARIO(kept_beside_another_worker)
SCENARIO(counted_while_kept)
SCENARIO(kept_where_the_limit_refuses)
SCENARIO(kept_where_submitters_wait)
SCENARIO(kept_where_the_oldest_goes)
SCENARIO(never_refused_for_what_is_lent)
SCENARIO(closed_while_kept)
SCENARIO(taken_by_another_worker)
SCENARIO(left_by_its_worker)
SCENARIO(kept_while_resized)
SCENARIO(lent_nothing_on_the_way_out)
SCENARIO(asked_for_another_worker)
SCENARIO(oldest_of_all_kept)
SCENARIO(last_one_found)
SCENARIO(elder_begins_first)
SCENARIO(kept_by_two)

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_in_order_is_sound),
        cmocka_unit_test(kept_beside_another_worker_is_sound),
        cmocka_unit_test(counted_while_kept_is_sound),
        cmocka_unit_test(kept_where_the_limit_refuses_is_sound),
        cmocka_unit_test(kept_where_submitters_wait_is_sound),
        cmocka_unit_test(kept_where_the_oldest_goes_is_sound),
        cmocka_unit_test(never_refused_for_what_is_lent_is_sound),
        cmocka_unit_test(closed_while_kept_is_sound),
        cmocka_unit_test(taken_by_another_worker_is_sound),
        cmocka_unit_test(left_by_its_worker_is_sound),
        cmocka_unit_test(kept_while_resized_is_sound),
        cmocka_unit_test(lent_nothing_on_the_way_out_is_sound),
        cmocka_unit_test(asked_for_another_worker_is_sound),
        cmocka_unit_test(oldest_of_all_kept_is_sound),
        cmocka_unit_test(last_one_found_is_sound),
        cmocka_unit_test(elder_begins_first_is_sound),
        cmocka_unit_test(kept_by_two_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
