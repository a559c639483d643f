/* Memory during a schedule: nothing is given back before its end. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/scheduler.h"

enum { BLOCKS = 4096, FREED = 0xdb };

static struct block {
    unsigned char *memory;
    bool freed;
    bool mortal; /* it goes with its process */
} blocks[BLOCKS]; /* belongs to the holder of the baton */
static size_t count;
static bool refused; /* likewise */

void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_aligned_alloc(size_t, size_t);
void __real_free(void *);

void *__wrap_malloc(size_t);
void *__wrap_calloc(size_t, size_t);
void *__wrap_aligned_alloc(size_t, size_t);
void __wrap_free(void *);

static void *note(void *memory)
{
    if (!memory || !schedule_is_mine())
        return memory;
    if (count == BLOCKS)
        schedule_failed("too many allocations", __FILE__, __LINE__);
    blocks[count++] = (struct block){ .memory = memory, .mortal = schedule_is_mortal() };
    return memory;
}

static bool is_refused(void)
{
    return refused && schedule_is_mine();
}

void schedule_memory_refuse(bool refuse)
{
    refused = refuse;
}

void *__wrap_malloc(size_t size)
{
    return is_refused() ? NULL : note(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
    return is_refused() ? NULL : note(__real_calloc(n, size));
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return is_refused() ? NULL : note(__real_aligned_alloc(alignment, size));
}

/* Under the address sanitizer, which knows better, freed memory goes to its quarantine at once. */
void __wrap_free(void *memory)
{
    if (!memory || !schedule_is_mine()) {
        __real_free(memory);
        return;
    }
    for (size_t i = count; i-- > 0;) {
        if (blocks[i].memory != memory)
            continue;
        if (blocks[i].freed)
            schedule_failed("freed twice", __FILE__, __LINE__);
        if (SANITIZED) {
            blocks[i] = blocks[--count];
            __real_free(memory);
        } else {
            blocks[i].freed = true;
            memset(memory, FREED, malloc_usable_size(memory));
        }
        return;
    }
    __real_free(memory);
}

void schedule_memory_begin(void)
{
    count = 0;
    refused = false;
}

static bool is_untouched(const struct block *block)
{
    size_t size = malloc_usable_size(block->memory);
    return block->memory[0] == FREED &&
           memcmp(block->memory, block->memory + 1, size - 1) == 0;
}

void schedule_memory_end(void)
{
    for (size_t i = 0; i < count; i++) {
        if (!blocks[i].freed && !blocks[i].mortal)
            schedule_failed("memory was not freed", __FILE__, __LINE__);
        if (blocks[i].freed && !is_untouched(&blocks[i]))
            schedule_failed("memory was written to after it was freed", __FILE__, __LINE__);
        __real_free(blocks[i].memory);
    }
    count = 0;
}
