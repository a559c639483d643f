/* How late do delayed tasks start, compared with a thread that does nothing but sleep?
 *
 * usage: lateness TASKS GAP_US
 *
 * In rounds of 100, in turns: a bare loop of clock_nanosleep() until absolute times GAP_US apart, and
 * delayed tasks for times as far apart on a pool of one thread. Each notes how long after its time it
 * got to run. One line:
 *
 *   bare_p50_ns …   of the loop
 *   weir_p50_ns …   of the tasks
 *   above_p50_ns    the difference of the medians */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "harness.h"
#include "weir/delayed.h"
#include "weir/thread.h"

enum {
    ROUND = 100
};

static int64_t *tasks_late_ns;

struct due {
    size_t index;
    int64_t due_ns;
};

static weir_status note_lateness(weir_task *task, void *arg)
{
    struct due *due = arg;
    (void)task;
    tasks_late_ns[due->index] = bench_now_ns() - due->due_ns;
    return WEIR_OK;
}

static void sleep_bare(int64_t *late_ns, int64_t gap_ns)
{
    int64_t start_ns = bench_now_ns() + gap_ns;
    for (int i = 0; i < ROUND; i++) {
        int64_t due_ns = start_ns + i * gap_ns;
        struct timespec due = { due_ns / 1000000000, due_ns % 1000000000 };
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) != 0)
            ;
        late_ns[i] = bench_now_ns() - due_ns;
    }
}

static void delay_tasks(weir_scheduler *scheduler, size_t first, int64_t gap_ns)
{
    weir_future *last = NULL;
    /* Time enough to submit them all before the first is due. */
    int64_t start_ns = bench_now_ns() + 10 * 1000000;
    for (int i = 0; i < ROUND; i++) {
        struct due due = { first + (size_t)i, start_ns + i * gap_ns };
        weir_submission submission = { .fn = note_lateness, .arg = &due, .arg_size = sizeof due };
        if (weir_scheduler_submit_at(scheduler, due.due_ns, &submission,
                                     i == ROUND - 1 ? &last : NULL) != WEIR_OK)
            bench_die("refused");
    }
    weir_future_wait(last, WEIR_FOREVER);
    weir_future_unref(last);
}

static int compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

static int64_t quantile(const int64_t *sorted, size_t n, double q)
{
    return sorted[(size_t)(q * (double)(n - 1))];
}

int main(int argc, char **argv)
{
    if (argc != 3)
        bench_die("usage: lateness TASKS GAP_US");
    size_t n = (strtoul(argv[1], NULL, 10) + ROUND - 1) / ROUND * ROUND;
    int64_t gap_ns = strtol(argv[2], NULL, 10) * 1000;
    weir_executor *executor;
    weir_scheduler *scheduler;
    int64_t *bare_ns = calloc(n, sizeof *bare_ns);
    tasks_late_ns = calloc(n, sizeof *tasks_late_ns);
    if (!bare_ns || !tasks_late_ns ||
        weir_thread_executor_create(&executor, &(weir_thread_options){ .workers = 1 }) != WEIR_OK ||
        weir_scheduler_create(&scheduler, executor, NULL) != WEIR_OK)
        bench_die("out of memory");
    for (size_t i = 0; i < n; i += ROUND) {
        sleep_bare(bare_ns + i, gap_ns);
        delay_tasks(scheduler, i, gap_ns);
    }
    weir_scheduler_destroy(scheduler);
    weir_executor_destroy(executor);
    qsort(bare_ns, n, sizeof *bare_ns, compare);
    qsort(tasks_late_ns, n, sizeof *tasks_late_ns, compare);
    if (tasks_late_ns[0] < 0)
        bench_die("a task was early by %lld ns", (long long)-tasks_late_ns[0]);
    printf("lateness tasks=%zu gap_ns=%lld", n, (long long)gap_ns);
    printf(" bare_p50_ns=%lld bare_p99_ns=%lld", (long long)quantile(bare_ns, n, 0.5),
           (long long)quantile(bare_ns, n, 0.99));
    printf(" weir_p50_ns=%lld weir_p99_ns=%lld", (long long)quantile(tasks_late_ns, n, 0.5),
           (long long)quantile(tasks_late_ns, n, 0.99));
    printf(" above_p50_ns=%lld\n",
           (long long)(quantile(tasks_late_ns, n, 0.5) - quantile(bare_ns, n, 0.5)));
    free(bare_ns);
    free(tasks_late_ns);
    return 0;
}
