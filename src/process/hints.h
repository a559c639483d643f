/* The ring of hints: the parent produces, the workers consume [X3].
 *
 * It is not Concurrency Kit's: that one keeps its mask and its size beside the head that consumers
 * write, so a worker that scribbles over them would make the producer write where it says. Here the
 * shared part is two counters and the entries; mask and tail are the parent's own. */
#ifndef WEIR_PROCESS_HINTS_H
#define WEIR_PROCESS_HINTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/atomic.h"
#include "process/segment.h"

enum weir__push { WEIR__PUSH_OK, WEIR__PUSH_FULL, WEIR__PUSH_SPOILT };

/* The producer's end. */
struct weir__hint_tail {
    uint64_t tail; /* private to the parent; protected by: the executor's lock */
};

/* How many hints there are, the stale ones too; more than segment->hints: the head is spoilt. */
static inline uint64_t weir__hints_count(const struct weir__segment *segment,
                                         const struct weir__hint_tail *end)
{
    /* acquire [X3]: what consumers did with the entries before it is over */
    return end->tail - weir__load_acquire(&weir__segment_commons(segment)->hint_head);
}

/* Requires: the executor's lock. */
static inline enum weir__push weir__hints_push(const struct weir__segment *segment,
                                               struct weir__hint_tail *end, uint64_t hint)
{
    uint64_t count = weir__hints_count(segment, end);
    if (count >= segment->hints)
        return count == segment->hints ? WEIR__PUSH_FULL : WEIR__PUSH_SPOILT;
    /* relaxed: published by the tail */
    weir__store_relaxed(&weir__segment_hints(segment)[end->tail & (segment->hints - 1)], hint);
    end->tail++;
    /* seq_cst [X3] [X4]: before the look for a sleeping worker */
    weir__store_seq_cst(&weir__segment_commons(segment)->hint_tail, end->tail);
    return WEIR__PUSH_OK;
}

/* Move the head to the tail: what is in the ring is stale. Requires: the executor's lock. */
static inline void weir__hints_clear(const struct weir__segment *segment,
                                     const struct weir__hint_tail *end)
{
    _Atomic uint64_t *head = &weir__segment_commons(segment)->hint_head;
    uint64_t seen = weir__load_acquire(head); /* acquire [X3] */
    while (seen != end->tail && !weir__cas_acq_rel(head, &seen, end->tail)) /* acq_rel [X3] */
        ;
}

/* A worker: the next hint, which may be stale. */
static inline bool weir__hints_pop(const struct weir__segment *segment, uint64_t *hint)
{
    struct weir__commons *commons = weir__segment_commons(segment);
    uint64_t head = weir__load_acquire(&commons->hint_head); /* acquire [X3] */
    for (;;) {
        /* seq_cst [X3] [X4]: after the sleep word was set, if it was */
        uint64_t tail = weir__load_seq_cst(&commons->hint_tail);
        if ((int64_t)(tail - head) <= 0)
            return false;
        /* relaxed: published by the tail; if it is being overwritten, the CAS fails */
        *hint = weir__load_relaxed(&weir__segment_hints(segment)[head & (segment->hints - 1)]);
        if (weir__cas_acq_rel(&commons->hint_head, &head, head + 1)) /* acq_rel [X3] */
            return true;
    }
}

#endif
