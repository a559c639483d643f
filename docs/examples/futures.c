/* futures: what can become of a task, and how its future tells.
 *
 * One worker, so that a task at a gate keeps all later ones in the backlog. */
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

#include "weir/weir.h"

static weir_status invert(weir_task *task, void *arg)
{
    double x = *(double *)arg;
    if (x == 0)
        return weir_task_fail(task, 33, "%g has no inverse", x);

    double inverse = 1 / x;
    return weir_task_return(task, &inverse, sizeof inverse);
}

/* Submitted without a size, so what comes in is the pointer itself: the gate, not a copy of it. */
static weir_status wait_at_gate(weir_task *task, void *arg)
{
    (void)task;
    sem_wait(arg);
    return WEIR_OK;
}

static void say_done(weir_future *future, void *data)
{
    printf("callback: %s is %s\n", (const char *)data,
           weir_state_name(weir_future_state(future)));
}

static weir_future *submit_inverse(weir_executor *executor, double x)
{
    weir_future *future;
    if (weir_submit(executor, invert, &x, sizeof x, &future) != WEIR_OK)
        exit(EXIT_FAILURE);
    return future;
}

/* Waits for the result; an error comes with a code and a message. */
static void print_result(const char *name, weir_future *future)
{
    double inverse;
    const char *message;
    weir_status status = weir_future_result(future, &inverse, sizeof inverse, WEIR_FOREVER);
    int code = weir_future_error(future, &message);

    if (status == WEIR_OK)
        printf("%s: %g\n", name, inverse);
    else
        printf("%s: %s, code %d: %s\n", name, weir_status_name(status), code, message);
    weir_future_unref(future);
}

int main(void)
{
    weir_executor *executor;
    weir_future *gate_task, *cancelled;
    char label[] = "inverse of 9";
    sem_t gate;

    sem_init(&gate, 0, 0);
    if (weir_thread_executor_create(&executor, &(weir_thread_options){.workers = 1}) != WEIR_OK)
        return EXIT_FAILURE;

    print_result("inverse of 4", submit_inverse(executor, 4));
    print_result("inverse of 0", submit_inverse(executor, 0));

    if (weir_submit(executor, wait_at_gate, &gate, 0, &gate_task) != WEIR_OK)
        return EXIT_FAILURE;
    printf("poll: %s\n", weir_status_name(weir_future_wait(gate_task, 0)));

    cancelled = submit_inverse(executor, 9);
    weir_future_on_done(cancelled, say_done, label);
    printf("cancel: %s\n", weir_future_cancel(cancelled) ? "true" : "false");
    print_result("inverse of 9", cancelled);

    sem_post(&gate);
    weir_future_wait(gate_task, WEIR_FOREVER);
    printf("after the gate: %s\n", weir_status_name(weir_future_status(gate_task)));
    printf("cancel: %s\n", weir_future_cancel(gate_task) ? "true" : "false");

    weir_future_unref(gate_task);
    weir_executor_destroy(executor);
    sem_destroy(&gate);
    return EXIT_SUCCESS;
}
