/* Giving tasks to the workers, and taking them back: the parent's moves on the words of slots, all of
 * them under the lock, but for those of the collector after a death, which are, too.
 *
 * The open tasks are in a list by age, which is the order of their hints. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "process/idle.h"
#include "process/pool.h"

/* How soon the collector looks around after work has come; see limits.c. */
#define LOOK_FIRST_NS (50 * WEIR_MILLISECOND)

static struct weir__slot *slot_of(struct weir__process_pool *pool, uint32_t slot)
{
    return weir__segment_slot(weir__pool_segment(pool), slot);
}

static uint64_t hint_of(struct weir__process_pool *pool, uint32_t slot)
{
    return (uint64_t)pool->record[slot].generation << 32 | slot;
}

static void append_open_locked(struct weir__process_pool *pool, uint32_t slot)
{
    struct weir__record *record = &pool->record[slot];
    record->open = true;
    record->next = 0;
    record->previous = pool->newest;
    *(pool->newest ? &pool->record[pool->newest - 1].next : &pool->oldest) = slot + 1;
    pool->newest = slot + 1;
    pool->open++;
}

static void remove_open_locked(struct weir__process_pool *pool, uint32_t slot)
{
    struct weir__record *record = &pool->record[slot];
    record->open = false;
    *(record->previous ? &pool->record[record->previous - 1].next : &pool->oldest) = record->next;
    *(record->next ? &pool->record[record->next - 1].previous : &pool->newest) = record->previous;
    pool->open--;
}

void weir__process_give_slot_locked(struct weir__process_pool *pool, uint32_t slot)
{
    struct weir__record *record = &pool->record[slot];
    record->future = NULL;
    record->generation++;
    /* relaxed: whoever fills it in publishes it [X1] */
    weir__store_relaxed(&slot_of(pool, slot)->word,
                        weir__word(record->generation, WEIR__SLOT_FREE, 0));
    record->next = pool->free;
    pool->free = slot + 1;
}

void weir__process_take_locked(struct weir__process_pool *pool, uint32_t slot)
{
    remove_open_locked(pool, slot);
    /* It may be RUNNING already, if somebody asked; or CLAIMED, by a canceller who is about to find
     * that it is too late: whoever ends it waits for that. */
    weir__future_claim(pool->record[slot].future, WEIR__RUNNING);
}

/* Take back a task that no worker has started: true, and its word says FREE in the next generation.
 * Requires: lock, open. */
static bool take_back_locked(struct weir__process_pool *pool, uint32_t slot)
{
    struct weir__record *record = &pool->record[slot];
    _Atomic uint64_t *word = &slot_of(pool, slot)->word;
    uint64_t seen = weir__load_acquire(word); /* the CAS orders */
    while (weir__word_generation(seen) == record->generation &&
           (weir__word_state(seen) == WEIR__SLOT_QUEUED ||
            weir__word_state(seen) == WEIR__SLOT_CLAIMED))
        /* acq_rel [X1]: against the worker's CAS to CLAIMED, or to RUNNING */
        if (weir__cas_acq_rel(word, &seen,
                              weir__word(record->generation + 1, WEIR__SLOT_FREE, 0)))
            return true;
    return false;
}

/* Give up the slot of a task that was taken back. Requires: lock. */
static void withdraw_locked(struct weir__process_pool *pool, uint32_t slot)
{
    remove_open_locked(pool, slot);
    weir__process_give_slot_locked(pool, slot);
}

/* Take this task out, if no worker has started it and no canceller has it in hand: its future is
 * CLAIMED then, or RUNNING if it has run before. */
static bool claim_locked(struct weir__process_pool *pool, uint32_t slot)
{
    struct weir_future *future = pool->record[slot].future;
    /* acquire: nothing is read but the word */
    unsigned state = weir__word_state(weir__load_acquire(&slot_of(pool, slot)->word));
    if (state != WEIR__SLOT_QUEUED && state != WEIR__SLOT_CLAIMED)
        return false;
    bool claimed = weir__future_claim(future, WEIR__CLAIMED);
    /* acquire: nothing is read but the word */
    if (!claimed && weir__state(weir__load_acquire(&future->word)) != WEIR__RUNNING)
        return false;
    if (take_back_locked(pool, slot)) {
        withdraw_locked(pool, slot);
        return true;
    }
    if (claimed)
        weir__future_start(future);
    return false;
}

static struct weir_future *claim_oldest_locked(weir_executor *executor)
{
    struct weir__process_pool *pool = weir__process_pool_of(executor);
    for (uint32_t i = pool->oldest; i && !pool->spoilt; i = pool->record[i - 1].next) {
        struct weir_future *future = pool->record[i - 1].future;
        if (claim_locked(pool, i - 1))
            return future;
    }
    return NULL;
}

/* QUEUED in the next generation, so that its old hint is stale; false if it is not QUEUED. */
static bool renew_locked(struct weir__process_pool *pool, uint32_t slot)
{
    struct weir__record *record = &pool->record[slot];
    uint64_t word = weir__word(record->generation, WEIR__SLOT_QUEUED, 0);
    /* acq_rel [X1]: keeps the release of the input going */
    if (!weir__cas_acq_rel(&slot_of(pool, slot)->word, &word,
                           weir__word(record->generation + 1, WEIR__SLOT_QUEUED, 0)))
        return false;
    record->generation++;
    return true;
}

void weir__process_rebuild_locked(struct weir__process_pool *pool)
{
    struct weir__segment *segment = weir__pool_segment(pool);
    for (uint32_t i = pool->newest; i; i = pool->record[i - 1].previous)
        renew_locked(pool, i - 1);
    weir__hints_clear(segment, &pool->hints);
    for (uint32_t i = pool->oldest; i; i = pool->record[i - 1].next) {
        /* acquire: nothing depends on it but whether a hint is worth while */
        uint64_t word = weir__load_acquire(&slot_of(pool, i - 1)->word);
        if (weir__word_state(word) == WEIR__SLOT_QUEUED &&
            weir__hints_push(segment, &pool->hints, hint_of(pool, i - 1)) != WEIR__PUSH_OK)
            break; /* the head is spoilt; the next look finds out */
    }
}

void weir__process_ring(struct weir__process_pool *pool)
{
    struct weir__segment *segment = weir__pool_segment(pool);
    uint64_t one = 1;
    weir__store_relaxed(&pool->called, 1u); /* a hint, for a collector that does not sleep yet */
    /* Else its counter is full: the collector is awake. */
    if (write(pool->plan.doorbell_fd, &one, sizeof one) < 0 && errno == EBADF) {
        /* The host has closed it, as we know before a collector that sleeps does. The workers have it
         * still, and so has the poll() that it sleeps in: let them go, which it is told of. */
        weir__store_seq_cst(&weir__segment_commons(segment)->leave, 1u); /* seq_cst [X4] */
        weir__idle_wake_all(segment);
    }
}

/* Copy what the worker needs to know. Requires: the slot is FREE, and the parent's. */
static void fill_slot(struct weir__process_pool *pool, uint32_t index, struct weir_future *future)
{
    struct weir__slot *slot = slot_of(pool, index);
    struct weir__record *record = &pool->record[index];
    uint32_t input = 0;
    weir__store_relaxed(&slot->asked, 0u);              /* published by the word [X1] */
    weir__store_relaxed(&slot->start_ns, (int64_t)0); /* likewise */
    slot->fn = future->fn;
    if (future->flags & WEIR__ARG_ON_HEAP) {
        input |= WEIR__INPUT_BYTES | WEIR__INPUT_LARGE;
        slot->arg_buffer = weir__buffers_number(&pool->buffers, future->arg, &slot->arg_size);
    } else if (future->arg == weir__future_inline_arg(future)) {
        input |= WEIR__INPUT_BYTES;
        slot->arg_size = pool->base.arg_bytes;
        memcpy(weir__slot_arg(slot), future->arg, pool->base.arg_bytes);
    } else {
        slot->pointer = future->arg;
    }
    const struct weir__details *details = weir__future_details(future);
    if (details && details->name) {
        input |= WEIR__INPUT_NAMED;
        strncpy(slot->name, details->name, sizeof slot->name - 1);
        slot->name[sizeof slot->name - 1] = '\0';
    }
    slot->start_by_ns = future->flags & WEIR__TIMED ? details->start_by_ns : WEIR_FOREVER;
    if (record->reruns)
        input |= WEIR__INPUT_PRESERVE;
    slot->input = input;
}

static void note_limits_locked(struct weir__process_pool *pool, struct weir__record *record,
                               struct weir_future *future)
{
    const struct weir__details *details = weir__future_details(future);
    record->run_within_ns = details ? details->run_within_ns : 0;
    record->reruns = details ? (uint32_t)details->reruns : 0;
    record->killable = details && details->reruns & WEIR__KILLABLE;
    record->kill = false;
    record->seen_ns = 0;
    if (!record->run_within_ns)
        return;
    /* The collector sleeps for longer than this task may run: let it look at the clock. */
    int64_t due_ns = weir__deadline_after(record->run_within_ns);
    if (due_ns < pool->next_look_ns) {
        pool->next_look_ns = due_ns;
        weir__process_ring(pool);
    }
}

static void enqueue_locked(weir_executor *executor, struct weir_future *future, uint64_t hint,
                           struct weir__wakes *wakes)
{
    struct weir__process_pool *pool = weir__process_pool_of(executor);
    struct weir__segment *segment = weir__pool_segment(pool);
    uint32_t slot = pool->free - 1; /* there are more slots than places */
    struct weir__record *record = &pool->record[slot];
    (void)hint;
    (void)wakes;
    pool->free = record->next;
    record->future = future;
    weir__store_relaxed(&future->link, slot); /* the lock orders */
    note_limits_locked(pool, record, future);
    fill_slot(pool, slot, future);
    append_open_locked(pool, slot);
    /* release [X1] */
    weir__store_release(&slot_of(pool, slot)->word,
                        weir__word(record->generation, WEIR__SLOT_QUEUED, 0));
    enum weir__push pushed = weir__hints_push(segment, &pool->hints, hint_of(pool, slot));
    if (pushed != WEIR__PUSH_OK) /* full of stale hints; or spoilt, which the next look finds */
        weir__process_rebuild_locked(pool);
    if (!pool->armed)
        weir__process_arm_locked(pool, LOOK_FIRST_NS);
    weir__idle_wake_one(segment);
}

static int64_t oldest_since_ns_locked(weir_executor *executor)
{
    struct weir__process_pool *pool = weir__process_pool_of(executor);
    for (uint32_t i = pool->oldest; i; i = pool->record[i - 1].next)
        /* acquire: the word alone */
        if (weir__word_state(weir__load_acquire(&slot_of(pool, i - 1)->word)) == WEIR__SLOT_QUEUED)
            return weir__load_relaxed(&pool->record[i - 1].future->submit_ns); /* lock held */
    return 0;
}

const struct weir__places_ops weir__process_places_ops = {
    .enqueue_locked = enqueue_locked,
    .claim_oldest_locked = claim_oldest_locked,
    .oldest_since_ns_locked = oldest_since_ns_locked,
};

/* The slot of an open task, or UINT32_MAX. Requires: lock. */
static uint32_t find_open_locked(struct weir__process_pool *pool, struct weir_future *future)
{
    /* The lock orders; of a task that is not open, it may be anything, such as the size of a result. */
    uint32_t slot = weir__load_relaxed(&future->link);
    if (slot >= weir__pool_segment(pool)->slots || pool->record[slot].future != future ||
        !pool->record[slot].open || pool->spoilt)
        return UINT32_MAX;
    return slot;
}

bool weir__process_withdraw(weir_executor *executor, struct weir_future *future)
{
    struct weir__process_pool *pool = weir__process_pool_of(executor);
    weir__lock_take(&executor->lock);
    uint32_t slot = find_open_locked(pool, future);
    bool mine = slot != UINT32_MAX && take_back_locked(pool, slot);
    if (mine)
        withdraw_locked(pool, slot);
    else
        weir__future_start(future); /* the caller sees that it runs; if it is over, it may end */
    weir__lock_release(&executor->lock);
    return mine && weir__places_withdraw(executor, future);
}

void weir__process_refresh(weir_executor *executor, struct weir_future *future)
{
    struct weir__process_pool *pool = weir__process_pool_of(executor);
    weir__lock_take(&executor->lock);
    uint32_t slot = find_open_locked(pool, future);
    if (slot != UINT32_MAX) {
        /* acquire: nothing is read but the word */
        unsigned state = weir__word_state(weir__load_acquire(&slot_of(pool, slot)->word));
        if (state == WEIR__SLOT_RUNNING || state == WEIR__SLOT_DONE ||
            state == WEIR__SLOT_CONDEMNED)
            weir__future_claim(future, WEIR__RUNNING);
    }
    weir__lock_release(&executor->lock);
}

void weir__process_request(weir_executor *executor, struct weir_future *future)
{
    struct weir__process_pool *pool = weir__process_pool_of(executor);
    bool kill = false;
    weir__lock_take(&executor->lock);
    uint32_t slot = find_open_locked(pool, future);
    if (slot != UINT32_MAX) {
        /* release [F5]: what the canceller did in shared memory before is visible to the task */
        weir__store_release(&slot_of(pool, slot)->asked, 1u);
        kill = pool->record[slot].killable;
        pool->record[slot].kill |= kill;
        pool->kills |= kill;
    }
    weir__lock_release(&executor->lock);
    if (kill)
        weir__process_ring(pool);
}
