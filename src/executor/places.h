/* The places of an executor with workers: who may enter, exactly. See places.c. */
#ifndef WEIR_EXECUTOR_PLACES_H
#define WEIR_EXECUTOR_PLACES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "executor/executor_impl.h"
#include "executor/wakes.h"

enum { WEIR__CELLS = 16 };

/* Places given back by the workers that share the cell, ever. */
struct weir__cell {
    _Alignas(WEIR__CACHE_LINE) weir__counter released; /* atomic [A1] [A2] */
};

/* What the kind of executor does with tasks that have a place. All are called under the lock; who is
 * to be woken goes into the list. */
struct weir__places_ops {
    /* Before a submission: start or stop a worker, if that is called for. */
    void (*size_up_locked)(weir_executor *, struct weir__wakes *);
    /* Take over a task that is PENDING. Cannot fail: it has a place. */
    void (*enqueue_locked)(weir_executor *, struct weir_future *, uint64_t hint,
                           struct weir__wakes *);
    /* Take out the oldest task that is pending, CLAIMED now; NULL: none. */
    struct weir_future *(*claim_oldest_locked)(weir_executor *);
    /* When the oldest in the backlog was accepted; 0: there is none. A gauge. */
    int64_t (*oldest_since_ns_locked)(weir_executor *);
    /* Take back all places that are lent. NULL: none ever are. */
    void (*recall_locked)(weir_executor *);
};

struct weir__blocked;

struct weir__places {
    const struct weir__places_ops *ops; /* immutable */
    size_t capacity;                    /* immutable; tasks above the workers, must-admit included */
    size_t cells;                       /* immutable; in use, a power of two */

    /* Protected by: the executor's lock. Atomic ones are read elsewhere. */
    _Alignas(WEIR__CACHE_LINE) weir__counter accepted; /* atomic [A3]; places given out, ever */
    uint64_t withdrawn;            /* tasks ended by others than workers, done with; see admit.c */
    weir__counter freed_seen;      /* atomic, relaxed; places known to have been given back: a
                                      lower bound */
    struct weir__slab_cache cache; /* slots at hand for submissions */
    struct weir__blocked *first_blocked, *last_blocked;
    bool passing;                  /* a submitter that was given a place is waking up */
    _Atomic bool napping;          /* atomic, relaxed; the first that waits will look for itself */
    uint64_t pace_freed;           /* freed_seen, when somebody last came to wait */
    int64_t pace_ns;               /* and when that was */
    _Atomic size_t live;           /* atomic [A4]; workers that take tasks */
    _Atomic bool growing;          /* atomic, relaxed; there may be more: ask size_up_locked */
    weir__counter lent;            /* atomic [A7]; places given out to workers, less those given
                                      back by them, modulo 2^64 */
    weir__counter loans;           /* atomic [A7]; odd: places are lent; one more when that
                                      begins, and when it ends */

    /* Written under the lock, read by whoever frees a place. */
    _Alignas(WEIR__CACHE_LINE) _Atomic bool calling; /* atomic [A1]; come and pass the place on */
    _Atomic size_t blocked; /* atomic, relaxed; submitters in the list: a gauge */
    struct weir__cell cell[WEIR__CELLS];
};

/* limit: of the backlog; workers: the most there are likely to be. */
void weir__places_init(struct weir__places *, const struct weir__places_ops *, size_t limit,
                       size_t workers);
/* The cell of a worker. */
struct weir__cell *weir__places_cell(struct weir__places *, size_t worker);

/* One more worker takes tasks, or one less. Requires: lock. */
size_t weir__places_add_worker_locked(weir_executor *); /* returns how many there are now */
void weir__places_remove_worker_locked(weir_executor *);
/* Up to so many places, to be lent; 0: there are none to spare. Requires: lock. */
size_t weir__places_lend_locked(weir_executor *, size_t most);
/* All that were lent have been taken back, and so many of them were not in use. Requires: lock. */
void weir__places_take_back_locked(weir_executor *, size_t unused);
/* Have all that are lent taken back. False: nothing was. Requires: lock. */
bool weir__places_recall_locked(weir_executor *);
/* Places given out and not given back, exactly, as far as this thread can know. Requires: lock. */
uint64_t weir__places_occupied_locked(weir_executor *);
/* Whether so much backlog leaves one more place. Requires: lock. */
bool weir__places_free_locked(weir_executor *, size_t backlog);
/* Whether anything can be accepted at all. Requires: lock. */
weir_status weir__places_open_locked(weir_executor *);
/* Queue a task that is filled in. Requires: lock, a place. */
void weir__places_enqueue_locked(weir_executor *, struct weir_future *, uint32_t refs,
                                 struct weir__wakes *);

/* Whether a worker could be spared. Requires: lock. */
bool weir__places_to_spare_locked(weir_executor *);

/* Whether newcomers have to go to the end of the list, free places or not. Requires: lock. */
static inline bool weir__places_held_back_locked(struct weir__places *places)
{
    return places->first_blocked && !places->passing &&
           !weir__load_relaxed(&places->napping); /* lock held */
}

/* A place was given back, by an addition to one of the counters [A1]: pass it on. */
void weir__places_freed(weir_executor *);
/* A worker gives its place back, then passes it on. */
void weir__places_release(weir_executor *, struct weir__cell *);

/* accepted, released and workers of a tally, but for what is lent; see stats/snapshot.h. */
void weir__places_tally(const weir_executor *, struct weir__tally *);

/* admit.c: operations of weir__executor_ops for executors with places. */
bool weir__places_looks_full(weir_executor *);
void weir__places_describe(weir_executor *, weir_admission *);
weir_status weir__places_admit(weir_executor *, struct weir__request *, struct weir_future **);
weir_status weir__places_admit_displacing(weir_executor *, struct weir__request *,
                                          struct weir_future **);
/* Whether every task that was accepted has been done with: so many by workers, of which so many were
 * accepted by workers. To be counted in this order. Requires: lock. */
bool weir__places_settled_locked(const weir_executor *, uint64_t by_workers, uint64_t of_workers);
bool weir__places_withdraw(weir_executor *, struct weir_future *);
uint64_t weir__places_cancel_queued(weir_executor *);
size_t weir__places_blocked(const weir_executor *);
size_t weir__places_capacity(const weir_executor *);
/* Take all that is queued out, CLAIMED, as a list. Requires: lock. */
struct weir_future *weir__places_claim_all_locked(weir_executor *);
/* End such a list; the counter gets one each. Returns how many. Requires: no lock. */
uint64_t weir__places_end_claimed(weir_executor *, struct weir_future *first, weir_status,
                                  weir__counter *);

/* blocked.c */
weir_status weir__places_admit_waiting(weir_executor *, struct weir__request *, int64_t deadline_ns,
                                       struct weir_future **);
/* Give a free place, if there is one, to the first submitter that waits; it will see to the next.
 * Requires: lock. */
void weir__places_grant_locked(weir_executor *, struct weir__wakes *);
/* A worker has nothing to do: if the first submitter that waits means to look for itself some time, now
 * is the time. Requires: lock. */
void weir__places_ran_dry_locked(weir_executor *, struct weir__wakes *);
/* Send all submitters that wait away with this status. Requires: lock. */
void weir__places_turn_away_locked(weir_executor *, weir_status, struct weir__wakes *);

#endif
