/* Tasks that are ended together, with callbacks that act on each other. */
#include "support/gate.h"
#include "support/snapshot.h"
#include "support/submit.h"
#include "support/tasks.h"

struct sibling {
    weir_future *other;
    bool cancelled;
    weir_status waited;
};

/* Another one of those that are being ended: it must have ended, since nobody else would end it. */
static void act_on_sibling(weir_future *future, void *data)
{
    struct sibling *sibling = data;
    (void)future;
    sibling->cancelled = weir_future_cancel(sibling->other);
    sibling->waited = weir_future_wait(sibling->other, WATCHDOG_NS);
}

static void shutdown_that_cancels_lets_callbacks_act_on_siblings(void **state)
{
    (void)state;
    weir_executor *executor = NULL;
    struct gate *gate = gate_create();
    assert_status(weir_thread_executor_create(&executor, &(weir_thread_options){ .workers = 1 }),
                  WEIR_OK);
    weir_future *parked = submit_ok(executor, gate_task, gate, 0);
    assert_true(gate_wait_entered(gate, 1));
    weir_future *first = submit_ok(executor, noop_task, NULL, 0);
    struct sibling sibling = { .other = submit_ok(executor, noop_task, NULL, 0) };
    assert_status(weir_future_on_done(first, act_on_sibling, &sibling), WEIR_OK);
    assert_status(weir_executor_shutdown(executor,
                                         &(weir_shutdown_options){ .mode = WEIR_CANCEL_QUEUED,
                                                                   .timeout_ns = -1 }),
                  WEIR_ETIMEDOUT);
    assert_true(sibling.cancelled);
    assert_status(sibling.waited, WEIR_OK);
    assert_status(end_and_unref(first), WEIR_ECANCELLED);
    assert_status(end_and_unref(sibling.other), WEIR_ECANCELLED);
    gate_open(gate);
    assert_status(end_and_unref(parked), WEIR_OK);
    weir_executor_destroy(executor);
    gate_destroy(gate);
}

static weir_status fail_at_gate(void *data, size_t worker)
{
    (void)worker;
    return gate_pass(data) ? WEIR_EFAILED : WEIR_OK;
}

static void init_that_fails_lets_callbacks_act_on_siblings(void **state)
{
    (void)state;
    weir_executor *executor = NULL;
    struct gate *gate = gate_create();
    assert_status(weir_thread_executor_create(
                      &executor, &(weir_thread_options){
                                     .workers = 1, .worker_init = fail_at_gate, .init_data = gate }),
                  WEIR_OK);
    weir_future *first = submit_ok(executor, noop_task, NULL, 0);
    struct sibling sibling = { .other = submit_ok(executor, noop_task, NULL, 0) };
    assert_status(weir_future_on_done(first, act_on_sibling, &sibling), WEIR_OK);
    gate_open(gate);
    assert_status(end_and_unref(first), WEIR_EBROKEN);
    weir_executor_destroy(executor);
    assert_false(sibling.cancelled);
    assert_status(sibling.waited, WEIR_OK);
    assert_status(end_and_unref(sibling.other), WEIR_EBROKEN);
    gate_destroy(gate);
}

/* A worker in a callback is free by the accounts, and busy in fact. */
static void wait_at_gate(weir_future *future, void *data)
{
    (void)future;
    gate_pass(data);
}

static void callback_that_takes_long_does_not_keep_a_pool_from_growing(void **state)
{
    (void)state;
    weir_executor *executor = NULL;
    struct gate *gate = gate_create(), *before = gate_create();
    assert_status(
        weir_thread_executor_create(&executor,
                                    &(weir_thread_options){ .workers = 2, .min_workers = 1 }),
        WEIR_OK);
    weir_future *subject = submit_ok(executor, gate_task, before, 0);
    assert_true(gate_wait_entered(before, 1));
    assert_status(weir_future_on_done(subject, wait_at_gate, gate), WEIR_OK);
    gate_open(before);
    assert_true(gate_wait_entered(gate, 1));
    assert_status(end_and_unref(submit_ok(executor, noop_task, NULL, 0)), WEIR_OK);
    gate_open(gate);
    weir_future_unref(subject);
    weir_executor_destroy(executor);
    gate_destroy(gate);
    gate_destroy(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shutdown_that_cancels_lets_callbacks_act_on_siblings),
        cmocka_unit_test(init_that_fails_lets_callbacks_act_on_siblings),
        cmocka_unit_test(callback_that_takes_long_does_not_keep_a_pool_from_growing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
