/* The shared segment: what is where. The numbers that say so are in a private struct, which each
 * process has a copy of; nothing in the segment is used to find anything in the segment.
 *
 * The segment is anonymous shared memory: it has no name, no descriptor that a worker could shrink,
 * and it is gone when the last process is. Address space is reserved at creation, memory is taken as
 * it is touched. It is mapped before the fork, so all see it at the same address.
 *
 *     commons | hints | stations | slots | input buffers | the workers' parts for large results
 *
 * Large arguments go into input buffers, which the parent gives out (buffers.c). Large results go
 * into the worker's own part, one behind the other, and from the front again whenever the parent has
 * copied all there were; when there is no room left, the worker waits for that. So neither shares an
 * allocator with anybody, and what a dead worker had is taken back as a whole. */
#ifndef WEIR_PROCESS_SEGMENT_H
#define WEIR_PROCESS_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "process/protocol.h"
#include "weir/status.h"

struct weir__segment {
    /* All immutable after map. */
    char *base;
    size_t bytes;
    size_t workers;
    size_t slots;
    size_t arg_bytes, result_bytes; /* inline */
    size_t payload_bytes;           /* most of a large argument or result; 0: there are none */
    size_t buffers;                 /* input buffers of payload_bytes */
    size_t part_bytes;              /* of each worker, for large results */
    size_t hints;                   /* entries of the hint ring, a power of two */
    size_t slot_stride;
    size_t hints_at, stations_at, slots_at, buffers_at, parts_at;
};

/* Requires: workers, slots, arg_bytes, result_bytes, payload_bytes and buffers are set.
 * WEIR_OK | WEIR_ENOMEM | WEIR_EINVAL: more than there are addresses for. */
weir_status weir__segment_map(struct weir__segment *);
void weir__segment_unmap(struct weir__segment *);

static inline struct weir__commons *weir__segment_commons(const struct weir__segment *segment)
{
    return (struct weir__commons *)(void *)segment->base;
}

static inline _Atomic uint64_t *weir__segment_hints(const struct weir__segment *segment)
{
    return (_Atomic uint64_t *)(void *)(segment->base + segment->hints_at);
}

/* Requires: worker < workers. */
static inline struct weir__station *weir__segment_station(const struct weir__segment *segment,
                                                          size_t worker)
{
    return (struct weir__station *)(void *)(segment->base + segment->stations_at) + worker;
}

/* Requires: slot < slots. */
static inline struct weir__slot *weir__segment_slot(const struct weir__segment *segment,
                                                    size_t slot)
{
    return (struct weir__slot *)(void *)(segment->base + segment->slots_at +
                                         slot * segment->slot_stride);
}

static inline char *weir__slot_arg(struct weir__slot *slot)
{
    return (char *)(slot + 1);
}

static inline char *weir__slot_result(const struct weir__segment *segment, struct weir__slot *slot)
{
    return (char *)(slot + 1) + segment->arg_bytes;
}

static inline char *weir__segment_buffer(const struct weir__segment *segment, size_t buffer)
{
    return segment->base + segment->buffers_at + buffer * segment->payload_bytes;
}

static inline char *weir__segment_part(const struct weir__segment *segment, size_t worker)
{
    return segment->base + segment->parts_at + worker * segment->part_bytes;
}

#endif
