/* Fibonacci numbers the wasteful way: each node is a task that submits both its children to its
 * own executor and waits for them. */
#ifndef WEIR_TESTS_SUPPORT_FIBONACCI_H
#define WEIR_TESTS_SUPPORT_FIBONACCI_H

#include "weir/weir.h"

/* Takes a struct fibonacci, by its bytes, and returns a uint64_t. */
struct fibonacci {
    weir_executor *executor;
    unsigned n;
};
weir_task_fn fibonacci_task;

/* Compute it on the executor; fails the test if anything but the number comes back. */
uint64_t fibonacci_on(weir_executor *executor, unsigned n);

/* How many tasks fibonacci_on() takes. */
uint64_t fibonacci_nodes(unsigned n);

#endif
