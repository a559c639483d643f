/* A bounded FIFO of hints on Concurrency Kit's ring; see queue.c. */
#ifndef WEIR_SYNC_QUEUE_H
#define WEIR_SYNC_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct weir__queue;
struct ring;

/* What a hint stands for, as far as the queue must know when it clears stale ones out. */
struct weir__queue_truth {
    /* Make hint stale and its successor, with the generation one higher, valid: true. False if it
     * is stale already. */
    bool (*renew)(void *context, uint64_t hint);
    /* Whether the hint is valid now. */
    bool (*valid)(void *context, uint64_t hint);
    void *context;
};

/* room: most valid hints there ever are at a time. NULL: out of memory. */
struct weir__queue *weir__queue_create(size_t room, struct weir__queue_truth truth);
void weir__queue_destroy(struct weir__queue *queue);

/* Requires: the lock of the producers. Never fails while valid hints are within the room. */
bool weir__queue_push_locked(struct weir__queue *queue, uint64_t hint);
/* The same without clearing out, so without the lock if there is one producer for good. False: full, if
 * only of stale hints; nothing has changed. */
bool weir__queue_push_if_room(struct weir__queue *queue, uint64_t hint);
/* Requires: the lock of the producers. Clear stale hints out, to make room. Whether that paid: there are
 * no more left than the queue was made for. */
bool weir__queue_clear_locked(struct weir__queue *queue);
/* Requires: the lock of the producers. Raise the room. False: out of memory, nothing changed. */
bool weir__queue_enlarge_locked(struct weir__queue *queue, size_t room);
/* Requires: the lock of the producers. The oldest valid hint, which stays where it is. */
bool weir__queue_oldest_locked(struct weir__queue *queue, uint64_t *hint);
size_t weir__queue_room(const struct weir__queue *queue);

/* A consumer's end: what it last saw of the producers'. All zero at first; one thread's, or under one
 * lock. A consumer that has been away for long enough that four billion hints may have passed begins
 * anew with all zero. */
struct weir__queue_end {
    struct ring *ring;
    unsigned tail;
};

/* Any thread, no lock: the next hint, which may be stale. False: empty. */
bool weir__queue_pop(struct weir__queue *queue, struct weir__queue_end *end, uint64_t *hint);

/* What the next pop is likely to give, without a look at a line that is not at hand. Only for
 * prefetching: others may take it. Requires: a pop with this end. */
bool weir__queue_peek(const struct weir__queue_end *end, uint64_t *hint);

/* Any thread: a look without any order, for spinning. */
bool weir__queue_seems_empty(struct weir__queue *queue);

#endif
