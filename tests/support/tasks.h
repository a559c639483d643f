/* Task functions that many tests use. All of them run on every kind of executor. */
#ifndef WEIR_TESTS_SUPPORT_TASKS_H
#define WEIR_TESTS_SUPPORT_TASKS_H

#include <stdatomic.h>
#include <stdint.h>

#include "weir/task.h"

/* Does nothing. */
weir_task_fn noop_task;
/* Takes an int, returns its double. */
weir_task_fn double_task;
/* Takes an int, fails with it as the code and "failed with <code>" as the message. */
weir_task_fn fail_task;
/* Takes a pointer to an _Atomic uint64_t in shared memory, adds 1. */
weir_task_fn count_task;
/* Returns weir_task_worker(). */
weir_task_fn worker_task;
/* Returns the pthread_t it runs in. */
weir_task_fn thread_task;
/* Takes int64_t nanoseconds and uses the processor for that long. */
weir_task_fn burn_task;
/* Runs until it is asked to stop, and returns a bool: whether it was (else the watchdog bit). */
weir_task_fn until_cancelled_task;

/* A list, in shared memory, of what ran in which order. */
struct journal {
    _Atomic uint32_t count;
    _Atomic uint32_t entry[1024];
};
struct journal *journal_create(void);
void journal_destroy(struct journal *journal);
void journal_write(struct journal *journal, uint32_t value);

/* Takes a struct note, by its bytes, and writes the value into the journal. */
struct note {
    struct journal *journal;
    uint32_t value;
};
weir_task_fn note_task;

#endif
