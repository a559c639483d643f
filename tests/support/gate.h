/* A gate parks every task that comes to it, so that a test can act while it knows where they are.
 *
 * It is a few words in shared memory, changed atomically, with sleep and wake by futex: a process
 * killed inside it leaves nothing locked. */
#ifndef WEIR_TESTS_SUPPORT_GATE_H
#define WEIR_TESTS_SUPPORT_GATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "weir/task.h"

struct gate {
    _Atomic uint32_t entered; /* tasks that have come, those let through too */
    _Atomic uint32_t tickets; /* how many more may pass; GATE_OPEN: all */
    _Atomic uint32_t passed;  /* tasks that were let through */
};

/* A closed gate. Create it before the executor. */
struct gate *gate_create(void);
void gate_destroy(struct gate *gate);

/* Come to the gate and stay until let through. From any thread; false if the watchdog bit. */
bool gate_pass(struct gate *gate);
/* The same as a task: submit the gate itself, without a size. */
weir_status gate_task(weir_task *task, void *gate);

/* Wait until n have come, in all. False if the watchdog bit. */
bool gate_wait_entered(struct gate *gate, uint32_t n);

/* Let n more through. */
void gate_let(struct gate *gate, uint32_t n);
/* Let all through, also those still to come. */
void gate_open(struct gate *gate);
/* Close it again, with all its counts at zero. Nobody may be at it. */
void gate_reset(struct gate *gate);

#endif
