/* Places that are lent to workers, for what their tasks submit. See lent.c. */
#ifndef WEIR_THREAD_LENT_H
#define WEIR_THREAD_LENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/atomic.h"
#include "thread/pool_impl.h"

#define WEIR__RECALLED UINT32_MAX /* in worker->lent: nothing is lent to it */
enum { WEIR__LENT_MOST = 32 };

void weir__lent_begin(struct weir__pool *);
/* What a worker needs to keep tasks. False: out of memory. */
bool weir__lent_init(struct weir__worker *);
void weir__lent_fini(struct weir__worker *);

/* The calling worker's submission to its own executor, in a place that is lent to it. False: there is
 * none, and nothing has been done. Requires: no lock. */
bool weir__lent_admit(struct weir__worker *, struct weir__request *, struct weir_future **);

/* A worker has submitted to the common queue, or somebody else is going to. Some may be lost count of.
 * Requires: no lock. */
static inline void weir__lent_note_own(struct weir__pool *pool)
{
    unsigned to_come = weir__load_relaxed(&pool->to_come); /* relaxed, all: advice */
    if (to_come)
        weir__store_relaxed(&pool->to_come, to_come - 1);
}

static inline void weir__lent_note_other(struct weir__pool *pool)
{
    unsigned patience = weir__load_relaxed(&pool->patience); /* relaxed, all: advice */
    if (WEIR__UNLIKELY(weir__load_relaxed(&pool->to_come) != patience))
        weir__store_relaxed(&pool->to_come, patience);
}

/* Take back all that is lent, and move what workers have kept to the common queue. Requires: lock, and that
 * something is lent: see weir__places_recall_locked(). */
void weir__lent_recall_locked(struct weir__pool *);

/* Keep the place of a task that has ended, or was taken out of the backlog, if places are lent to the
 * calling worker: true. */
static inline bool weir__lent_keep(struct weir__worker *worker)
{
    uint32_t lent = weir__load_relaxed(&worker->lent); /* the CAS orders */
    while (WEIR__UNLIKELY(lent < WEIR__LENT_MOST)) /* RECALLED is more */
        if (weir__cas_acq_rel(&worker->lent, &lent, lent + 1)) /* acq_rel [A5] */
            return true;
    return false;
}

#endif
