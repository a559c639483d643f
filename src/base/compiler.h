/* What C11 has no word for. */
#ifndef WEIR_BASE_COMPILER_H
#define WEIR_BASE_COMPILER_H

#include <stddef.h>

#define WEIR__CACHE_LINE 64

#define WEIR__LIKELY(condition) __builtin_expect(!!(condition), 1)
#define WEIR__UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* A function that is to stay one, so that those who seldom call it stay small. */
#define WEIR__APART __attribute__((noinline))

#define WEIR__CONTAINER_OF(pointer, type, member)                                                  \
    ((type *)(void *)((char *)(pointer) - offsetof(type, member)))

/* The least that is at least value and a multiple of step, a power of two. */
#define WEIR__ROUND_UP(value, step) (((value) + (step) - 1) & ~((step) - 1))

/* Tell the core that this is a spin. */
static inline void weir__pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif
