/* The workloads post, work, future and pingpong, and the program around all of them. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bench_tasks bench_tasks;

void bench_last_task(void)
{
    bench_tasks.last_ended_ns = bench_now_ns();
    sem_post(&bench_tasks.all_ended);
}

void bench_expect(uint64_t tasks)
{
    atomic_store_explicit(&bench_tasks.ended, 0, memory_order_relaxed);
    bench_tasks.expected = tasks;
}

void bench_wait_ended(void)
{
    while (sem_wait(&bench_tasks.all_ended) != 0)
        ;
}

/* Warm-up: tasks that wait for each other, which shows that there are as many workers as asked for
 * and starts them, then some thousands of empty ones. */
static struct {
    size_t expected;
    _Atomic size_t met;
} meeting;

static void meet(void *unused)
{
    enum { PATIENCE_MS = 2000 };
    (void)unused;
    atomic_fetch_add(&meeting.met, 1);
    for (int i = 0; atomic_load(&meeting.met) < meeting.expected; i++) {
        if (i == PATIENCE_MS)
            bench_die("the pool did not run %zu tasks at the same time", meeting.expected);
        bench_sleep_ms(1);
    }
    bench_count_one();
}

static void settle(const struct bench_contender *contender)
{
    if (contender->settle)
        contender->settle();
}

static void warm_up(const struct bench_contender *contender, size_t workers)
{
    enum { TASKS = 10000 };
    meeting.expected = workers;
    bench_expect(workers);
    for (size_t i = 0; i < workers; i++)
        contender->submit(meet, NULL);
    settle(contender);
    bench_wait_ended();
    bench_expect(TASKS);
    contender->post(TASKS);
    settle(contender);
    bench_wait_ended();
    bench_sleep_ms(20);
}

struct producer {
    _Alignas(BENCH_CACHE_LINE) const struct bench_contender *contender;
    size_t tasks;
};

static void produce(void *argument)
{
    struct producer *me = argument;
    me->contender->post(me->tasks);
    settle(me->contender);
}

/* post, work: from the moment at which the submitters begin to the end of the last task. */
static void run_post(const struct bench_contender *contender, struct bench_result *result,
                     int64_t task_ns)
{
    struct producer *producers =
        aligned_alloc(BENCH_CACHE_LINE, result->producers * sizeof *producers);
    if (!producers)
        bench_die("no memory");
    size_t tasks = (size_t)result->operations;
    for (size_t i = 0; i < result->producers; i++)
        producers[i] = (struct producer){
            .contender = contender,
            .tasks = tasks / result->producers + (i < tasks % result->producers),
        };
    bench_tasks.spins = bench_spins_of(task_ns);
    bench_expect(tasks);
    struct bench_crew *crew =
        bench_crew_create(result->producers, produce, producers, sizeof *producers);
    result->before = bench_usage_now();
    int64_t began_ns = bench_crew_go(crew);
    bench_wait_ended();
    result->elapsed_ns = bench_tasks.last_ended_ns - began_ns;
    bench_crew_join(crew);
    if (task_ns)
        snprintf(result->extra, sizeof result->extra, " task_ns=%lld efficiency=%.4f",
                 (long long)task_ns,
                 (double)tasks * (double)task_ns /
                     ((double)result->workers * (double)result->elapsed_ns));
    free(producers);
}

/* future: BENCH_OUTSTANDING submitted, then all of their results taken, and again. */
static void run_future(const struct bench_contender *contender, struct bench_result *result)
{
    uint64_t sum = 0, expected = 0, left = result->operations;
    bench_expect(0);
    contender->future(BENCH_OUTSTANDING);
    bench_sleep_ms(20);
    result->before = bench_usage_now();
    int64_t began_ns = bench_now_ns();
    while (left) {
        size_t count = left < BENCH_OUTSTANDING ? (size_t)left : BENCH_OUTSTANDING;
        sum += contender->future(count);
        left -= count;
    }
    result->elapsed_ns = bench_now_ns() - began_ns;
    for (uint64_t i = 0; i < result->operations; i++)
        expected += bench_value(i % BENCH_OUTSTANDING);
    if (sum != expected)
        bench_die("%s: the results sum up to %llu, not to %llu", contender->name,
                  (unsigned long long)sum, (unsigned long long)expected);
}

/* pingpong: one at a time, each timed. */
static void run_pingpong(const struct bench_contender *contender, struct bench_result *result)
{
    enum { WARM_UP = 1000 };
    size_t count = (size_t)result->operations;
    int64_t *samples = malloc(count * sizeof *samples);
    if (!samples)
        bench_die("no memory");
    memset(samples, 0, count * sizeof *samples); /* no page faults later */
    bench_expect(0);
    for (int i = 0; i < WARM_UP; i++)
        contender->round_trip();
    result->before = bench_usage_now();
    int64_t began_ns = bench_now_ns(), then_ns = began_ns;
    for (size_t i = 0; i < count; i++) {
        contender->round_trip();
        int64_t now_ns = bench_now_ns();
        samples[i] = now_ns - then_ns;
        then_ns = now_ns;
    }
    result->elapsed_ns = then_ns - began_ns;
    bench_percentiles(samples, count, result->extra, sizeof result->extra);
    free(samples);
}

static const char *why_not(const struct bench_contender *contender, const char *workload,
                           size_t producers)
{
    bool offers = strcmp(workload, "bounded") == 0 || strcmp(workload, "reject") == 0;
    if (producers > 1 && contender->single_producer)
        return "takes work from one thread only";
    if (offers && !contender->offer)
        return "has no limit";
    return NULL;
}

static int run(const struct bench_contender *contender, struct bench_result *result,
               int64_t task_ns)
{
    const char *workload = result->workload;
    bool bounded = strcmp(workload, "bounded") == 0, reject = strcmp(workload, "reject") == 0;
    contender->start(result->workers, bounded || reject);
    /* A pool that refuses would refuse some of these, too. */
    if (!bounded && !reject)
        warm_up(contender, result->workers);
    if (strcmp(workload, "post") == 0)
        run_post(contender, result, 0);
    else if (strcmp(workload, "work") == 0)
        run_post(contender, result, task_ns);
    else if (strcmp(workload, "future") == 0)
        run_future(contender, result);
    else if (strcmp(workload, "pingpong") == 0)
        run_pingpong(contender, result);
    else if (bounded || reject)
        bench_offers(contender, result, reject, task_ns, result->operations);
    else
        return 2;
    bench_print(contender, result);
    contender->stop();
    return 0;
}

/* A number from 0 to most, or the end of the program. */
static uint64_t number(const char *text, uint64_t least, uint64_t most)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || value < least || value > most) {
        fprintf(stderr, "%s: not a number from %llu to %llu\n", text, (unsigned long long)least,
                (unsigned long long)most);
        exit(2);
    }
    return value;
}

int bench_main(int argc, char **argv, const struct bench_contender *contender)
{
    if (argc == 2 && strcmp(argv[1], "machine") == 0) {
        bench_print_machine();
        return 0;
    }
    if (argc < 5 || argc > 6) {
        fprintf(stderr,
                "usage: %s post|work|future|pingpong|bounded|reject WORKERS PRODUCERS N [TASK_NS]\n"
                "       %s machine\n",
                argv[0], argv[0]);
        return 2;
    }
    bool offers = strcmp(argv[1], "bounded") == 0 || strcmp(argv[1], "reject") == 0;
    struct bench_result result = {.workload = argv[1],
                                  .workers = number(argv[2], 1, 4096),
                                  .producers = number(argv[3], 1, 4096),
                                  .operations = number(argv[4], offers ? 0 : 1, UINT32_MAX)};
    int64_t task_ns = argc == 6 ? (int64_t)number(argv[5], 0, 1000000000) : 0;
    const char *reason = why_not(contender, result.workload, result.producers);
    if (reason) {
        printf("peer=%s workload=%s skipped: %s\n", contender->name, result.workload, reason);
        return 3;
    }
    sem_init(&bench_tasks.all_ended, 0, 0);
    int status = run(contender, &result, task_ns);
    if (status == 2)
        fprintf(stderr, "%s: no such workload\n", result.workload);
    return status;
}
