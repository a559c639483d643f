/* statistics: an executor's numbers before, during and after some work.
 *
 * In each column, submitted = rejected + cancelled + completed + running + backlog (and
 * + discarded + expired, which stay zero here). */
#include <inttypes.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

#include "weir/weir.h"

struct gate {
    sem_t arrived, open;
};

static weir_status pass_gate(weir_task *task, void *arg)
{
    struct gate *gate = arg;

    (void)task;
    sem_post(&gate->arrived);
    sem_wait(&gate->open);
    return WEIR_OK;
}

static weir_status fail(weir_task *task, void *arg)
{
    (void)arg;
    return weir_task_fail(task, 1, "on purpose");
}

static weir_stats snapshot(const weir_executor *executor)
{
    weir_stats stats;
    if (weir_executor_stats(executor, &stats) != WEIR_OK)
        exit(EXIT_FAILURE);
    return stats;
}

static void print_row(const char *name, uint64_t before, uint64_t during, uint64_t after)
{
    printf("%-12s %6" PRIu64 " %6" PRIu64 " %6" PRIu64 "\n", name, before, during, after);
}

int main(void)
{
    weir_executor *executor;
    weir_future *queued = NULL;
    struct gate gate;

    sem_init(&gate.arrived, 0, 0);
    sem_init(&gate.open, 0, 0);
    if (weir_thread_executor_create(&executor, &(weir_thread_options){
            .workers = 2, .policy = weir_reject_when_reached(3)}) != WEIR_OK)
        return EXIT_FAILURE;
    weir_stats before = snapshot(executor);

    /* Two tasks run, held at the gate; three wait, and so two of the next are refused. */
    for (int i = 0; i < 2; i++)
        weir_submit(executor, pass_gate, &gate, 0, NULL);
    for (int i = 0; i < 2; i++)
        sem_wait(&gate.arrived);
    weir_submit(executor, fail, NULL, 0, &queued);
    for (int i = 0; i < 4; i++)
        weir_submit(executor, fail, NULL, 0, NULL);
    weir_stats during = snapshot(executor);

    weir_future_cancel(queued);
    weir_future_unref(queued);
    for (int i = 0; i < 2; i++)
        sem_post(&gate.open);
    weir_executor_shutdown(executor, NULL);
    weir_stats after = snapshot(executor);

    printf("%-12s %6s %6s %6s\n", "", "before", "during", "after");
#define ROW(field) print_row(#field, before.field, during.field, after.field)
    ROW(submitted);
    ROW(rejected);
    ROW(cancelled);
    ROW(completed);
    ROW(failed);
    ROW(running);
    ROW(backlog);
    ROW(backlog_peak);
    ROW(limit);
    printf("time in tasks: %s, in the backlog: %s\n", after.run_ns > 0 ? "some" : "none",
           after.wait_ns > 0 ? "some" : "none");

    weir_executor_destroy(executor);
    sem_destroy(&gate.arrived);
    sem_destroy(&gate.open);
    return EXIT_SUCCESS;
}
