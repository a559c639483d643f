/* Places: who may enter, exactly.
 *
 * A task occupies a place from its acceptance until its worker is free for another one. With W
 * workers and limit L there are W + L places: W tasks that run, or are about to, and L of backlog.
 * So a standing start admits a burst of W + L whatever the workers are doing: a task handed to an
 * idle worker that has not woken up yet occupies that worker's place, not one of the backlog.
 *
 *   accepted  places given out, ever. Written under the lock only.
 *   freed     places given back, ever: by each worker when a task ends (cell->released), and by
 *             whoever ends a task that has not started (cancelled, expired, displaced, stranded).
 *   occupied = accepted - freed
 *
 * Both only grow. A submitter adds under the lock, after it has seen occupied < W + L; everybody
 * else only makes occupied smaller. Hence it never exceeds W + L, for any number of racing
 * submitters. And no place is lost: each is given back before the end of its task can be seen, so
 * whoever has waited for a future finds its place free.
 *
 * Sums are expensive (one cache line for each group of workers), so submitters remember what they
 * saw last (freed_seen, a lower bound, so that occupied is over- and never underestimated) and look
 * again only when that says full. Far from the limit, a submission touches no line that a worker
 * writes but the queue's.
 *
 * A task that its waiter takes out of the backlog (weir__worker_run_here) gives its place back when
 * it starts: the worker's place is taken already by the task below.
 *
 * Waiting for a place, first come first served. A submitter that waits puts its task, ready to be
 * queued, into a list. Whoever frees a place and sees that somebody waits takes the lock and queues
 * the first waiting task itself, then wakes its submitter: one wake-up a place, nothing to be lost
 * between the wake-up and the next try, nobody overtakes. Newcomers do not pass the list.
 *
 * [A1] No place is forgotten: the freeing side adds to its counter and then reads `blocked`; the
 *      waiting side adds to `blocked` and then reads the counters. All four are sequentially
 *      consistent, so one of the two sees the other: either the freeing side comes to the list, or
 *      the waiting side finds the place itself.
 *
 * If a thread stops between any two lines: with the lock held, submitters wait for a time slice
 * (sync/queue.c). A worker between the end of a function and its counter: its place is still taken,
 * rightly. Between its counter and the look at `blocked`: a place is free and the first waiter
 * sleeps on; whoever frees the next place, or comes to submit, passes both on.
 *
 * tests: conformance (burst, blocking order, cancel and resubmit), stress (the bound under racing
 * submitters), unit.thread.admission (interleavings). */
#include "base/clock.h"
#include "thread/pool_impl.h"

/* Places given back, now. Any thread. */
static uint64_t sum_freed(struct weir__pool *pool)
{
    const struct weir__counters *counters = &pool->base.counters;
    uint64_t sum = 0;
    for (size_t i = 0; i < pool->cells; i++)
        sum += weir__load_seq_cst(&pool->cell[i].released); /* seq_cst [A1] */
    /* seq_cst [A1] */
    sum += weir__load_seq_cst((weir__counter *)(uintptr_t)&counters->cancelled);
    sum += weir__load_seq_cst((weir__counter *)(uintptr_t)&counters->expired);
    sum += weir__load_seq_cst((weir__counter *)(uintptr_t)&counters->displaced);
    sum += weir__load_seq_cst((weir__counter *)(uintptr_t)&counters->stranded);
    return sum;
}

/* The same as it was last seen, which may be too high. Requires: lock. */
static uint64_t occupied_guess_locked(const struct weir__pool *pool)
{
    return weir__load_relaxed((weir__counter *)(uintptr_t)&pool->accepted) - pool->freed_seen;
}

uint64_t weir__pool_occupied_locked(struct weir__pool *pool)
{
    pool->freed_seen = sum_freed(pool);
    return occupied_guess_locked(pool);
}

static size_t live_locked(struct weir__pool *pool)
{
    return weir__load_relaxed(&pool->live); /* the lock is held */
}

static bool has_place_locked(struct weir__pool *pool, size_t backlog)
{
    uint64_t places = live_locked(pool) + backlog;
    return occupied_guess_locked(pool) < places || weir__pool_occupied_locked(pool) < places;
}

/* Without the lock: true only if at some moment during the call all places were taken. Accepted is
 * read first, so what is freed meanwhile only makes the result smaller. */
static bool looks_full(struct weir__pool *pool)
{
    size_t live = weir__load_relaxed(&pool->live);
    if (live < weir__load_relaxed(&pool->max_workers)) /* another worker may be started: look under the lock */
        return false;
    uint64_t accepted = weir__load_acquire(&pool->accepted); /* acquire [A3] */
    /* Another thread's additions may be seen before the submission that they belong to. */
    int64_t occupied = (int64_t)(accepted - sum_freed(pool));
    return occupied >= (int64_t)(live + pool->base.limit);
}

/* The place that was just taken may have made the backlog larger than ever. Requires: lock. */
static void note_peak_locked(struct weir__pool *pool)
{
    uint64_t live = live_locked(pool), peak = weir__load_relaxed(&pool->base.counters.backlog_peak);
    if (occupied_guess_locked(pool) <= live + peak)
        return;
    uint64_t occupied = weir__pool_occupied_locked(pool);
    if (occupied > live + peak)
        weir__store_relaxed(&pool->base.counters.backlog_peak, occupied - live); /* lock held */
}

/* Queue a task that is filled in. Returns the worker to wake, or NULL. Requires: lock, a place. */
static struct weir__worker *enqueue_locked(struct weir__pool *pool, struct weir_future *future,
                                           uint32_t refs)
{
    /* release [A3]: a snapshot that sees this task's end sees its acceptance; lock held */
    weir__counter_bump(&pool->accepted, 1);
    weir__queue_push_locked(pool->queue, weir__future_publish(future, refs));
    note_peak_locked(pool);
    return weir__pool_take_idle_locked(pool);
}

/* Take a slot and queue the request in it. Requires: lock, a place. */
static weir_status accept_locked(struct weir__pool *pool, struct weir__request *request,
                                 int64_t now_ns, struct weir_future **out,
                                 struct weir__worker **wake)
{
    struct weir_future *future = weir__slab_take(pool->base.slab, &pool->cache);
    if (!future)
        return WEIR_ENOMEM;
    weir__request_fill(request, future, now_ns);
    *wake = enqueue_locked(pool, future, request->refs);
    *out = future;
    return WEIR_OK;
}

/* Whether anything can be accepted at all. Requires: lock. */
static weir_status check_open_locked(struct weir__pool *pool)
{
    uint32_t life = weir__load_relaxed(&pool->base.life); /* the lock is held */
    if (WEIR__UNLIKELY(life != WEIR__OPEN))
        return weir__life_status(life);
    return live_locked(pool) ? WEIR_OK : WEIR_ESYS;
}

/* Take a place if there is one for this request, and queue it. Requires: lock. */
static weir_status try_accept_locked(struct weir__pool *pool, struct weir__request *request,
                                     int64_t now_ns, struct weir_future **out,
                                     struct weir__worker **wake)
{
    bool within = has_place_locked(pool, pool->base.limit);
    if (request->must ? !within && !has_place_locked(pool, pool->capacity)
                      : !within || pool->first_blocked)
        return WEIR_EREJECTED;
    weir_status status = accept_locked(pool, request, now_ns, out, wake);
    if (WEIR__UNLIKELY(!within) && status == WEIR_OK)
        weir__counter_bump(&pool->base.counters.must_admitted, 1); /* lock held */
    return status;
}

weir_status weir__pool_admit(weir_executor *executor, struct weir__request *request,
                             struct weir_future **out)
{
    struct weir__pool *pool = weir__pool_of(executor);
    /* relaxed: a closed executor says so under the lock */
    if (!request->must && weir__load_relaxed(&executor->life) == WEIR__OPEN && looks_full(pool))
        return WEIR_EREJECTED;
    int64_t now_ns = weir__now_ns();
    struct weir__worker *wake = NULL, *dismissed;
    weir__lock_take(&executor->lock);
    dismissed = weir__pool_size_up_locked(pool);
    weir_status status = check_open_locked(pool);
    if (status == WEIR_OK)
        status = try_accept_locked(pool, request, now_ns, out, &wake);
    weir__lock_release(&executor->lock);
    if (wake)
        weir__unpark(&wake->parker);
    if (WEIR__UNLIKELY(dismissed != NULL))
        weir__wake_list(dismissed);
    return status;
}

/* The oldest pending task, claimed, off the queue; NULL: none. Requires: lock. */
static struct weir_future *claim_oldest_locked(struct weir__pool *pool)
{
    uint64_t hint;
    while (weir__queue_pop(pool->queue, &hint)) {
        struct weir_future *future = weir__slab_at(pool->base.slab, (uint32_t)hint);
        if (weir__future_claim_hint(future, hint, WEIR__CLAIMED))
            return future;
    }
    return NULL;
}

weir_status weir__pool_admit_displacing(weir_executor *executor, struct weir__request *request,
                                        struct weir_future **out)
{
    struct weir__pool *pool = weir__pool_of(executor);
    int64_t now_ns = weir__now_ns();
    struct weir__worker *wake = NULL;
    struct weir_future *oldest = NULL;
    weir__lock_take(&executor->lock);
    weir_status status = check_open_locked(pool);
    /* Only a backlog can be displaced, not what is on its way to an idle worker. */
    if (status == WEIR_OK && weir__pool_occupied_locked(pool) > live_locked(pool))
        oldest = claim_oldest_locked(pool);
    if (oldest)
        weir__add_seq_cst(&executor->counters.displaced, (uint64_t)1); /* seq_cst [A1] */
    if (status == WEIR_OK)
        status = has_place_locked(pool, executor->limit)
                     ? accept_locked(pool, request, now_ns, out, &wake)
                     : WEIR_EREJECTED;
    weir__lock_release(&executor->lock);
    if (wake)
        weir__unpark(&wake->parker);
    if (oldest)
        weir__future_end(oldest, WEIR_EDISCARDED, NULL);
    if (oldest && status != WEIR_OK)
        weir__pool_place_freed(pool);
    return status;
}

/* Requires: lock. */
static void unlink_blocked_locked(struct weir__pool *pool, struct weir__blocked *blocked)
{
    *(blocked->previous ? &blocked->previous->next : &pool->first_blocked) = blocked->next;
    *(blocked->next ? &blocked->next->previous : &pool->last_blocked) = blocked->previous;
    weir__sub_relaxed(&pool->blocked, (size_t)1); /* only the addition has to be ordered [A1] */
}

struct weir__worker *weir__pool_grant_locked(struct weir__pool *pool,
                                             struct weir__blocked **granted)
{
    struct weir__worker *wake = NULL;
    struct weir__blocked *last = NULL;
    *granted = NULL;
    while (pool->first_blocked && has_place_locked(pool, pool->base.limit)) {
        struct weir__blocked *blocked = pool->first_blocked;
        unlink_blocked_locked(pool, blocked);
        blocked->settled = true;
        blocked->status = WEIR_OK;
        weir__store_relaxed(&blocked->future->submit_ns, weir__now_ns()); /* [F1] */
        struct weir__worker *worker = enqueue_locked(pool, blocked->future, blocked->refs);
        if (worker) {
            worker->next = wake;
            wake = worker;
        }
        blocked->next = NULL;
        *(last ? &last->next : granted) = blocked;
        last = blocked;
    }
    return wake;
}

struct weir__blocked *weir__pool_release_blocked_locked(struct weir__pool *pool, weir_status status)
{
    struct weir__blocked *first = pool->first_blocked;
    for (struct weir__blocked *blocked = first; blocked; blocked = blocked->next) {
        blocked->settled = true;
        blocked->status = status;
        weir__sub_relaxed(&pool->blocked, (size_t)1); /* as in unlink_blocked_locked */
    }
    pool->first_blocked = pool->last_blocked = NULL;
    return first;
}

void weir__wake_blocked(struct weir__blocked *first)
{
    while (first) {
        struct weir__blocked *next = first->next; /* gone as soon as it is unparked */
        weir__unpark(&first->parker);
        first = next;
    }
}

void weir__wake_list(struct weir__worker *first)
{
    while (first) {
        struct weir__worker *next = first->next; /* in another list as soon as it is unparked */
        weir__unpark(&first->parker);
        first = next;
    }
}

void weir__pool_place_freed(struct weir__pool *pool)
{
    if (WEIR__LIKELY(weir__load_seq_cst(&pool->blocked) == 0)) /* seq_cst [A1] */
        return;
    struct weir__blocked *granted;
    weir__lock_take(&pool->base.lock);
    struct weir__worker *wake = weir__pool_grant_locked(pool, &granted);
    weir__lock_release(&pool->base.lock);
    weir__wake_list(wake);
    weir__wake_blocked(granted);
}

/* Put a submission into the list of those that wait, or settle it at once. A place may have come
 * free since the caller looked: then the first in the list has it, perhaps this one. Requires: lock. */
static struct weir__worker *block_locked(struct weir__pool *pool, struct weir__blocked *blocked,
                                         struct weir__blocked **granted)
{
    *granted = NULL;
    blocked->status = check_open_locked(pool);
    blocked->settled = blocked->status != WEIR_OK;
    if (blocked->settled)
        return NULL;
    weir__add_seq_cst(&pool->blocked, (size_t)1); /* seq_cst [A1]: before the look for a place */
    blocked->previous = pool->last_blocked;
    *(pool->last_blocked ? &pool->last_blocked->next : &pool->first_blocked) = blocked;
    pool->last_blocked = blocked;
    pool->freed_seen = sum_freed(pool);
    return weir__pool_grant_locked(pool, granted);
}

weir_status weir__pool_admit_waiting(weir_executor *executor, struct weir__request *request,
                                     int64_t deadline_ns, struct weir_future **out)
{
    struct weir__pool *pool = weir__pool_of(executor);
    struct weir__blocked blocked = {.refs = request->refs};
    blocked.future = weir__slab_take(executor->slab, NULL);
    if (!blocked.future)
        return WEIR_ENOMEM;
    weir__request_fill(request, blocked.future, 0);

    weir__lock_take(&executor->lock);
    struct weir__blocked *granted;
    struct weir__worker *wake = block_locked(pool, &blocked, &granted);
    bool settled = blocked.settled;
    weir__lock_release(&executor->lock);
    weir__wake_list(wake);
    weir__wake_blocked(granted); /* a token for this one is left unused */

    if (!settled && !weir__park(&blocked.parker, deadline_ns)) {
        weir__lock_take(&executor->lock);
        settled = blocked.settled;
        if (!settled) {
            unlink_blocked_locked(pool, &blocked);
            blocked.status = WEIR_ETIMEDOUT;
        }
        weir__lock_release(&executor->lock);
        if (settled) /* between our time-out and the lock: its token is on the way */
            weir__park(&blocked.parker, WEIR_FOREVER);
    }
    if (blocked.status == WEIR_OK) {
        *out = blocked.future;
        return WEIR_OK;
    }
    weir__future_adopt(blocked.future, 1, WEIR__CLAIMED); /* never was a task: free it */
    weir__future_end(blocked.future, blocked.status, NULL);
    return blocked.status;
}

uint64_t weir__pool_end_queued(struct weir__pool *pool, weir_status status, weir__counter *counter)
{
    uint64_t ended = 0;
    for (;;) {
        weir__lock_take(&pool->base.lock);
        struct weir_future *future = claim_oldest_locked(pool);
        weir__lock_release(&pool->base.lock);
        if (!future)
            return ended;
        ended++;
        weir__add_seq_cst(counter, (uint64_t)1); /* seq_cst [A1] */
        weir__pool_place_freed(pool);
        weir__future_end(future, status, NULL);
    }
}
