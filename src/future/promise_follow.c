/* A promised future while others look at it, and while it follows another one. The protocol is told
 * in promise.c. */
#include "base/atomic.h"
#include "future/gather.h"
#include "future/promise_impl.h"

/* The other future, with a reference, or NULL if it does not follow any, or not any more. least:
 * FOLLOWING; or LINKING, for whoever looks for circles. */
static struct weir_future *other_of(struct weir_future *future, enum weir__phase least)
{
    weir__lock_take(&future->lock);
    struct weir_promise *promise = weir__promise_of(future);
    struct weir_future *other = promise->phase >= least ? weir_future_ref(promise->other) : NULL;
    weir__lock_release(&future->lock);
    return other;
}

static bool is_promised(const struct weir_future *future)
{
    return weir__slab_host(future->slab) == &weir__promise_host;
}

/* One step along the links, from a future whose reference is given up. */
static struct weir_future *step(struct weir_future *future, enum weir__phase least)
{
    struct weir_future *next = is_promised(future) ? other_of(future, least) : NULL;
    weir_future_unref(future);
    return next;
}

/* The future at the end of all that this one follows, with a reference; NULL: it follows none. */
static struct weir_future *last_of(struct weir_future *future)
{
    struct weir_future *last = NULL;
    for (struct weir_future *next = other_of(future, WEIR__FOLLOWING); next;) {
        weir_future_unref(last);
        last = weir_future_ref(next);
        next = step(next, WEIR__FOLLOWING);
    }
    return last;
}

/* The other one runs, or has run: so does, or has, this. */
static void catch_up(struct weir_future *future, const struct weir_future *other)
{
    weir_state state = weir_future_state(other);
    if (state == WEIR_RUNNING || state == WEIR_FINISHED)
        weir__future_claim(future, WEIR__RUNNING);
}

/* The other one cannot be cancelled: it runs, is held, or has ended and this is about to. With the
 * request in the word the canceller does not ask again while it is still pending. */
static void leave_request(struct weir_promise *promise, const struct weir_future *other)
{
    struct weir_future *future = promise->future;
    weir__lock_take(&future->lock);
    if (promise->phase != WEIR__FOLLOWING || promise->other == other)
        weir__or_acq_rel(&future->word, (uint64_t)WEIR__CANCEL_REQUESTED); /* [F5] */
    weir__lock_release(&future->lock);
}

static bool cancel_promised(void *owner, struct weir_future *future)
{
    (void)owner;
    struct weir_promise *promise = weir__promise_of(future);
    weir__lock_take(&future->lock);
    enum weir__phase phase = promise->phase;
    struct weir_future *other = phase == WEIR__FOLLOWING ? weir_future_ref(promise->other) : NULL;
    bool claimed = phase == WEIR__PROMISED && weir__future_claim(future, WEIR__CLAIMED);
    if (phase == WEIR__HELD || phase == WEIR__LINKING)
        /* acq_rel [F5], as for every request; follow() looks for it under the same lock */
        weir__or_acq_rel(&future->word, (uint64_t)WEIR__CANCEL_REQUESTED);
    weir__lock_release(&future->lock);
    if (claimed)
        weir__future_end(future, WEIR_ECANCELLED, NULL);
    if (!other)
        return claimed;
    bool cancelled = weir_future_cancel(other);
    if (!cancelled) {
        catch_up(future, other);
        leave_request(promise, other);
    }
    weir_future_unref(other);
    return cancelled;
}

void weir__promise_submits_here(struct weir_promise *promise)
{
    weir__lock_take(&promise->future->lock);
    promise->has_submitter = true;
    promise->submitter = pthread_self();
    weir__lock_release(&promise->future->lock);
}

/* Whether the caller is on top of the submission that the future waits for. */
static bool is_submitted_here(struct weir_future *future)
{
    const struct weir_promise *promise = weir__promise_of(future);
    weir__lock_take(&future->lock);
    bool held = promise->phase == WEIR__HELD || promise->phase == WEIR__LINKING;
    bool here = held && promise->has_submitter &&
                pthread_equal(promise->submitter, pthread_self()) && !weir__future_ended(future);
    weir__lock_release(&future->lock);
    return here;
}

static enum weir__help help_promised(void *owner, struct weir_future *future)
{
    (void)owner;
    struct weir_future *other = last_of(future);
    if (!other)
        return is_submitted_here(future) ? WEIR__HELP_DEADLOCK : WEIR__HELP_NO;
    enum weir__help help = weir__future_ended(other) ? WEIR__HELP_RAN : weir__help_along(other);
    weir_future_unref(other);
    /* It may have been ended by another thread, which is about to end this one too. */
    return help == WEIR__HELP_RAN && !weir__future_ended(future) ? WEIR__HELP_NO : help;
}

static void refresh_promised(void *owner, struct weir_future *future)
{
    (void)owner;
    struct weir_future *other = last_of(future);
    if (other)
        catch_up(future, other);
    weir_future_unref(other);
}

static void request_promised(void *owner, struct weir_future *future)
{
    (void)owner;
    struct weir_future *other = other_of(future, WEIR__FOLLOWING);
    weir_future_cancel(other);
    weir_future_unref(other);
}

const struct weir__future_host weir__promise_host = {
    .help = help_promised,
    .cancel = cancel_promised,
    .request = request_promised,
    .refresh = refresh_promised,
    .moves = true,
};

/* The other one has ended: end alike. Here FOLLOWING gives the right to. */
static void end_alike(weir_future *other, void *data)
{
    struct weir_promise *promise = data;
    struct weir_future *future = promise->future;
    weir_status status = weir_future_status(other);
    bool ran = weir_future_state(other) == WEIR_FINISHED;
    /* If this does not succeed, somebody who looked has brought it up to RUNNING. */
    (void)weir__future_claim(future, ran ? WEIR__RUNNING : WEIR__CLAIMED);
    /* It is not pending any more: nobody needs the other one to cancel or to help, and those who
     * got here before us have a reference. */
    weir__lock_take(&future->lock);
    promise->other = NULL;
    weir__lock_release(&future->lock);
    if (status == WEIR_OK) {
        size_t size;
        const void *result = weir_future_value(other, &size);
        if (weir__future_store(future, result, size) != WEIR_OK) {
            weir__promise_store_error(future, WEIR_ENOMEM, weir_status_text(WEIR_ENOMEM));
            status = WEIR_EFAILED;
        }
    } else {
        const char *message;
        int code = weir_future_error(other, &message);
        weir__promise_store_error(future, code,
                                  message == weir_status_text(status) ? NULL : message);
    }
    weir__future_end(future, status, NULL);
    weir_future_unref(other);  /* the promise's */
    weir_future_unref(future); /* until here the promise had to live */
}

/* Whether the links from a future lead to target, which is another one, and promised. */
static bool leads_to(struct weir_future *future, const struct weir_future *target)
{
    if (!is_promised(future))
        return false;
    weir_future_ref(future);
    while (future && future != target)
        future = step(future, WEIR__LINKING);
    weir_future_unref(future);
    return future != NULL;
}

/* HELD -> LINKING. */
static weir_status link_to(struct weir_promise *promise, struct weir_future *other)
{
    struct weir_future *future = promise->future;
    weir__lock_take(&future->lock);
    bool held = promise->phase == WEIR__HELD && !weir__future_ended(future);
    if (held) {
        promise->other = weir_future_ref(other);
        promise->phase = WEIR__LINKING;
    }
    weir__lock_release(&future->lock);
    return held ? WEIR_OK : WEIR_EINVAL;
}

/* LINKING, FOLLOWING -> HELD */
static void unlink_from(struct weir_promise *promise)
{
    struct weir_future *future = promise->future;
    weir__lock_take(&future->lock);
    struct weir_future *other = promise->other;
    promise->other = NULL;
    promise->phase = WEIR__HELD;
    weir__lock_release(&future->lock);
    weir_future_unref(other);
}

/* LINKING -> FOLLOWING. Returns whether somebody has asked for a cancellation. */
static bool follow_link(struct weir_promise *promise)
{
    struct weir_future *future = promise->future;
    weir__lock_take(&future->lock);
    promise->phase = WEIR__FOLLOWING;
    /* acquire [F5]: the request, if there is one */
    bool cancel = weir__load_acquire(&future->word) & WEIR__CANCEL_REQUESTED;
    weir__lock_release(&future->lock);
    return cancel;
}

weir_status weir_promise_follow(weir_promise *promise, weir_future *other)
{
    if (!promise || !other || other == promise->future)
        return WEIR_EINVAL;
    struct weir_future *future = promise->future;
    if (weir__future_forked(future))
        return WEIR_EFORKED; /* the locks may have been held at the fork */
    if (leads_to(other, future))
        return WEIR_EDEADLOCK;
    weir_status status = link_to(promise, other);
    if (status != WEIR_OK)
        return status;
    if (leads_to(other, future)) { /* of links that are made at once, the last sees all */
        unlink_from(promise);
        return WEIR_EDEADLOCK;
    }
    bool cancel = follow_link(promise);
    weir_future_ref(future); /* for end_alike */
    weir_future_ref(other);  /* for the cancellation below */
    /* At once: whoever waits for this one is not to depend on who dispatches the other's callbacks. */
    status = weir__future_on_end_in(other, &promise->ended, end_alike, promise);
    if (status != WEIR_OK) {
        unlink_from(promise);
        weir_future_unref(future);
    } else if (cancel) {
        weir_future_cancel(other);
    } else {
        weir__future_moved(future);
    }
    weir_future_unref(other);
    return status;
}
