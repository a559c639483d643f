/* Callbacks that are dispatched: run by whoever dispatches, nowhere else, once each; and the descriptor,
 * readable exactly while some wait. */
#include <poll.h>
#include <sched.h>
#include <stdlib.h>

#include "conformance/conformance.h"
#include "support/allocations.h"
#include "support/crew.h"
#include "support/dispatch.h"

enum { MOST = 8 };

/* What its callback saw of a future, and when, among others. */
struct sight {
    _Atomic uint32_t called;
    uint32_t turn;
    weir_status status;
    pthread_t thread;
};

static _Atomic uint32_t turns;

static void look(weir_future *future, void *data)
{
    struct sight *sight = data;
    sight->status = weir_future_status(future);
    sight->thread = pthread_self();
    sight->turn = atomic_fetch_add(&turns, 1);
    atomic_fetch_add(&sight->called, 1);
}

/* One that has ended, with a callback that waits. */
static void ended_and_waits(weir_executor *executor, struct sight *sight)
{
    weir_future *future = ended_task(executor);
    assert_status(weir_future_on_done(future, look, sight), WEIR_OK);
    weir_future_unref(future); /* the registration keeps it */
}

static void check_called_here(const struct sight *sight)
{
    assert_int_equal(sight->called, 1);
    assert_true(pthread_equal(sight->thread, pthread_self()));
}

static void dispatch_runs_callbacks_of_ended_tasks_here(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 1, .dispatch = true);
    struct sight sight[3] = { 0 };
    int number = 4;
    weir_future *future[3] = {
        submit_ok(parked.executor, double_task, &number, sizeof number),
        submit_ok(parked.executor, fail_task, &number, sizeof number),
        submit_ok(parked.executor, noop_task, NULL, 0),
    };
    for (int i = 0; i < 3; i++)
        assert_status(weir_future_on_done(future[i], look, &sight[i]), WEIR_OK);
    assert_false(readable(parked.executor));
    assert_true(weir_future_cancel(future[2]));
    assert_int_equal(sight[2].called, 0); /* not even in the one who cancels */
    assert_true(readable(parked.executor));
    gate_open(parked.gate);
    end_all(future, 3); /* waits are not held up */
    assert_eventually(stats_of(parked.executor).undispatched == 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(sight[i].called, 0);
    assert_int_equal(dispatch(parked.executor, 0), 3);
    assert_false(readable(parked.executor));
    for (int i = 0; i < 3; i++)
        check_called_here(&sight[i]);
    assert_status(sight[0].status, WEIR_OK);
    assert_status(sight[1].status, WEIR_EFAILED);
    assert_status(sight[2].status, WEIR_ECANCELLED);
    assert_true(sight[2].turn < sight[0].turn && sight[0].turn < sight[1].turn);
    unpark(&parked);
}

static void dispatch_runs_callbacks_that_come_after_the_end_too(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 2, .dispatch = true);
    struct sight sight[2] = { 0 };
    weir_future *future = ended_task(executor);
    assert_false(readable(executor)); /* it has no callback */
    for (int i = 0; i < 2; i++) {
        assert_status(weir_future_on_done(future, look, &sight[i]), WEIR_OK);
        assert_int_equal(sight[i].called, 0);
        assert_true(readable(executor));
        assert_int_equal(stats_of(executor).undispatched, 1);
        assert_int_equal(dispatch(executor, 0), 1);
        check_called_here(&sight[i]);
        assert_false(readable(executor));
        assert_int_equal(dispatch(executor, 0), 0);
    }
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

static void dispatch_of_one_future_runs_its_callbacks_in_order(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1, .dispatch = true);
    struct sight sight[MOST] = { 0 };
    weir_future *future = ended_task(executor);
    for (int i = 0; i < MOST; i++)
        assert_status(weir_future_on_done(future, look, &sight[i]), WEIR_OK);
    assert_int_equal(dispatch(executor, 1), 1); /* of one task: with all that it has */
    for (int i = 0; i < MOST; i++) {
        check_called_here(&sight[i]);
        assert_int_equal(sight[i].turn, sight[0].turn + (uint32_t)i);
    }
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

static void dispatch_runs_no_more_than_it_is_told(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 2, .dispatch = true);
    struct sight sight[6] = { 0 };
    for (int i = 0; i < 6; i++)
        ended_and_waits(executor, &sight[i]);
    assert_int_equal(dispatch(executor, 1), 1);
    assert_int_equal(dispatch(executor, 2), 2);
    assert_true(readable(executor));
    for (int i = 0; i < 6; i++)
        assert_int_equal(sight[i].called, i < 3); /* the oldest first */
    assert_int_equal(dispatch(executor, SIZE_MAX), 3);
    assert_false(readable(executor));
    assert_status(weir_executor_dispatch(executor, 7, NULL), WEIR_OK);
    weir_executor_destroy(executor);
}

/* A callback that registers another one of its kind, so many times. */
struct chain {
    weir_executor *executor;
    uint32_t links;
    uint32_t called;
    size_t nested; /* of how many a dispatch in each ran callbacks; SIZE_MAX: none is made */
};

static void next_link(weir_future *future, void *data)
{
    struct chain *chain = data;
    size_t ran = 0;
    chain->called++;
    if (chain->links && chain->links--)
        weir_future_on_done(future, next_link, chain);
    if (chain->nested != SIZE_MAX &&
        weir_executor_dispatch(chain->executor, SIZE_MAX, &ran) == WEIR_OK)
        chain->nested += ran;
}

static void dispatch_of_what_waits_leaves_what_comes_meanwhile(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1, .dispatch = true);
    struct chain chain = { .executor = executor, .links = 5, .nested = SIZE_MAX };
    weir_future *future = ended_task(executor);
    assert_status(weir_future_on_done(future, next_link, &chain), WEIR_OK);
    assert_int_equal(dispatch(executor, 0), 1);
    assert_int_equal(chain.called, 1);
    assert_true(readable(executor));
    assert_int_equal(dispatch(executor, 2), 2); /* a number means that number */
    assert_int_equal(chain.called, 3);
    assert_int_equal(dispatch(executor, SIZE_MAX), 3);
    assert_int_equal(chain.called, 6);
    assert_false(readable(executor));
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

static void dispatch_in_a_callback_runs_the_next_on_top(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1, .dispatch = true);
    struct chain chain = { .executor = executor, .links = 3, .nested = 0 };
    struct sight sight[2] = { 0 };
    weir_future *future = ended_task(executor);
    assert_status(weir_future_on_done(future, next_link, &chain), WEIR_OK);
    for (int i = 0; i < 2; i++)
        ended_and_waits(executor, &sight[i]);
    assert_int_equal(dispatch(executor, 0), 1); /* the first; below it, all the others */
    assert_int_equal(chain.called, 4);
    assert_int_equal(chain.nested, 5);
    for (int i = 0; i < 2; i++)
        check_called_here(&sight[i]);
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

/* Tasks that end, and several who dispatch, each asleep while nothing waits. */
struct herd {
    weir_executor *executor;
    uint32_t tasks;
    _Atomic uint32_t called, counted, odd;
    _Atomic uint32_t of[512];
};

struct mark {
    struct herd *herd;
    uint32_t number;
};

static void mark_called(weir_future *future, void *data)
{
    struct mark *mark = data;
    if (weir_future_status(future) != WEIR_OK || atomic_fetch_add(&mark->herd->of[mark->number], 1))
        atomic_fetch_add(&mark->herd->odd, 1);
    atomic_fetch_add(&mark->herd->called, 1);
}

static void dispatch_until_all(void *shared, size_t index)
{
    struct herd *herd = shared;
    int64_t end_ns = now_ns() + WATCHDOG_NS;
    while (atomic_load(&herd->called) < herd->tasks && now_ns() < end_ns) {
        struct pollfd fd = { .fd = weir_executor_fd(herd->executor), .events = POLLIN };
        size_t ran = 0;
        poll(&fd, 1, 10); /* the last one may have been called by another one: then nobody wakes us */
        if (weir_executor_dispatch(herd->executor, index, &ran) != WEIR_OK)
            atomic_fetch_add(&herd->odd, 1);
        atomic_fetch_add(&herd->counted, (uint32_t)ran);
    }
}

static void dispatch_by_many_runs_each_once(void **state)
{
    static struct mark mark[512];
    for (uint64_t round = 0; round < ROUNDS(40); round++) {
        weir_executor *executor =
            new_executor(state, .workers = 2, .limit = 512, .dispatch = true);
        struct herd *herd = calloc(1, sizeof *herd);
        *herd = (struct herd){ .executor = executor, .tasks = 512 };
        struct crew *crew = crew_start(3, dispatch_until_all, herd);
        for (uint32_t i = 0; i < 512; i++) {
            weir_future *future = submit_ok(executor, noop_task, NULL, 0);
            mark[i] = (struct mark){ herd, i };
            assert_status(weir_future_on_done(future, mark_called, &mark[i]), WEIR_OK);
            weir_future_unref(future);
        }
        crew_join(crew);
        assert_int_equal(herd->called, 512);
        assert_int_equal(herd->counted, 512);
        assert_int_equal(herd->odd, 0);
        assert_false(readable(executor));
        weir_executor_destroy(executor);
        assert_int_equal(herd->called, 512);
        free(herd);
    }
}

/* One thread, which sleeps in poll() without a time limit: no wake-up may be lost. */
static void dispatch_loop_is_woken_for_every_task(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 2, .limit = 64, .dispatch = true);
    struct pollfd fd = { .fd = weir_executor_fd(executor), .events = POLLIN };
    for (uint64_t round = 0; round < ROUNDS(2000); round++) {
        struct sight sight[MOST] = { 0 };
        size_t ran = 0;
        for (int i = 0; i < MOST; i++) {
            weir_future *future = submit_ok(executor, noop_task, NULL, 0);
            assert_status(weir_future_on_done(future, look, &sight[i]), WEIR_OK);
            weir_future_unref(future);
        }
        while (ran < MOST) {
            assert_int_equal(poll(&fd, 1, (int)(WATCHDOG_NS / WEIR_MILLISECOND)), 1);
            size_t now = dispatch(executor, round % 3);
            assert_true(now > 0); /* nor is it woken for nothing */
            ran += now;
        }
        for (int i = 0; i < MOST; i++)
            check_called_here(&sight[i]);
        assert_int_equal(poll(&fd, 1, 0), 0);
    }
    weir_executor_destroy(executor);
}

/* What a dispatched callback did with its executor. */
struct deed {
    weir_executor *executor;
    weir_future *other;
    weir_status submitted, waited, registered;
    bool cancelled;
    struct sight sight;
};

static void act(weir_future *future, void *data)
{
    struct deed *deed = data;
    weir_future *mine = NULL;
    deed->submitted = weir_submit(deed->executor, noop_task, NULL, 0, &mine);
    deed->cancelled = weir_future_cancel(deed->other);
    deed->registered = weir_future_on_done(mine, look, &deed->sight);
    deed->waited = deed->other ? WEIR_OK : weir_future_wait(mine, WATCHDOG_NS);
    weir_future_unref(mine);
    weir_future_unref(future);
}

static void dispatched_callback_may_submit_wait_register_and_unref(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1, .dispatch = true);
    struct deed deed = { .executor = executor };
    weir_future *future = ended_task(executor);
    assert_status(weir_future_on_done(future, act, &deed), WEIR_OK);
    assert_int_equal(dispatch(executor, 0), 1);
    assert_status(deed.submitted, WEIR_OK);
    assert_status(deed.waited, WEIR_OK);
    assert_status(deed.registered, WEIR_OK);
    assert_eventually(readable(executor));
    assert_int_equal(dispatch(executor, 0), 1);
    check_called_here(&deed.sight);
    weir_executor_destroy(executor);
}

static void dispatched_callback_may_cancel(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 1, .dispatch = true);
    struct deed deed = { .executor = parked.executor };
    struct sight sight = { 0 };
    weir_future *future = submit_ok(parked.executor, noop_task, NULL, 0);
    deed.other = submit_ok(parked.executor, noop_task, NULL, 0);
    assert_status(weir_future_on_done(deed.other, look, &sight), WEIR_OK);
    assert_status(weir_future_on_done(future, act, &deed), WEIR_OK);
    assert_true(weir_future_cancel(future));
    assert_int_equal(dispatch(parked.executor, 0), 1);
    assert_true(deed.cancelled);
    assert_int_equal(sight.called, 0);
    assert_int_equal(dispatch(parked.executor, 0), 1);
    assert_status(sight.status, WEIR_ECANCELLED);
    check_called_here(&sight);
    weir_future_unref(deed.other);
    unpark(&parked);
    assert_int_equal(deed.sight.called, 1);
}

static weir_status dispatching_task(weir_task *task, void *arg)
{
    size_t count = 0;
    weir_status status = weir_executor_dispatch(arg, 0, &count);
    pthread_t thread = pthread_self();
    return status == WEIR_OK && count == 1 ? weir_task_return(task, &thread, sizeof thread) : status;
}

static void dispatch_from_a_task_runs_them_there(void **state)
{
    needs(state, TRAIT_SHARES_MEMORY);
    weir_executor *executor = new_executor(state, .workers = 1, .dispatch = true);
    struct sight sight = { 0 };
    pthread_t thread;
    ended_and_waits(executor, &sight);
    weir_future *future = submit_ok(executor, dispatching_task, executor, 0);
    assert_status(weir_future_result(future, &thread, sizeof thread, WATCHDOG_NS), WEIR_OK);
    assert_int_equal(sight.called, 1);
    assert_true(pthread_equal(sight.thread, thread));
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

static void callbacks_on_end_are_not_dispatched(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1, .dispatch = true);
    struct sight early = { 0 }, late = { 0 }, waiting = { 0 };
    weir_future *future = submit_ok(executor, noop_task, NULL, 0);
    assert_status(weir_future_on_done(future, look, &waiting), WEIR_OK);
    assert_status(weir_future_on_end(future, look, &early), WEIR_OK);
    assert_eventually(atomic_load(&early.called) == 1);
    end_of(future);
    assert_status(weir_future_on_end(future, look, &late), WEIR_OK);
    check_called_here(&late);
    assert_int_equal(waiting.called, 0);
    assert_eventually(readable(executor));
    assert_int_equal(dispatch(executor, 0), 1);
    check_called_here(&waiting);
    assert_status(weir_future_on_end(NULL, look, &late), WEIR_EINVAL);
    assert_status(weir_future_on_end(future, NULL, &late), WEIR_EINVAL);
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

static void callbacks_on_end_are_those_of_done_without_a_dispatch(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    struct sight sight[4] = { 0 };
    weir_future *future = ended_task(executor);
    for (int i = 0; i < 4; i++)
        assert_status((i % 2 ? weir_future_on_end : weir_future_on_done)(future, look, &sight[i]),
                      WEIR_OK);
    for (int i = 0; i < 4; i++) {
        check_called_here(&sight[i]);
        assert_int_equal(sight[i].turn, sight[0].turn + (uint32_t)i);
    }
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

/* What the library itself does at the end of a task does not depend on who dispatches. */
static void dispatch_holds_up_no_map_and_no_promise(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 2, .dispatch = true);
    int in[64], out[64];
    for (int i = 0; i < 64; i++)
        in[i] = i;
    assert_status(WEIR_MAP(executor, double_task, in, out), WEIR_OK);
    for (int i = 0; i < 64; i++)
        assert_int_equal(out[i], 2 * i);
    weir_scheduler *scheduler;
    weir_future *future;
    int number = 21, value = 0;
    assert_status(weir_scheduler_create(&scheduler, executor, NULL), WEIR_OK);
    assert_status(weir_scheduler_submit_after(scheduler, 0, double_task, &number, sizeof number,
                                              &future),
                  WEIR_OK);
    assert_status(weir_future_result(future, &value, sizeof value, WATCHDOG_NS), WEIR_OK);
    assert_int_equal(value, 42);
    weir_future_unref(future);
    weir_scheduler_destroy(scheduler);
    assert_int_equal(dispatch(executor, 0), 0);
    weir_executor_destroy(executor);
}

static void dispatch_covers_every_way_to_end(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked =
        park(state, .workers = 1, .limit = 1, .policy = weir_discard_oldest(), .dispatch = true);
    struct sight sight[3] = { 0 };
    weir_future *oldest = submit_ok(parked.executor, noop_task, NULL, 0);
    assert_status(weir_future_on_done(oldest, look, &sight[0]), WEIR_OK);
    weir_future *late = NULL;
    weir_submission expiring = { .fn = noop_task, .start_within_ns = 1 };
    assert_status(weir_submit_with(parked.executor, &expiring, &late), WEIR_OK); /* displaces it */
    assert_status(weir_future_on_done(late, look, &sight[1]), WEIR_OK);
    assert_int_equal(sight[0].called, 0);
    assert_int_equal(dispatch(parked.executor, 0), 1);
    assert_status(sight[0].status, WEIR_EDISCARDED);
    gate_open(parked.gate);
    end_of(late);
    assert_int_equal(sight[1].called, 0);
    assert_eventually(readable(parked.executor));
    assert_int_equal(dispatch(parked.executor, 0), 1);
    assert_status(sight[1].status, WEIR_EEXPIRED);
    weir_future_unref(oldest);
    weir_future_unref(late);
    unpark(&parked);
}

static void dispatched_batch(weir_executor *executor)
{
    struct sight sight[MOST] = { 0 };
    weir_future *future[MOST];
    for (int i = 0; i < MOST; i++) {
        future[i] = submit_ok(executor, noop_task, NULL, 0);
        assert_status(weir_future_on_done(future[i], look, &sight[i]), WEIR_OK);
    }
    size_t ran = 0;
    while (ran < MOST) {
        size_t now = dispatch(executor, 0);
        ran += now;
        if (!now)
            sched_yield();
    }
    end_all(future, MOST);
}

static void dispatch_allocates_nothing_in_the_steady_state(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 2, .limit = 64, .dispatch = true);
    if (!allocations_can_be_counted() || factory_has(*state, TRAIT_DYNAMIC)) {
        weir_executor_destroy(executor); /* to start a thread does allocate */
        skip();
    }
    make_slots(executor, 160); /* more than a batch and what threads keep for themselves */
    for (int i = 0; i < 100; i++)
        dispatched_batch(executor);
    uint64_t before = allocations_so_far();
    for (int i = 0; i < 1000; i++)
        dispatched_batch(executor);
    assert_int_equal(allocations_so_far() - before, 0);
    weir_executor_destroy(executor);
}

int suite_dispatch(const struct executor_factory *factory)
{
    const struct CMUnitTest tests[] = {
        ON(factory, dispatch_runs_callbacks_of_ended_tasks_here),
        ON(factory, dispatch_runs_callbacks_that_come_after_the_end_too),
        ON(factory, dispatch_of_one_future_runs_its_callbacks_in_order),
        ON(factory, dispatch_runs_no_more_than_it_is_told),
        ON(factory, dispatch_of_what_waits_leaves_what_comes_meanwhile),
        ON(factory, dispatch_in_a_callback_runs_the_next_on_top),
        ON(factory, dispatch_by_many_runs_each_once),
        ON(factory, dispatch_loop_is_woken_for_every_task),
        ON(factory, dispatched_callback_may_submit_wait_register_and_unref),
        ON(factory, dispatched_callback_may_cancel),
        ON(factory, dispatch_from_a_task_runs_them_there),
        ON(factory, callbacks_on_end_are_not_dispatched),
        ON(factory, callbacks_on_end_are_those_of_done_without_a_dispatch),
        ON(factory, dispatch_holds_up_no_map_and_no_promise),
        ON(factory, dispatch_covers_every_way_to_end),
        ON(factory, dispatch_allocates_nothing_in_the_steady_state),
    };
    return cmocka_run_group_tests_name("dispatch", tests, NULL, NULL);
}
