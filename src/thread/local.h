/* Places that are lent to workers, for what their tasks submit. See local.c. */
#ifndef WEIR_THREAD_LOCAL_H
#define WEIR_THREAD_LOCAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/atomic.h"
#include "thread/pool_impl.h"

#define WEIR__RECALLED UINT32_MAX /* in worker->lent: nothing is lent to it */
enum { WEIR__LENT_MOST = 32 };

/* The calling worker's submission to its own executor, in a place that is lent to it. False: there is
 * none, and nothing has been done. Requires: no lock. */
bool weir__local_admit(struct weir__worker *, struct weir__request *, struct weir_future **);

/* The next hint of what the calling worker has kept to itself, or that has been in the way of it. False:
 * there is none. Requires: no lock; the common queue was found empty. */
bool weir__local_pop(struct weir__worker *, uint64_t *hint);

/* Take back all that is lent, and move what workers have kept to themselves to the common queue.
 * Requires: lock. */
void weir__local_recall_locked(struct weir__pool *);

/* A submission goes to the common queue, of this worker, or of somebody else: NULL. Requires: lock. */
void weir__local_note_locked(struct weir__pool *, const struct weir__worker *);
/* A worker has nothing to do. False: nothing was lent. Requires: lock. */
bool weir__local_recall_hungry_locked(struct weir__pool *);

/* Keep the place of a task that has ended, or was taken out of the backlog, if places are lent to the
 * calling worker: true. */
static inline bool weir__local_keep(struct weir__worker *worker)
{
    uint32_t lent = weir__load_relaxed(&worker->lent); /* the CAS orders */
    while (WEIR__UNLIKELY(lent < WEIR__LENT_MOST)) /* RECALLED is more */
        if (weir__cas_acq_rel(&worker->lent, &lent, lent + 1)) /* acq_rel [A5] */
            return true;
    return false;
}

#endif
