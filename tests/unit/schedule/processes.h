/* What the schedule tests of whole process executors have in common. */
#ifndef WEIR_TESTS_UNIT_SCHEDULE_PROCESSES_H
#define WEIR_TESTS_UNIT_SCHEDULE_PROCESSES_H

#include "base/atomic.h"
#include "process/idle.h"
#include "support/scheduler_process.h"
#include "unit/schedule/scenario.h"

/* Begin: nothing has run, and there is an executor (`pool`) whose collector never looks around. */
void create_processes(weir_process_options options);
/* The same; so many workers die at any of their steps. */
void create_doomed(weir_process_options options, unsigned kills);
/* The same, with a collector that looks around. */
void create_looked_after(weir_process_options options);
struct weir__segment *segment(void);

/* Until then, schedules are not those of the race. */
void let_all_sleep(void);
/* A worker that is busy until its latch is unparked: its task. The race has not begun. */
weir_future *hold_worker(struct weir__parker *latch);

/* Submit a task whose argument is its number. */
weir_future *submit_number(weir_task_fn *fn, unsigned number);
weir_status end_and_drop(weir_future *future);
/* Whether each of the first so many has run once. */
void check_ran_once(unsigned tasks);

/* Tasks 0 and 1 each wait for the other: both workers must run one, and not one worker both. */
weir_task_fn meet_task;
void begin_meeting(void);

/* Shut down and destroy; nobody was to be killed for it, and all workers left of themselves. */
void finish_processes(size_t workers);
/* The same if some may have been killed. */
void finish_doomed(void);

#endif
