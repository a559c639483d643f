#include "support/fibonacci.h"

#include "support/submit.h"

/* Fails like the first child that failed. */
static weir_status add_children(weir_future *const *child, uint64_t *sum)
{
    uint64_t value[2] = { 0, 0 };
    for (int i = 0; i < 2; i++) {
        weir_status status =
            weir_future_result(child[i], &value[i], sizeof value[i], WEIR_FOREVER);
        if (status != WEIR_OK)
            return status;
    }
    *sum = value[0] + value[1];
    return WEIR_OK;
}

weir_status fibonacci_task(weir_task *task, void *arg)
{
    const struct fibonacci *self = arg;
    weir_future *child[2] = { NULL, NULL };
    weir_status status = WEIR_OK;
    uint64_t sum = self->n;
    for (unsigned i = 0; i < 2 && self->n >= 2 && status == WEIR_OK; i++) {
        struct fibonacci below = { .executor = self->executor, .n = self->n - 1 - i };
        status = weir_submit(self->executor, fibonacci_task, &below, sizeof below, &child[i]);
    }
    if (self->n >= 2 && status == WEIR_OK)
        status = add_children(child, &sum);
    weir_future_unref(child[0]);
    weir_future_unref(child[1]);
    if (status != WEIR_OK)
        return weir_task_fail(task, (int)status, "%s", weir_status_name(status));
    return weir_task_return(task, &sum, sizeof sum);
}

uint64_t fibonacci_on(weir_executor *executor, unsigned n)
{
    struct fibonacci root = { .executor = executor, .n = n };
    uint64_t number = 0;
    weir_future *future = submit_ok(executor, fibonacci_task, &root, sizeof root);
    assert_status(weir_future_result(future, &number, sizeof number, 6 * WATCHDOG_NS), WEIR_OK);
    weir_future_unref(future);
    return number;
}

uint64_t fibonacci_nodes(unsigned n)
{
    uint64_t nodes[2] = { 1, 1 };
    for (unsigned i = 2; i <= n; i++) {
        uint64_t next = 1 + nodes[0] + nodes[1];
        nodes[0] = nodes[1];
        nodes[1] = next;
    }
    return nodes[1];
}
