/* The thread executor: what its files share.
 *
 * Who does what: executor/places.c and its neighbours give places out; worker.c is the life of one
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
#include "executor/places.h"
#include "executor/task_impl.h"
#include "sync/parker.h"
#include "sync/queue.h"
#include "sync/spin.h"
#include "weir/thread.h"

struct weir__worker {
    struct weir__sleeper sleeper;         /* how it is woken when it is idle */
    struct weir__pool *pool;              /* immutable */
    size_t index;                         /* immutable */
    struct weir__cell *cell;              /* immutable */
    pthread_t thread;                     /* protected by: lock */
    struct weir__worker *older, *newer;   /* protected by: lock; in the list of idle workers */
    struct weir__worker *vacant;          /* protected by: lock; in the list of vacant ones */
    bool idle;                            /* protected by: lock; in the list of idle workers */
    bool retired;                         /* protected by: lock; is to end, and is lent nothing */
    bool joinable;                        /* protected by: lock; thread is to be joined */
    struct weir__parker parker;           /* where it sleeps while idle */

    _Alignas(WEIR__CACHE_LINE) struct weir__run_counters counters; /* the worker writes, all read */
    weir__counter returned;               /* likewise; places given back, or kept [A2] */
    weir__counter submitted;              /* likewise; tasks accepted in places lent to it [A3] */
    weir__counter settled;                /* likewise; tasks it is done with, callbacks too [E2] */
    weir__counter busy_ns;                /* likewise; time in tasks that are not nested */
    _Atomic int64_t running_since_ns;     /* likewise; 0: no task */
    struct weir__slab_cache cache;        /* worker-private; slots it has done with */
    struct weir__queue_end end;           /* worker-private; see sync/queue.h */
    struct weir__spin spin;               /* worker-private */
    uint64_t in_a_row;                    /* worker-private; tasks since it last slept */
    int64_t clock_ns;                     /* worker-private; the end of the task before, if nothing
                                             but the way to the next one came after it; else 0 */

    /* See lent.c. */
    _Atomic uint32_t lent;                /* atomic [A5] [A6]; places in its hand, or RECALLED */
    weir__counter pushed;                 /* atomic [A6]; hints added to the next without the lock */
    struct weir__queue *kept;             /* immutable; pushed to by the worker, popped under the lock */
    struct weir__worker *next_borrower;   /* protected by: lock, and the next three */
    uint64_t pushed_before;               /* when places were lent to it */
    uint64_t oldest;                      /* hint of the oldest it keeps, while all are taken back */
    int64_t oldest_ns;                    /* when that was submitted */
};

struct weir__pool {
    weir_executor base;

    struct weir__places places;

    /* Immutable after create. */
    size_t stack_bytes;
    int64_t idle_ns;
    double grow_threshold, shrink_threshold; /* both 0: sizing on demand */
    weir_worker_init_fn *worker_init;
    void *init_data;
    weir_worker_fini_fn *worker_fini;
    void *fini_data;
    struct weir__queue *queue;

    /* Protected by: the executor's lock. */
    _Alignas(WEIR__CACHE_LINE) struct weir__worker *newest_idle;
    struct weir__worker *oldest_idle;
    struct weir__worker *vacant; /* workers whose thread has gone */
    struct weir__worker *borrowers; /* to whom places are lent */
    _Atomic unsigned patience;   /* atomic, relaxed; submissions of workers in a row before places are lent */
    _Atomic unsigned to_come;    /* atomic, relaxed; so many more of them */
    size_t min_workers, max_workers;
    size_t leaving;              /* dismissed workers that do not know it yet: any, when idle */
    size_t threads;              /* threads that have not gone yet: live, and dismissed ones */
    int64_t spawn_retry_ns;      /* after a failure, not before */
    _Atomic size_t calling_back; /* atomic, relaxed: workers in callbacks, free by the accounts */
    _Atomic bool surplus;        /* atomic, relaxed: some worker is to look whether it is one */

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

/* pool.c */

/* What a queue of hints to tasks of this pool is to know of them. */
struct weir__queue_truth weir__pool_truth(struct weir__pool *);
/* At the end of the common queue, for an idle worker if there is one. Requires: lock. */
void weir__pool_push_locked(struct weir__pool *, uint64_t hint, struct weir__wakes *);

/* worker.c */

void *weir__worker_main(void *worker);
void weir__worker_wake(struct weir__sleeper *);
/* The worker takes this task and runs it if it is pending. */
bool weir__worker_run_here(weir_executor *, void *worker, struct weir_future *);
/* The most recent idle worker, taken off the list, or NULL. Requires: lock. */
struct weir__worker *weir__pool_take_idle_locked(struct weir__pool *);
/* All idle workers, taken off the list. Requires: lock. */
void weir__pool_wake_all_locked(struct weir__pool *, struct weir__wakes *);
void weir__pool_unlist_idle_locked(struct weir__pool *, struct weir__worker *);

/* sizing.c */

/* Start one more thread. WEIR_OK | WEIR_ENOMEM | WEIR_ESYS. Requires: lock. */
weir_status weir__pool_spawn_locked(struct weir__pool *);
/* Before a submission: start a worker, or dismiss one, if the rule says so. Requires: lock. */
void weir__pool_size_up_locked(weir_executor *, struct weir__wakes *);
/* The size, or what it may be, has changed: say whether submissions are to call the above, and
 * workers to look whether they are to leave. Requires: lock. */
void weir__pool_note_size_locked(struct weir__pool *);

enum weir__sizing { WEIR__SIZE_KEEP, WEIR__SIZE_GROW, WEIR__SIZE_SHRINK };
/* futurist's rule, on these numbers. */
enum weir__sizing weir__sizing_rule(size_t workers, size_t idle, size_t backlog, size_t min_workers,
                                    size_t max_workers, double grow, double shrink);

#endif
