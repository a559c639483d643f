/* A bounded ring in which each slot has a number that says whose turn it is (D. Vyukov's queue):
 * for the one who puts in at position p, it is p; for the one who takes out, p + 1; then it is the
 * next round's. One compare-and-swap on a shared line for each side. Whoever finds the ring full or
 * empty spins, and yields now and then: nobody sleeps, nothing is counted, there are no results.
 * This is as fast as a queue between threads gets without batches. */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "harness.h"

enum { SLOTS = 1024, SPINS_BEFORE_YIELD = 64 };

struct call {
    void (*function)(void *);
    void *arg;
};

struct slot {
    size_t turn; /* atomic: publishes call */
    const struct call *call;
};

static struct {
    BENCH_OWN_LINE size_t in;  /* atomic: the next position to put into */
    BENCH_OWN_LINE size_t out; /* atomic: the next to take from */
    BENCH_OWN_LINE struct slot slots[SLOTS];
} ring;

/* Claim the next position of a side whose slot shows its turn. offset: 0 to put, 1 to take. */
static inline struct slot *claim(size_t *side, size_t offset, size_t *position)
{
    size_t at = __atomic_load_n(side, __ATOMIC_RELAXED);
    for (;;) {
        struct slot *slot = &ring.slots[at % SLOTS];
        intptr_t ahead = (intptr_t)(__atomic_load_n(&slot->turn, __ATOMIC_ACQUIRE) - (at + offset));
        if (ahead < 0)
            return NULL;
        if (ahead > 0) {
            at = __atomic_load_n(side, __ATOMIC_RELAXED);
        } else if (__atomic_compare_exchange_n(side, &at, at + 1, true, __ATOMIC_RELAXED,
                                               __ATOMIC_RELAXED)) {
            *position = at;
            return slot;
        }
    }
}

static inline bool try_put(const struct call *call)
{
    size_t at;
    struct slot *slot = claim(&ring.in, 0, &at);
    if (!slot)
        return false;
    slot->call = call;
    __atomic_store_n(&slot->turn, at + 1, __ATOMIC_RELEASE);
    return true;
}

static inline const struct call *try_take(void)
{
    size_t at;
    struct slot *slot = claim(&ring.out, 1, &at);
    if (!slot)
        return NULL;
    const struct call *call = slot->call;
    __atomic_store_n(&slot->turn, at + SLOTS, __ATOMIC_RELEASE);
    return call;
}

static inline void pause_briefly(unsigned *spins)
{
    if (++*spins % SPINS_BEFORE_YIELD == 0)
        sched_yield();
    else
        __builtin_ia32_pause();
}

static void put(const struct call *call)
{
    unsigned spins = 0;
    while (!try_put(call))
        pause_briefly(&spins);
}

static struct {
    bool stopping; /* atomic */
    size_t count;
    pthread_t thread[4096];
} workers;

static void *work(void *unused)
{
    unsigned spins = 0;
    (void)unused;
    while (!__atomic_load_n(&workers.stopping, __ATOMIC_RELAXED)) {
        const struct call *call = try_take();
        if (call) {
            call->function(call->arg);
            spins = 0;
        } else {
            pause_briefly(&spins);
        }
    }
    return NULL;
}

static void start(size_t count, bool refuses)
{
    (void)refuses;
    for (size_t i = 0; i < SLOTS; i++)
        ring.slots[i].turn = i;
    workers.count = count;
    for (size_t i = 0; i < count; i++)
        if (pthread_create(&workers.thread[i], NULL, work, NULL) != 0)
            bench_die("cannot start thread %zu of %zu", i + 1, count);
}

static void stop(void)
{
    __atomic_store_n(&workers.stopping, true, __ATOMIC_RELAXED);
    for (size_t i = 0; i < workers.count; i++)
        pthread_join(workers.thread[i], NULL);
}

static void submit(void (*function)(void *), void *arg)
{
    struct call *call = malloc(sizeof *call); /* few, and never given back */
    if (!call)
        bench_die("no memory");
    *call = (struct call){function, arg};
    put(call);
}

static void run_task(void *unused)
{
    (void)unused;
    bench_task();
}

static const struct call task = {.function = run_task};

static void post(size_t count)
{
    for (size_t i = 0; i < count; i++)
        put(&task);
}

static bool offer(void)
{
    return try_put(&task);
}

BENCH_OWN_LINE static bool answered; /* atomic */

static void run_answer(void *unused)
{
    (void)unused;
    __atomic_store_n(&answered, true, __ATOMIC_RELEASE);
}

static void round_trip(void)
{
    static const struct call answer = {.function = run_answer};
    unsigned spins = 0;
    put(&answer);
    while (!__atomic_load_n(&answered, __ATOMIC_ACQUIRE))
        pause_briefly(&spins);
    answered = false;
}

int main(int argc, char **argv)
{
    static const struct bench_contender slot_sequence_ring = {
        .name = "limit-slot-sequence-ring",
        .start = start,
        .stop = stop,
        .submit = submit,
        .post = post,
        .round_trip = round_trip,
        .offer = offer,
        .limit = SLOTS,
    };
    return bench_main(argc, argv, &slot_sequence_ring);
}
