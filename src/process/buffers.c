#include "process/buffers.h"

#include <stdlib.h>

bool weir__buffers_init(struct weir__buffers *buffers, const struct weir__segment *segment)
{
    *buffers = (struct weir__buffers){.segment = segment};
    /* Untouched entries cost nothing: large blocks come as fresh pages. */
    buffers->next = calloc(segment->buffers + 1, sizeof *buffers->next);
    buffers->size = calloc(segment->buffers + 1, sizeof *buffers->size);
    if (buffers->next && buffers->size)
        return true;
    weir__buffers_fini(buffers);
    return false;
}

void weir__buffers_fini(struct weir__buffers *buffers)
{
    free(buffers->next);
    free(buffers->size);
    buffers->next = NULL;
    buffers->size = NULL;
}

void *weir__buffers_take(struct weir__buffers *buffers, size_t size)
{
    uint32_t number = UINT32_MAX;
    weir__lock_take(&buffers->lock);
    if (buffers->free) {
        number = buffers->free - 1;
        buffers->free = buffers->next[number];
    } else if (buffers->untouched < buffers->segment->buffers) {
        number = buffers->untouched++;
    }
    weir__lock_release(&buffers->lock);
    if (number == UINT32_MAX)
        return NULL;
    buffers->size[number] = size;
    return weir__segment_buffer(buffers->segment, number);
}

uint32_t weir__buffers_number(const struct weir__buffers *buffers, const void *buffer,
                              uint64_t *size)
{
    size_t offset =
        (size_t)((const char *)buffer - weir__segment_buffer(buffers->segment, 0));
    uint32_t number = (uint32_t)(offset / buffers->segment->payload_bytes);
    *size = buffers->size[number];
    return number;
}

void weir__buffers_give(struct weir__buffers *buffers, void *buffer)
{
    uint64_t size;
    uint32_t number = weir__buffers_number(buffers, buffer, &size);
    weir__lock_take(&buffers->lock);
    buffers->next[number] = buffers->free;
    buffers->free = number + 1;
    weir__lock_release(&buffers->lock);
}
