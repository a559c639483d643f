#include "base/heap.h"

#include <stdlib.h>

enum {
    LEAST_ROOM = 16
};

static bool is_before(const struct weir__heap_entry *a, const struct weir__heap_entry *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

static void put(struct weir__heap *heap, size_t place, struct weir__heap_entry entry)
{
    heap->entries[place] = entry;
    entry.timer->place = place;
}

/* Let an entry find its place from here towards the root. */
static void rise(struct weir__heap *heap, size_t place, struct weir__heap_entry entry)
{
    while (place > 0) {
        size_t parent = (place - 1) / 2;
        if (!is_before(&entry, &heap->entries[parent]))
            break;
        put(heap, place, heap->entries[parent]);
        place = parent;
    }
    put(heap, place, entry);
}

/* Let an entry find its place from here towards the leaves. */
static void sink(struct weir__heap *heap, size_t place, struct weir__heap_entry entry)
{
    for (;;) {
        size_t child = 2 * place + 1;
        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && is_before(&heap->entries[child + 1], &heap->entries[child]))
            child++;
        if (!is_before(&heap->entries[child], &entry))
            break;
        put(heap, place, heap->entries[child]);
        place = child;
    }
    put(heap, place, entry);
}

static bool resize(struct weir__heap *heap, size_t room)
{
    struct weir__heap_entry *entries = NULL;
    if (room <= SIZE_MAX / sizeof *entries)
        entries = realloc(heap->entries, room * sizeof *entries);
    if (!entries)
        return false;
    heap->entries = entries;
    heap->room = room;
    return true;
}

void weir__heap_fini(struct weir__heap *heap)
{
    free(heap->entries);
    *heap = (struct weir__heap){ NULL, 0, 0, 0 };
}

bool weir__heap_reserve(struct weir__heap *heap, size_t count)
{
    if (count > heap->room && !resize(heap, count > 2 * heap->room ? count : 2 * heap->room))
        return false;
    heap->reserved = count;
    return true;
}

bool weir__heap_push(struct weir__heap *heap, struct weir__timer *timer, int64_t due_ns,
                     uint64_t order)
{
    if (heap->count == heap->room && !resize(heap, heap->room ? 2 * heap->room : LEAST_ROOM))
        return false;
    rise(heap, heap->count++, (struct weir__heap_entry){ due_ns, order, timer });
    return true;
}

bool weir__heap_remove(struct weir__heap *heap, struct weir__timer *timer)
{
    size_t place = timer->place;
    if (place == WEIR__NOT_IN_HEAP)
        return false;
    timer->place = WEIR__NOT_IN_HEAP;
    struct weir__heap_entry last = heap->entries[--heap->count];
    if (place < heap->count) {
        if (place > 0 && is_before(&last, &heap->entries[(place - 1) / 2]))
            rise(heap, place, last);
        else
            sink(heap, place, last);
    }
    /* Memory in proportion to what is pending. A quarter full: halving it leaves room both ways. */
    if (heap->count < heap->room / 4 && heap->room / 2 >= LEAST_ROOM &&
        heap->room / 2 >= heap->reserved)
        resize(heap, heap->room / 2); /* if that fails, it only stays large */
    return true;
}
