/* What all executors share: the handle, the table of operations, the life cycle.
 *
 *     OPEN ---------------> CLOSED        shutdown; what was accepted still runs
 *       '----> BROKEN --------^           no worker can run anything; nothing is accepted
 *
 * An executor is quiet when it is CLOSED and nothing that was accepted is left to end: no worker
 * runs, and no submitter is running a task of it. Shutdown waits for that. */
#ifndef WEIR_EXECUTOR_EXECUTOR_IMPL_H
#define WEIR_EXECUTOR_EXECUTOR_IMPL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "executor/wakes.h"
#include "future/slab.h"
#include "stats/counters.h"
#include "stats/snapshot.h"
#include "sync/lock.h"
#include "weir/executor.h"

enum weir__life { WEIR__OPEN, WEIR__BROKEN, WEIR__CLOSED };

enum { WEIR__NAME_BYTES = 64 };

/* A submission on its way. */
struct weir__request {
    const weir_submission *submission; /* the caller's */
    void *heap_arg;      /* a copy too large for a slot, or NULL; owned until taken by a future */
    int64_t start_by_ns; /* WEIR_FOREVER: no such time */
    uint32_t refs;       /* of the future: the executor's, and the caller's handle if wanted */
    bool must;           /* WEIR_MUST_ADMIT */
    bool detailed;       /* it says what has a slot of its own, see weir__details */
};

/* What a kind of executor does. All are called without any lock, unless said otherwise. Those that
 * only make sense with a backlog may be NULL: withdraw, run_here, close_locked, cancel_queued,
 * settled_locked, quiet_locked, tally. */
struct weir__executor_ops {
    /* What else a submission of this kind may say, beyond what all may. NULL: nothing. */
    weir_status (*vet)(weir_executor *, const weir_submission *);
    /* Memory for an argument that is not inline. NULL: malloc and free. */
    void *(*alloc_arg)(weir_executor *, size_t size);
    void (*free_arg)(weir_executor *, void *arg);

    /* Take a place and queue the task. WEIR_OK: *future is queued, with request->refs |
     * WEIR_EREJECTED: the limit is reached | WEIR_ESHUTDOWN | WEIR_EBROKEN | WEIR_ENOMEM |
     * WEIR_ESYS */
    weir_status (*admit)(weir_executor *, struct weir__request *, struct weir_future **future);
    /* Without any lock: true only if at some moment during the call all places were taken. NULL: there
     * is no limit. */
    bool (*looks_full)(weir_executor *);
    /* The same as admit, after a wait for its turn; also WEIR_ETIMEDOUT. */
    weir_status (*admit_waiting)(weir_executor *, struct weir__request *, int64_t deadline_ns,
                                 struct weir_future **future);
    /* The same as admit, in the place of the oldest, which ends WEIR_EDISCARDED. */
    weir_status (*admit_displacing)(weir_executor *, struct weir__request *,
                                    struct weir_future **future);
    /* What a policy function is told: backlog, workers, running, idle, oldest_wait_ns. */
    void (*describe)(weir_executor *, weir_admission *);

    /* See weir__future_host. */
    bool (*withdraw)(weir_executor *, struct weir_future *);
    /* The calling worker wants to wait for this future: run it if it is pending. */
    bool (*run_here)(weir_executor *, void *worker, struct weir_future *);

    /* Slots at hand of the calling worker. NULL: its threads are no workers of itself. */
    struct weir__slab_cache *(*cache)(void *worker);

    /* CLOSED was just set: send submitters that wait away, let idle workers go. Requires: lock. */
    void (*close_locked)(weir_executor *, struct weir__wakes *);
    /* End what is queued. Returns how many. */
    uint64_t (*cancel_queued)(weir_executor *);
    /* Whether every task that was accepted has ended, but for those that submitters run; and their
     * callbacks have returned, or are on their way to be dispatched. Requires: lock. */
    bool (*settled_locked)(const weir_executor *);
    /* Whether, besides, no worker is left that could touch the executor. Requires: lock. */
    bool (*quiet_locked)(const weir_executor *);
    /* Join and free all but what weir__executor_fini() frees, then that, then the memory. */
    void (*destroy)(weir_executor *);

    weir__tally_fn *tally; /* NULL: no workers */
    size_t (*blocked)(const weir_executor *);
    size_t (*capacity)(const weir_executor *);
    size_t (*worker_stats)(const weir_executor *, weir_worker_stats *out, size_t n);

    /* As in struct weir__future_host; all, alloc_arg and free_arg too, or none. With them, destroy
     * leaves the memory of the executor to released, which comes when nobody holds a future any
     * more. */
    void (*refresh)(weir_executor *, struct weir_future *);
    void (*request)(weir_executor *, struct weir_future *);
    void (*released)(weir_executor *);
};

struct weir__places;

struct weir_executor {
    const struct weir__executor_ops *ops; /* immutable */
    struct weir__places *places;          /* immutable; NULL: no workers */
    struct weir__slab *slab;              /* immutable */
    weir_policy policy;                   /* immutable */
    size_t limit;                         /* immutable; of the backlog */
    size_t arg_bytes;                     /* immutable; inline */
    int64_t spin_ns;                      /* immutable; how long to look before sleeping */
    bool quick_clock;                     /* immutable; whether tasks are timed by it */
    bool asks_always, asks_at_limit;      /* immutable; the policy has functions */
    bool rejects;                         /* immutable; at the limit it rejects, and asks nobody */
    char name[WEIR__NAME_BYTES];          /* immutable */
    _Atomic bool cancel_running;          /* atomic [F5]: all running tasks are asked to stop */

    _Alignas(WEIR__CACHE_LINE) struct weir__lock lock; /* the lock of submitters, of the queue */
    _Atomic uint32_t life;  /* written under the lock; read anywhere, relaxed: a hint there */
    size_t callers;         /* protected by: lock; submitters that run a task themselves */
    _Atomic uint32_t quiet; /* written under the lock; atomic [E1]: 1 once quiet */

    _Alignas(WEIR__CACHE_LINE) struct weir__counters counters;
};

/* Fill the common part; dispatch: callbacks are to be dispatched. WEIR_OK | WEIR_EINVAL | WEIR_ENOMEM |
 * WEIR_ESYS; on failure nothing is left. */
weir_status weir__executor_init(weir_executor *, const struct weir__executor_ops *,
                                const char *name, const weir_policy *, size_t limit,
                                size_t arg_bytes, size_t result_bytes, bool dispatch);
/* Take over an option spin_ns that is in range. */
void weir__executor_set_spin(weir_executor *, int64_t option);
/* Close the dispatch, if it is not closed yet, and let go of the slab. Requires: nothing of the executor is in use. */
void weir__executor_fini(weir_executor *);

/* Requires: the lock. If quiet, tell those who wait for it. */
void weir__executor_check_quiet_locked(weir_executor *);

/* Why a submission is refused that found the executor in this life. */
weir_status weir__life_status(uint32_t life);

/* request.c: from a submission to the contents of a slot. */
weir_status weir__request_init(struct weir__request *, weir_executor *, const weir_submission *,
                               bool wants_future);
void weir__request_fini(struct weir__request *, weir_executor *);
/* A slot for the task, with a second one if it needs that; NULL: out of memory. cache: see
 * weir__slab_take(). */
struct weir_future *weir__request_slot(const struct weir__request *, weir_executor *,
                                       struct weir__slab_cache *cache);
/* Write the task into such a slot. Takes heap_arg over. */
void weir__request_fill(struct weir__request *, struct weir_future *, int64_t now_ns);

/* caller.c: tasks that their submitter runs, or that end before they begin. */
weir_status weir__run_in_caller(weir_executor *, struct weir__request *, struct weir_future **);
weir_status weir__discard(weir_executor *, struct weir__request *, struct weir_future **);

#endif
