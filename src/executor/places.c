/* Places: who may enter, exactly.
 *
 * A task occupies a place from its acceptance until its worker is free for another one. With W
 * workers and limit L there are W + L places: W tasks that run, or are about to, and L of backlog.
 * So a standing start admits a burst of W + L whatever the workers are doing: a task handed to an
 * idle worker that has not woken up yet occupies that worker's place, not one of the backlog.
 *
 *   accepted  places given out under the lock, ever, each for a task.
 *   lent      places given out under the lock to workers, for tasks that those accept; less what was
 *             taken back (thread/lent.c), which may be more: workers also keep places of the former.
 *   freed     places given back, ever: by each worker when a task ends (cell->released), and by
 *             whoever ends a task that has not started (cancelled, expired, displaced, stranded).
 *   occupied, or in the hands of workers = accepted + lent - freed
 *
 * Who gives places out does so under the lock, after it has seen that this sum is below W + L; everybody
 * else only makes it smaller, or changes a place in a worker's hand into one that is occupied, or back.
 * Hence no more than W + L are occupied, for any number of racing submitters. Before anybody is told that
 * there is no place, those in the hands of workers are taken back. And no place is lost: each is given back
 * before the end of its task can be seen, so whoever has waited for a future finds its place free.
 *
 * Sums are expensive (one cache line for each group of workers), so submitters remember what they
 * saw last (freed_seen, a lower bound, so that occupied is over- and never underestimated) and look
 * again only when that says full. Far from the limit, a submission touches no line that a worker
 * writes but the queue's.
 *
 * A task that its waiter takes out of the backlog gives its place back when it starts: the worker's
 * place is taken already by the task below.
 *
 * [A1] No place is forgotten: the freeing side adds to its counter and then reads `calling`; the
 *      waiting side (blocked.c) sets `calling` and then reads the counters. All four are
 *      sequentially consistent, so one of the two sees the other: either the freeing side comes to
 *      the list, or the waiting side finds the place itself.
 *
 * If a thread stops between any two lines: with the lock held, submitters wait for a time slice
 * (sync/queue.c). A worker between the end of a function and its counter: its place is still taken,
 * rightly. Between its counter and the look at `calling`: a place is free and the first in the list
 * sleeps on; whoever frees the next place, or comes to wait, passes it on.
 *
 * [A2] A snapshot that sees a place given back by a worker sees the end that it was given back for,
 *      counted before it: it never shows more tasks running than there are workers to run them.
 *
 * tests: conformance (burst, blocking order, cancel and resubmit), stress (the bound under racing
 * submitters), unit.schedule (interleavings). */
#include "executor/places.h"

#include <string.h>

#include "base/atomic.h"
#include "future/future_impl.h"

/* Room above the limit for what must be admitted: a quarter of it, and at least this. */
enum { MUST_ADMIT_LEAST = 64 };

/* Where there is less to spare, nothing is lent. */
#ifdef WEIR_STEP_HOOK
enum { LEND_LEAST = 1 };
#else
enum { LEND_LEAST = 8 };
#endif

void weir__places_init(struct weir__places *places, const struct weir__places_ops *ops,
                       size_t limit, size_t workers)
{
    memset(places, 0, sizeof *places);
    places->ops = ops;
    places->capacity = limit + (limit / 4 > MUST_ADMIT_LEAST ? limit / 4 : MUST_ADMIT_LEAST);
    places->cells = 1;
    while (places->cells < workers && places->cells < WEIR__CELLS)
        places->cells *= 2;
}

struct weir__cell *weir__places_cell(struct weir__places *places, size_t worker)
{
    return &places->cell[worker & (places->cells - 1)];
}

/* Places given back, now. Any thread. */
static uint64_t sum_freed(weir_executor *executor)
{
    struct weir__places *places = executor->places;
    struct weir__counters *counters = &executor->counters;
    uint64_t sum = 0;
    for (size_t i = 0; i < places->cells; i++)
        sum += weir__load_seq_cst(&places->cell[i].released); /* seq_cst [A1] */
    sum += weir__load_seq_cst(&counters->cancelled);          /* seq_cst [A1], and the next */
    sum += weir__load_seq_cst(&counters->expired);
    sum += weir__load_seq_cst(&counters->displaced);
    sum += weir__load_seq_cst(&counters->stranded);
    return sum;
}

/* The places occupied or lent, as they were last seen, which may be too many. Requires: lock. */
static uint64_t occupied_guess_locked(struct weir__places *places)
{
    /* the lock is held */
    return weir__load_relaxed(&places->accepted) + weir__load_relaxed(&places->lent) -
           weir__load_relaxed(&places->freed_seen);
}

static void look_again_locked(weir_executor *executor)
{
    weir__store_relaxed(&executor->places->freed_seen, sum_freed(executor)); /* lock held */
}

uint64_t weir__places_occupied_locked(weir_executor *executor)
{
    weir__places_recall_locked(executor);
    look_again_locked(executor);
    return occupied_guess_locked(executor->places);
}

bool weir__places_recall_locked(weir_executor *executor)
{
    struct weir__places *places = executor->places;
    if (WEIR__LIKELY(weir__load_relaxed(&places->loans) % 2 == 0)) /* lock held */
        return false;
    places->ops->recall_locked(executor);
    return true;
}

size_t weir__places_lend_locked(weir_executor *executor, size_t most)
{
    struct weir__places *places = executor->places;
    uint64_t peak = weir__load_relaxed(&executor->counters.backlog_peak); /* lock held, all */
    if (weir__places_open_locked(executor) != WEIR_OK || places->first_blocked ||
        weir__load_relaxed(&places->growing))
        return 0;
    look_again_locked(executor);
    uint64_t taken = occupied_guess_locked(places);
    uint64_t there_are =
        weir__load_relaxed(&places->live) + (peak < executor->limit ? peak : executor->limit);
    if (taken + LEND_LEAST > there_are)
        return 0;
    size_t half = (size_t)(there_are - taken + 1) / 2, count = half < most ? half : most;
    if (weir__load_relaxed(&places->loans) % 2 == 0)
        weir__counter_bump(&places->loans, 1); /* release [A7]: before what is lent */
    weir__counter_bump(&places->lent, count);  /* release [A7] */
    return count;
}

void weir__places_take_back_locked(weir_executor *executor, size_t unused)
{
    struct weir__places *places = executor->places;
    weir__counter_bump(&places->lent, -(uint64_t)unused); /* release [A7] */
    weir__counter_bump(&places->loans, 1);                /* release [A7]: after what was lent */
}

bool weir__places_free_locked(weir_executor *executor, size_t backlog)
{
    struct weir__places *places = executor->places;
    uint64_t there_are = weir__load_relaxed(&places->live) + backlog; /* the lock is held */
    return occupied_guess_locked(places) < there_are ||
           weir__places_occupied_locked(executor) < there_are;
}

bool weir__places_to_spare_locked(weir_executor *executor)
{
    struct weir__places *places = executor->places;
    return !places->first_blocked && /* who waits will need one */
           weir__places_occupied_locked(executor) < weir__load_relaxed(&places->live); /* lock held */
}

weir_status weir__places_open_locked(weir_executor *executor)
{
    uint32_t life = weir__load_relaxed(&executor->life); /* the lock is held */
    if (WEIR__UNLIKELY(life != WEIR__OPEN))
        return weir__life_status(life);
    return weir__load_relaxed(&executor->places->live) ? WEIR_OK : WEIR_ESYS;
}

static WEIR__APART void raise_peak_locked(weir_executor *executor)
{
    uint64_t occupied = weir__places_occupied_locked(executor) + 1; /* which takes back what is lent */
    uint64_t live = weir__load_relaxed(&executor->places->live);    /* lock held */
    if (occupied > live)
        weir__counter_raise(&executor->counters.backlog_peak, occupied - live);
}

/* A place is going to be taken: what workers keep comes before it; and if it makes the backlog larger than
 * ever, that is noted now, so that no snapshot shows more, since afterwards others may have come free.
 * Requires: lock. */
static WEIR__APART void make_way_locked(weir_executor *executor)
{
    struct weir__places *places = executor->places;
    /* lock held, all */
    uint64_t known = weir__load_relaxed(&places->live) +
                     weir__load_relaxed(&executor->counters.backlog_peak);
    if (WEIR__UNLIKELY(weir__load_relaxed(&places->loans) % 2 ||
                       occupied_guess_locked(places) >= known))
        raise_peak_locked(executor);
}

void weir__places_enqueue_locked(weir_executor *executor, struct weir_future *future, uint32_t refs,
                                 struct weir__wakes *wakes)
{
    make_way_locked(executor);
    /* release [A3]: whoever sees this acceptance sees all places that were seen to be free for it,
     * so that it never counts more taken than there are; lock held */
    weir__counter_bump(&executor->places->accepted, 1);
    uint64_t hint = weir__future_publish(future, refs);
    executor->places->ops->enqueue_locked(executor, future, hint, wakes);
}

void weir__places_freed(weir_executor *executor)
{
    if (WEIR__LIKELY(!weir__load_seq_cst(&executor->places->calling))) /* seq_cst [A1] */
        return;
    struct weir__wakes wakes = {NULL, NULL};
    weir__lock_take(&executor->lock);
    weir__places_grant_locked(executor, &wakes);
    weir__lock_release(&executor->lock);
    weir__wakes_flush(&wakes);
}

void weir__places_release(weir_executor *executor, struct weir__cell *cell)
{
    weir__add_seq_cst(&cell->released, (uint64_t)1); /* seq_cst [A1]; release [A2]: the end */
    weir__places_freed(executor);
}

size_t weir__places_add_worker_locked(weir_executor *executor)
{
    /* release [A4]; only holders of the lock write it */
    return weir__add_release(&executor->places->live, (size_t)1) + 1;
}

void weir__places_remove_worker_locked(weir_executor *executor)
{
    weir__places_recall_locked(executor); /* there may be too many for those who are left */
    weir__add_release(&executor->places->live, (size_t)-1); /* release [A4] */
}

void weir__places_tally(const weir_executor *executor, struct weir__tally *out)
{
    struct weir__places *places = executor->places;
    out->accepted = weir__load_acquire(&places->accepted); /* acquire [A3]: before what follows */
    /* acquire [A4]: after accepted, so that workers started for a task are seen with it; before
     * released, so that the ends that let a worker go are seen with its going */
    out->workers = weir__load_acquire(&places->live);
    for (size_t i = 0; i < places->cells; i++)
        out->released += weir__load_acquire(&places->cell[i].released); /* acquire [A2] */
}
