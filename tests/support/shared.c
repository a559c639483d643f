#include "support/shared.h"

#include <stdlib.h>
#include <sys/mman.h>

void *shared_alloc(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        abort();
    return memory;
}

void shared_free(void *memory, size_t bytes)
{
    if (memory != NULL)
        munmap(memory, bytes);
}
