/* Done-callbacks of a future.
 *
 * They run without any lock, oldest first, once the future has ended and its waiters have been told. Some
 * run at once, in the thread that ends the task: all of an executor that does not dispatch, and those
 * given to weir_future_on_end(). The others run where they are dispatched (dispatch.c). A future may
 * have of both, and they are taken out of its list separately: the ender takes the one kind, the
 * dispatcher the other, and the dispatcher may be there first, if somebody has registered a callback
 * between the end and the ender's coming by.
 *
 * One that is added once the future has ended: at once runs in its adder, since nobody looks at the
 * list again; to be dispatched it goes into the list, and its adder queues the future. */
#include <stdlib.h>

#include "base/atomic.h"
#include "future/dispatch.h"
#include "future/future_impl.h"

/* Bits of weir_future.calls. */
enum {
    FIRST_AT_ONCE = 1, /* of the first callback */
    QUEUED = 2         /* in the list of the dispatch, or about to be */
};

/* Callbacks that were taken out, in the order in which they are to run. */
struct calls {
    weir_done_fn *done; /* NULL: begin with more */
    void *data;
    struct weir__callback *more;
};

static bool is_first_at_once(const struct weir_future *future)
{
    return future->calls & FIRST_AT_ONCE;
}

/* Take those of this kind out of the list, which is newest first. Requires: the lock. */
static struct calls take_locked(struct weir_future *future, bool at_once)
{
    struct calls calls = { NULL, NULL, NULL };
    if (future->done && is_first_at_once(future) == at_once) {
        calls.done = future->done;
        calls.data = future->done_data;
        future->done = NULL;
    }
    struct weir__callback **place = &future->callbacks;
    while (*place) {
        struct weir__callback *callback = *place;
        if (callback->at_once != at_once) {
            place = &callback->next;
            continue;
        }
        *place = callback->next;
        callback->next = calls.more;
        calls.more = callback;
    }
    return calls;
}

static void run(struct weir_future *future, struct calls calls)
{
    if (calls.done)
        calls.done(future, calls.data);
    while (calls.more) {
        struct weir__callback *next = calls.more->next;
        calls.more->done(future, calls.more->data);
        free(calls.more);
        calls.more = next;
    }
}

/* Whether the caller has to queue the future: it then has a reference for that. Requires: the lock, a
 * reference. */
static bool must_queue_locked(struct weir_future *future)
{
    if (future->calls & QUEUED || (!future->done && !future->callbacks))
        return false;
    future->calls |= QUEUED;
    weir_future_ref(future);
    return true;
}

static void queue(struct weir__dispatch *dispatch, struct weir_future *future)
{
    if (weir__dispatch_push(dispatch, future))
        return;
    weir__future_call_dispatched(future); /* nobody dispatches any more */
    weir__future_drop(future, NULL);
}

void weir__future_call_back(struct weir_future *future)
{
    struct weir__dispatch *dispatch = weir__slab_dispatch(future->slab);
    weir__lock_take(&future->lock);
    struct calls calls = take_locked(future, true);
    bool queues = dispatch && must_queue_locked(future);
    weir__lock_release(&future->lock);
    if (queues)
        queue(dispatch, future);
    run(future, calls);
}

void weir__future_call_dispatched(struct weir_future *future)
{
    weir__lock_take(&future->lock);
    future->calls &= (uint8_t)~QUEUED; /* at the same moment: who adds one more queues it again */
    struct calls calls = take_locked(future, false);
    weir__lock_release(&future->lock);
    run(future, calls);
}

/* Put it at the end of the list; more: memory for it, if it is not the first. Requires: the lock. */
static void append_locked(struct weir_future *future, weir_done_fn *done, void *data, bool at_once,
                          struct weir__callback *more)
{
    if (more) {
        *more = (struct weir__callback){ future->callbacks, done, data, at_once };
        future->callbacks = more;
        return;
    }
    future->done = done;
    future->done_data = data;
    future->calls = (uint8_t)((future->calls & ~FIRST_AT_ONCE) | (at_once ? FIRST_AT_ONCE : 0));
}

static weir_status add(struct weir_future *future, weir_done_fn *done, void *data,
                       struct weir__dispatch *dispatch)
{
    bool at_once = !dispatch;
    if (at_once && weir__future_ended(future)) {
        done(future, data); /* without the lock, which a forked child may find taken */
        return WEIR_OK;
    }
    if (weir__forked(weir__slab_guard(future->slab)))
        return WEIR_EFORKED;
    weir__lock_take(&future->lock);
    struct weir__callback *more = NULL;
    if ((future->done || future->callbacks) && !(more = malloc(sizeof *more))) {
        weir__lock_release(&future->lock);
        return WEIR_ENOMEM;
    }
    bool later = weir__future_announce_locked(future), kept = later || !at_once;
    if (kept)
        append_locked(future, done, data, at_once, more);
    bool queues = !later && !at_once && must_queue_locked(future);
    weir__lock_release(&future->lock);
    if (queues)
        queue(dispatch, future);
    if (!kept) {
        free(more);
        done(future, data);
    }
    return WEIR_OK;
}

weir_status weir_future_on_done(weir_future *future, weir_done_fn *done, void *data)
{
    if (!future || !done)
        return WEIR_EINVAL;
    return add(future, done, data, weir__slab_dispatch(future->slab));
}

weir_status weir_future_on_end(weir_future *future, weir_done_fn *done, void *data)
{
    if (!future || !done)
        return WEIR_EINVAL;
    return add(future, done, data, NULL);
}
