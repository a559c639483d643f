/* What does somebody who takes snapshots without pause cost the workers?
 *
 *     stats WORKERS N TASK_NS PASSES
 *
 * N tasks wait in the backlog of held workers; they are let go, and the clock runs until the last has
 * ended. Nobody submits meanwhile. Another thread takes a snapshot after the other, or, in between,
 * does arithmetic: on another core than the workers', that costs them as much as a neighbour does.
 * So the cost of the snapshots is the time beside the one divided by the time beside the other. With
 * as many workers as there are cores, the thread takes one of these away in both. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "calls.h"

enum { MOST_PASSES = 99 };

static sem_t gate;

static weir_status one(weir_task *task, void *arg)
{
    (void)task;
    (void)arg;
    bench_task();
    return WEIR_OK;
}

static struct {
    weir_executor *executor; /* NULL: only do arithmetic */
    bool ready, over;        /* atomic */
    uint64_t rounds;
} neighbour;

static void *be_neighbour(void *unused)
{
    weir_stats stats;
    __atomic_store_n(&neighbour.ready, true, __ATOMIC_RELAXED);
    for (; !__atomic_load_n(&neighbour.over, __ATOMIC_RELAXED); neighbour.rounds++)
        if (neighbour.executor)
            must(weir_executor_stats(neighbour.executor, &stats));
        else
            bench_spin(20);
    return unused;
}

struct outcome {
    int64_t ns;
    uint64_t rounds; /* of the neighbour */
};

static struct outcome run(size_t workers, size_t n, bool snapshots)
{
    pthread_t thread;
    weir_executor *executor;
    weir_thread_options options = {.workers = workers, .limit = n};
    must(weir_thread_executor_create(&executor, &options));
    sem_init(&gate, 0, 0);
    bench_expect(n);
    for (size_t i = 0; i < workers; i++)
        must(weir_submit(executor, held_task, &gate, 0, NULL));
    while (weir_executor_backlog(executor) > 0)
        bench_sleep_ms(1);
    for (size_t i = 0; i < n; i++)
        must(weir_submit(executor, one, NULL, 0, NULL));
    neighbour.executor = snapshots ? executor : NULL;
    neighbour.ready = neighbour.over = false;
    neighbour.rounds = 0;
    if (pthread_create(&thread, NULL, be_neighbour, NULL) != 0)
        bench_die("cannot start a thread");
    while (!__atomic_load_n(&neighbour.ready, __ATOMIC_RELAXED))
        bench_sleep_ms(1);
    int64_t began_ns = bench_now_ns();
    for (size_t i = 0; i < workers; i++)
        sem_post(&gate);
    bench_wait_ended();
    __atomic_store_n(&neighbour.over, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    weir_executor_destroy(executor);
    return (struct outcome){bench_tasks.last_ended_ns - began_ns, neighbour.rounds};
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

int main(int argc, char **argv)
{
    if (argc != 5)
        bench_die("usage: %s WORKERS N TASK_NS PASSES", argv[0]);
    size_t workers = bench_number(argv[1], 1, WEIR_WORKERS_MAX);
    size_t n = bench_number(argv[2], 1, WEIR_LIMIT_MAX);
    int64_t task_ns = (int64_t)bench_number(argv[3], 0, 1000000000);
    size_t passes = bench_number(argv[4], 1, MOST_PASSES);
    double alone[MOST_PASSES], beside[MOST_PASSES], cost[MOST_PASSES];
    sem_init(&bench_tasks.all_ended, 0, 0);
    bench_tasks.spins = bench_spins_of(task_ns);
    run(workers, n, false); /* warm-up */
    for (size_t i = 0; i < passes; i++) {
        bool first = i % 2; /* whoever comes first may find another machine */
        struct outcome one_way = run(workers, n, first), other = run(workers, n, !first);
        struct outcome with = first ? one_way : other, without = first ? other : one_way;
        alone[i] = (double)without.ns / (double)n;
        beside[i] = (double)with.ns / (double)n;
        cost[i] = (beside[i] / alone[i] - 1) * 100;
        printf("peer=weir workload=stats workers=%zu n=%zu task_ns=%lld ns_per_task=%.1f"
               " ns_beside_snapshots=%.1f cost_percent=%.2f snapshot_ns=%.0f\n",
               workers, n, (long long)task_ns, alone[i], beside[i], cost[i],
               (double)with.ns / (double)(with.rounds ? with.rounds : 1));
    }
    qsort(alone, passes, sizeof *alone, by_value);
    qsort(beside, passes, sizeof *beside, by_value);
    qsort(cost, passes, sizeof *cost, by_value);
    printf("peer=weir workload=stats workers=%zu n=%zu task_ns=%lld median_ns_per_task=%.1f"
           " median_ns_beside_snapshots=%.1f median_cost_percent=%.2f least=%.2f most=%.2f\n",
           workers, n, (long long)task_ns, alone[passes / 2], beside[passes / 2], cost[passes / 2],
           cost[0], cost[passes - 1]);
    return 0;
}
