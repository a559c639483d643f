/* The shared vector: what is in the shared memory, and what is not. The essay is in
 * shared_vector.c. */
#ifndef WEIR_PROCESS_SHARED_VECTOR_IMPL_H
#define WEIR_PROCESS_SHARED_VECTOR_IMPL_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "sync/fork_guard.h"
#include "weir/shared_vector.h"

/* In private memory: each process has a copy, from the fork. All immutable after create. */
struct weir_shared_vector {
    char *base;           /* of the shared memory */
    size_t bytes;         /* of it */
    size_t element_bytes;
    size_t stride;        /* from element to element */
    size_t capacity;
    struct weir__fork_guard guard; /* who may destroy it */
};

/* At the base of the shared memory, before the first element. */
struct weir__vector_head {
    _Alignas(WEIR__CACHE_LINE) _Atomic uint64_t reserved; /* relaxed: it only numbers */
};

struct weir__vector_element {
    _Atomic uint64_t published; /* atomic [V1]; its index + 1 once it is complete */
    unsigned char bytes[];      /* the appender's until then, nobody's afterwards */
};

static inline struct weir__vector_head *weir__vector_head(const weir_shared_vector *vector)
{
    return (struct weir__vector_head *)(void *)vector->base;
}

/* Requires: index < capacity. */
static inline struct weir__vector_element *weir__vector_element(const weir_shared_vector *vector,
                                                                size_t index)
{
    return (struct weir__vector_element *)(void *)(vector->base +
                                                   sizeof(struct weir__vector_head) +
                                                   index * vector->stride);
}

#endif
