/* Promises: ended by hand, cancelled, held, following another future; waited for among others. */
#include "weir/promise.h"

#include <pthread.h>

#include "support/check.h"
#include "support/child.h"
#include "support/gate.h"
#include "support/submit.h"
#include "support/tasks.h"
#include "sync/parker.h"

struct fixture {
    weir_promise_pool *pool;
    weir_promise *promise;
    weir_future *future;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    *state = &fixture;
    return weir_promise_pool_create(&fixture.pool) ||
           weir_promise_create(fixture.pool, "promised", &fixture.promise, &fixture.future);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    weir_promise_destroy(fixture->promise);
    weir_future_unref(fixture->future);
    weir_promise_pool_destroy(fixture->pool);
    return 0;
}

static void count_done(weir_future *future, void *data)
{
    (void)future;
    ++*(int *)data;
}

static void promise_returned_ends_with_the_result(void **state)
{
    struct fixture *f = *state;
    int done = 0, value = 0;
    assert_status(weir_future_on_done(f->future, count_done, &done), WEIR_OK);
    assert_int_equal(weir_future_state(f->future), WEIR_PENDING);
    assert_string_equal(weir_future_name(f->future), "promised");
    assert_status(weir_promise_return(f->promise, &(int){ 7 }, sizeof(int)), WEIR_OK);
    assert_status(weir_future_result(f->future, &value, sizeof value, 0), WEIR_OK);
    assert_int_equal(value, 7);
    assert_int_equal(done, 1);
    assert_int_equal(weir_future_state(f->future), WEIR_FINISHED);
}

static void promise_with_a_large_result_keeps_all_of_it(void **state)
{
    struct fixture *f = *state;
    char sent[1000], got[1000] = { 0 };
    memset(sent, 'x', sizeof sent);
    assert_status(weir_promise_return(f->promise, sent, sizeof sent), WEIR_OK);
    assert_status(weir_future_result(f->future, got, sizeof got, 0), WEIR_OK);
    assert_memory_equal(sent, got, sizeof sent);
}

static void promise_failed_ends_with_status_code_and_message(void **state)
{
    struct fixture *f = *state;
    const char *message;
    assert_status(weir_promise_fail(f->promise, WEIR_EREJECTED, 5, "too late"), WEIR_OK);
    assert_status(weir_future_status(f->future), WEIR_EREJECTED);
    assert_int_equal(weir_future_error(f->future, &message), 0); /* a code is for WEIR_EFAILED */
    assert_string_equal(message, "too late");
    assert_int_equal(weir_future_state(f->future), WEIR_FINISHED);
    assert_status(weir_promise_return(f->promise, NULL, 0), WEIR_ECANCELLED);
}

static void promise_without_a_message_has_the_sentence_of_its_status(void **state)
{
    struct fixture *f = *state;
    const char *message;
    assert_status(weir_promise_fail(f->promise, WEIR_ESHUTDOWN, 0, NULL), WEIR_OK);
    weir_future_error(f->future, &message);
    assert_string_equal(message, weir_status_text(WEIR_ESHUTDOWN));
}

static void promise_destroyed_leaves_no_waiter_behind(void **state)
{
    struct fixture *f = *state;
    weir_promise *promise;
    weir_future *future;
    assert_status(weir_promise_create(f->pool, NULL, &promise, &future), WEIR_OK);
    weir_promise_destroy(promise);
    assert_status(end_and_unref(future), WEIR_EBROKEN);
}

static void promise_cancelled_cannot_be_started_or_ended(void **state)
{
    struct fixture *f = *state;
    assert_true(weir_future_cancel(f->future));
    assert_true(weir_future_cancel(f->future));
    assert_int_equal(weir_future_state(f->future), WEIR_CANCELLED);
    assert_status(weir_promise_start(f->promise), WEIR_ECANCELLED);
    assert_status(weir_promise_hold(f->promise), WEIR_ECANCELLED);
    assert_status(weir_promise_return(f->promise, NULL, 0), WEIR_ECANCELLED);
    assert_status(weir_promise_fail(f->promise, WEIR_EFAILED, 1, NULL), WEIR_ECANCELLED);
}

static void promise_started_is_only_asked_to_stop(void **state)
{
    struct fixture *f = *state;
    assert_status(weir_promise_start(f->promise), WEIR_OK);
    assert_int_equal(weir_future_state(f->future), WEIR_RUNNING);
    assert_false(weir_promise_cancel_requested(f->promise));
    assert_false(weir_future_cancel(f->future));
    assert_true(weir_promise_cancel_requested(f->promise));
    assert_status(weir_promise_start(f->promise), WEIR_EINVAL);
    assert_status(weir_promise_return(f->promise, NULL, 0), WEIR_OK);
    assert_status(weir_future_status(f->future), WEIR_OK);
}

/* An executor whose only worker is parked. */
struct pool {
    weir_executor *executor;
    struct gate *gate;
};

static struct pool new_pool(void)
{
    struct pool pool = { NULL, gate_create() };
    assert_status(
        weir_thread_executor_create(&pool.executor, &(weir_thread_options){ .workers = 1 }),
        WEIR_OK);
    assert_status(weir_submit(pool.executor, gate_task, pool.gate, 0, NULL), WEIR_OK);
    assert_true(gate_wait_entered(pool.gate, 1));
    return pool;
}

static void end_pool(struct pool *pool)
{
    gate_open(pool->gate);
    weir_executor_destroy(pool->executor);
    gate_destroy(pool->gate);
}

static weir_future *follow(struct fixture *f, weir_executor *executor, weir_task_fn *fn, int arg)
{
    assert_status(weir_promise_hold(f->promise), WEIR_OK);
    weir_future *other = submit_ok(executor, fn, &arg, sizeof arg);
    assert_status(weir_promise_follow(f->promise, other), WEIR_OK);
    return other;
}

static void follower_has_the_result_of_the_other(void **state)
{
    struct fixture *f = *state;
    struct pool pool = new_pool();
    weir_future_unref(follow(f, pool.executor, double_task, 21));
    assert_int_equal(weir_future_state(f->future), WEIR_PENDING);
    gate_open(pool.gate);
    int value = 0;
    assert_status(weir_future_result(f->future, &value, sizeof value, WATCHDOG_NS), WEIR_OK);
    assert_int_equal(value, 42);
    end_pool(&pool);
}

static void follower_has_the_error_of_the_other(void **state)
{
    struct fixture *f = *state;
    struct pool pool = new_pool();
    weir_future_unref(follow(f, pool.executor, fail_task, 9));
    gate_open(pool.gate);
    const char *message;
    assert_status(end_of(f->future), WEIR_EFAILED);
    assert_int_equal(weir_future_error(f->future, &message), 9);
    assert_string_equal(message, "failed with 9");
    end_pool(&pool);
}

static void follower_cancelled_cancels_the_other_and_frees_its_place(void **state)
{
    struct fixture *f = *state;
    struct pool pool = new_pool();
    weir_future *other = follow(f, pool.executor, double_task, 1);
    assert_int_equal(weir_executor_backlog(pool.executor), 1);
    assert_true(weir_future_cancel(f->future));
    assert_int_equal(weir_executor_backlog(pool.executor), 0);
    assert_status(weir_future_status(f->future), WEIR_ECANCELLED);
    assert_status(weir_future_status(other), WEIR_ECANCELLED);
    weir_future_unref(other);
    end_pool(&pool);
}

static void follower_runs_while_the_other_runs(void **state)
{
    struct fixture *f = *state;
    struct pool pool = new_pool();
    struct gate *second = gate_create();
    assert_status(weir_promise_hold(f->promise), WEIR_OK);
    weir_future *other = submit_ok(pool.executor, gate_task, second, 0);
    assert_status(weir_promise_follow(f->promise, other), WEIR_OK);
    assert_int_equal(weir_future_state(f->future), WEIR_PENDING);
    gate_open(pool.gate);
    assert_true(gate_wait_entered(second, 1));
    assert_int_equal(weir_future_state(f->future), WEIR_RUNNING);
    assert_false(weir_future_cancel(f->future));
    gate_open(second);
    assert_status(end_of(f->future), WEIR_OK);
    weir_future_unref(other);
    end_pool(&pool);
    gate_destroy(second);
}

static void follower_of_what_has_ended_ends_at_once(void **state)
{
    struct fixture *f = *state;
    weir_executor *executor;
    assert_status(weir_inline_executor_create(&executor, NULL), WEIR_OK);
    weir_future_unref(follow(f, executor, double_task, 4));
    assert_status(weir_future_status(f->future), WEIR_OK);
    assert_int_equal(*(const int *)weir_future_value(f->future, NULL), 8);
    weir_executor_destroy(executor);
}

static void cancellation_of_a_held_promise_is_passed_on(void **state)
{
    struct fixture *f = *state;
    struct pool pool = new_pool();
    assert_status(weir_promise_hold(f->promise), WEIR_OK);
    assert_false(weir_future_cancel(f->future)); /* not decided yet */
    assert_int_equal(weir_future_state(f->future), WEIR_PENDING);
    weir_future *other = submit_ok(pool.executor, double_task, &(int){ 1 }, sizeof(int));
    assert_status(weir_promise_follow(f->promise, other), WEIR_OK);
    assert_status(weir_future_status(f->future), WEIR_ECANCELLED);
    assert_status(end_and_unref(other), WEIR_ECANCELLED);
    end_pool(&pool);
}

static void cancel_in_callback(weir_future *future, void *data)
{
    (void)future;
    assert_false(weir_future_cancel(data));
}

static void follower_of_what_has_just_expired_can_be_asked_to_stop(void **state)
{
    struct fixture *f = *state;
    const weir_status ends[] = { WEIR_EEXPIRED, WEIR_EDISCARDED };
    for (size_t i = 0; i < 2; i++) {
        weir_promise *promise, *behind;
        weir_future *future, *follower;
        assert_status(weir_promise_create(f->pool, NULL, &promise, &future), WEIR_OK);
        assert_status(weir_promise_create(f->pool, NULL, &behind, &follower), WEIR_OK);
        assert_status(weir_promise_hold(behind), WEIR_OK);
        /* before the follower's own, so it is called while the follower is still pending */
        assert_status(weir_future_on_done(future, cancel_in_callback, follower), WEIR_OK);
        assert_status(weir_promise_follow(behind, future), WEIR_OK);
        assert_status(weir_promise_fail(promise, ends[i], 0, NULL), WEIR_OK);
        assert_status(end_and_unref(follower), ends[i]);
        weir_future_unref(future);
        weir_promise_destroy(promise);
        weir_promise_destroy(behind);
    }
}

static void cancellation_of_a_follower_reaches_a_held_promise(void **state)
{
    struct fixture *f = *state;
    weir_promise *behind;
    weir_future *follower;
    assert_status(weir_promise_create(f->pool, NULL, &behind, &follower), WEIR_OK);
    assert_status(weir_promise_hold(f->promise), WEIR_OK);
    assert_status(weir_promise_hold(behind), WEIR_OK);
    assert_status(weir_promise_follow(behind, f->future), WEIR_OK);
    assert_false(weir_future_cancel(follower));
    assert_true(weir_promise_cancel_requested(f->promise));
    assert_status(weir_promise_return(f->promise, NULL, 0), WEIR_OK);
    assert_status(end_and_unref(follower), WEIR_OK);
    weir_promise_destroy(behind);
}

static void promises_cannot_follow_each_other_in_a_circle(void **state)
{
    struct fixture *f = *state;
    weir_promise *promises[3] = { f->promise };
    weir_future *futures[3] = { f->future };
    for (int i = 0; i < 3; i++) {
        if (i > 0)
            assert_status(weir_promise_create(f->pool, NULL, &promises[i], &futures[i]), WEIR_OK);
        assert_status(weir_promise_hold(promises[i]), WEIR_OK);
    }
    assert_status(weir_promise_follow(promises[1], futures[0]), WEIR_OK);
    assert_status(weir_promise_follow(promises[0], futures[1]), WEIR_EDEADLOCK);
    assert_status(weir_promise_follow(promises[2], futures[1]), WEIR_OK);
    assert_status(weir_promise_follow(promises[0], futures[2]), WEIR_EDEADLOCK);
    assert_int_equal(weir_future_state(futures[2]), WEIR_PENDING);
    assert_status(weir_promise_return(promises[0], NULL, 0), WEIR_OK); /* it is held as before */
    for (int i = 1; i < 3; i++) {
        assert_status(end_and_unref(futures[i]), WEIR_OK);
        weir_promise_destroy(promises[i]);
    }
}

/* A call of weir_promise_follow() that is looked into: each reference that it gives up on its way is
 * a moment at which others may do what they like. */
static _Thread_local void (*on_unref)(void);
void __real_weir_future_unref(weir_future *);
void __wrap_weir_future_unref(weir_future *);

void __wrap_weir_future_unref(weir_future *future)
{
    void (*look)(void) = on_unref;
    on_unref = NULL;
    if (look)
        look();
    __real_weir_future_unref(future);
}

/* And the first that it takes. */
static _Thread_local void (*on_ref)(void);
weir_future *__real_weir_future_ref(weir_future *);
weir_future *__wrap_weir_future_ref(weir_future *);

weir_future *__wrap_weir_future_ref(weir_future *future)
{
    void (*look)(void) = on_ref;
    on_ref = NULL;
    if (look)
        look();
    return __real_weir_future_ref(future);
}

static struct circle {
    weir_promise *promise[2];
    weir_future *future[2];
    unsigned looks;
} circle;

/* While the circle is there, if it is. */
static void look_at_both(void)
{
    for (int i = 0; i < 2; i++) {
        assert_int_equal(weir_future_state(circle.future[i]), WEIR_PENDING);
        assert_status(weir_future_wait(circle.future[i], 1), WEIR_ETIMEDOUT);
        assert_false(weir_future_cancel(circle.future[i]));
    }
    circle.looks++;
    on_unref = look_at_both;
}

/* The first has looked whether it would close a circle, and would not: now it does. */
static void close_circle(void)
{
    assert_status(weir_promise_follow(circle.promise[1], circle.future[0]), WEIR_OK);
    on_unref = look_at_both;
}

static void promises_in_a_circle_that_is_being_closed_can_be_asked(void **state)
{
    struct fixture *f = *state;
    circle = (struct circle){ { f->promise }, { f->future }, 0 };
    assert_status(weir_promise_create(f->pool, NULL, &circle.promise[1], &circle.future[1]),
                  WEIR_OK);
    for (int i = 0; i < 2; i++)
        assert_status(weir_promise_hold(circle.promise[i]), WEIR_OK);
    on_unref = close_circle;
    assert_status(weir_promise_follow(circle.promise[0], circle.future[1]), WEIR_EDEADLOCK);
    on_unref = NULL;
    assert_true(circle.looks > 0);
    assert_true(weir_promise_cancel_requested(circle.promise[0])); /* nobody's request is lost */
    assert_status(weir_promise_fail(circle.promise[0], WEIR_ECANCELLED, 0, NULL), WEIR_OK);
    assert_status(end_and_unref(circle.future[1]), WEIR_ECANCELLED);
    weir_promise_destroy(circle.promise[1]);
}

static void row_of_followers_stands_where_its_last_one_does(void **state)
{
    enum {
        ROW = 500
    };
    struct fixture *f = *state;
    static weir_future *row[ROW];
    weir_promise *promise;
    assert_status(weir_promise_start(f->promise), WEIR_OK);
    for (int i = 0; i < ROW; i++) {
        assert_status(weir_promise_create(f->pool, NULL, &promise, &row[i]), WEIR_OK);
        assert_status(weir_promise_hold(promise), WEIR_OK);
        assert_status(weir_promise_follow(promise, i ? row[i - 1] : f->future), WEIR_OK);
        weir_promise_destroy(promise);
    }
    assert_int_equal(weir_future_state(row[ROW - 1]), WEIR_RUNNING);
    assert_false(weir_future_cancel(row[ROW - 1]));
    assert_true(weir_promise_cancel_requested(f->promise));
    assert_status(weir_promise_return(f->promise, &(int){ 7 }, sizeof(int)), WEIR_OK);
    int value = 0;
    assert_status(weir_future_result(row[ROW - 1], &value, sizeof value, 0), WEIR_OK);
    assert_int_equal(value, 7);
    for (int i = 0; i < ROW; i++)
        weir_future_unref(row[i]);
}

struct nested {
    weir_future *future;
    weir_status waited;
};

static weir_status wait_inside(weir_task *task, void *arg)
{
    struct nested *nested = *(struct nested **)arg;
    (void)task;
    nested->waited = weir_future_wait(nested->future, WATCHDOG_NS);
    return WEIR_OK;
}

static void worker_that_waits_for_a_follower_runs_the_other(void **state)
{
    struct fixture *f = *state;
    struct pool pool = new_pool();
    struct nested nested = { f->future, WEIR_EPENDING };
    weir_future *waiter =
        submit_ok(pool.executor, wait_inside, &(struct nested *){ &nested }, sizeof(void *));
    weir_future_unref(follow(f, pool.executor, double_task, 3)); /* behind it */
    gate_open(pool.gate);
    assert_status(end_and_unref(waiter), WEIR_OK);
    assert_status(nested.waited, WEIR_OK);
    end_pool(&pool);
}

static void worker_that_waits_already_runs_the_other_when_it_comes(void **state)
{
    struct fixture *f = *state;
    struct pool pool = new_pool();
    struct nested nested = { f->future, WEIR_EPENDING };
    weir_future *waiter =
        submit_ok(pool.executor, wait_inside, &(struct nested *){ &nested }, sizeof(void *));
    gate_open(pool.gate);
    assert_eventually(weir_future_state(waiter) == WEIR_RUNNING);
    weir_future_unref(follow(f, pool.executor, double_task, 3));
    assert_status(end_and_unref(waiter), WEIR_OK);
    assert_status(nested.waited, WEIR_OK);
    end_pool(&pool);
}

/* How often the thread went to sleep, in a task that wants to know. */
static _Thread_local bool counts_sleeps;
static _Atomic unsigned sleeps;
bool __real_weir__park_warm(struct weir__parker *, int64_t, struct weir__spin *);
bool __wrap_weir__park_warm(struct weir__parker *, int64_t, struct weir__spin *);

bool __wrap_weir__park_warm(struct weir__parker *parker, int64_t deadline_ns,
                            struct weir__spin *spin)
{
    if (counts_sleeps)
        atomic_fetch_add(&sleeps, 1);
    return __real_weir__park_warm(parker, deadline_ns, spin);
}

static struct choice {
    weir_promise *promise[2];
    weir_future *future[2], *task[2];
    size_t first;
    weir_state second; /* when the first has ended */
} choice;

static weir_status wait_for_any_inside(weir_task *task, void *arg)
{
    (void)task;
    (void)arg;
    counts_sleeps = true;
    weir_status status = weir_wait_any(choice.future, 2, WATCHDOG_NS, &choice.first);
    counts_sleeps = false;
    choice.second = weir_future_state(choice.task[1]);
    return status;
}

/* While the second is being followed: it stands for its task already. */
static void follow_the_first(void)
{
    assert_status(weir_promise_follow(choice.promise[0], choice.task[0]), WEIR_OK);
}

static void at_the_next(void)
{
    on_ref = follow_the_first;
}

static void worker_that_waits_for_any_runs_one_of_them(void **state)
{
    struct fixture *f = *state;
    struct pool pool = new_pool();
    choice = (struct choice){ .first = 7 };
    atomic_store(&sleeps, 0);
    for (int i = 0; i < 2; i++) {
        assert_status(weir_promise_create(f->pool, NULL, &choice.promise[i], &choice.future[i]),
                      WEIR_OK);
        assert_status(weir_promise_hold(choice.promise[i]), WEIR_OK);
    }
    weir_future *waiter = submit_ok(pool.executor, wait_for_any_inside, NULL, 0);
    for (int i = 0; i < 2; i++)
        choice.task[i] = submit_ok(pool.executor, double_task, &i, sizeof i);
    gate_open(pool.gate);
    assert_eventually(atomic_load(&sleeps) == 1);
    /* Both are there to be run when the waiter is told of the first. */
    on_ref = at_the_next;
    assert_status(weir_promise_follow(choice.promise[1], choice.task[1]), WEIR_OK);
    assert_status(end_of(waiter), WEIR_OK);
    assert_int_equal(weir_future_error(waiter, NULL), 0);
    assert_int_equal(choice.first, 0);
    assert_int_equal(choice.second, WEIR_PENDING);
    for (int i = 0; i < 2; i++) {
        weir_promise_destroy(choice.promise[i]);
        assert_status(end_and_unref(choice.future[i]), WEIR_OK);
        weir_future_unref(choice.task[i]);
    }
    weir_future_unref(waiter);
    end_pool(&pool);
}

static void promises_and_tasks_can_be_waited_for_together(void **state)
{
    struct fixture *f = *state;
    struct pool pool = new_pool();
    weir_future *task = submit_ok(pool.executor, noop_task, NULL, 0);
    weir_future *both[] = { task, f->future };
    size_t index = 9, done = 9;
    assert_status(weir_wait_any(both, 2, 0, &index), WEIR_ETIMEDOUT);
    assert_status(weir_promise_return(f->promise, NULL, 0), WEIR_OK);
    assert_status(weir_wait_any(both, 2, 0, &index), WEIR_OK);
    assert_int_equal(index, 1);
    weir_as_completed *it;
    assert_status(weir_as_completed_create(&it, both, 2), WEIR_OK);
    assert_status(weir_as_completed_next(it, WATCHDOG_NS, &index), WEIR_OK);
    assert_int_equal(index, 1);
    gate_open(pool.gate);
    assert_status(weir_as_completed_next(it, WATCHDOG_NS, &index), WEIR_OK);
    assert_int_equal(index, 0);
    weir_as_completed_destroy(it);
    assert_status(weir_wait_all(both, 2, WATCHDOG_NS, &done), WEIR_OK);
    assert_int_equal(done, 2);
    weir_future_unref(task);
    end_pool(&pool);
}

static void bad_arguments_are_refused(void **state)
{
    struct fixture *f = *state;
    weir_promise *promise;
    weir_future *future;
    assert_status(weir_promise_pool_create(NULL), WEIR_EINVAL);
    assert_status(weir_promise_create(NULL, NULL, &promise, &future), WEIR_EINVAL);
    assert_status(weir_promise_create(f->pool, NULL, NULL, &future), WEIR_EINVAL);
    assert_status(weir_promise_create(f->pool, NULL, &promise, NULL), WEIR_EINVAL);
    assert_status(weir_promise_start(NULL), WEIR_EINVAL);
    assert_status(weir_promise_hold(NULL), WEIR_EINVAL);
    assert_status(weir_promise_return(f->promise, NULL, 1), WEIR_EINVAL);
    assert_status(weir_promise_fail(f->promise, WEIR_OK, 0, NULL), WEIR_EINVAL);
    assert_status(weir_promise_fail(f->promise, WEIR_EPENDING, 0, NULL), WEIR_EINVAL);
    assert_status(weir_promise_fail(f->promise, (weir_status)99, 0, NULL), WEIR_EINVAL);
    assert_status(weir_promise_fail(f->promise, (weir_status)-1, 0, NULL), WEIR_EINVAL);
    assert_status(weir_promise_follow(f->promise, NULL), WEIR_EINVAL);
    assert_status(weir_promise_hold(f->promise), WEIR_OK);
    assert_status(weir_promise_follow(f->promise, f->future), WEIR_EINVAL);
    assert_false(weir_promise_cancel_requested(NULL));
    weir_promise_destroy(NULL);
    weir_promise_pool_destroy(NULL);
}

static int use_in_child(void *data)
{
    struct fixture *f = data;
    weir_promise *promise;
    weir_future *future;
    if (weir_promise_create(f->pool, NULL, &promise, &future) != WEIR_EFORKED)
        return 1;
    if (weir_promise_start(f->promise) != WEIR_EFORKED)
        return 2;
    if (weir_promise_hold(f->promise) != WEIR_EFORKED)
        return 3;
    if (weir_promise_follow(f->promise, f->future) != WEIR_EINVAL)
        return 4;
    if (weir_promise_return(f->promise, NULL, 0) != WEIR_EFORKED)
        return 5;
    if (weir_promise_fail(f->promise, WEIR_EFAILED, 0, NULL) != WEIR_EFORKED)
        return 6;
    weir_promise_destroy(f->promise);
    return weir_future_state(f->future) == WEIR_PENDING ? 0 : 7;
}

static void forked_child_is_told_so(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(run_in_child(use_in_child, f), 0);
    assert_status(weir_promise_return(f->promise, NULL, 0), WEIR_OK);
}

/* Of hold and cancel, exactly one wins; a task is submitted only if hold did. */
struct race {
    weir_future *future;
    _Atomic int go;
    bool cancelled;
};

static void *cancel_racing(void *data)
{
    struct race *race = data;
    while (!atomic_load(&race->go))
        ;
    race->cancelled = weir_future_cancel(race->future);
    return NULL;
}

static void task_whose_future_says_cancelled_never_runs(void **state)
{
    struct fixture *f = *state;
    _Atomic uint64_t runs = 0;
    weir_executor *executor;
    assert_status(weir_thread_executor_create(&executor, &(weir_thread_options){ .workers = 1 }),
                  WEIR_OK);
    for (int i = 0; i < ROUNDS(2000); i++) {
        weir_promise *promise;
        struct race race = { .go = 0 };
        assert_status(weir_promise_create(f->pool, NULL, &promise, &race.future), WEIR_OK);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, cancel_racing, &race), 0);
        uint64_t before = atomic_load(&runs);
        atomic_store(&race.go, 1);
        if (weir_promise_hold(promise) == WEIR_OK) {
            weir_future *other = submit_ok(executor, count_task, &runs, 0);
            assert_status(weir_promise_follow(promise, other), WEIR_OK);
            weir_future_unref(other);
        }
        weir_promise_destroy(promise);
        pthread_join(thread, NULL);
        weir_status status = end_of(race.future);
        bool ran = atomic_load(&runs) != before;
        assert_int_equal(status, ran ? WEIR_OK : WEIR_ECANCELLED);
        if (race.cancelled)
            assert_false(ran);
        weir_future_unref(race.future);
    }
    weir_executor_destroy(executor);
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(promise_returned_ends_with_the_result),
        test(promise_with_a_large_result_keeps_all_of_it),
        test(promise_failed_ends_with_status_code_and_message),
        test(promise_without_a_message_has_the_sentence_of_its_status),
        test(promise_destroyed_leaves_no_waiter_behind),
        test(promise_cancelled_cannot_be_started_or_ended),
        test(promise_started_is_only_asked_to_stop),
        test(follower_has_the_result_of_the_other),
        test(follower_has_the_error_of_the_other),
        test(follower_cancelled_cancels_the_other_and_frees_its_place),
        test(follower_runs_while_the_other_runs),
        test(follower_of_what_has_ended_ends_at_once),
        test(cancellation_of_a_held_promise_is_passed_on),
        test(follower_of_what_has_just_expired_can_be_asked_to_stop),
        test(cancellation_of_a_follower_reaches_a_held_promise),
        test(promises_cannot_follow_each_other_in_a_circle),
        test(promises_in_a_circle_that_is_being_closed_can_be_asked),
        test(row_of_followers_stands_where_its_last_one_does),
        test(worker_that_waits_for_a_follower_runs_the_other),
        test(worker_that_waits_already_runs_the_other_when_it_comes),
        test(worker_that_waits_for_any_runs_one_of_them),
        test(promises_and_tasks_can_be_waited_for_together),
        test(bad_arguments_are_refused),
        test(forked_child_is_told_so),
        test(task_whose_future_says_cancelled_never_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
