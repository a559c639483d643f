/* A scheduler, and the tasks that it keeps. The protocol is told in delayed.c. */
#ifndef WEIR_SCHEDULE_SCHEDULER_IMPL_H
#define WEIR_SCHEDULE_SCHEDULER_IMPL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/heap.h"
#include "future/future_impl.h"
#include "schedule/clock_impl.h"
#include "sync/fork_guard.h"
#include "weir/delayed.h"
#include "weir/promise.h"

/* One task. Owned by two: the scheduler, until it has submitted or lost it, and the end of the
 * future. */
struct weir__delayed {
    struct weir__timer timer;              /* protected by: the scheduler's mutex */
    struct weir__delayed *next, *previous; /* likewise; among those in flight */
    struct weir_scheduler *scheduler;      /* immutable */
    weir_promise *promise;                 /* scheduler's thread, once it is out of the heap */
    weir_future *future;                   /* immutable; one reference */
    struct weir__callback ended;           /* the future's */
    int64_t due_ns;                        /* immutable */
    int64_t expected_ns;                   /* immutable; due, or submitted if that was later */
    int64_t asked_ns;                      /* its thread's; when the executor was asked */
    unsigned owners;                       /* protected by: mutex; 2, 1, freed */
    unsigned round;                        /* likewise; of the shutdown that has seen it last */
    bool in_flight;                        /* likewise; in the list */
    bool given;                            /* likewise; the executor has accepted it */
    bool handed;                           /* likewise; its future stands for the executor's */
    weir_submission submission;            /* immutable; arg points at bytes, or is the caller's */
    _Alignas(16) unsigned char bytes[];    /* immutable; the copy of the argument */
};

struct weir_scheduler {
    weir_executor *executor;       /* immutable */
    weir_promise_pool *promises;   /* immutable */
    struct weir__fork_guard guard; /* immutable */
    size_t limit;                  /* immutable */
    pthread_t thread;              /* immutable */
    char name[16];                 /* immutable */
    struct weir__sleeper sleeper;

    pthread_mutex_t mutex;        /* protects all that follows; before the clock's in order */
    pthread_cond_t changed;       /* a task was handed on or ended, once closed */
    struct weir__heap heap;       /* what is not due */
    struct weir__delayed *flying; /* popped, not ended; oldest first, circular by previous */
    uint64_t order;               /* of the next submission */
    size_t live;                  /* tasks that have not been freed */
    unsigned round;               /* of shutdowns that cancel */
    bool closed;
    bool cancel_running;          /* a shutdown has asked for it; stays */
    weir_scheduler_counts counts; /* pending is the heap's count, see the snapshot */
};

/* delayed.c */

/* A task is due: give it to the executor. Requires: it is out of the heap, and flying; no lock. */
void weir__delayed_dispatch(struct weir__delayed *task);
/* Take a task out of the heap, and let it fly. Requires: the mutex. */
void weir__delayed_pop_locked(weir_scheduler *scheduler, struct weir__delayed *task);
/* Into the list of those in flight, at its end, and out of it. Requires: the mutex. */
void weir__delayed_link_locked(weir_scheduler *scheduler, struct weir__delayed *task);
void weir__delayed_unlink_locked(weir_scheduler *scheduler, struct weir__delayed *task);

#endif
