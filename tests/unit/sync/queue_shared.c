/* The queue with several consumers, while hints become stale and rings are moved. */
#include <stdatomic.h>

#include "support/check.h"
#include "support/crew.h"
#include "sync/queue.h"

enum {
    SLOTS = 64,
    ROOM = 32,
    CONSUMERS = 3
};

/* {generation:32, sequence of the push + 1, or 0: free} for each slot. */
static _Atomic uint64_t slot[SLOTS];

#define GENERATION(word) ((uint32_t)((word) >> 32))
#define SEQUENCE(word) ((uint32_t)(word))

static bool is_valid(void *context, uint64_t hint)
{
    (void)context;
    uint64_t word = atomic_load(&slot[(uint32_t)hint]);
    return SEQUENCE(word) != 0 && GENERATION(word) == GENERATION(hint);
}

static bool renew(void *context, uint64_t hint)
{
    (void)context;
    uint64_t word = atomic_load(&slot[(uint32_t)hint]);
    while (SEQUENCE(word) != 0 && GENERATION(word) == GENERATION(hint))
        if (atomic_compare_exchange_strong(&slot[(uint32_t)hint], &word,
                                           word + ((uint64_t)1 << 32)))
            return true;
    return false;
}

/* Take what is in the slot, of any generation or of this one: its sequence, or 0. */
static uint32_t take(uint32_t index, const uint64_t *hint)
{
    uint64_t word = atomic_load(&slot[index]);
    while (SEQUENCE(word) != 0 && (!hint || GENERATION(word) == GENERATION(*hint)))
        if (atomic_compare_exchange_strong(&slot[index], &word,
                                           (uint64_t)(GENERATION(word) + 1) << 32))
            return SEQUENCE(word);
    return 0;
}

struct run {
    struct weir__queue *queue;
    uint32_t pushes;
    _Atomic uint32_t taken, cancelled, done;
    _Atomic bool disorder;
};

static void consume(struct run *run)
{
    uint32_t last = 0;
    struct weir__queue_end end = { 0 };
    int64_t end_ns = now_ns() + WATCHDOG_NS;
    while (atomic_load(&run->done) < run->pushes && now_ns() < end_ns) {
        uint64_t hint;
        if (!weir__queue_pop(run->queue, &end, &hint)) {
            sched_yield();
            continue;
        }
        uint32_t sequence = take((uint32_t)hint, &hint);
        if (sequence == 0)
            continue;
        if (sequence <= last)
            atomic_store(&run->disorder, true);
        last = sequence;
        atomic_fetch_add(&run->taken, 1);
        atomic_fetch_add(&run->done, 1);
    }
}

/* Pushes whenever there is room, and cancels every other one some time later. */
static void produce(struct run *run)
{
    uint32_t index = 0;
    int64_t end_ns = now_ns() + WATCHDOG_NS;
    for (uint32_t sequence = 1; sequence <= run->pushes; sequence++) {
        while (sequence - 1 - atomic_load(&run->done) >= ROOM && now_ns() < end_ns)
            sched_yield();
        while (SEQUENCE(atomic_load(&slot[index])) != 0)
            index = (index + 1) % SLOTS;
        uint64_t word = (atomic_load(&slot[index]) & ~(uint64_t)UINT32_MAX) | sequence;
        atomic_store(&slot[index], word);
        weir__queue_push_locked(run->queue, (uint64_t)GENERATION(word) << 32 | index);
        if (sequence % 2 && take((index + SLOTS - 3) % SLOTS, NULL) != 0) {
            atomic_fetch_add(&run->cancelled, 1);
            atomic_fetch_add(&run->done, 1);
        }
        index = (index + 1) % SLOTS;
    }
}

static void run_member(void *shared, size_t index)
{
    if (index == 0)
        produce(shared);
    else
        consume(shared);
}

static void queue_with_many_consumers_gives_each_once_and_in_order(void **state)
{
    (void)state;
    struct run run = { .pushes = (uint32_t)ROUNDS(300000) };
    run.queue = weir__queue_create(ROOM, (struct weir__queue_truth){ renew, is_valid, NULL });
    assert_non_null(run.queue);
    crew_run(1 + CONSUMERS, run_member, &run);
    assert_int_equal(atomic_load(&run.done), run.pushes);
    assert_int_equal(atomic_load(&run.taken) + atomic_load(&run.cancelled), run.pushes);
    assert_true(atomic_load(&run.taken) > 0);
    assert_false(atomic_load(&run.disorder));
    weir__queue_destroy(run.queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queue_with_many_consumers_gives_each_once_and_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
