/* Many more submitters than cores: do they get on together?
 *
 *     crowd WORKERS FEW MANY MILLISECONDS PASSES
 *
 * FEW and then MANY threads submit empty tasks to a bounded pool for so long, PASSES times in turns.
 * For each the program prints how many tasks a second were accepted; the longest time that any one
 * submission took; and how even the shares of the submitters were (the least divided by the most).
 * The last line has the medians of what matters: the throughput of MANY divided by that of FEW, and
 * the longest submission. It may be longer than a time slice for every thread of the crowd that has
 * to have its turn, but no submitter may be left behind. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness.h"
#include "weir/weir.h"

enum { LIMIT = 1024, MOST_PASSES = 99 };

/* One submitter, on lines of its own. */
struct submitter {
    _Alignas(BENCH_CACHE_LINE) weir_executor *executor;
    int64_t run_ns;
    uint64_t accepted, refused;
    int64_t longest_ns;
};

struct outcome {
    double tasks_per_s, longest_ms, evenness;
};

static weir_status nothing(weir_task *task, void *arg)
{
    (void)task;
    (void)arg;
    return WEIR_OK;
}

static void submit_all_along(void *argument)
{
    struct submitter *me = argument;
    int64_t now_ns = bench_now_ns(), end_ns = now_ns + me->run_ns;
    while (now_ns < end_ns) {
        weir_status status = weir_submit(me->executor, nothing, NULL, 0, NULL);
        int64_t after_ns = bench_now_ns();
        if (status == WEIR_OK)
            me->accepted++;
        else if (status == WEIR_EREJECTED)
            me->refused++;
        else
            bench_die("weir: %s", weir_status_text(status));
        if (after_ns - now_ns > me->longest_ns)
            me->longest_ns = after_ns - now_ns;
        now_ns = after_ns;
    }
}

static struct outcome run(weir_policy policy, size_t workers, size_t crowd, int64_t run_ns)
{
    weir_thread_options options = {.workers = workers, .limit = LIMIT, .policy = policy};
    struct submitter *submitters = aligned_alloc(BENCH_CACHE_LINE, crowd * sizeof *submitters);
    weir_executor *executor;
    if (!submitters || weir_thread_executor_create(&executor, &options) != WEIR_OK)
        bench_die("cannot start %zu workers", workers);
    for (size_t i = 0; i < crowd; i++)
        submitters[i] = (struct submitter){.executor = executor, .run_ns = run_ns};
    struct bench_crew *crew =
        bench_crew_create(crowd, submit_all_along, submitters, sizeof *submitters);
    int64_t began_ns = bench_crew_go(crew);
    bench_crew_join(crew);
    int64_t elapsed_ns = bench_now_ns() - began_ns;
    uint64_t accepted = 0, least = UINT64_MAX, most = 0;
    int64_t longest_ns = 0;
    for (size_t i = 0; i < crowd; i++) {
        const struct submitter *it = &submitters[i];
        accepted += it->accepted;
        least = it->accepted < least ? it->accepted : least;
        most = it->accepted > most ? it->accepted : most;
        longest_ns = it->longest_ns > longest_ns ? it->longest_ns : longest_ns;
    }
    weir_executor_destroy(executor);
    free(submitters);
    return (struct outcome){
        .tasks_per_s = (double)accepted * 1e9 / (double)elapsed_ns,
        .longest_ms = (double)longest_ns / 1e6,
        .evenness = most ? (double)least / (double)most : 0,
    };
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, by_value);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

static void print(const char *policy, size_t workers, size_t crowd, const struct outcome *outcome)
{
    printf("workload=crowd policy=%s workers=%zu submitters=%zu tasks_per_s=%.0f longest_ms=%.2f"
           " evenness=%.3f\n",
           policy, workers, crowd, outcome->tasks_per_s, outcome->longest_ms, outcome->evenness);
}

static void compare(const char *name, weir_policy policy, const size_t *argument)
{
    size_t workers = argument[0], few = argument[1], many = argument[2], passes = argument[4];
    int64_t run_ns = (int64_t)argument[3] * 1000000;
    double ratio[MOST_PASSES], longest[MOST_PASSES], evenness[MOST_PASSES];
    for (size_t i = 0; i < passes; i++) {
        struct outcome of_few = run(policy, workers, few, run_ns);
        struct outcome of_many = run(policy, workers, many, run_ns);
        print(name, workers, few, &of_few);
        print(name, workers, many, &of_many);
        ratio[i] = of_many.tasks_per_s / of_few.tasks_per_s;
        longest[i] = of_many.longest_ms;
        evenness[i] = of_many.evenness;
    }
    struct timespec slice;
    sched_rr_get_interval(0, &slice);
    printf("workload=crowd policy=%s workers=%zu submitters=%zu/%zu throughput_ratio=%.2f"
           " longest_ms=%.2f evenness=%.3f time_slice_ms=%.2f\n",
           name, workers, many, few, median(ratio, passes), median(longest, passes),
           median(evenness, passes), (double)slice.tv_sec * 1e3 + (double)slice.tv_nsec / 1e6);
}

int main(int argc, char **argv)
{
    size_t argument[5];
    bool valid = argc == 6;
    for (int i = 0; valid && i < 5; i++) {
        argument[i] = strtoul(argv[i + 1], NULL, 10);
        valid = argument[i] > 0 && argument[i] < 100000;
    }
    if (!valid || argument[4] > MOST_PASSES) {
        fprintf(stderr, "usage: %s WORKERS FEW MANY MILLISECONDS PASSES\n", argv[0]);
        return 2;
    }
    compare("block", weir_block(WEIR_FOREVER), argument);
    compare("reject", weir_reject_when_reached(LIMIT), argument);
    return 0;
}
