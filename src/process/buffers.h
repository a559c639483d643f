/* Input buffers of the segment: who has which. Only the parent knows. */
#ifndef WEIR_PROCESS_BUFFERS_H
#define WEIR_PROCESS_BUFFERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "process/segment.h"
#include "sync/lock.h"

struct weir__buffers {
    const struct weir__segment *segment; /* immutable */
    struct weir__lock lock;              /* protects the rest; taken under the executor's, too */
    uint32_t *next;                      /* free ones, number + 1; the last used is the next used */
    uint64_t *size;                      /* bytes in use */
    uint32_t free;
    uint32_t untouched; /* from this number on, none was ever used */
};

bool weir__buffers_init(struct weir__buffers *, const struct weir__segment *);
void weir__buffers_fini(struct weir__buffers *);
/* Room for size bytes, at most payload_bytes; NULL: none left. */
void *weir__buffers_take(struct weir__buffers *, size_t size);
void weir__buffers_give(struct weir__buffers *, void *buffer);
/* The number of a buffer that was taken, and its size. */
uint32_t weir__buffers_number(const struct weir__buffers *, const void *buffer, uint64_t *size);

#endif
