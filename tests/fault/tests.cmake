# The tests in which something fails that usually does not.

weir_add_test(fault/threads.c WRAP pthread_create)
weir_add_test(fault/memory.c WRAP malloc calloc aligned_alloc free mmap munmap)
