/* The thread executor: what its files share.
 *
 * Who does what: admission.c gives places out and takes them back; worker.c is the life of one
 * thread; sizing.c starts and stops threads; pool.c creates, closes, destroys. The lock is the
 * executor's; what is said to be protected by it is never touched without. No user code runs under
 * it. */
#ifndef WEIR_THREAD_POOL_IMPL_H
#define WEIR_THREAD_POOL_IMPL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "executor/executor_impl.h"
#include "executor/task_impl.h"
#include "sync/parker.h"
#include "sync/queue.h"
#include "weir/thread.h"

enum { WEIR__CELLS = 16 };

/* Places given back by the workers that share the cell, ever. */
struct weir__cell {
    _Alignas(WEIR__CACHE_LINE) weir__counter released; /* atomic [A1] */
};

struct weir__worker {
    struct weir__pool *pool;              /* immutable */
    size_t index;                         /* immutable */
    struct weir__cell *cell;              /* immutable */
    pthread_t thread;                     /* protected by: lock */
    struct weir__worker *older, *newer;   /* protected by: lock; in the list of idle workers */
    struct weir__worker *next;            /* protected by: lock; in a list of vacant or woken ones */
    bool idle;                            /* protected by: lock; in the list of idle workers */
    bool dismissed;                       /* protected by: lock; is to end when it wakes up */
    bool joinable;                        /* protected by: lock; thread is to be joined */
    struct weir__parker parker;           /* where it sleeps while idle */

    _Alignas(WEIR__CACHE_LINE) struct weir__run_counters counters; /* the worker writes, all read */
    weir__counter busy_ns;                /* likewise; time in tasks that are not nested */
    _Atomic int64_t running_since_ns;     /* likewise; 0: no task */
    struct weir__slab_cache cache;        /* worker-private; slots it has done with */
};

/* A submitter that waits for a place, on its own stack. */
struct weir__blocked {
    struct weir__blocked *next, *previous; /* protected by: lock */
    struct weir_future *future;            /* filled in, to be queued by whoever has a place */
    uint32_t refs;                         /* for the future when it is published */
    bool settled;                          /* protected by: lock; status is set, a token comes */
    weir_status status;                    /* protected by: lock */
    struct weir__parker parker;
};

struct weir__pool {
    weir_executor base;

    /* Immutable after create. */
    size_t capacity;     /* tasks above the workers that WEIR_MUST_ADMIT may reach */
    size_t cells;        /* in use, a power of two */
    size_t stack_bytes;
    int64_t idle_ns;
    double grow_threshold, shrink_threshold; /* both 0: sizing on demand */
    weir_worker_init_fn *worker_init;
    void *init_data;
    weir_worker_fini_fn *worker_fini;
    void *fini_data;
    struct weir__queue *queue;

    /* Protected by: lock. Those that are atomic are read elsewhere, as hints or for statistics. */
    _Alignas(WEIR__CACHE_LINE) weir__counter accepted; /* atomic [A3]; places given out, ever */
    uint64_t freed_seen;          /* places known to have been given back: a lower bound */
    struct weir__slab_cache cache; /* slots at hand for submissions */
    struct weir__worker *newest_idle, *oldest_idle;
    struct weir__blocked *first_blocked, *last_blocked;
    struct weir__worker *vacant;  /* workers whose thread has gone */
    size_t min_workers;
    _Atomic size_t max_workers;   /* atomic, relaxed */
    size_t threads;               /* threads that have not gone yet: live, and dismissed ones */
    int64_t spawn_retry_ns;       /* after a failure, not before */
    _Atomic size_t live;          /* atomic, relaxed: workers that take tasks */
    _Atomic bool surplus;         /* atomic, relaxed: some worker is to look whether it is one */

    _Alignas(WEIR__CACHE_LINE) _Atomic size_t blocked; /* atomic [A1]; submitters in the list */

    struct weir__cell cell[WEIR__CELLS];
    _Atomic size_t worker_count;                    /* atomic [W1]; entries in use below */
    struct weir__worker *workers[WEIR_WORKERS_MAX]; /* written under the lock, before the count */
};

static inline struct weir__pool *weir__pool_of(weir_executor *executor)
{
    return WEIR__CONTAINER_OF(executor, struct weir__pool, base);
}

static inline const struct weir__pool *weir__pool_of_const(const weir_executor *executor)
{
    return (const struct weir__pool *)(const void *)executor;
}

/* Workers to be woken, collected under the lock, woken without. */
void weir__wake_list(struct weir__worker *first);

/* admission.c */

weir_status weir__pool_admit(weir_executor *, struct weir__request *, struct weir_future **);
weir_status weir__pool_admit_waiting(weir_executor *, struct weir__request *, int64_t deadline_ns,
                                     struct weir_future **);
weir_status weir__pool_admit_displacing(weir_executor *, struct weir__request *,
                                        struct weir_future **);
/* Places given out and not given back, exactly, as far as this thread can know. Requires: lock. */
uint64_t weir__pool_occupied_locked(struct weir__pool *);
/* A place was given back, by an addition to one of the counters [A1]: pass it on. */
void weir__pool_place_freed(struct weir__pool *);
/* Give free places to submitters that wait. Returns workers to wake. Requires: lock. */
struct weir__worker *weir__pool_grant_locked(struct weir__pool *, struct weir__blocked **granted);
void weir__wake_blocked(struct weir__blocked *first);
/* Settle all submitters that wait with this status. Requires: lock. */
struct weir__blocked *weir__pool_release_blocked_locked(struct weir__pool *, weir_status);
/* End all that is queued; the counter gets one each. Returns how many. */
uint64_t weir__pool_end_queued(struct weir__pool *, weir_status, weir__counter *);

/* worker.c */

void *weir__worker_main(void *worker);
/* The worker takes this task and runs it if it is pending. */
bool weir__worker_run_here(weir_executor *, void *worker, struct weir_future *);
bool weir__pool_cancel(weir_executor *, struct weir_future *);
/* The most recent idle worker, taken off the list, or NULL. Requires: lock. */
struct weir__worker *weir__pool_take_idle_locked(struct weir__pool *);
void weir__pool_unlist_idle_locked(struct weir__pool *, struct weir__worker *);

/* sizing.c */

/* Start one more thread. WEIR_OK | WEIR_ENOMEM | WEIR_ESYS. Requires: lock. */
weir_status weir__pool_spawn_locked(struct weir__pool *);
/* Before a submission: start a worker if the rule says so. Returns a worker to dismiss, or NULL.
 * Requires: lock. */
struct weir__worker *weir__pool_size_up_locked(struct weir__pool *);

enum weir__sizing { WEIR__SIZE_KEEP, WEIR__SIZE_GROW, WEIR__SIZE_SHRINK };
/* futurist's rule, on these numbers. */
enum weir__sizing weir__sizing_rule(size_t workers, size_t idle, size_t backlog, size_t min_workers,
                                    size_t max_workers, double grow, double shrink);

/* cpus.c: how many workers if nobody says. */
size_t weir__default_workers(void);

#endif
