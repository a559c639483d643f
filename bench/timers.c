/* What does a pending timer cost, and how does that grow with their number?
 *
 * usage: timers N…
 *
 * For each N, two lines: N tasks are submitted for random times within the second hour from now, then
 * cancelled; in one line in the order of their submission, which finds them one beside the other in
 * memory, in the other in random order, which does not.
 *
 *   submit_ns, cancel_ns   per task
 *   bytes                  of memory per pending task, from the growth of the resident set
 *   idle_wakeups           of the scheduler's thread in half a second with all of them pending
 *   idle_switches          of the whole process in that time, but for the half second's own */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "harness.h"
#include "weir/delayed.h"
#include "weir/inline.h"

enum {
    IDLE_MS = 500
};

static uint64_t random_state = 88172645463325252u;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static weir_status nothing(weir_task *task, void *arg)
{
    (void)task;
    (void)arg;
    return WEIR_OK;
}

static void shuffle(weir_future **futures, size_t n)
{
    for (size_t i = n - 1; i > 0; i--) {
        size_t j = next_random() % (i + 1);
        weir_future *held = futures[i];
        futures[i] = futures[j];
        futures[j] = held;
    }
}

static long switches(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_nvcsw;
}

static uint64_t wakeups_of(weir_scheduler *scheduler)
{
    weir_scheduler_counts counts;
    weir_scheduler_stats(scheduler, &counts);
    return counts.wakeups;
}

static void measure(size_t n, bool random)
{
    weir_executor *executor;
    weir_scheduler *scheduler;
    weir_scheduler_counts counts;
    weir_future **futures = calloc(n, sizeof(*futures));
    if (!futures || weir_inline_executor_create(&executor, NULL) != WEIR_OK ||
        weir_scheduler_create(&scheduler, executor, &(weir_scheduler_options){ .limit = n }) !=
            WEIR_OK)
        bench_die("out of memory");
    for (size_t i = 0; i < n; i++)
        futures[i] = NULL; /* resident before the clock starts */
    long before = bench_resident_bytes();
    int64_t start_ns = bench_now_ns();
    for (size_t i = 0; i < n; i++) {
        int64_t delay_ns = 3600 * WEIR_SECOND + (int64_t)(next_random() % (3600u * 1000000000ull));
        if (weir_scheduler_submit_after(scheduler, delay_ns, nothing, NULL, 0, &futures[i]) !=
            WEIR_OK)
            bench_die("refused");
    }
    int64_t submit_ns = bench_now_ns() - start_ns;
    long bytes = bench_resident_bytes() - before;
    uint64_t wakeups;
    do { /* let the last of those that submissions caused pass, on a busy machine, too */
        wakeups = wakeups_of(scheduler);
        bench_sleep_ms(50);
    } while (wakeups != wakeups_of(scheduler));
    long idle = switches();
    bench_sleep_ms(IDLE_MS);
    idle = switches() - idle - 1;
    wakeups = wakeups_of(scheduler) - wakeups;
    if (random)
        shuffle(futures, n);
    start_ns = bench_now_ns();
    for (size_t i = 0; i < n; i++)
        weir_future_cancel(futures[i]);
    int64_t cancel_ns = bench_now_ns() - start_ns;
    weir_scheduler_stats(scheduler, &counts);
    if (counts.cancelled != n)
        bench_die("%zu tasks, %llu cancelled", n, (unsigned long long)counts.cancelled);
    printf("timers n=%zu order=%s submit_ns=%.0f cancel_ns=%.0f bytes=%.0f idle_wakeups=%llu "
           "idle_switches=%ld\n",
           n, random ? "random" : "submission", (double)submit_ns / (double)n,
           (double)cancel_ns / (double)n, (double)bytes / (double)n, (unsigned long long)wakeups,
           idle);
    for (size_t i = 0; i < n; i++)
        weir_future_unref(futures[i]);
    weir_scheduler_destroy(scheduler);
    weir_executor_destroy(executor);
    free(futures);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        bench_die("usage: timers N...");
    for (int i = 1; i < argc; i++) {
        measure(strtoul(argv[i], NULL, 10), false);
        measure(strtoul(argv[i], NULL, 10), true);
    }
    return 0;
}
