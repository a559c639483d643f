/* Offering more than is taken: what a refusal costs, and what gets through beside it.
 *
 * bounded: the workers work, submitters offer without pause; each offer is timed.
 * reject:  the workers are blocked and the backlog is full, so every offer is refused; the clock is
 *          read once in many, since a refusal may take less time than reading it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

enum { BATCH = 256 };

#define RUN_NS INT64_C(500000000)

/* One submitter's, on lines of its own. */
struct offerer {
    BENCH_OWN_LINE const struct bench_contender *contender;
    bool all_refused;
    uint64_t most; /* offers, 0: no such limit */
    uint64_t accepted, refused;
    int64_t refused_ns;
};

static bool goes_on(const struct offerer *me, int64_t now_ns, int64_t end_ns)
{
    return now_ns < end_ns && (!me->most || me->accepted + me->refused < me->most);
}

static void offer_batches(struct offerer *me, int64_t now_ns, int64_t end_ns)
{
    int64_t began_ns = now_ns;
    while (goes_on(me, now_ns, end_ns)) {
        uint64_t accepted = 0;
        for (int i = 0; i < BATCH; i++)
            accepted += me->contender->offer();
        me->accepted += accepted;
        me->refused += BATCH - accepted;
        now_ns = bench_now_ns();
    }
    me->refused_ns = now_ns - began_ns;
}

static void offer_each(struct offerer *me, int64_t now_ns, int64_t end_ns)
{
    while (goes_on(me, now_ns, end_ns)) {
        bool accepted = me->contender->offer();
        int64_t after_ns = bench_now_ns();
        if (accepted) {
            me->accepted++;
        } else {
            me->refused++;
            me->refused_ns += after_ns - now_ns;
        }
        now_ns = after_ns;
    }
}

static void offer(void *argument)
{
    struct offerer *me = argument;
    int64_t now_ns = bench_now_ns();
    (me->all_refused ? offer_batches : offer_each)(me, now_ns, now_ns + RUN_NS);
}

static sem_t hold;

static void held(void *unused)
{
    (void)unused;
    while (sem_wait(&hold) != 0)
        ;
}

static void fill(const struct bench_contender *contender, size_t workers)
{
    sem_init(&hold, 0, 0);
    for (size_t i = 0; i < workers; i++)
        contender->submit(held, NULL);
    bench_sleep_ms(20);
    while (contender->offer())
        ;
}

static void run(const struct bench_contender *contender, struct bench_result *result,
                bool all_refused)
{
    int64_t task_ns = result->argument;
    uint64_t most = result->operations;
    struct offerer *offerers =
        aligned_alloc(BENCH_CACHE_LINE, result->producers * sizeof *offerers);
    if (!offerers)
        bench_die("no memory");
    uint64_t accepted = 0, refused = 0;
    int64_t refused_ns = 0;
    for (size_t i = 0; i < result->producers; i++)
        offerers[i] = (struct offerer){.contender = contender, .all_refused = all_refused, .most = most};
    bench_tasks.spins = bench_spins_of(task_ns);
    bench_expect(0); /* they are not waited for */
    if (all_refused)
        fill(contender, result->workers);
    struct bench_crew *crew =
        bench_crew_create(result->producers, offer, offerers, sizeof *offerers);
    result->before = bench_usage_now();
    int64_t began_ns = bench_crew_go(crew);
    bench_crew_join(crew);
    result->elapsed_ns = bench_now_ns() - began_ns;
    for (size_t i = 0; i < result->producers; i++) {
        accepted += offerers[i].accepted;
        refused += offerers[i].refused;
        refused_ns += offerers[i].refused_ns;
    }
    double elapsed_s = (double)result->elapsed_ns / 1e9;
    result->operations = accepted + refused;
    snprintf(result->extra, sizeof result->extra,
             " task_ns=%lld accepted_per_s=%.0f rejected_per_s=%.0f ns_per_reject=%.1f",
             (long long)task_ns, (double)accepted / elapsed_s, (double)refused / elapsed_s,
             refused ? (double)refused_ns / (double)refused : 0.0);
    for (size_t i = 0; all_refused && i < result->workers; i++)
        sem_post(&hold);
    free(offerers);
}

void bench_run_bounded(const struct bench_contender *contender, struct bench_result *result)
{
    run(contender, result, false);
}

void bench_run_reject(const struct bench_contender *contender, struct bench_result *result)
{
    run(contender, result, true);
}
