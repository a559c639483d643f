/* Many more submitters than cores: do they get on together?
 *
 *     crowd WORKERS FEW MANY MILLISECONDS PASSES
 *
 * FEW and then MANY threads submit empty tasks to a bounded pool for so long, PASSES times in turns;
 * at the limit they wait, or are refused. For each the program prints how many submissions a second
 * there were; how even the shares of the submitters were (the least divided by the most); the
 * longest time that one submission took; and the longest without the time that its thread was ready
 * to run and had no core, which the kernel knows (schedstat): what is left is time that one
 * submitter was held up by others, or slept because it was its turn to. The last line has the
 * medians of MANY, and its throughput divided by that of FEW. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness.h"
#include "weir/weir.h"

enum { LIMIT = 1024, MOST_PASSES = 99 };

#define LONG_NS INT64_C(1000000) /* from here on it is asked where the time went */

/* One submitter, on lines of its own. */
struct submitter {
    BENCH_OWN_LINE weir_executor *executor;
    int64_t run_ns;
    uint64_t submissions;
    int64_t longest_ns, held_up_ns;
};

struct outcome {
    double per_s, evenness, longest_ms, held_up_ms;
};

static weir_status nothing(weir_task *task, void *arg)
{
    (void)task;
    (void)arg;
    return WEIR_OK;
}

/* How long the calling thread has been ready to run without a core, ever; 0 where the kernel does
 * not tell. */
static int64_t coreless_ns(int schedstat)
{
    char text[96] = "";
    long long run_ns, ready_ns;
    if (schedstat < 0 || pread(schedstat, text, sizeof text - 1, 0) <= 0 ||
        sscanf(text, "%lld %lld", &run_ns, &ready_ns) != 2)
        return 0;
    return ready_ns;
}

static void submit_all_along(void *argument)
{
    struct submitter *me = argument;
    int schedstat = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    int64_t coreless_before_ns = coreless_ns(schedstat);
    int64_t now_ns = bench_now_ns(), end_ns = now_ns + me->run_ns;
    while (now_ns < end_ns) {
        weir_status status = weir_submit(me->executor, nothing, NULL, 0, NULL);
        int64_t after_ns = bench_now_ns();
        if (status != WEIR_OK && status != WEIR_EREJECTED)
            bench_die("weir: %s", weir_status_text(status));
        me->submissions++;
        int64_t took_ns = after_ns - now_ns;
        if (took_ns > me->longest_ns)
            me->longest_ns = took_ns;
        now_ns = after_ns;
        if (took_ns < LONG_NS)
            continue;
        int64_t coreless_after_ns = coreless_ns(schedstat);
        int64_t held_up_ns = took_ns - (coreless_after_ns - coreless_before_ns);
        if (held_up_ns > me->held_up_ns)
            me->held_up_ns = held_up_ns;
        coreless_before_ns = coreless_after_ns;
        now_ns = bench_now_ns();
    }
    close(schedstat);
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
    uint64_t all = 0, least = UINT64_MAX, most = 0;
    int64_t longest_ns = 0, held_up_ns = 0;
    for (size_t i = 0; i < crowd; i++) {
        const struct submitter *it = &submitters[i];
        all += it->submissions;
        least = it->submissions < least ? it->submissions : least;
        most = it->submissions > most ? it->submissions : most;
        longest_ns = it->longest_ns > longest_ns ? it->longest_ns : longest_ns;
        held_up_ns = it->held_up_ns > held_up_ns ? it->held_up_ns : held_up_ns;
    }
    weir_executor_destroy(executor);
    free(submitters);
    return (struct outcome){
        .per_s = (double)all * 1e9 / (double)elapsed_ns,
        .evenness = most ? (double)least / (double)most : 0,
        .longest_ms = (double)longest_ns / 1e6,
        .held_up_ms = (double)held_up_ns / 1e6,
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
    printf("workload=crowd policy=%s workers=%zu submitters=%zu submissions_per_s=%.0f evenness=%.3f"
           " longest_ms=%.2f held_up_ms=%.2f\n",
           policy, workers, crowd, outcome->per_s, outcome->evenness, outcome->longest_ms,
           outcome->held_up_ms);
}

static void compare(const char *name, weir_policy policy, const size_t *argument)
{
    size_t workers = argument[0], few = argument[1], many = argument[2], passes = argument[4];
    int64_t run_ns = (int64_t)argument[3] * 1000000;
    double ratio[MOST_PASSES], even[MOST_PASSES], longest[MOST_PASSES], held_up[MOST_PASSES];
    for (size_t i = 0; i < passes; i++) {
        struct outcome of_few = run(policy, workers, few, run_ns);
        struct outcome of_many = run(policy, workers, many, run_ns);
        print(name, workers, few, &of_few);
        print(name, workers, many, &of_many);
        ratio[i] = of_many.per_s / of_few.per_s;
        even[i] = of_many.evenness;
        longest[i] = of_many.longest_ms;
        held_up[i] = of_many.held_up_ms;
    }
    printf("workload=crowd policy=%s workers=%zu submitters=%zu/%zu throughput_ratio=%.2f"
           " evenness=%.3f longest_ms=%.2f held_up_ms=%.2f\n",
           name, workers, many, few, median(ratio, passes), median(even, passes),
           median(longest, passes), median(held_up, passes));
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
