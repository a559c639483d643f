/* The workloads, but for bounded and reject, which offers.c has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

struct producer {
    BENCH_OWN_LINE const struct bench_contender *contender;
    size_t tasks;
};

static void produce(void *argument)
{
    struct producer *me = argument;
    me->contender->post(me->tasks);
    if (me->contender->settle)
        me->contender->settle();
}

static double share_of_workers(const struct bench_result *result)
{
    return (double)result->operations * (double)result->argument /
           ((double)result->workers * (double)result->elapsed_ns);
}

/* post, work: from the moment at which the submitters begin to the end of the last task. */
void bench_run_post(const struct bench_contender *contender, struct bench_result *result)
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
    bench_tasks.spins = bench_spins_of(result->argument);
    bench_expect(tasks);
    struct bench_crew *crew =
        bench_crew_create(result->producers, produce, producers, sizeof *producers);
    result->before = bench_usage_now();
    int64_t began_ns = bench_crew_go(crew);
    bench_wait_ended();
    result->elapsed_ns = bench_tasks.last_ended_ns - began_ns;
    bench_crew_join(crew);
    if (result->argument)
        snprintf(result->extra, sizeof result->extra, " task_ns=%lld efficiency=%.4f",
                 (long long)result->argument, share_of_workers(result));
    free(producers);
}

/* backlog: so many tasks wait, and each that runs submits another: what a task costs with a backlog
 * of that depth. Nobody sleeps meanwhile, and nobody but the workers submits. */
static struct {
    const struct bench_contender *contender;
    int64_t left; /* atomic: tasks to be submitted yet */
    sem_t gate;
} backlog;

static void submit_another(void)
{
    if (__atomic_sub_fetch(&backlog.left, 1, __ATOMIC_RELAXED) >= 0)
        backlog.contender->post(1);
}

static void wait_at_gate(void *unused)
{
    (void)unused;
    while (sem_wait(&backlog.gate) != 0)
        ;
}

void bench_run_backlog(const struct bench_contender *contender, struct bench_result *result)
{
    size_t depth = result->argument ? (size_t)result->argument : 1;
    backlog.contender = contender;
    backlog.left = (int64_t)result->operations;
    sem_init(&backlog.gate, 0, 0);
    bench_tasks.before = submit_another;
    bench_expect(result->operations + depth);
    for (size_t i = 0; i < result->workers; i++)
        contender->submit(wait_at_gate, NULL);
    bench_sleep_ms(20);
    contender->post(depth);
    result->before = bench_usage_now();
    int64_t began_ns = bench_now_ns();
    for (size_t i = 0; i < result->workers; i++)
        sem_post(&backlog.gate);
    bench_wait_ended();
    result->elapsed_ns = bench_tasks.last_ended_ns - began_ns;
    result->operations += depth;
    snprintf(result->extra, sizeof result->extra, " depth=%zu ns_per_task=%.1f", depth,
             (double)result->elapsed_ns / (double)result->operations);
}

/* future: BENCH_OUTSTANDING submitted, then all of their results taken, and again. */
void bench_run_future(const struct bench_contender *contender, struct bench_result *result)
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

/* One at a time, each timed. */
static void time_each(struct bench_result *result, void (*once)(void *), void *data, size_t warm_up)
{
    size_t count = (size_t)result->operations;
    int64_t *samples = bench_memory(count, sizeof *samples);
    for (size_t i = 0; i < warm_up; i++)
        once(data);
    result->before = bench_usage_now();
    int64_t began_ns = bench_now_ns(), then_ns = began_ns;
    for (size_t i = 0; i < count; i++) {
        once(data);
        int64_t now_ns = bench_now_ns();
        samples[i] = now_ns - then_ns;
        then_ns = now_ns;
    }
    result->elapsed_ns = then_ns - began_ns;
    bench_percentiles(samples, count, result->extra, sizeof result->extra);
    free(samples);
}

static void go_round(void *data)
{
    const struct bench_contender *contender = data;
    contender->round_trip();
}

void bench_run_pingpong(const struct bench_contender *contender, struct bench_result *result)
{
    bench_expect(0);
    time_each(result, go_round, (void *)contender, 1000);
}

/* payload: so many bytes there and back, each time others; the first and the last are compared at
 * once, the others in the end. */
struct payload {
    const struct bench_contender *contender;
    struct bench_bytes *bytes;
    const struct bench_bytes *back;
};

static void send_round(void *data)
{
    struct payload *payload = data;
    struct bench_bytes *bytes = payload->bytes;
    unsigned char *last = (unsigned char *)bytes + bytes->size - 1;
    bytes->first++;
    (*last)++;
    payload->back = payload->contender->echo(bytes);
    if (payload->back->size != bytes->size || payload->back->first != bytes->first ||
        ((const unsigned char *)payload->back)[bytes->size - 1] != *last)
        bench_die("%s: other bytes came back", payload->contender->name);
}

void bench_run_payload(const struct bench_contender *contender, struct bench_result *result)
{
    size_t least = sizeof(struct bench_bytes);
    size_t size = (size_t)result->argument < least ? least : (size_t)result->argument;
    struct payload payload = {contender, bench_memory(size, 1), NULL};
    for (size_t i = 0; i < size; i++)
        ((unsigned char *)payload.bytes)[i] = (unsigned char)i;
    payload.bytes->size = size;
    size_t warm_up = result->operations / 10 + 3;
    time_each(result, send_round, &payload, warm_up);
    if (memcmp(payload.bytes, payload.back, size) != 0)
        bench_die("%s: other bytes came back", contender->name);
    size_t length = strlen(result->extra);
    snprintf(result->extra + length, sizeof result->extra - length, " bytes=%zu", size);
    free(payload.bytes);
}

/* start: the pool made, one result had of it, and the pool taken down, in a process that has so many
 * MiB of memory. */
struct begin {
    const struct bench_contender *contender;
    size_t workers;
    int64_t start_ns, stop_ns; /* of all together */
};

static void begin_and_end(void *data)
{
    struct begin *begin = data;
    int64_t before_ns = bench_now_ns();
    begin->contender->start(begin->workers, false);
    begin->start_ns += bench_now_ns() - before_ns;
    begin->contender->round_trip();
    before_ns = bench_now_ns();
    begin->contender->stop();
    begin->stop_ns += bench_now_ns() - before_ns;
}

void bench_run_start(const struct bench_contender *contender, struct bench_result *result)
{
    struct begin begin = {contender, result->workers, 0, 0};
    void *memory = bench_memory((size_t)result->argument + 1, (size_t)1 << 20);
    time_each(result, begin_and_end, &begin, 1);
    int64_t rounds = (int64_t)result->operations + 1;
    size_t length = strlen(result->extra);
    snprintf(result->extra + length, sizeof result->extra - length,
             " mean_start_ns=%lld mean_stop_ns=%lld", (long long)(begin.start_ns / rounds),
             (long long)(begin.stop_ns / rounds));
    free(memory);
}

/* respawn: a worker is killed; until the next result is there. With one worker, that is one of the
 * worker that took its place. */
static void kill_and_go_round(void *data)
{
    const struct bench_contender *contender = data;
    contender->kill_worker();
    contender->round_trip();
}

void bench_run_respawn(const struct bench_contender *contender, struct bench_result *result)
{
    time_each(result, kill_and_go_round, (void *)contender, 1);
}

/* nested: a task and a wait at each node of the naive Fibonacci recursion. */
static uint64_t fibonacci(unsigned n)
{
    uint64_t current = 0, next = 1;
    while (n--) {
        uint64_t after = current + next;
        current = next;
        next = after;
    }
    return current;
}

void bench_run_nested(const struct bench_contender *contender, struct bench_result *result)
{
    unsigned n = (unsigned)result->operations;
    if (n < 2 || n > 40)
        bench_die("nested: N is the number whose Fibonacci number is sought, 2 to 40");
    contender->nested(n < 15 ? n : 15); /* warm-up */
    result->before = bench_usage_now();
    int64_t began_ns = bench_now_ns();
    uint64_t found = contender->nested(n);
    result->elapsed_ns = bench_now_ns() - began_ns;
    if (found != fibonacci(n))
        bench_die("%s: %llu is no Fibonacci number", contender->name, (unsigned long long)found);
    result->operations = fibonacci(n + 1) - 1; /* tasks */
    snprintf(result->extra, sizeof result->extra, " fibonacci=%u", n);
}
