/* Counting the allocations of the whole program. */
#ifndef WEIR_TESTS_SUPPORT_ALLOCATIONS_H
#define WEIR_TESTS_SUPPORT_ALLOCATIONS_H

#include <stdbool.h>
#include <stdint.h>

/* Whether they can be counted: not under a sanitizer, which has its own allocator. */
bool allocations_can_be_counted(void);

/* Calls of malloc() and its kin so far, by all threads. */
uint64_t allocations_so_far(void);

#endif
