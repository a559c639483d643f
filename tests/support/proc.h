/* What the system says of this process. */
#ifndef WEIR_TESTS_SUPPORT_PROC_H
#define WEIR_TESTS_SUPPORT_PROC_H

#include <stddef.h>
#include <stdint.h>

/* How many threads have a name that begins so. */
size_t proc_threads_named(const char *prefix);
/* How many of those are asleep: neither running nor waiting for a processor. */
size_t proc_threads_asleep(const char *prefix);
/* Voluntary context switches so far of those threads, together. */
uint64_t proc_switches_of(const char *prefix);
/* Processor time so far of those threads, together, in clock ticks. */
uint64_t proc_ticks_of(const char *prefix);
/* Resident memory in bytes. */
size_t proc_resident_bytes(void);

#endif
