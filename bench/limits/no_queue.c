/* No queue at all: the worker threads call the task, each its share of them. So much of its cores
 * does the machine give, and so fast can the workers count. */
#include <pthread.h>
#include <stdlib.h>

#include "harness.h"

static struct {
    pthread_barrier_t gate;
    size_t threads, tasks; /* tasks: written while all are at the gate */
    pthread_t thread[4096];
} workers;

static void *work(void *argument)
{
    size_t index = (size_t)argument;
    for (;;) {
        pthread_barrier_wait(&workers.gate);
        if (!workers.tasks)
            return NULL;
        size_t share = workers.tasks / workers.threads + (index < workers.tasks % workers.threads);
        for (size_t i = 0; i < share; i++)
            bench_task();
    }
}

static void start(size_t threads, bool refuses)
{
    (void)refuses;
    workers.threads = threads;
    pthread_barrier_init(&workers.gate, NULL, (unsigned)threads + 1);
    for (size_t i = 0; i < threads; i++)
        if (pthread_create(&workers.thread[i], NULL, work, (void *)i) != 0)
            bench_die("cannot start thread %zu of %zu", i + 1, threads);
}

static void post(size_t tasks)
{
    workers.tasks = tasks;
    pthread_barrier_wait(&workers.gate);
}

static void stop(void)
{
    post(0);
    for (size_t i = 0; i < workers.threads; i++)
        pthread_join(workers.thread[i], NULL);
}

int main(int argc, char **argv)
{
    static const struct bench_contender no_queue = {
        .name = "limit-no-queue",
        .start = start,
        .stop = stop,
        .post = post,
        .single_producer = true,
    };
    return bench_main(argc, argv, &no_queue);
}
