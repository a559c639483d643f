/* How often the program and its libraries have asked for memory. */
#ifndef BENCH_ALLOCATIONS_H
#define BENCH_ALLOCATIONS_H

#include <stdint.h>

uint64_t bench_allocations(void);

#endif
