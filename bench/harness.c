/* The program around all workloads: its arguments, the warm-up, the one task. */
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
    __atomic_store_n(&bench_tasks.ended, 0, __ATOMIC_RELAXED);
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
    size_t met; /* atomic */
} meeting;

static void meet(void *unused)
{
    enum { PATIENCE_MS = 2000 };
    (void)unused;
    __atomic_fetch_add(&meeting.met, 1, __ATOMIC_SEQ_CST);
    for (int i = 0; __atomic_load_n(&meeting.met, __ATOMIC_SEQ_CST) < meeting.expected; i++) {
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
    if (contender->submit) {
        meeting.expected = workers;
        bench_expect(workers);
        for (size_t i = 0; i < workers; i++)
            contender->submit(meet, NULL);
        settle(contender);
        bench_wait_ended();
    }
    if (contender->post) {
        bench_expect(TASKS);
        contender->post(TASKS);
        settle(contender);
        bench_wait_ended();
    }
    bench_sleep_ms(20);
}

/* What a workload needs of a contender. */
enum need { POST, FUTURE, ROUND_TRIP, OFFER, NESTED, ECHO, KILL_WORKER };

static bool has(const struct bench_contender *contender, enum need need)
{
    switch (need) {
    case POST:
        return contender->post;
    case FUTURE:
        return contender->future;
    case ROUND_TRIP:
        return contender->round_trip;
    case OFFER:
        return contender->offer;
    case NESTED:
        return contender->nested;
    case ECHO:
        return contender->echo;
    case KILL_WORKER:
        return contender->kill_worker;
    }
    return false;
}

static const struct workload {
    const char *name;
    void (*run)(const struct bench_contender *contender, struct bench_result *result);
    enum need need;
    const char *lacking;
    bool processes;
} workloads[] = {
    {"post", bench_run_post, POST, "runs nothing that gives no result", false},
    {"work", bench_run_post, POST, "runs nothing that gives no result", false},
    {"backlog", bench_run_backlog, POST, "runs nothing that gives no result", false},
    {"future", bench_run_future, FUTURE, "gives no results", false},
    {"pingpong", bench_run_pingpong, ROUND_TRIP, "gives no results", false},
    {"bounded", bench_run_bounded, OFFER, "never refuses", false},
    {"reject", bench_run_reject, OFFER, "never refuses", false},
    {"nested", bench_run_nested, NESTED, "its tasks cannot wait for tasks", false},
    /* The same for pools of processes, which tables do not mix with pools of threads. */
    {"process", bench_run_future, FUTURE, "is no pool", true},
    {"roundtrip", bench_run_pingpong, ROUND_TRIP, "gives no results", true},
    {"payload", bench_run_payload, ECHO, "sends nothing", true},
    {"start", bench_run_start, ROUND_TRIP, "gives no results", true},
    {"respawn", bench_run_respawn, KILL_WORKER, "replaces no worker", true},
};

enum { WORKLOADS = sizeof workloads / sizeof workloads[0] };

static const struct workload *find(const char *name)
{
    for (size_t i = 0; i < WORKLOADS; i++)
        if (strcmp(workloads[i].name, name) == 0)
            return &workloads[i];
    return NULL;
}

static const char *why_not(const struct bench_contender *contender,
                           const struct workload *workload, const struct bench_result *result)
{
    if (contender->processes != workload->processes)
        return workload->processes ? "runs no processes" : "runs no threads";
    if (!has(contender, workload->need))
        return workload->lacking;
    if (result->producers > 1 && contender->single_producer)
        return "takes work from one thread only";
    if (result->workers > 1 && contender->single_worker)
        return "has one worker only";
    if (workload->run == bench_run_backlog && (contender->settle || !contender->submit))
        return "takes no work from its workers";
    if (workload->run == bench_run_backlog && contender->limit &&
        (size_t)result->argument > contender->limit)
        return "has a lower limit";
    return NULL;
}

static void run(const struct bench_contender *contender, const struct workload *workload,
                struct bench_result *result)
{
    /* A pool that refuses would refuse some of the warm-up, too. */
    bool refuses = workload->need == OFFER, starts = workload->run == bench_run_start;
    if (!starts)
        contender->start(result->workers, refuses);
    if (!starts && !refuses)
        warm_up(contender, result->workers);
    workload->run(contender, result);
    bench_print(contender->name, result);
    if (!starts)
        contender->stop();
}

static int list(void)
{
    for (size_t i = 0; i < WORKLOADS; i++)
        puts(workloads[i].name);
    return 0;
}

int bench_main(int argc, char **argv, const struct bench_contender *contender)
{
    if (argc == 2 && strcmp(argv[1], "machine") == 0) {
        bench_print_machine();
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "workloads") == 0)
        return list();
    const struct workload *workload = argc < 5 || argc > 6 ? NULL : find(argv[1]);
    if (!workload) {
        fprintf(stderr,
                "usage: %s WORKLOAD WORKERS PRODUCERS N [ARGUMENT]\n"
                "       %s machine | workloads\n",
                argv[0], argv[0]);
        return 2;
    }
    struct bench_result result = {
        .workload = argv[1],
        .workers = bench_number(argv[2], 1, 4096),
        .producers = bench_number(argv[3], 1, 4096),
        .operations = bench_number(argv[4], workload->need == OFFER ? 0 : 1, UINT32_MAX),
        .argument = argc == 6 ? (int64_t)bench_number(argv[5], 0, 1u << 30) : 0,
    };
    const char *reason = why_not(contender, workload, &result);
    if (reason) {
        printf("peer=%s workload=%s skipped: %s\n", contender->name, result.workload, reason);
        return 3;
    }
    sem_init(&bench_tasks.all_ended, 0, 0);
    run(contender, workload, &result);
    return 0;
}
