#include "fault/scarcity.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

/* The allocation that fails, counted from the one to come; 0: none; EVERY: all. */
enum { EVERY = -1 };
static _Atomic long failing;
static _Atomic bool failed; /* it has come to that */
static _Atomic long held;   /* allocations that were not given back */

static bool fails(void)
{
    long left = atomic_load(&failing);
    if (left == EVERY) {
        atomic_store(&failed, true);
        return true;
    }
    while (left > 0)
        if (atomic_compare_exchange_weak(&failing, &left, left - 1))
            break;
    if (left != 1) {
        atomic_fetch_add(&held, 1);
        return false;
    }
    atomic_store(&failed, true);
    return true;
}

void *__real_malloc(size_t);
void *__wrap_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__wrap_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
void *__wrap_realloc(void *, size_t);
void *__real_aligned_alloc(size_t, size_t);
void *__wrap_aligned_alloc(size_t, size_t);
void __real_free(void *);
void __wrap_free(void *);
void *__real_mmap(void *, size_t, int, int, int, off_t);
void *__wrap_mmap(void *, size_t, int, int, int, off_t);
int __real_munmap(void *, size_t);
int __wrap_munmap(void *, size_t);

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    if (fails())
        return NULL;
    if (memory)
        atomic_fetch_sub(&held, 1);
    return __real_realloc(memory, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return fails() ? NULL : __real_aligned_alloc(alignment, size);
}

void __wrap_free(void *memory)
{
    if (memory)
        atomic_fetch_sub(&held, 1);
    __real_free(memory);
}

void *__wrap_mmap(void *address, size_t bytes, int protection, int flags, int file, off_t offset)
{
    return fails() ? MAP_FAILED : __real_mmap(address, bytes, protection, flags, file, offset);
}

int __wrap_munmap(void *address, size_t bytes)
{
    atomic_fetch_sub(&held, 1);
    return __real_munmap(address, bytes);
}

void fail_the(long n)
{
    atomic_store(&failed, false);
    atomic_store(&failing, n);
}

void fail_all(void)
{
    fail_the(EVERY);
}

bool has_failed(void)
{
    atomic_store(&failing, 0);
    return atomic_load(&failed);
}

long allocations_held(void)
{
    return atomic_load(&held);
}

int end_scarcity(void **state)
{
    (void)state;
    fail_the(0);
    return 0;
}
