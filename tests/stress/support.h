/* What the stress tests have in common: how long they go on, and what must hold meanwhile.
 *
 * A stress test repeats a random scenario and looks at its sums afterwards: nothing lost, nothing
 * twice, in order, all counted. Threads other than the test's own do not assert; they note what they
 * saw wrong with seen_wrong(), and the test looks at that.
 *
 *   WEIR_STRESS_FACTOR=n   n times the rounds, for a long run
 *   WEIR_STRESS_SEED=n     other random numbers (what threads do with them still depends on time) */
#ifndef WEIR_TESTS_STRESS_SUPPORT_H
#define WEIR_TESTS_STRESS_SUPPORT_H

#include <pthread.h>
#include <stdatomic.h>

#include "support/check.h"

/* Rounds of a repeated scenario. */
unsigned rounds(unsigned n);

/* Random numbers of one thread's own, from a number of its own. */
struct dice {
    uint64_t state;
};
struct dice dice_of(uint64_t number);
/* Below n. */
unsigned throw_dice(struct dice *dice, unsigned n);

/* In any thread: this is wrong unless the condition holds. The first one is kept. */
#define must(condition) ((condition) ? (void)0 : seen_wrong(#condition, __FILE__, __LINE__))
void seen_wrong(const char *what, const char *file, int line);
/* The test fails if something was. */
void assert_nothing_wrong(void);

/* A thread that takes snapshots as fast as it can, and looks at each, and at each with the one
 * before. */
struct reader {
    weir_executor *executor;
    bool fixed;      /* the size does not change: the backlog is never above the limit */
    size_t nested;   /* most tasks that run on top of others, or in their submitters */
    _Atomic bool stop;
    pthread_t thread;
};
void reader_start(struct reader *reader);
void reader_stop(struct reader *reader);

/* After the end: everything adds up, and nothing is left. */
void assert_all_ended(weir_executor *executor);

#endif
