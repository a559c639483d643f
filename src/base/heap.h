/* A binary heap of timers: the earliest first, among equal times the one with the lower order.
 *
 * Each timer knows its place, so that taking out any of them costs O(log n). The keys are in the
 * array, beside the pointers: a comparison does not touch the timers. */
#ifndef WEIR_BASE_HEAP_H
#define WEIR_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEIR__NOT_IN_HEAP SIZE_MAX

/* To be embedded in what is to be timed. Begin with WEIR__TIMER_INIT. */
struct weir__timer {
    size_t place; /* index in the heap's array, or WEIR__NOT_IN_HEAP */
};
#define WEIR__TIMER_INIT ((struct weir__timer){ WEIR__NOT_IN_HEAP })

struct weir__heap_entry {
    int64_t due_ns;
    uint64_t order;
    struct weir__timer *timer;
};

/* All zero: empty. */
struct weir__heap {
    struct weir__heap_entry *entries;
    size_t count;
    size_t room;     /* entries there is memory for */
    size_t reserved; /* never shrink below this */
};

void weir__heap_fini(struct weir__heap *heap);

/* Make sure that up to count timers can be pushed without memory. False: out of memory. */
bool weir__heap_reserve(struct weir__heap *heap, size_t count);

/* False: out of memory; nothing has changed. Requires: the timer is in no heap. */
bool weir__heap_push(struct weir__heap *heap, struct weir__timer *timer, int64_t due_ns,
                     uint64_t order);

/* Take one out; false if it is not in. */
bool weir__heap_remove(struct weir__heap *heap, struct weir__timer *timer);

/* The earliest, or NULL. Valid until the heap changes. */
static inline const struct weir__heap_entry *weir__heap_first(const struct weir__heap *heap)
{
    return heap->count ? &heap->entries[0] : NULL;
}

/* One whose removal costs O(1), or NULL. */
static inline struct weir__timer *weir__heap_last(const struct weir__heap *heap)
{
    return heap->count ? heap->entries[heap->count - 1].timer : NULL;
}

#endif
