# The tests in which something fails that usually does not.

weir_add_test(fault/threads.c WRAP pthread_create)
weir_add_test(fault/memory_create.c SOURCES fault/scarcity.c
    WRAP malloc calloc realloc aligned_alloc free mmap munmap)
weir_add_test(fault/memory_submit.c SOURCES fault/scarcity.c
    WRAP malloc calloc realloc aligned_alloc free mmap munmap)
weir_add_test(fault/memory_results.c SOURCES fault/scarcity.c
    WRAP malloc calloc realloc aligned_alloc free mmap munmap)
weir_add_test(fault/memory_schedule.c SOURCES fault/scarcity.c
    WRAP malloc calloc realloc aligned_alloc free mmap munmap)
weir_add_test(fault/interrupts.c)
weir_add_test(fault/wall_clock.c WRAP clock_gettime time gettimeofday timespec_get syscall)
weir_add_test(fault/exits.c)
weir_add_test(fault/assertions.c)
weir_add_test(fault/worker_init.c)
weir_add_test(fault/reentry.c)
weir_add_test(fault/siblings.c)
weir_add_test(fault/fork.c)
weir_add_test(fault/process_storm.c TIMEOUT 120)
weir_add_test(fault/process_death.c TIMEOUT 60)
weir_add_test(fault/process_family.c TIMEOUT 120)
weir_add_test(fault/process_limits.c TIMEOUT 180)
weir_add_test(fault/process_payload.c TIMEOUT 120)
weir_add_test(fault/process_step.c TIMEOUT 120)
weir_add_test(fault/process_wake.c TIMEOUT 120)
weir_add_test(fault/shared_vector.c TIMEOUT 120)
weir_add_test(fault/process_scarce.c TIMEOUT 120 WRAP fork fopen opendir open)
