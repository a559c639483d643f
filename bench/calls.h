/* What the programs that call weir have in common. */
#ifndef BENCH_CALLS_H
#define BENCH_CALLS_H

#include "harness.h"
#include "weir/weir.h"

static inline void must(weir_status status)
{
    if (status != WEIR_OK)
        bench_die("weir: %s", weir_status_text(status));
}

/* The result of a task; takes the reference. */
static inline uint64_t take(weir_future *future)
{
    uint64_t value;
    must(weir_future_result(future, &value, sizeof value, WEIR_FOREVER));
    weir_future_unref(future);
    return value;
}

/* Submit the task with each number below count, at most BENCH_OUTSTANDING, then take all results: their
 * sum. */
static inline uint64_t submit_and_take(weir_executor *executor, weir_task_fn *task, size_t count)
{
    static weir_future *futures[BENCH_OUTSTANDING];
    uint64_t sum = 0;
    for (uint64_t i = 0; i < count; i++)
        must(weir_submit(executor, task, &i, sizeof i, &futures[i]));
    for (size_t i = 0; i < count; i++)
        sum += take(futures[i]);
    return sum;
}

/* A task that waits at a gate: given the semaphore, without a size. */
static inline weir_status held_task(weir_task *task, void *gate)
{
    (void)task;
    while (sem_wait(gate) != 0)
        ;
    return WEIR_OK;
}

#endif
