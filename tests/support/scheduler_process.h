/* The processes of a process executor, as threads of a schedule (scheduler.h).
 *
 * The executor is the real one, and so are its workers from their init on; what is played here is what
 * the kernel and the zygote do: starting a worker, killing it, telling of its death, the doorbell, the
 * timer, poll. A worker can thus be killed at every step, which is before each atomic operation: what
 * is in between is seen by nobody else. */
#ifndef WEIR_TESTS_SUPPORT_SCHEDULER_PROCESS_H
#define WEIR_TESTS_SUPPORT_SCHEDULER_PROCESS_H

#include "process/pool.h"
#include "support/scheduler.h"

/* A process executor for this schedule. never_looks: its collector believes that its timer is set, so
 * it never looks around for what should not have happened; who is not woken sleeps for ever. */
weir_executor *processes_create(const weir_process_options *options, bool never_looks);

/* Of the workers that are started, the first so many are killed, each at one of its steps, most of them
 * among the first `steps`. Before the executor is created. */
void processes_doom(unsigned kills, unsigned steps);
/* Kill the worker that there is at the moment, where it stands. */
void processes_kill(size_t worker);
/* How many have been killed in either way, so far in this schedule. */
unsigned processes_killed(void);
/* How often the executor has sent a signal to a worker, so far in this schedule. */
unsigned processes_signals(void);
/* How many workers have ended of themselves, so far in this schedule. */
unsigned processes_left(void);

#endif
