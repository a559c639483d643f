/* A periodic worker and its callbacks. The protocol is told in periodic_loop.c. */
#ifndef WEIR_SCHEDULE_PERIODIC_IMPL_H
#define WEIR_SCHEDULE_PERIODIC_IMPL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/heap.h"
#include "future/future_impl.h"
#include "schedule/clock_impl.h"
#include "sync/fork_guard.h"
#include "weir/periodic.h"
#include "weir/watcher.h"

enum weir__periodic_state {
    WEIR__PERIODIC_CREATED,
    WEIR__PERIODIC_RUNNING,
    WEIR__PERIODIC_STOPPING,
    WEIR__PERIODIC_STOPPED
};

/* One callback. Everything but what is immutable is protected by the worker's mutex. */
struct weir__work {
    struct weir__timer timer;
    weir_periodic_worker *worker; /* immutable */
    weir_strategy strategy;       /* immutable */
    weir_missed missed;           /* immutable */
    bool run_immediately;         /* immutable */
    bool immediate;       /* the run that is due, or under way, is the immediate first one */
    bool removed;         /* out of the table; freed when the run under way has ended */
    int64_t due_ns;       /* of the run that is due, or under way */
    int64_t submitted_ns; /* of the run under way */
    weir_future *inner;   /* likewise, once the executor has it; NULL: not in the list of those */
    struct weir__callback ended; /* the future's, likewise */
    struct weir__work *next, *previous; /* in that list */
    weir_watcher seen;    /* id, name, spacing: immutable; running: a run is under way */
    size_t arg_size;      /* immutable; of the following, for the executor */
    _Alignas(16) unsigned char arg[];
};

struct weir_periodic_worker {
    weir_periodic_worker_options options; /* immutable */
    weir_executor *executor;              /* immutable */
    struct weir__fork_guard guard;        /* immutable */
    char name[16];                        /* immutable */
    struct weir__sleeper sleeper;         /* from start until stopped */

    pthread_mutex_t mutex; /* protects all that follows; before the clock's in order */
    pthread_cond_t changed; /* it has stopped, or the executor has one more run */
    enum weir__periodic_state state;
    struct weir__heap heap;
    struct weir__work **works; /* in the order of their ids */
    size_t count, room;
    size_t under_way; /* runs */
    struct weir__work *flying; /* those that the executor has */
    uint64_t next_id;
    uint64_t random;  /* state of the generator */
    pthread_t thread; /* the one that runs the loop, from start on */
    bool has_thread;  /* it is our own, and not joined */
};

/* periodic_run.c */

/* Bytes in front of a callback's own argument; fill them in. */
size_t weir__run_header_size(void);
void weir__run_header_fill(struct weir__work *work, const weir_periodic *periodic);
/* Submit a run. Requires: it is counted as under way; no lock. */
void weir__run_submit(struct weir__work *work);
/* Whether the calling thread is inside a callback of this worker. */
bool weir__run_is_inside(const weir_periodic_worker *worker);

/* periodic_loop.c */

/* Run the loop until the worker has stopped. Requires: the loop's thread; no lock. */
void weir__periodic_loop(weir_periodic_worker *worker);

/* The same. All require the mutex. */

/* Put it into the heap, with its first time. */
void weir__periodic_schedule_first_locked(struct weir__work *work, int64_t now_ns);
/* A run has ended, or was refused: put it back into the heap, to be looked at at_ns (unless it is not
 * to run again). */
void weir__periodic_rearm_locked(struct weir__work *work, int64_t due_ns, int64_t at_ns);
/* The executor has a run, or had: keep its future for those who wait for the worker. */
void weir__periodic_fly_locked(struct weir__work *work, weir_future *future);
/* A random number, 0 to below 1. */
double weir__periodic_chance_locked(weir_periodic_worker *worker);
bool weir__periodic_is_active(const struct weir__work *work);

/* periodic_table.c: where a callback stands in the table, or NULL. Requires: the mutex. */
struct weir__work **weir__periodic_find_locked(const weir_periodic_worker *worker, uint64_t id);

/* watcher.c */

/* A snapshot. Requires: the mutex. */
weir_watcher weir__watch_locked(const struct weir__work *work);
/* Snapshots of all, to be freed. WEIR_OK | WEIR_ENOMEM. Requires: no lock. */
weir_status weir__watch_copy(const weir_periodic_worker *worker, weir_watcher **out, size_t *count);

#endif
