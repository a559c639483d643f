#include "process/segment.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

/* A worker can be this many large results of full size ahead of the parent. */
enum { PART_PAYLOADS = 4 };

/* Lay `count` pieces of `size` bytes behind what there is. False: that overflows. */
static bool lay(size_t *end, size_t *at, size_t count, size_t size, size_t page)
{
    size_t bytes;
    *at = *end;
    return !__builtin_mul_overflow(count, size, &bytes) &&
           !__builtin_add_overflow(bytes, page - 1, &bytes) &&
           !__builtin_add_overflow(*end, bytes & ~(page - 1), end);
}

weir_status weir__segment_map(struct weir__segment *segment)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), end = 0, commons_at;
    segment->arg_bytes = WEIR__ROUND_UP(segment->arg_bytes, (size_t)16);
    segment->result_bytes = WEIR__ROUND_UP(segment->result_bytes, (size_t)16);
    segment->payload_bytes = WEIR__ROUND_UP(segment->payload_bytes, page);
    segment->slot_stride = WEIR__ROUND_UP(sizeof(struct weir__slot) + segment->arg_bytes +
                                              segment->result_bytes,
                                          (size_t)WEIR__CACHE_LINE);
    segment->hints = 64;
    while (segment->hints < 2 * segment->slots)
        segment->hints *= 2;
    if (__builtin_mul_overflow(segment->payload_bytes, (size_t)PART_PAYLOADS,
                               &segment->part_bytes) ||
        !lay(&end, &commons_at, 1, sizeof(struct weir__commons), page) ||
        !lay(&end, &segment->hints_at, segment->hints, sizeof(uint64_t), page) ||
        !lay(&end, &segment->stations_at, segment->workers, sizeof(struct weir__station), page) ||
        !lay(&end, &segment->slots_at, segment->slots, segment->slot_stride, page) ||
        !lay(&end, &segment->buffers_at, segment->buffers, segment->payload_bytes, page) ||
        !lay(&end, &segment->parts_at, segment->workers, segment->part_bytes, page))
        return WEIR_EINVAL;
    segment->bytes = end;
    void *base = mmap(NULL, end, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return WEIR_ENOMEM;
    segment->base = base;
    return WEIR_OK;
}

void weir__segment_unmap(struct weir__segment *segment)
{
    if (segment->base)
        munmap(segment->base, segment->bytes);
    segment->base = NULL;
}
