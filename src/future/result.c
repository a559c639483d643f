/* Results and messages of failures in their future. Small ones are inline, see future_impl.h; of larger
 * ones the inline place says where on the heap they are.
 *
 * tests: conformance (result), fault.memory_results */
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "future/future_impl.h"

/* Of a result on the heap, this is in the inline place. */
struct heap_result {
    void *data;
    size_t size;
};

void *weir__future_inline_arg(struct weir_future *future)
{
    return future->payload;
}

void *weir__future_inline_result(struct weir_future *future)
{
    return future->payload + weir__slab_result_offset(future->slab);
}

void *weir__future_result(const struct weir_future *future, size_t *size)
{
    struct weir_future *own = (struct weir_future *)(uintptr_t)future; /* C11 atomics take no const */
    struct heap_result result = { NULL, 0 };
    if (future->flags & WEIR__RESULT_ON_HEAP)
        memcpy(&result, weir__future_inline_result(own), sizeof result);
    else if (future->flags & WEIR__HAS_RESULT) /* relaxed: published with the end [F2] */
        result = (struct heap_result){ weir__future_inline_result(own),
                                       weir__load_relaxed(&own->result_size) };
    if (size)
        *size = result.size;
    return result.data;
}

void weir__future_forget_result(struct weir_future *future)
{
    if (future->flags & WEIR__RESULT_ON_HEAP)
        free(weir__future_result(future, NULL));
    future->flags &= (uint8_t)~(WEIR__HAS_RESULT | WEIR__RESULT_ON_HEAP | WEIR__HAS_MESSAGE |
                                WEIR__HAS_CRASH);
}

void weir__future_store_heap(struct weir_future *future, void *data, size_t size)
{
    struct heap_result on_heap = { data, size };
    weir__future_forget_result(future);
    memcpy(weir__future_inline_result(future), &on_heap, sizeof on_heap);
    future->flags |= WEIR__HAS_RESULT | WEIR__RESULT_ON_HEAP;
}

void weir__future_note_result(struct weir_future *future, size_t size)
{
    weir__store_relaxed(&future->result_size, (uint32_t)size); /* published with the end [F2] */
    future->flags |= WEIR__HAS_RESULT;
}

void weir__future_store_staged(struct weir_future *future, const void *data, size_t size)
{
    memcpy(future->payload, data, WEIR__STAGED_MAX); /* of a fixed length: no call */
    weir__future_note_result(future, size);
}

weir_status weir__future_store(struct weir_future *future, const void *data, size_t size)
{
    if (size > weir__slab_result_bytes(future->slab)) {
        void *copy = malloc(size);
        if (!copy)
            return WEIR_ENOMEM;
        memcpy(copy, data, size);
        weir__future_store_heap(future, copy, size);
        return WEIR_OK;
    }
    weir__future_forget_result(future);
    if (size) {
        memcpy(weir__future_inline_result(future), data, size);
        weir__future_note_result(future, size);
    }
    return WEIR_OK;
}
