/* How much memory does a task take that waits in the backlog, and a future that is kept? And is
 * memory asked for while tasks come and go?
 *
 *     memory N
 *
 * Each line comes from a process of its own; bytes are the growth of its resident set from before
 * the executor was created, so that all there is to it is counted, divided by N.
 *
 *   kept=queued         N tasks wait, nobody keeps their futures
 *   kept=queued-future  N tasks wait, and their futures are kept
 *   kept=ended-future   N tasks have ended; their futures are kept, with a result of 8 bytes in each
 *   kept=nothing        N tasks come and go, none of them kept: allocations a task
 *   kept=briefly        N tasks come and go, 1000 at a time, each result taken: allocations a task */
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "allocations.h"
#include "calls.h"

enum { WORKERS = 2, LIMIT = 1024, BRIEFLY = 1000 };

static sem_t gate;

static weir_status value(weir_task *task, void *arg)
{
    return weir_task_return(task, arg, sizeof(uint64_t));
}

static weir_executor *create(size_t limit)
{
    weir_executor *executor;
    weir_thread_options options = {
        .workers = WORKERS,
        .limit = limit,
        .policy = weir_block(WEIR_FOREVER),
    };
    must(weir_thread_executor_create(&executor, &options));
    return executor;
}

/* Fill the backlog of held workers with n tasks. futures: n of them, or NULL. */
static void fill(weir_executor *executor, size_t n, weir_future **futures)
{
    sem_init(&gate, 0, 0);
    for (size_t i = 0; i < WORKERS; i++)
        must(weir_submit(executor, held_task, &gate, 0, NULL));
    while (weir_executor_backlog(executor) > 0)
        bench_sleep_ms(1);
    for (uint64_t i = 0; i < n; i++)
        must(weir_submit(executor, value, &i, sizeof i, futures ? &futures[i] : NULL));
}

static void let_go(void)
{
    for (size_t i = 0; i < WORKERS; i++)
        sem_post(&gate);
}

static void print_bytes(const char *kept, size_t n, long bytes)
{
    printf("peer=weir workload=memory kept=%s n=%zu bytes=%.1f\n", kept, n,
           (double)bytes / (double)n);
}

static void measure_queued(size_t n)
{
    long before = bench_resident_bytes();
    weir_executor *executor = create(n);
    fill(executor, n, NULL);
    print_bytes("queued", n, bench_resident_bytes() - before);
    let_go();
    weir_executor_destroy(executor);
}

static void measure_futures(size_t n)
{
    weir_future **futures = bench_memory(n, sizeof(*futures));
    long before = bench_resident_bytes();
    weir_executor *executor = create(n);
    fill(executor, n, futures);
    print_bytes("queued-future", n, bench_resident_bytes() - before);
    let_go();
    must(weir_executor_shutdown(executor, NULL));
    print_bytes("ended-future", n, bench_resident_bytes() - before);
    for (size_t i = 0; i < n; i++)
        weir_future_unref(futures[i]);
    weir_executor_destroy(executor);
    free(futures);
}

static void print_allocations(const char *kept, size_t n, uint64_t allocations)
{
    printf("peer=weir workload=memory kept=%s n=%zu allocations=%.6f\n", kept, n,
           (double)allocations / (double)n);
}

static void come_and_go(weir_executor *executor, size_t n)
{
    uint64_t i = 0;
    while (n--)
        must(weir_submit(executor, value, &i, sizeof i, NULL));
}

static void measure_nothing(size_t n)
{
    weir_executor *executor = create(LIMIT);
    come_and_go(executor, (size_t)4 * LIMIT);
    uint64_t before = bench_allocations();
    if (before == 0)
        bench_die("memory: allocations of the library are not counted");
    come_and_go(executor, n);
    print_allocations("nothing", n, bench_allocations() - before);
    weir_executor_destroy(executor);
}

static void take_briefly(weir_executor *executor, size_t n)
{
    weir_future *futures[BRIEFLY];
    for (uint64_t done = 0; done < n; done += BRIEFLY) {
        for (uint64_t i = 0; i < BRIEFLY; i++)
            must(weir_submit(executor, value, &i, sizeof i, &futures[i]));
        for (uint64_t i = 0; i < BRIEFLY; i++) {
            uint64_t result;
            must(weir_future_result(futures[i], &result, sizeof result, WEIR_FOREVER));
            weir_future_unref(futures[i]);
        }
    }
}

static void measure_briefly(size_t n)
{
    weir_executor *executor = create(LIMIT);
    take_briefly(executor, (size_t)4 * LIMIT);
    uint64_t before = bench_allocations();
    take_briefly(executor, n);
    print_allocations("briefly", n, bench_allocations() - before);
    weir_executor_destroy(executor);
}

static void in_child(void (*measure)(size_t n), size_t n)
{
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        measure(n);
        exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
        bench_die("memory: a measurement failed");
}

int main(int argc, char **argv)
{
    if (argc != 2)
        bench_die("usage: %s N", argv[0]);
    size_t n = bench_number(argv[1], 1, WEIR_LIMIT_MAX);
    in_child(measure_queued, n);
    in_child(measure_futures, n);
    in_child(measure_nothing, n);
    in_child(measure_briefly, n);
    return 0;
}
