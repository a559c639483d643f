/* What all benchmarks share: the clock, the task that is run, and the workloads that a pool is put
 * through. A pool says how it does things in a struct bench_contender and calls bench_main(); what
 * it prints is one line that is the same for all, so that they can be compared.
 *
 *     PROGRAM WORKLOAD WORKERS PRODUCERS N [ARGUMENT]
 *     PROGRAM machine | workloads
 *
 * Exit status: 0; 1 wrong result; 2 usage; 3 the contender cannot do that.
 *
 * Contenders are written in C and in C++, which share no atomic types: so this header uses the
 * compiler's. */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { BENCH_CACHE_LINE = 64, BENCH_OUTSTANDING = 10000 };

#define BENCH_OWN_LINE __attribute__((aligned(BENCH_CACHE_LINE)))

/* A task is not told how large its argument is, so that is the beginning of it. */
struct bench_bytes {
    uint64_t size; /* of all, with this */
    unsigned char first; /* … and last, one after the other */
};

struct bench_contender {
    const char *name;
    /* refuses: at its limit the pool refuses; otherwise it accepts all, or makes wait. */
    void (*start)(size_t workers, bool refuses);
    void (*stop)(void);
    /* The rest may be NULL: then the pool is left out where that is needed. */

    /* Submit one call. Few are: allocation does not matter. */
    void (*submit)(void (*function)(void *), void *arg);
    /* For pools whose submitter must take part: until all that it submitted has ended. */
    void (*settle)(void);
    /* Submit count tasks that each call bench_task(). */
    void (*post)(size_t count);
    /* Submit count <= BENCH_OUTSTANDING tasks with the results bench_value(0 …), sum them up. */
    uint64_t (*future)(size_t count);
    /* Submit one task, wait for its result. */
    void (*round_trip)(void);
    /* Submit one bench_task(); false: refused. */
    bool (*offer)(void);
    /* bench_fibonacci(n), with a task and a wait for its result at each node. */
    uint64_t (*nested)(unsigned n);
    /* Have a task get bytes and give them back as its result, which may be looked at where it is
     * until the next call. */
    const struct bench_bytes *(*echo)(const struct bench_bytes *bytes);
    /* Kill a worker process; the next task may come at once. */
    void (*kill_worker)(void);

    size_t limit;         /* of the backlog; 0: none */
    bool single_producer; /* may be submitted to from one thread only */
    bool single_worker;   /* whatever it is asked for */
    bool processes;       /* tasks run in other processes: see the second half of workloads */
};

int bench_main(int argc, char **argv, const struct bench_contender *contender);

/* The one task: some arithmetic if it is to take time, then a count on a line that all workers
 * share. Whoever completes the count stops the clock. */
struct bench_tasks {
    BENCH_OWN_LINE uint64_t ended;    /* atomic */
    BENCH_OWN_LINE uint64_t expected; /* written while no task is under way */
    uint64_t spins;                   /* likewise */
    void (*before)(void);             /* likewise: called by each task, or NULL */
    int64_t last_ended_ns;            /* by the last task, before the semaphore */
    sem_t all_ended;
};

extern struct bench_tasks bench_tasks;

void bench_spin(uint64_t spins);
void bench_last_task(void);

static inline void bench_count_one(void)
{
    uint64_t before = __atomic_fetch_add(&bench_tasks.ended, 1, __ATOMIC_RELAXED);
    if (__builtin_expect(before + 1 == bench_tasks.expected, 0))
        bench_last_task();
}

static inline void bench_task(void)
{
    if (bench_tasks.spins)
        bench_spin(bench_tasks.spins);
    if (__builtin_expect(bench_tasks.before != NULL, 0))
        bench_tasks.before();
    bench_count_one();
}

static inline uint64_t bench_value(uint64_t i)
{
    return i % 1024;
}

/* Expect so many tasks; wait for them. */
void bench_expect(uint64_t tasks);
void bench_wait_ended(void);

/* One run. */

struct bench_usage {
    double cpu_s;
    long switches;
};

struct bench_result {
    const char *workload;
    size_t workers, producers;
    uint64_t operations;
    int64_t argument; /* of the workload: ns a task, bytes, depth; 0 if none was given */
    int64_t elapsed_ns;
    struct bench_usage before; /* taken as the clock starts */
    char extra[256];           /* " name=value …", what only this workload has */
};

/* workloads.c: each fills in elapsed_ns, before and extra. */

void bench_run_post(const struct bench_contender *contender, struct bench_result *result);
void bench_run_backlog(const struct bench_contender *contender, struct bench_result *result);
void bench_run_future(const struct bench_contender *contender, struct bench_result *result);
void bench_run_pingpong(const struct bench_contender *contender, struct bench_result *result);
void bench_run_nested(const struct bench_contender *contender, struct bench_result *result);
void bench_run_payload(const struct bench_contender *contender, struct bench_result *result);
void bench_run_respawn(const struct bench_contender *contender, struct bench_result *result);
void bench_run_start(const struct bench_contender *contender, struct bench_result *result);

/* offers.c: more is offered than is taken. */

void bench_run_bounded(const struct bench_contender *contender, struct bench_result *result);
void bench_run_reject(const struct bench_contender *contender, struct bench_result *result);

/* clock.c */

int64_t bench_now_ns(void);
void bench_sleep_ms(int ms);
/* How many spins take task_ns on a core that does nothing else. */
uint64_t bench_spins_of(int64_t task_ns);

/* threads.c: so many threads that begin at the same moment. body gets its element of an array. */

struct bench_crew;
struct bench_crew *bench_crew_create(size_t threads, void (*body)(void *), void *array,
                                     size_t element_bytes);
int64_t bench_crew_go(struct bench_crew *crew); /* when they began */
void bench_crew_join(struct bench_crew *crew);

/* report.c */

struct bench_usage bench_usage_now(void);
void bench_print(const char *name, const struct bench_result *result);
/* Sorts. Writes " p50_ns=… p99_ns=… p999_ns=…"; and if BENCH_QUANTILES is in the environment, all
 * thousandths to the file of that name. */
void bench_percentiles(int64_t *samples, size_t count, char *out, size_t size);
/* One line about what this runs on. */
void bench_print_machine(void);

/* Bytes of memory that this process has resident. */
long bench_resident_bytes(void);
/* Ends the program unless text is a number from least to most. */
uint64_t bench_number(const char *text, uint64_t least, uint64_t most);
/* Memory, or the end of the program. */
void *bench_memory(size_t count, size_t element_bytes);
/* Ends the program with a message. */
void bench_die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#ifdef __cplusplus
}
#endif

#endif
