/* A callback that calls back, in each of the places in which callbacks run: on a worker, in whoever
 * cancels, in a submitter that runs the task. */
#include <pthread.h>

#include "support/gate.h"
#include "support/snapshot.h"
#include "support/submit.h"
#include "support/tasks.h"

enum place {
    ON_WORKER,
    IN_CANCELLER,
    IN_CALLER,
    PLACES
};

struct stage {
    weir_executor *executor;
    struct gate *gate; /* parks the only worker */
    weir_future *parked;
    weir_future *subject;  /* whose end is acted on */
    _Atomic bool run_here; /* the policy makes submitters run their tasks */
};

struct call {
    struct stage *stage;
    weir_future *other;           /* pending */
    _Atomic unsigned calls, more; /* of the callback, and of one that it adds */
    weir_status status[4];
    bool cancelled;
    pthread_t thread;
    _Atomic bool done;
};

static weir_verdict choose(const weir_admission *admission, void *data)
{
    (void)admission;
    return atomic_load((_Atomic bool *)data) ? WEIR_RUN_IN_CALLER : WEIR_ADMIT;
}

static void set_up(struct stage *stage)
{
    *stage = (struct stage){ .gate = gate_create() };
    assert_status(weir_thread_executor_create(
                      &stage->executor, &(weir_thread_options){ .workers = 1,
                                                                .policy = weir_check_and_reject(
                                                                    choose, &stage->run_here) }),
                  WEIR_OK);
    stage->parked = submit_ok(stage->executor, gate_task, stage->gate, 0);
    assert_true(gate_wait_entered(stage->gate, 1));
}

static void tear_down(struct stage *stage)
{
    gate_open(stage->gate);
    assert_status(end_and_unref(stage->parked), WEIR_OK);
    weir_executor_destroy(stage->executor);
    gate_destroy(stage->gate);
}

/* A submitter that runs a task has no handle on it to give the callback to, so there the callback
 * is that of another task, which the task cancels. */
static weir_status cancel_task(weir_task *task, void *future)
{
    (void)task;
    return weir_future_cancel(future) ? WEIR_OK : WEIR_EFAILED;
}

/* Make the subject end in this place, with the callback given before. */
static void end_in(struct stage *stage, enum place place, weir_done_fn *done, struct call *call)
{
    call->stage = stage;
    stage->subject = submit_ok(stage->executor, noop_task, NULL, 0);
    call->other = submit_ok(stage->executor, noop_task, NULL, 0);
    assert_status(weir_future_on_done(stage->subject, done, call), WEIR_OK);
    switch (place) {
    case ON_WORKER:
        gate_open(stage->gate);
        break;
    case IN_CANCELLER:
        assert_true(weir_future_cancel(stage->subject));
        break;
    case IN_CALLER:
        atomic_store(&stage->run_here, true);
        assert_status(end_and_unref(submit_ok(stage->executor, cancel_task, stage->subject, 0)),
                      WEIR_OK);
        break;
    case PLACES:
        break;
    }
    assert_eventually(atomic_load(&call->done));
    assert_int_equal(atomic_load(&call->calls), 1);
    assert_int_equal(pthread_equal(call->thread, pthread_self()) != 0, place != ON_WORKER);
}

static void count_more(weir_future *future, void *data)
{
    (void)future;
    atomic_fetch_add(&((struct call *)data)->more, 1);
}

static void begin_call(struct call *call)
{
    atomic_fetch_add(&call->calls, 1);
    call->thread = pthread_self();
    atomic_store(&call->stage->run_here, false);
}

static void submit_and_cancel(weir_future *future, void *data)
{
    struct call *call = data;
    weir_future *mine = NULL;
    begin_call(call);
    call->status[0] = weir_submit(call->stage->executor, noop_task, NULL, 0, &mine);
    call->status[1] = weir_future_on_done(mine, count_more, call);
    call->cancelled = weir_future_cancel(call->other) && weir_future_cancel(mine);
    call->status[2] = weir_future_status(future);
    weir_future_unref(mine);
    atomic_store(&call->done, true);
}

static void callback_may_submit_and_cancel(void **state)
{
    (void)state;
    for (int place = 0; place < PLACES; place++) {
        struct stage stage;
        struct call call = { 0 };
        set_up(&stage);
        end_in(&stage, (enum place)place, submit_and_cancel, &call);
        assert_status(call.status[0], WEIR_OK);
        assert_status(call.status[1], WEIR_OK);
        assert_status(call.status[2], place == ON_WORKER ? WEIR_OK : WEIR_ECANCELLED);
        assert_true(call.cancelled);
        assert_int_equal(atomic_load(&call.more), 1);
        assert_status(end_and_unref(call.other), WEIR_ECANCELLED);
        weir_future_unref(stage.subject);
        tear_down(&stage);
    }
}

static void wait_and_let_go(weir_future *future, void *data)
{
    struct call *call = data;
    begin_call(call);
    call->status[0] = weir_future_wait(future, WEIR_FOREVER);
    call->status[1] = weir_future_on_done(future, count_more, call);
    /* On a worker, one that is still queued is run here; elsewhere, there is nobody to run it. */
    call->status[2] = weir_future_wait(call->other, WEIR_MILLISECOND);
    weir_future_unref(future); /* the last handle */
    atomic_store(&call->done, true);
}

static void callback_may_wait_and_let_go_of_its_future(void **state)
{
    (void)state;
    for (int place = 0; place < PLACES; place++) {
        struct stage stage;
        struct call call = { 0 };
        set_up(&stage);
        end_in(&stage, (enum place)place, wait_and_let_go, &call);
        assert_status(call.status[0], WEIR_OK);
        assert_status(call.status[1], WEIR_OK);
        assert_status(call.status[2], place == ON_WORKER ? WEIR_OK : WEIR_ETIMEDOUT);
        assert_int_equal(atomic_load(&call.more), 1);
        gate_open(stage.gate);
        assert_status(end_and_unref(call.other), WEIR_OK);
        tear_down(&stage);
    }
}

static void shut_down(weir_future *future, void *data)
{
    struct call *call = data;
    weir_executor *executor = call->stage->executor;
    (void)future;
    begin_call(call);
    call->status[0] = weir_executor_shutdown(executor, NULL); /* must not wait for us */
    call->status[1] = weir_submit(executor, noop_task, NULL, 0, NULL);
    call->status[2] =
        weir_executor_shutdown(executor, &(weir_shutdown_options){ .mode = WEIR_CANCEL_QUEUED });
    call->status[3] = weir_future_status(call->other);
    atomic_store(&call->done, true);
}

static void callback_may_shut_its_executor_down(void **state)
{
    (void)state;
    for (int place = 0; place < PLACES; place++) {
        struct stage stage;
        struct call call = { 0 };
        set_up(&stage);
        end_in(&stage, (enum place)place, shut_down, &call);
        assert_status(call.status[0], WEIR_OK);
        assert_status(call.status[1], WEIR_ESHUTDOWN);
        assert_status(call.status[2], WEIR_OK);
        assert_status(call.status[3], WEIR_ECANCELLED);
        weir_future_unref(call.other);
        weir_future_unref(stage.subject);
        tear_down(&stage);
    }
}

/* Each end submits the next task, whose end submits the next, … */
struct relay {
    weir_executor *executor;
    _Atomic unsigned left;
    _Atomic bool lost;
};

static void pass_on(weir_future *future, void *data)
{
    struct relay *relay = data;
    weir_future *next = NULL;
    weir_future_unref(future);
    if (atomic_fetch_sub(&relay->left, 1) == 1)
        return;
    if (weir_submit(relay->executor, noop_task, NULL, 0, &next) != WEIR_OK ||
        weir_future_on_done(next, pass_on, relay) != WEIR_OK)
        atomic_store(&relay->lost, true);
}

static void callbacks_may_keep_an_executor_going(void **state)
{
    (void)state;
    struct relay relay = { .left = (unsigned)ROUNDS(5000) };
    assert_status(
        weir_thread_executor_create(&relay.executor, &(weir_thread_options){ .workers = 2 }),
        WEIR_OK);
    assert_status(
        weir_future_on_done(submit_ok(relay.executor, noop_task, NULL, 0), pass_on, &relay),
        WEIR_OK);
    assert_eventually(atomic_load(&relay.left) == 0 || atomic_load(&relay.lost));
    assert_false(atomic_load(&relay.lost));
    weir_executor_destroy(relay.executor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(callback_may_submit_and_cancel),
        cmocka_unit_test(callback_may_wait_and_let_go_of_its_future),
        cmocka_unit_test(callback_may_shut_its_executor_down),
        cmocka_unit_test(callbacks_may_keep_an_executor_going),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
