/* Deciding which thread runs, at every step: schedules that can be repeated.
 *
 * The library is built a second time with WEIR_STEP_HOOK, so that it calls weir__step() before
 * every atomic operation. While a schedule runs, only the thread that holds the baton runs; at each
 * step the scheduler, seeded, decides who goes on. Sleeping on a futex is emulated: a thread that
 * sleeps is passed over until it is woken, or, if it sleeps with a deadline, until the scheduler
 * finds that the time has come. A lost wake-up is thus not a matter of luck and patience: nobody can
 * run, and the seed is printed. Time is the scheduler's, too: it stands still but for steps and
 * deadlines.
 *
 * Freed memory is kept until the end of a schedule, filled with a pattern, so that a use after free
 * reads nonsense and a write is found; what was not freed is a leak (scheduler_memory.c).
 *
 * Two strategies, by the seed: a random walk that switches at every 2nd, 4th, 16th… step on average,
 * and priorities: the highest runs, and at a few random steps it becomes the lowest (Burckhardt et
 * al., probabilistic concurrency testing), which finds what needs one long sleep at the wrong place.
 *
 * What it cannot show: reorderings of memory. Every schedule is sequentially consistent.
 *
 *   WEIR_SCHEDULES=n       seeds to try, instead of the default number; no time limit
 *   WEIR_SCHEDULE_SEED=n   try this one only
 */
#ifndef WEIR_TESTS_SUPPORT_SCHEDULER_H
#define WEIR_TESTS_SUPPORT_SCHEDULER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "support/check.h"

/* What is wrapped: programs that use this must say so to the linker. */

/* Run a scenario under as many schedules as are due, in a forked child; the test fails if one of
 * them does. The calling thread is the first of the scenario; it starts others, and joins them. */
void run_schedules(void (*scenario)(void));

/* Start a thread of the scenario. */
pthread_t actor_start(void (*fn)(void *), void *data);
void actor_join(pthread_t actor);

/* Run fn, which may be killed at any of its steps, and may itself call actor_exit(): it goes no further
 * then, and nothing is unwound. What it allocates, as the memory of a process, goes with the schedule
 * and is no leak. */
void actor_run_mortal(void (*fn)(void *), void *data);
/* It dies at the step at which it is. */
void actor_kill(pthread_t actor);
/* The calling one dies after so many steps of its own. */
void actor_light_fuse(unsigned steps);
void actor_exit(void) __attribute__((noreturn));

/* What follows is to bring the scenario to its beginning: it runs as it comes. */
void schedule_prepare(void);
/* It has begun: from here on the strategy decides. (Without either, from the first step.) */
void schedule_race(void);

/* The time in a schedule. */
int64_t schedule_now_ns(void);
/* Sleep until somebody wakes those who sleep on the word, or it is this late; if it is not what was
 * expected, not at all. */
void schedule_sleep(_Atomic uint32_t *word, uint32_t expected, int64_t deadline_ns);
void schedule_wake(_Atomic uint32_t *word);

/* From here on, sleepers do not now and then wake up of themselves, as they otherwise do: for what would
 * be made good by that. */
void schedule_wake_told_only(void);

/* From here on, time passes for sleepers only if nobody can go on: for what is not to take until then. */
void schedule_wait_patiently(void);

/* In the scenario, a number below n, by the seed. */
unsigned schedule_choose(unsigned n);

/* A point at which another thread may go on. */
void schedule_step(void);

/* Assert in any thread of a scenario: the process ends, with the seed. */
#define schedule_check(condition)                                                                  \
    ((condition) ? (void)0 : schedule_failed(#condition, __FILE__, __LINE__))
void schedule_failed(const char *what, const char *file, int line) __attribute__((noreturn));

/* scheduler_memory.c */
void schedule_memory_begin(void);
void schedule_memory_end(void);
/* From here on, or no longer, no thread of the scenario gets any memory. */
void schedule_memory_refuse(bool refuse);
/* Whether the calling thread is part of a running schedule. */
bool schedule_is_mine(void);
/* Whether it is in actor_run_mortal(). */
bool schedule_is_mortal(void);

#endif
