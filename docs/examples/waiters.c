/* waiters: waiting for one of many tasks, for all of them, and for one after the other.
 *
 * Each task has a gate of its own, so the order in which they end is that in which the gates are
 * opened. */
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

#include "weir/weir.h"

enum { TASKS = 4 };

static sem_t gates[TASKS];

static weir_status pass_gate(weir_task *task, void *arg)
{
    (void)task;
    sem_wait(arg);
    return WEIR_OK;
}

static void submit_all(weir_executor *executor, weir_future *futures[TASKS])
{
    for (int i = 0; i < TASKS; i++)
        if (weir_submit(executor, pass_gate, &gates[i], 0, &futures[i]) != WEIR_OK)
            exit(EXIT_FAILURE);
}

static void unref_all(weir_future *futures[TASKS])
{
    for (int i = 0; i < TASKS; i++)
        weir_future_unref(futures[i]);
}

static void wait_any_then_all(weir_executor *executor)
{
    weir_future *futures[TASKS];
    size_t index, done;

    submit_all(executor, futures);
    sem_post(&gates[2]);
    if (weir_wait_any(futures, TASKS, WEIR_FOREVER, &index) == WEIR_OK)
        printf("wait_any: task %zu has ended\n", index);

    weir_status status = weir_wait_all(futures, TASKS, WEIR_MILLISECOND, &done);
    printf("wait_all: %s, %zu of %d have ended\n", weir_status_name(status), done, TASKS);

    for (int i = 0; i < TASKS; i++)
        if (i != 2)
            sem_post(&gates[i]);
    status = weir_wait_all(futures, TASKS, WEIR_FOREVER, &done);
    printf("wait_all: %s, %zu of %d have ended\n", weir_status_name(status), done, TASKS);
    unref_all(futures);
}

static void as_completed(weir_executor *executor)
{
    static const int order[TASKS] = {3, 0, 2, 1};
    weir_future *futures[TASKS];
    weir_as_completed *iterator;
    size_t index;

    submit_all(executor, futures);
    if (weir_as_completed_create(&iterator, futures, TASKS) != WEIR_OK)
        exit(EXIT_FAILURE);
    unref_all(futures); /* the iterator has references of its own */

    for (int i = 0; weir_as_completed_remaining(iterator) > 0; i++) {
        sem_post(&gates[order[i]]);
        if (weir_as_completed_next(iterator, WEIR_FOREVER, &index) == WEIR_OK)
            printf("as_completed: task %zu\n", index);
    }
    weir_as_completed_destroy(iterator);
}

int main(void)
{
    weir_executor *executor;

    for (int i = 0; i < TASKS; i++)
        sem_init(&gates[i], 0, 0);
    if (weir_thread_executor_create(&executor, &(weir_thread_options){.workers = TASKS}) != WEIR_OK)
        return EXIT_FAILURE;
    wait_any_then_all(executor);
    as_completed(executor);
    weir_executor_destroy(executor);
    for (int i = 0; i < TASKS; i++)
        sem_destroy(&gates[i]);
    return EXIT_SUCCESS;
}
