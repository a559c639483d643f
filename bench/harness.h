/* What all benchmarks share: the clock, the task that is run, and the workloads that a pool of
 * threads is put through. A pool says how it does things in a struct bench_contender and calls
 * bench_main(); what it prints is one line that is the same for all, so that they can be compared.
 *
 *     PROGRAM post|work|future|pingpong|bounded|reject WORKERS PRODUCERS N [TASK_NS]
 *     PROGRAM machine
 *
 * Exit status: 0; 1 wrong result; 2 usage; 3 the contender cannot do that. */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BENCH_CACHE_LINE = 64, BENCH_OUTSTANDING = 10000 };

struct bench_contender {
    const char *name;
    /* refuses: at its limit the pool refuses; otherwise it accepts all, or makes wait. */
    void (*start)(size_t workers, bool refuses);
    void (*stop)(void);
    /* Submit one call. Few are: allocation does not matter. */
    void (*submit)(void (*function)(void *), void *arg);
    /* For pools whose submitter must take part: until all that was submitted has ended. */
    void (*settle)(void);
    /* Submit count tasks that each call bench_task(). */
    void (*post)(size_t count);
    /* Submit count <= BENCH_OUTSTANDING tasks with the results bench_value(0 …), sum them up. */
    uint64_t (*future)(size_t count);
    /* Submit one task, wait for its result. */
    void (*round_trip)(void);
    /* Submit one bench_task(); false: refused. NULL: it never refuses. */
    bool (*offer)(void);
    bool single_producer; /* may be submitted to from one thread only */
};

int bench_main(int argc, char **argv, const struct bench_contender *contender);

/* The one task: some arithmetic if it is to take time, then a count on a line that all workers
 * share. Whoever completes the count stops the clock. */
struct bench_tasks {
    _Alignas(BENCH_CACHE_LINE) _Atomic uint64_t ended;
    _Alignas(BENCH_CACHE_LINE) uint64_t expected; /* written while no task is under way */
    uint64_t spins;                               /* likewise */
    int64_t last_ended_ns;                        /* by the last task, before the semaphore */
    sem_t all_ended;
};

extern struct bench_tasks bench_tasks;

void bench_spin(uint64_t spins);
void bench_last_task(void);

static inline void bench_count_one(void)
{
    uint64_t before = atomic_fetch_add_explicit(&bench_tasks.ended, 1, memory_order_relaxed);
    if (__builtin_expect(before + 1 == bench_tasks.expected, 0))
        bench_last_task();
}

static inline void bench_task(void)
{
    if (bench_tasks.spins)
        bench_spin(bench_tasks.spins);
    bench_count_one();
}

static inline uint64_t bench_value(uint64_t i)
{
    return i % 1024;
}

/* Expect so many tasks; wait for them. */
void bench_expect(uint64_t tasks);
void bench_wait_ended(void);

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

struct bench_usage {
    double cpu_s;
    long switches;
};

struct bench_result {
    const char *workload;
    size_t workers, producers;
    uint64_t operations;
    int64_t elapsed_ns;
    struct bench_usage before; /* taken as the clock starts */
    char extra[256];           /* " name=value …", what only this workload has */
};

struct bench_usage bench_usage_now(void);
void bench_print(const struct bench_contender *contender, const struct bench_result *result);
/* Sorts. Writes " p50_ns=… p99_ns=… p999_ns=…". */
void bench_percentiles(int64_t *samples, size_t count, char *out, size_t size);
/* One line about what this runs on. */
void bench_print_machine(void);

/* offers.c: the workloads bounded and reject. */

void bench_offers(const struct bench_contender *contender, struct bench_result *result,
                  bool all_refused, int64_t task_ns, uint64_t most);

/* Ends the program with a message. */
_Noreturn void bench_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
