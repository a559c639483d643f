/* The program's own malloc() stands before the C library's for everything in the process, the
 * library under test too, however it is linked. It counts and passes on. free() is left alone. */
#include "support/allocations.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

#include "support/scale.h"

static _Atomic uint64_t allocations;

uint64_t allocations_so_far(void)
{
    return atomic_load(&allocations);
}

#if SANITIZED || !defined(__GLIBC__)

bool allocations_can_be_counted(void)
{
    return false;
}

#else

bool allocations_can_be_counted(void)
{
    return true;
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size);
void *calloc(size_t n, size_t size);
void *realloc(void *memory, size_t size);
void *aligned_alloc(size_t alignment, size_t size);
int posix_memalign(void **out, size_t alignment, size_t size);

static void count_one(void)
{
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
}

void *malloc(size_t size)
{
    count_one();
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    count_one();
    return __libc_calloc(n, size);
}

void *realloc(void *memory, size_t size)
{
    count_one();
    return __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    count_one();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    count_one();
    void *memory = __libc_memalign(alignment, size);
    if (memory == NULL)
        return ENOMEM;
    *out = memory;
    return 0;
}

#endif
