/* Places that are lent to workers.
 *
 * When tasks submit tasks, all workers are submitters, and go through one lock: its line, those of the
 * counts and the end of the queue go from core to core for every task. So while nobody else submits, the
 * executor lends places to its workers. A worker gives such a place to what its own task submits, without
 * the lock, keeps the task in a queue of its own, and takes places back into its hand as its tasks end.
 *
 * The bound stays exact because a place that is lent is one that is given out: for the accounts
 * (executor/places.c)
 *
 *   given out = accepted + lent = freed + occupied + in the hands of workers
 *
 * and whoever finds that too many are given out has all taken back, under the lock, before the answer is
 * "full". The order stays what it was because of one rule: nothing comes to the end of the common queue
 * before all that is lent has been taken back, and what the workers have kept to themselves has been moved
 * there. So what is in the common queue is older than what a worker keeps: workers look there first. And
 * no task waits beside a worker that has nothing to do: nothing is lent while one is idle, and before one
 * goes idle it has all taken back.
 *
 *                  a worker submits, the STREAKth since       anybody else submits; the accounts
 *                  somebody else did, and nobody is idle      or the oldest are asked for; a worker
 *                  or waits for a place                       would go idle, or leaves; close
 *     all common  --------------------------------->  lent  --------------------------------> all common
 *
 * No more is lent than would fit below the largest backlog there ever was: beyond, submissions are
 * counted one by one, so that this number stays exact, too.
 *
 * Who owns what. worker->lent is the number of places in the worker's hand, or RECALLED. The worker takes
 * one or adds one by CAS; taking back is an exchange, under the lock [A5]. worker->local has the worker
 * as its only producer. It is one of its consumers; the other is whoever takes back. `taking` keeps these
 * two apart: else the worker might begin the second task while the first is on its way to the common
 * queue.
 *
 * [A5] A place that a worker takes into its hand has been given back before; what it saw is visible to
 *      whoever takes it from there. Hence the chain of who had a place one after the other is one of
 *      releases and acquires, as with places that are freed and accepted [A3].
 *
 * [A6] A task that was submitted while places were being taken back. The worker has taken its place from
 *      its hand before, and adds its hint to its queue after it was emptied. It adds the hint, then to
 *      `pushed`, then looks at `lent`; the other side sets `lent` to RECALLED, then reads `pushed`, then
 *      empties the queue. All four are sequentially consistent: either the hint is moved, or the worker
 *      sees that nothing is lent any more, and moves it itself, under the lock. So once a submission has
 *      returned, no hint is left in the queue of a worker to which nothing is lent.
 *
 * If a thread stops between any two lines: with the lock held, see sync/queue.c. A worker with a place
 * from its hand that it has not given to a task: the place is occupied, and the task comes. With a task
 * published, and its hint not in the queue yet: as a submitter that was stopped before its submission. It
 * holds up nobody, and the executor is not quiet, since the task that submits has not ended.
 *
 * A worker that keeps submitting and taking its own tasks looks after those of others, too: after TURNS of
 * its own in a row all are moved to the common queue. Otherwise those of a worker that waits for
 * something, in a task, could wait for ever.
 *
 * tests: unit.schedule.local, unit.schedule.nested, stress.lent, conformance (nested) */
#include "thread/local.h"

#include <stdlib.h>

#include "base/quick_clock.h"
#include "future/future_impl.h"

#ifdef WEIR_STEP_HOOK
enum { STREAK = 2, TURNS = 3, ROOM = WEIR__LENT_MOST };
#else
enum { STREAK = 64, TURNS = 1024, ROOM = WEIR__LENT_MOST };
#endif

/* What this worker has kept to itself goes to the common queue. Requires: lock. */
static void give_up_locked(struct weir__worker *worker, struct weir__wakes *wakes)
{
    struct weir__pool *pool = worker->pool;
    struct weir__queue_end end = {NULL, 0};
    uint64_t hint;
    weir__lock_take(&worker->taking);
    while (weir__queue_pop(worker->local, &end, &hint))
        if (weir__future_is_pending(weir__slab_at(pool->base.slab, (uint32_t)hint), hint))
            weir__pool_push_locked(pool, hint, wakes);
    weir__lock_release(&worker->taking);
}

void weir__local_recall_locked(struct weir__pool *pool)
{
    struct weir__worker *worker = pool->borrowers;
    struct weir__wakes none = {NULL, NULL}; /* nobody is idle while anything is lent */
    size_t taken_back = 0;
    pool->borrowers = NULL;
    for (; worker; worker = worker->next_borrower) {
        taken_back += weir__exchange_seq_cst(&worker->lent, WEIR__RECALLED); /* seq_cst [A6]; [A5] */
        (void)weir__load_seq_cst(&worker->pushed);                           /* seq_cst [A6] */
        give_up_locked(worker, &none);
    }
    weir__places_take_back_locked(&pool->base, taken_back);
}

/* The queue of this worker, made when it is first lent a place. Requires: lock. */
static bool has_local(struct weir__worker *worker)
{
    if (!worker->local)
        worker->local = weir__queue_create(ROOM, weir__pool_truth(worker->pool));
    return worker->local;
}

/* Have places lent to the calling worker. False: none can be had. */
static bool borrow(struct weir__worker *worker)
{
    struct weir__pool *pool = worker->pool;
    size_t lent = 0;
    /* relaxed: a look before the lock */
    if (weir__load_relaxed(&pool->streak) < STREAK || pool->base.asks_always)
        return false;
    weir__lock_take(&pool->base.lock);
    if (!pool->newest_idle && has_local(worker))
        lent = weir__places_lend_locked(&pool->base, WEIR__LENT_MOST);
    if (lent) {
        /* lock held: nobody takes back, and only this worker takes out; what it had is used up */
        if (weir__load_relaxed(&worker->lent) == WEIR__RECALLED) {
            worker->next_borrower = pool->borrowers;
            pool->borrowers = worker;
        }
        weir__store_release(&worker->lent, (uint32_t)lent); /* release [A5] */
    } else {
        weir__store_relaxed(&pool->streak, STREAK / 2u); /* lock held; not again for a while */
    }
    weir__lock_release(&pool->base.lock);
    return lent;
}

void weir__local_note_locked(struct weir__pool *pool, const struct weir__worker *worker)
{
    unsigned streak = weir__load_relaxed(&pool->streak); /* lock held, as for the stores */
    if (worker && streak < STREAK)
        weir__store_relaxed(&pool->streak, streak + 1);
    else if (!worker && streak)
        weir__store_relaxed(&pool->streak, 0u);
}

bool weir__local_recall_hungry_locked(struct weir__pool *pool)
{
    if (!pool->borrowers)
        return false;
    weir__local_recall_locked(pool);
    weir__store_relaxed(&pool->streak, 0u); /* lock held; what is submitted is taken by others */
    return true;
}

/* Take a place out of the worker's hand. */
static bool take_place(struct weir__worker *worker)
{
    uint32_t lent = weir__load_relaxed(&worker->lent); /* the CAS orders */
    while (lent != 0 && lent != WEIR__RECALLED)
        if (weir__cas_acq_rel(&worker->lent, &lent, lent - 1)) /* acq_rel [A5] */
            return true;
    return false;
}

/* A hint that found no room in the worker's queue, or may have come there after it was emptied. */
static void hand_over(struct weir__worker *worker, const uint64_t *hint)
{
    struct weir__pool *pool = worker->pool;
    struct weir__wakes wakes = {NULL, NULL};
    weir__lock_take(&pool->base.lock);
    if (pool->borrowers)
        weir__local_recall_locked(pool);
    give_up_locked(worker, &wakes);
    if (hint)
        weir__pool_push_locked(pool, *hint, &wakes);
    weir__lock_release(&pool->base.lock);
    weir__wakes_flush(&wakes);
}

WEIR__APART bool weir__local_admit(struct weir__worker *worker, struct weir__request *request,
                                   struct weir_future **out)
{
    weir_executor *executor = &worker->pool->base;
    if (!take_place(worker) && !(borrow(worker) && take_place(worker)))
        return false;
    struct weir_future *future = weir__slab_take(executor->slab, &worker->cache);
    if (WEIR__UNLIKELY(!future)) {
        if (!weir__local_keep(worker))
            weir__places_release(executor, worker->cell);
        return false; /* the common way will say why */
    }
    weir__request_fill(request, future, weir__quick_ns(executor->quick_clock));
    weir__counter_bump(&worker->submitted, 1); /* release [A3]: before anybody can see the task */
    uint64_t hint = weir__future_publish(future, request->refs);
    if (WEIR__UNLIKELY(!weir__queue_push_locked(worker->local, hint))) {
        hand_over(worker, &hint);
    } else {
        weir__add_seq_cst(&worker->pushed, (uint64_t)1);                            /* seq_cst [A6] */
        if (WEIR__UNLIKELY(weir__load_seq_cst(&worker->lent) == WEIR__RECALLED)) /* seq_cst [A6] */
            hand_over(worker, NULL);
    }
    *out = future;
    return true;
}

bool weir__local_pop(struct weir__worker *worker, uint64_t *hint)
{
    struct weir__pool *pool = worker->pool;
    if (!worker->local || weir__queue_seems_empty(worker->local))
        return false;
    if (WEIR__UNLIKELY(++worker->turns >= TURNS)) {
        worker->turns = 0;
        weir__lock_take(&pool->base.lock);
        weir__places_recall_locked(&pool->base);
        weir__lock_release(&pool->base.lock);
        return weir__queue_pop(pool->queue, &worker->end, hint);
    }
    struct weir__queue_end end = {NULL, 0}; /* the other end is at hand: it is ours, too */
    weir__lock_take(&worker->taking);
    bool found = weir__queue_pop(worker->local, &end, hint);
    weir__lock_release(&worker->taking);
    return found;
}
