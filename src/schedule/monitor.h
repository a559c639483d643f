/* Condition variables that are waited on until a moment of the monotonic clock. */
#ifndef WEIR_SCHEDULE_MONITOR_H
#define WEIR_SCHEDULE_MONITOR_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "weir/time.h"

static inline void weir__monitor_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

/* As pthread_cond_wait(). False: the deadline has passed. */
static inline bool weir__monitor_wait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                      int64_t deadline_ns)
{
    struct timespec end = { deadline_ns / WEIR_SECOND, deadline_ns % WEIR_SECOND };
    if (deadline_ns != WEIR_FOREVER)
        return pthread_cond_timedwait(condition, mutex, &end) != ETIMEDOUT;
    pthread_cond_wait(condition, mutex);
    return true;
}

#endif
