/* Waiting for a place.
 *
 * A submitter that waits puts its task, ready to be queued, into a list, and the list calls ([A1],
 * places.c). Whoever frees a place then takes the lock, queues the first waiting task itself, and
 * wakes its submitter. From there on that submitter passes places on: the list does not call any
 * more until it is awake, has taken the lock, and either has given the next place to the next in the
 * list, or has found none and lets the list call again. So submitters are woken in the order in which
 * they came, one at a time, each for a place that is already its own, and the workers are not
 * stopped by it: one of them wakes the first, the submitters wake each other.
 *
 * Newcomers go to the end of the list, but for those that come while a submitter is waking up: the
 * places that come free in that time are for whoever is awake. Waking up takes longer than many a
 * task, and if each place had to wait for it, all would go on at the pace of the wake-ups: with 64
 * submitters on 2 cores, ten times slower than with 2. Nobody starves: who is first in the list has
 * a place of its own as soon as the one before it is awake and there is one.
 *
 * A nap. When tasks are short, the place that a worker frees is followed by the next before its
 * submitter is awake, and with fewer cores than threads the submitter takes the core of a worker for
 * one place each time. So whoever becomes the first in the list first sleeps for about as long as it
 * takes to free half of the backlog, by the pace at which places came free lately, and for NAP_MOST_NS
 * at the most; then it looks for itself, and only if there is no place does the list call. While it
 * naps, places are for whoever is awake, as above. It is kept waiting for half as long as its task will
 * be in the backlog, at the most; and if the pace goes up meanwhile, so that a worker finds nothing to
 * do, that worker ends the nap. Where a nap would be so short that the system cannot sleep for it, or
 * the pace so slow that nothing is gained, there is none.
 *
 * Under the lock, a waiter is in the list, or settled: never both, never neither. Who settles it
 * owes it one token; a waiter whose time runs out looks under the lock which of the two it is, and
 * takes the token if it is owed one, so that nobody touches its stack after it has returned.
 *
 * tests: conformance (order, time-out, shutdown), unit.schedule (block, grant, time-out, close) */
#include "base/atomic.h"
#include "base/clock.h"
#include "executor/places.h"
#include "future/future_impl.h"
#include "sync/parker.h"

#define NAP_MOST_NS (2 * WEIR_MILLISECOND)
#ifdef WEIR_STEP_HOOK
#define NAP_LEAST_NS INT64_C(0) /* schedules stand still: any pace is fast */
#else
#define NAP_LEAST_NS (40 * WEIR_MICROSECOND)
#endif

/* A submitter that waits for a place, on its own stack. */
struct weir__blocked {
    struct weir__sleeper sleeper;
    struct weir__blocked *next, *previous; /* protected by: lock */
    struct weir_future *future;            /* filled in, to be queued by whoever has a place */
    uint32_t refs;                         /* for the future when it is published */
    bool settled;                          /* protected by: lock; status is set, a token comes */
    weir_status status;                    /* protected by: lock, until settled */
    struct weir__parker parker;
};

static void wake_blocked(struct weir__sleeper *sleeper)
{
    weir__unpark(&WEIR__CONTAINER_OF(sleeper, struct weir__blocked, sleeper)->parker);
}

static void append_locked(struct weir__places *places, struct weir__blocked *blocked)
{
    blocked->next = NULL;
    blocked->previous = places->last_blocked;
    *(blocked->previous ? &blocked->previous->next : &places->first_blocked) = blocked;
    places->last_blocked = blocked;
}

static void remove_locked(struct weir__places *places, struct weir__blocked *blocked)
{
    *(blocked->previous ? &blocked->previous->next : &places->first_blocked) = blocked->next;
    *(blocked->next ? &blocked->next->previous : &places->last_blocked) = blocked->previous;
    if (!blocked->previous)
        weir__store_relaxed(&places->napping, false); /* it was the first; lock held */
    weir__sub_relaxed(&places->blocked, (size_t)1); /* a gauge */
}

static void settle_locked(struct weir__places *places, struct weir__blocked *blocked,
                          weir_status status, struct weir__wakes *wakes)
{
    remove_locked(places, blocked);
    blocked->settled = true;
    blocked->status = status;
    weir__wakes_add(wakes, &blocked->sleeper);
}

/* The list calls if somebody is in it, and nobody is on the way to it or about to look. Requires:
 * lock. */
static bool call_locked(struct weir__places *places)
{
    bool calling = weir__places_held_back_locked(places);
    if (weir__load_relaxed(&places->calling) != calling) /* the lock is held */
        weir__store_seq_cst(&places->calling, calling);  /* seq_cst [A1]: before the counters */
    return calling;
}

void weir__places_grant_locked(weir_executor *executor, struct weir__wakes *wakes)
{
    struct weir__places *places = executor->places;
    if (!call_locked(places))
        return;
    /* The last worker may have gone since, for want of work. */
    if (weir__load_relaxed(&places->growing)) /* lock held */
        places->ops->size_up_locked(executor, wakes);
    /* Not into an executor that nobody serves any more. */
    if (weir__places_open_locked(executor) != WEIR_OK ||
        !weir__places_free_locked(executor, executor->limit))
        return;
    struct weir__blocked *blocked = places->first_blocked;
    weir__store_relaxed(&blocked->future->submit_ns, weir__now_ns()); /* published [F1] */
    weir__places_enqueue_locked(executor, blocked->future, blocked->refs, wakes);
    settle_locked(places, blocked, WEIR_OK, wakes);
    places->passing = true;
    call_locked(places);
}

void weir__places_ran_dry_locked(weir_executor *executor, struct weir__wakes *wakes)
{
    struct weir__places *places = executor->places;
    if (WEIR__LIKELY(!weir__load_relaxed(&places->napping))) /* lock held */
        return;
    weir__store_relaxed(&places->napping, false); /* likewise */
    weir__places_grant_locked(executor, wakes);
}

/* This submitter was given a place, and is awake. */
static void pass_on(weir_executor *executor)
{
    struct weir__wakes wakes = {NULL, NULL};
    weir__lock_take(&executor->lock);
    executor->places->passing = false;
    weir__places_grant_locked(executor, &wakes);
    weir__lock_release(&executor->lock);
    weir__wakes_flush(&wakes);
}

void weir__places_turn_away_locked(weir_executor *executor, weir_status status,
                                   struct weir__wakes *wakes)
{
    struct weir__places *places = executor->places;
    while (places->first_blocked)
        settle_locked(places, places->first_blocked, status, wakes);
}

/* How long to nap, by the pace at which places came free since somebody last asked; 0: not at all.
 * Requires: lock; the places were just counted. */
static int64_t nap_ns_locked(weir_executor *executor)
{
    struct weir__places *places = executor->places;
    uint64_t freed = weir__load_relaxed(&places->freed_seen); /* lock held */
    uint64_t count = freed - places->pace_freed;
    int64_t now_ns = weir__now_ns(), elapsed_ns = now_ns - places->pace_ns;
    places->pace_freed = freed;
    places->pace_ns = now_ns;
    /* At least two places in the longest nap. */
    if (count == 0 || elapsed_ns / NAP_MOST_NS >= (int64_t)(count / 2))
        return 0;
    int64_t half_ns = (int64_t)((double)elapsed_ns / (double)count * (double)executor->limit / 2);
    return half_ns < NAP_LEAST_NS ? 0 : half_ns > NAP_MOST_NS ? NAP_MOST_NS : half_ns;
}

/* The first in the list sleeps until it is settled or its nap is over. True: it is settled. */
static bool nap(weir_executor *executor, struct weir__blocked *blocked, int64_t nap_ns,
                int64_t deadline_ns)
{
    struct weir__wakes wakes = {NULL, NULL};
    int64_t end_ns = weir__deadline_after(nap_ns);
    if (weir__park(&blocked->parker, end_ns < deadline_ns ? end_ns : deadline_ns))
        return true;
    weir__lock_take(&executor->lock);
    if (!blocked->settled) {
        weir__store_relaxed(&executor->places->napping, false); /* lock held */
        weir__places_grant_locked(executor, &wakes);
    }
    weir__lock_release(&executor->lock);
    weir__wakes_flush(&wakes);
    return false;
}

/* Wait until settled. */
static weir_status wait_settled(weir_executor *executor, struct weir__blocked *blocked,
                                int64_t nap_ns, int64_t deadline_ns)
{
    if (nap_ns && nap(executor, blocked, nap_ns, deadline_ns))
        return blocked->status;
    if (weir__park(&blocked->parker, deadline_ns))
        return blocked->status;
    weir__lock_take(&executor->lock);
    bool settled = blocked->settled;
    if (!settled) {
        remove_locked(executor->places, blocked);
        blocked->status = WEIR_ETIMEDOUT;
    }
    weir__lock_release(&executor->lock);
    if (settled) /* between our time-out and the lock: its token is on the way */
        weir__park(&blocked->parker, WEIR_FOREVER);
    return blocked->status;
}

weir_status weir__places_admit_waiting(weir_executor *executor, struct weir__request *request,
                                       int64_t deadline_ns, struct weir_future **out)
{
    struct weir__places *places = executor->places;
    struct weir__wakes wakes = {NULL, NULL};
    struct weir__blocked blocked = {.sleeper.wake = wake_blocked, .refs = request->refs};
    int64_t nap_ns = 0;
    blocked.future = weir__request_slot(request, executor, NULL);
    if (!blocked.future)
        return WEIR_ENOMEM;
    weir__request_fill(request, blocked.future, 0);

    weir__lock_take(&executor->lock);
    if (weir__load_relaxed(&places->growing)) /* lock held; see weir__places_grant_locked() */
        places->ops->size_up_locked(executor, &wakes);
    weir_status status = weir__places_open_locked(executor);
    if (status == WEIR_OK) {
        weir__add_relaxed(&places->blocked, (size_t)1); /* a gauge */
        append_locked(places, &blocked);
        /* A place may have come free since the caller looked: then the first in the list has it,
         * perhaps this one. */
        weir__places_grant_locked(executor, &wakes);
        if (places->first_blocked == &blocked && !places->passing)
            nap_ns = nap_ns_locked(executor);
        if (nap_ns) {
            weir__store_relaxed(&places->napping, true); /* lock held */
            call_locked(places);
        }
    }
    weir__lock_release(&executor->lock);
    weir__wakes_flush(&wakes);

    if (status == WEIR_OK)
        status = wait_settled(executor, &blocked, nap_ns, deadline_ns);
    if (status == WEIR_OK) {
        pass_on(executor);
        *out = blocked.future;
        return WEIR_OK;
    }
    weir__future_adopt(blocked.future, 1, WEIR__CLAIMED); /* never was a task: free it */
    weir__future_end(blocked.future, status, NULL);
    return status;
}
