/* What the schedule tests of whole pools have in common. */
#ifndef WEIR_TESTS_UNIT_SCHEDULE_SCENARIO_H
#define WEIR_TESTS_UNIT_SCHEDULE_SCENARIO_H

#include "support/scheduler.h"
#include "support/snapshot.h"
#include "sync/parker.h"

enum { TASKS = 16 };

/* What happened to the numbered tasks of a scenario. */
extern struct ran {
    unsigned started[TASKS]; /* how often each ran */
    unsigned order[TASKS];   /* in which order */
    unsigned count;
} ran;

extern weir_executor *pool;

/* Begin: nothing has run, and there is a pool. */
void create_pool(const weir_thread_options *options);
/* Shut the pool down, check that its numbers add up with nothing left, destroy it. */
void finish_pool(void);
void check_sums(void);

/* A task that notes its number, and returns it. */
weir_task_fn note_task;
weir_status submit_note(unsigned number, weir_future **future);
/* Whether tasks first…last ran, each once, in this order among themselves. */
void check_ran_in_order(unsigned first, unsigned last);

/* A submission, whatever becomes of it. */
struct attempt {
    unsigned number;
    weir_status status;
    weir_future *future;
};
void attempt_one(void *attempt);
void attempt_and_cancel(void *attempt);
/* After the end: the task ran exactly if its future says so. Gives the future up. */
void check_attempt(struct attempt *attempt);

/* A task that waits at a latch: given its parker, without a size. */
weir_task_fn latch_task;

/* A scenario as a test. */
#define SCENARIO(name)                                                                             \
    static void name##_is_sound(void **state)                                                      \
    {                                                                                              \
        (void)state;                                                                               \
        run_schedules(name);                                                                       \
    }

#endif
