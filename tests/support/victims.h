/* Doing worker processes harm. */
#ifndef WEIR_TESTS_SUPPORT_VICTIMS_H
#define WEIR_TESTS_SUPPORT_VICTIMS_H

#include <stdbool.h>
#include <stddef.h>

#include "weir/process.h"

/* The pids of the workers, 0 where there is none; how many entries were filled. */
size_t victims_find(const weir_executor *executor, int *pids, size_t n);
/* Send a signal to a worker. False: it is not there any more. */
bool victims_signal(int pid, int signal);

#endif
