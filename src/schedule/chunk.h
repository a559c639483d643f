/* Several items of a map as one task. See chunk.c. */
#ifndef WEIR_SCHEDULE_CHUNK_H
#define WEIR_SCHEDULE_CHUNK_H

#include <stdbool.h>
#include <stddef.h>

#include "weir/executor.h"

/* What a map is applied to. */
struct weir__items {
    weir_task_fn *fn;
    const void *items; /* count items of item_size, or pointers */
    size_t count;
    size_t item_size; /* 0: pointers */
};

/* Submit items first … first + count - 1 as one task. As weir_submit(). */
weir_status weir__chunk_submit(weir_executor *executor, const struct weir__items *items,
                               size_t first, size_t count, weir_future **out);

/* Results of a chunk that ended WEIR_OK, one after another. Begin with all zero. */
struct weir__chunk_cursor {
    const unsigned char *next;
};
const void *weir__chunk_next(struct weir__chunk_cursor *cursor, const weir_future *future,
                             size_t count, size_t *size);

/* Which item of a chunk that did not end WEIR_OK failed, from 0, how, and its message.
 * WEIR_ECANCELLED: the chunk was cancelled, or told to stop before that item. */
size_t weir__chunk_failed(const weir_future *future, size_t count, weir_status *status,
                          const char **message);

/* Bytes that an item takes in a chunk. */
size_t weir__chunk_stride(const struct weir__items *items);

#endif
