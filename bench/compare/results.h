/* What users of a pool without results write: a place for each result, and a count of those that
 * are missing; and for a single one, a flag with a condition variable. */
#ifndef BENCH_COMPARE_RESULTS_H
#define BENCH_COMPARE_RESULTS_H

#include <pthread.h>

#include "harness.h"

struct place {
    void (*run)(struct place *); /* what the pool is to do with it */
    uint64_t input, output;
};

struct results {
    BENCH_OWN_LINE size_t missing; /* atomic */
    BENCH_OWN_LINE pthread_mutex_t mutex;
    pthread_cond_t complete;
    bool is_complete; /* protected by: mutex */
    struct place places[BENCH_OUTSTANDING];
};

extern struct results results;

void results_expect(size_t count);   /* before the tasks are submitted */
void results_run(struct place *);    /* the task */
uint64_t results_wait(size_t count); /* until none is missing; their sum */

#endif
