/* Several items of a map as one task.
 *
 * A chunk of one item is that item's task, with nothing around it. Of several, the argument is a
 * header and the items, each at a multiple of 16 bytes as a task expects its argument; the result is
 * a record for each item: its size, and its bytes, again at a multiple of 16. Nothing in either
 * points anywhere (but for what the caller passes as pointers), so a chunk may run in another
 * process.
 *
 * A chunk of which an item fails must fail, for the statistics to be true, and a task that fails has
 * no result. Which item it was travels in front of the message: "item 3: no such file". A chunk that
 * was told to stop between two items fails, too, but none of its items has: "stopped before item 3".
 * (No item can say so: what it says has its number in front.) */
#include "schedule/chunk.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"

enum {
    ALIGNMENT = 16
};

struct header {
    weir_task_fn *fn;
    size_t count;
    size_t item_size;
    size_t stride;
};

struct record {
    _Alignas(ALIGNMENT) uint64_t size;
};

/* The records while they are made. */
struct output {
    unsigned char *bytes;
    size_t used, room;
};

size_t weir__chunk_stride(const struct weir__items *items)
{
    size_t size = items->item_size ? items->item_size : sizeof(void *);
    return WEIR__ROUND_UP(size, (size_t)ALIGNMENT);
}

static bool append(struct output *output, const void *value, size_t size)
{
    if (size > SIZE_MAX / 4)
        return false;
    size_t needed = output->used + sizeof(struct record) + WEIR__ROUND_UP(size, (size_t)ALIGNMENT);
    if (needed > output->room) {
        size_t room = needed > 2 * output->room ? needed : 2 * output->room;
        unsigned char *bytes = realloc(output->bytes, room);
        if (!bytes)
            return false;
        output->bytes = bytes;
        output->room = room;
    }
    memset(output->bytes + output->used, 0, needed - output->used);
    memcpy(output->bytes + output->used, &(struct record){ size }, sizeof(struct record));
    if (size)
        memcpy(output->bytes + output->used + sizeof(struct record), value, size);
    output->used = needed;
    return true;
}

/* Run one item; WEIR_OK, or the failure of the task. */
static weir_status run_item(weir_task *task, const struct header *header, void *item, size_t index,
                            struct output *output)
{
    if (index && weir_task_cancel_requested(task))
        return weir_task_fail(task, ECANCELED, "stopped before item %zu", index);
    weir_outcome outcome;
    void *arg = item;
    if (!header->item_size)
        memcpy(&arg, item, sizeof arg);
    weir_task_call(task, header->fn, arg, &outcome);
    if (outcome.status != WEIR_OK)
        return weir_task_fail(task, outcome.code, "item %zu: %s", index,
                              outcome.message[0] ? outcome.message
                                                 : weir_status_text(outcome.returned));
    if (!append(output, outcome.value, outcome.size))
        return weir_task_fail(task, WEIR_ENOMEM, "item %zu: %s", index,
                              weir_status_text(WEIR_ENOMEM));
    return WEIR_OK;
}

static weir_status run_chunk(weir_task *task, void *arg)
{
    struct header header;
    struct output output = { NULL, 0, 0 };
    weir_status status = WEIR_OK;
    memcpy(&header, arg, sizeof header);
    unsigned char *items = (unsigned char *)arg + WEIR__ROUND_UP(sizeof header, (size_t)ALIGNMENT);
    for (size_t i = 0; status == WEIR_OK && i < header.count; i++)
        status = run_item(task, &header, items + i * header.stride, i, &output);
    if (status == WEIR_OK)
        status = weir_task_return(task, output.bytes, output.used);
    free(output.bytes);
    return status;
}

static weir_status submit_one(weir_executor *executor, const struct weir__items *items,
                              size_t index, weir_future **out)
{
    if (!items->item_size)
        return weir_submit(executor, items->fn, ((void *const *)items->items)[index], 0, out);
    const char *item = (const char *)items->items + index * items->item_size;
    return weir_submit(executor, items->fn, item, items->item_size, out);
}

weir_status weir__chunk_submit(weir_executor *executor, const struct weir__items *items,
                               size_t first, size_t count, weir_future **out)
{
    if (count == 1)
        return submit_one(executor, items, first, out);
    struct header header = { items->fn, count, items->item_size, weir__chunk_stride(items) };
    size_t given = items->item_size ? items->item_size : sizeof(void *);
    size_t offset = WEIR__ROUND_UP(sizeof header, (size_t)ALIGNMENT);
    if (count > (SIZE_MAX - offset) / header.stride)
        return WEIR_ENOMEM;
    unsigned char *arg = calloc(1, offset + count * header.stride);
    if (!arg)
        return WEIR_ENOMEM;
    memcpy(arg, &header, sizeof header);
    for (size_t i = 0; i < count; i++)
        memcpy(arg + offset + i * header.stride,
               (const unsigned char *)items->items + (first + i) * given, given);
    weir_status status = weir_submit(executor, run_chunk, arg, offset + count * header.stride, out);
    free(arg);
    return status;
}

const void *weir__chunk_next(struct weir__chunk_cursor *cursor, const weir_future *future,
                             size_t count, size_t *size)
{
    if (count == 1)
        return weir_future_value(future, size);
    struct record record;
    if (!cursor->next)
        cursor->next = weir_future_value(future, NULL);
    memcpy(&record, cursor->next, sizeof record);
    const unsigned char *value = cursor->next + sizeof record;
    *size = (size_t)record.size;
    cursor->next = value + WEIR__ROUND_UP(*size, (size_t)ALIGNMENT);
    return *size ? value : NULL;
}

size_t weir__chunk_failed(const weir_future *future, size_t count, weir_status *status,
                          const char **message)
{
    size_t index;
    int length = 0;
    *status = weir_future_status(future);
    weir_future_error(future, message);
    if (count == 1 || *status != WEIR_EFAILED)
        return 0;
    if (sscanf(*message, "stopped before item %zu", &index) == 1 && index < count) {
        *status = WEIR_ECANCELLED;
        *message = weir_status_text(WEIR_ECANCELLED);
        return index;
    }
    if (sscanf(*message, "item %zu: %n", &index, &length) != 1 || length == 0 || index >= count)
        return 0;
    *message += length;
    return index;
}
