/* Giving places out, and taking tasks back out of the backlog.
 *
 * A task that is withdrawn (cancelled, displaced, stranded) is ended by whatever thread does it,
 * often not a worker. Between the claim and the end, the executor must not count as quiet: a
 * shutdown would return with a future that has not ended, and a destroy would free what the
 * withdrawing thread is about to touch. Before the claim, that thread cannot leave a note in the
 * executor, which may be gone by then. So it is a difference that tells: every task accepted is done
 * with by a worker, withdrawn and done with, or still queued or in somebody's hands. */
#include "base/atomic.h"
#include "base/clock.h"
#include "base/quick_clock.h"
#include "executor/places.h"
#include "executor/task_impl.h"
#include "future/future_impl.h"

/* Accepted is read first, so what is freed meanwhile only makes the difference smaller. */
bool weir__places_looks_full(weir_executor *executor)
{
    struct weir__places *places = executor->places;
    uint64_t loans = weir__load_acquire(&places->loans); /* acquire [A7] */
    /* Another worker may be started, or places taken back: take the lock. */
    if (weir__load_relaxed(&places->growing) || loans % 2)
        return false;
    /* relaxed, all: a guess, from lines that no worker writes; wrong, it costs the lock, or the look
     * below. Far from the limit it is the last word. */
    int64_t guess = (int64_t)(weir__load_relaxed(&places->accepted) +
                              weir__load_relaxed(&places->lent) -
                              weir__load_relaxed(&places->freed_seen));
    if (guess < (int64_t)(weir__load_relaxed(&places->live) + executor->limit))
        return false;
    struct weir__tally tally = {0};
    weir__places_tally(executor, &tally); /* accepted, then workers, then released [A3] [A4] */
    uint64_t there_are = tally.workers + executor->limit;
    uint64_t lent = weir__load_acquire(&places->lent); /* acquire [A7]: with nothing lent now */
    struct weir__counters *counters = &executor->counters;
    /* acquire [A2], each: read after accepted */
    uint64_t gone = weir__load_acquire(&counters->cancelled) +
                    weir__load_acquire(&counters->expired) +
                    weir__load_acquire(&counters->displaced) +
                    weir__load_acquire(&counters->stranded);
    /* What came and went after accepted was read makes the difference negative: not full. */
    return (int64_t)(tally.accepted + lent - tally.released - gone) >= (int64_t)there_are &&
           weir__load_acquire(&places->loans) == loans; /* acquire [A7]: nothing was lent meanwhile */
}

/* How long the oldest in the backlog has waited. */
static uint64_t oldest_wait_ns(weir_executor *executor)
{
    weir__lock_take(&executor->lock);
    int64_t since_ns = executor->places->ops->oldest_since_ns_locked(executor);
    weir__lock_release(&executor->lock);
    return since_ns ? weir__elapsed_ns(since_ns, weir__now_ns()) : 0;
}

void weir__places_describe(weir_executor *executor, weir_admission *admission)
{
    weir_stats stats;
    weir__snapshot(&executor->counters, executor->ops->tally, executor, &stats);
    admission->backlog = (size_t)stats.backlog;
    admission->workers = (size_t)stats.workers;
    admission->running = (size_t)stats.running;
    admission->idle = (size_t)stats.idle;
    admission->full = stats.backlog >= executor->limit && stats.idle == 0;
    admission->mean_run_ns = stats.completed ? stats.run_ns / stats.completed : 0;
    admission->oldest_wait_ns = stats.backlog ? oldest_wait_ns(executor) : 0;
}

/* Take a slot and queue the request in it. Requires: lock, a place. */
static weir_status accept_locked(weir_executor *executor, struct weir__request *request,
                                 int64_t now_ns, struct weir_future **out,
                                 struct weir__wakes *wakes)
{
    struct weir_future *future =
        weir__request_slot(request, executor, &executor->places->cache);
    if (!future)
        return WEIR_ENOMEM;
    weir__request_fill(request, future, now_ns);
    *out = future;
    weir__places_enqueue_locked(executor, future, request->refs, wakes);
    return WEIR_OK;
}

/* Take a place if there is one for this request, and queue it. Requires: lock. */
static weir_status try_accept_locked(weir_executor *executor, struct weir__request *request,
                                     int64_t now_ns, struct weir_future **out,
                                     struct weir__wakes *wakes)
{
    bool within = weir__places_free_locked(executor, executor->limit);
    if (request->must ? !within && !weir__places_free_locked(executor, executor->places->capacity)
                      : !within || weir__places_held_back_locked(executor->places))
        return WEIR_EREJECTED;
    weir_status status = accept_locked(executor, request, now_ns, out, wakes);
    if (WEIR__UNLIKELY(!within) && status == WEIR_OK)
        weir__counter_bump(&executor->counters.must_admitted, 1); /* lock held */
    return status;
}

weir_status weir__places_admit(weir_executor *executor, struct weir__request *request,
                               struct weir_future **out)
{
    struct weir__places *places = executor->places;
    /* Of a policy that only rejects, submit has looked already. relaxed: a closed executor says so under
     * the lock */
    if (!executor->rejects && !request->must && weir__places_looks_full(executor) &&
        weir__load_relaxed(&executor->life) == WEIR__OPEN)
        return WEIR_EREJECTED;
    int64_t now_ns = weir__quick_ns(executor->quick_clock);
    struct weir__wakes wakes = {NULL, NULL};
    weir__lock_take(&executor->lock);
    if (WEIR__UNLIKELY(weir__load_relaxed(&places->growing))) /* lock held */
        places->ops->size_up_locked(executor, &wakes);
    weir_status status = weir__places_open_locked(executor);
    if (WEIR__LIKELY(status == WEIR_OK))
        status = try_accept_locked(executor, request, now_ns, out, &wakes);
    weir__lock_release(&executor->lock);
    weir__wakes_flush(&wakes);
    return status;
}

/* Count a task that was taken out of the backlog, pass its place on, store its end, wake those who
 * wait for it. True: there are callbacks. Requires: CLAIMED by the caller, no lock. */
static bool close_withdrawn(weir_executor *executor, struct weir_future *future, weir_status status,
                            weir__counter *counter)
{
    weir__add_seq_cst(counter, (uint64_t)1); /* seq_cst [A1] */
    weir__places_freed(executor);
    return weir__future_close(future, status);
}

/* Deal with the end of such a task. The last touch of the executor is under its lock: it is not quiet
 * before, so it cannot be destroyed under our feet. */
static void settle_withdrawn(weir_executor *executor, struct weir_future *future, bool call_back)
{
    struct weir__visit visit;
    weir__thread_enter(&visit, executor); /* a callback that shuts down must not wait for us */
    if (call_back)
        weir__future_call_back(future);
    weir__future_drop(future, NULL);
    weir__thread_leave(&visit);
    weir__lock_take(&executor->lock);
    executor->places->withdrawn++;
    weir__executor_check_quiet_locked(executor);
    weir__lock_release(&executor->lock);
}

weir_status weir__places_admit_displacing(weir_executor *executor, struct weir__request *request,
                                          struct weir_future **out)
{
    struct weir__places *places = executor->places;
    int64_t now_ns = weir__now_ns();
    struct weir__wakes wakes = {NULL, NULL};
    struct weir_future *oldest = NULL;
    weir__lock_take(&executor->lock);
    if (weir__load_relaxed(&places->growing)) /* lock held */
        places->ops->size_up_locked(executor, &wakes);
    weir_status status = weir__places_open_locked(executor);
    /* Only a backlog can be displaced, not what is on its way to an idle worker; and only if that
     * makes room: with must-admitted tasks above the limit, one less is not enough. */
    uint64_t live = weir__load_relaxed(&places->live); /* lock held */
    uint64_t occupied = weir__places_occupied_locked(executor);
    if (status == WEIR_OK && occupied > live && occupied <= live + executor->limit)
        oldest = places->ops->claim_oldest_locked(executor);
    if (oldest)
        weir__add_seq_cst(&executor->counters.displaced, (uint64_t)1); /* seq_cst [A1] */
    if (status == WEIR_OK)
        status = weir__places_free_locked(executor, executor->limit)
                     ? accept_locked(executor, request, now_ns, out, &wakes)
                     : WEIR_EREJECTED;
    weir__lock_release(&executor->lock);
    weir__wakes_flush(&wakes);
    if (oldest && status != WEIR_OK)
        weir__places_freed(executor); /* before its end can be seen */
    if (oldest)
        settle_withdrawn(executor, oldest, weir__future_close(oldest, WEIR_EDISCARDED));
    return status;
}

bool weir__places_withdraw(weir_executor *executor, struct weir_future *future)
{
    settle_withdrawn(executor, future,
                     close_withdrawn(executor, future, WEIR_ECANCELLED,
                                     &executor->counters.cancelled));
    return true;
}

bool weir__places_settled_locked(const weir_executor *executor, uint64_t by_workers,
                                 uint64_t of_workers)
{
    const struct weir__places *places = executor->places;
    /* relaxed: written under the lock */
    return weir__load_relaxed((weir__counter *)(uintptr_t)&places->accepted) + of_workers ==
           by_workers + places->withdrawn;
}

struct weir_future *weir__places_claim_all_locked(weir_executor *executor)
{
    struct weir_future *first = NULL, *last = NULL, *future;
    while ((future = executor->places->ops->claim_oldest_locked(executor))) {
        /* relaxed: the link of a claimed slot is the claimer's */
        weir__store_relaxed(&future->link, 0u);
        if (last)
            weir__store_relaxed(&last->link, future->index + 1);
        else
            first = future;
        last = future;
    }
    return first;
}

static struct weir_future *next_claimed(const weir_executor *executor, struct weir_future *future)
{
    uint32_t next = weir__load_relaxed(&future->link); /* the claimer's */
    return next ? weir__slab_at(executor->slab, next - 1) : NULL;
}

/* All of them end before the first callback runs: a callback may wait for any other of them, or
 * cancel it, and nobody else is there to end it. */
uint64_t weir__places_end_claimed(weir_executor *executor, struct weir_future *first,
                                  weir_status status, weir__counter *counter)
{
    uint64_t ended = 0;
    for (struct weir_future *future = first; future; future = next_claimed(executor, future)) {
        close_withdrawn(executor, future, status, counter);
        ended++;
    }
    while (first) {
        struct weir_future *next = next_claimed(executor, first); /* before it is let go */
        settle_withdrawn(executor, first, true);
        first = next;
    }
    return ended;
}

uint64_t weir__places_cancel_queued(weir_executor *executor)
{
    weir__lock_take(&executor->lock);
    struct weir_future *first = weir__places_claim_all_locked(executor);
    weir__lock_release(&executor->lock);
    return weir__places_end_claimed(executor, first, WEIR_ECANCELLED,
                                    &executor->counters.cancelled);
}

size_t weir__places_blocked(const weir_executor *executor)
{
    return weir__load_relaxed(&executor->places->blocked); /* a gauge */
}

size_t weir__places_capacity(const weir_executor *executor)
{
    return executor->places->capacity;
}
