/* Places that are lent to workers.
 *
 * When tasks submit tasks and wait for them, all workers are submitters, and go through one lock: its
 * line, those of the counts and the end of the queue go from core to core for every task. So while only
 * workers submit, the executor lends places to them. A worker gives such a place to what its own task
 * submits, without the lock, and keeps the hint in a queue of its own. There the task stays until its
 * submitter waits for it, claims it and runs it (thread/worker.c); and the worker keeps the place of a
 * task that it takes out or ends, for the next.
 *
 * The bound stays exact because a place that is lent is one that is given out: for the accounts
 * (executor/places.c)
 *
 *   given out = accepted + lent = freed + occupied + in the hands of workers
 *
 * and whoever finds that too many are given out has all taken back, under the lock, before the answer is
 * "full".
 *
 * The order stays, because nobody takes hints out of what a worker keeps but whoever takes all back, under
 * the lock, and moves them to the common queue, the oldest of all first; and because nothing else comes to
 * the end of the common queue before that has been done. So what is there is older than what is kept, and
 * a worker that finds nothing there, whether it would go idle or has just ended a task, takes back first.
 * Hence no task waits beside a worker that has nothing to do, either: and nothing is lent while one is
 * idle. Between tasks of different workers, older is by the time of their submission, which is as true as
 * the clock (base/quick_clock.c).
 *
 *                worker after worker submits, nobody else,     anybody else submits; a worker finds the
 *                and nobody is idle or waits for a place       common queue empty, or leaves; too many are
 *                                                              given out; the oldest is asked for; close
 *    all common ------------------------------------> lent ------------------------------------> all common
 *
 * How many submissions of workers in a row that takes is STREAK at first, and twice as many as before, up
 * to STREAK_MOST, each time that lending did not pay: when it was refused, or what was lent was taken back
 * before there had been PAYS submissions.
 *
 * No more is lent than would fit below the largest backlog there ever was: beyond, submissions are
 * counted one by one, so that this number stays exact, too.
 *
 * Who owns what. worker->lent is the number of places in the worker's hand, or RECALLED. The worker takes
 * one or adds one by CAS, and is lent more when it has none, under the lock; taking back is an exchange,
 * under the lock [A5]. Of worker->kept the worker is
 * the producer, without the lock; the lock's holder is the consumer. When it is full, mostly of stale
 * hints, the worker clears it out under the lock.
 *
 * [A5] A place that a worker takes into its hand has been given back before; what it saw is visible to
 *      whoever takes it from there. Hence the chain of who had a place one after the other is one of
 *      releases and acquires, as with places that are freed and accepted [A3].
 *
 * [A6] A task that was submitted while places were being taken back. The worker has taken its place from
 *      its hand before, and keeps its hint after what it kept was moved. It adds the hint, then to
 *      `pushed`, then looks at `lent`; the other side sets `lent` to RECALLED, then reads `pushed`, then
 *      moves the hints. All four are sequentially consistent: either the hint is moved, or the worker
 *      sees that nothing is lent any more, and moves it itself, under the lock. So once a submission has
 *      returned, no worker to which nothing is lent keeps a hint.
 *
 * If a thread stops between any two lines: with the lock held, see sync/queue.c. A worker with a place
 * from its hand that it has not given to a task: the place is occupied, and the task comes. With a task
 * published, and its hint not kept yet: as a submitter that was stopped before its submission. It holds up
 * nobody, and the executor is not quiet, since the task that submits has not ended. It may have been closed
 * meanwhile: the task was accepted before, and runs. To a worker that is to go nothing is lent: worker_fini
 * submits like anybody else, and is refused if the executor is closed.
 *
 * Who takes back holds the lock for as long as it takes to look at all that is kept, of each worker 255
 * hints at the most, stale ones included, and to put the valid ones in order.
 *
 * tests: unit.schedule.lent, unit.schedule.nested, stress.lent, conformance (nested) */
#include "thread/lent.h"

#include <assert.h>

#include "base/quick_clock.h"
#include "future/future_impl.h"

#ifdef WEIR_STEP_HOOK /* schedules are short */
enum { STREAK = 2, STREAK_MOST = 2, PAYS = 1, ROOM = 2 };
#else
enum { STREAK = 64, STREAK_MOST = 1024, PAYS = 64, ROOM = 127 };
#endif

void weir__lent_begin(struct weir__pool *pool)
{
    weir__store_relaxed(&pool->patience, (unsigned)STREAK); /* nobody else knows the pool yet */
    weir__store_relaxed(&pool->to_come, (unsigned)STREAK);
}

bool weir__lent_init(struct weir__worker *worker)
{
    weir__store_relaxed(&worker->lent, WEIR__RECALLED); /* nobody else knows the worker yet */
    worker->kept = weir__queue_create(ROOM, weir__pool_truth(worker->pool));
    return worker->kept;
}

void weir__lent_fini(struct weir__worker *worker)
{
    weir__queue_destroy(worker->kept);
}

/* Nothing is lent for a while: for longer, if it did not pay. Requires: lock. */
static void wait_again_locked(struct weir__pool *pool, bool paid)
{
    /* relaxed, all: advice; whoever submits may be looking at it */
    unsigned patience = paid ? STREAK : 2 * weir__load_relaxed(&pool->patience);
    patience = patience < STREAK_MOST ? patience : STREAK_MOST;
    weir__store_relaxed(&pool->patience, patience);
    weir__store_relaxed(&pool->to_come, patience);
}

/* Take the oldest task out that this worker keeps, as its `oldest`. False: there is none. Requires: lock. */
static bool take_oldest_locked(struct weir__worker *worker)
{
    struct weir__queue_end end = {NULL, 0};
    while (weir__queue_pop(worker->kept, &end, &worker->oldest)) {
        struct weir_future *future =
            weir__slab_at(worker->pool->base.slab, (uint32_t)worker->oldest);
        if (!weir__future_is_pending(future, worker->oldest))
            continue;
        /* relaxed: if it has been claimed meanwhile, its time does not matter */
        worker->oldest_ns = weir__load_relaxed(&future->submit_ns);
        return true;
    }
    return false;
}

/* Into the list, by age. Requires: lock. */
static void file_locked(struct weir__worker **list, struct weir__worker *worker)
{
    while (*list && (*list)->oldest_ns <= worker->oldest_ns)
        list = &(*list)->next_borrower;
    worker->next_borrower = *list;
    *list = worker;
}

void weir__lent_recall_locked(struct weir__pool *pool)
{
    struct weir__worker *worker, *next, *keepers = NULL;
    struct weir__wakes none = {NULL, NULL}; /* nobody is idle while anything is lent */
    uint64_t unused = 0, submissions = 0;
    for (worker = pool->borrowers; worker; worker = next) {
        next = worker->next_borrower;
        unused += weir__exchange_seq_cst(&worker->lent, WEIR__RECALLED); /* seq_cst [A6]; [A5] */
        submissions += weir__load_seq_cst(&worker->pushed) - worker->pushed_before; /* seq_cst [A6] */
        if (take_oldest_locked(worker))
            file_locked(&keepers, worker);
    }
    pool->borrowers = NULL;
    while ((worker = keepers)) {
        keepers = worker->next_borrower;
        weir__pool_push_locked(pool, worker->oldest, &none);
        if (take_oldest_locked(worker))
            file_locked(&keepers, worker);
    }
    assert(!none.first);
    weir__places_take_back_locked(&pool->base, unused);
    wait_again_locked(pool, submissions >= PAYS);
}

/* Have places lent to the calling worker. False: none can be had. */
static bool borrow(struct weir__worker *worker)
{
    struct weir__pool *pool = worker->pool;
    size_t count = 0;
    /* relaxed: a look before the lock. A policy that is asked each time is told how long the oldest has
     * waited: all would be taken back each time. */
    if (weir__load_relaxed(&pool->to_come) || pool->base.asks_always)
        return false;
    weir__lock_take(&pool->base.lock);
    if (!pool->newest_idle && !worker->retired)
        count = weir__places_lend_locked(&pool->base, WEIR__LENT_MOST);
    if (count) {
        /* lock held: nobody takes back, and only this worker takes out; what it had is used up */
        if (weir__load_relaxed(&worker->lent) == WEIR__RECALLED) {
            worker->next_borrower = pool->borrowers;
            pool->borrowers = worker;
            worker->pushed_before = weir__load_relaxed(&worker->pushed);
        }
        weir__store_release(&worker->lent, (uint32_t)count); /* release [A5] */
    } else if (!pool->borrowers) {
        wait_again_locked(pool, false);
    }
    weir__lock_release(&pool->base.lock);
    return count;
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

/* This hint found no room. Where clearing out does not make much, because most of what the worker keeps is
 * valid, it would have to be done again soon: then all goes to the common queue. */
static void keep_locked(struct weir__worker *worker, uint64_t hint, struct weir__wakes *wakes)
{
    /* lock held: nobody takes back meanwhile */
    if (weir__load_relaxed(&worker->lent) != WEIR__RECALLED &&
        weir__queue_clear_locked(worker->kept) && weir__queue_push_if_room(worker->kept, hint))
        return;
    weir__places_recall_locked(&worker->pool->base);
    weir__pool_push_locked(worker->pool, hint, wakes);
}

static void make_room(struct weir__worker *worker, uint64_t hint)
{
    struct weir__wakes wakes = {NULL, NULL};
    weir__lock_take(&worker->pool->base.lock);
    keep_locked(worker, hint, &wakes);
    weir__lock_release(&worker->pool->base.lock);
    weir__wakes_flush(&wakes);
}

/* This worker may have kept something after all was moved. */
static void hand_over(struct weir__worker *worker)
{
    struct weir__pool *pool = worker->pool;
    struct weir__wakes wakes = {NULL, NULL};
    weir__lock_take(&pool->base.lock);
    weir__places_recall_locked(&pool->base); /* what others keep is older */
    while (take_oldest_locked(worker))
        weir__pool_push_locked(pool, worker->oldest, &wakes);
    weir__lock_release(&pool->base.lock);
    weir__wakes_flush(&wakes);
}

bool weir__lent_admit(struct weir__worker *worker, struct weir__request *request,
                      struct weir_future **out)
{
    weir_executor *executor = &worker->pool->base;
    if (!take_place(worker) && !(borrow(worker) && take_place(worker)))
        return false;
    struct weir_future *future = weir__request_slot(request, executor, &worker->cache);
    if (WEIR__UNLIKELY(!future)) {
        if (!weir__lent_keep(worker))
            weir__places_release(executor, worker->cell);
        return false; /* the common way will say why */
    }
    weir__request_fill(request, future, weir__quick_ns(executor->quick_clock));
    weir__counter_bump(&worker->submitted, 1); /* release [A3]: before anybody can see the task */
    uint64_t hint = weir__future_publish(future, request->refs);
    if (WEIR__UNLIKELY(!weir__queue_push_if_room(worker->kept, hint))) {
        make_room(worker, hint);
    } else {
        weir__add_seq_cst(&worker->pushed, (uint64_t)1);                         /* seq_cst [A6] */
        if (WEIR__UNLIKELY(weir__load_seq_cst(&worker->lent) == WEIR__RECALLED)) /* seq_cst [A6] */
            hand_over(worker);
    }
    *out = future;
    return true;
}
