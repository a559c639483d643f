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
#include "base/atomic.h"
#include "future/dispatch.h"
#include "future/future_impl.h"

/* Take those of this kind out of the list, which is newest first: the oldest first. Requires: the lock. */
static struct weir__callback *take_locked(struct weir_future *future, bool at_once)
{
    struct weir__callback *taken = NULL, **place = weir__future_callbacks_locked(future);
    while (*place) {
        struct weir__callback *callback = *place;
        if (callback->at_once != at_once) {
            place = &callback->next;
            continue;
        }
        *place = callback->next;
        callback->next = taken;
        taken = callback;
    }
    return taken;
}

/* Of a future that has ended. A callback may give up the last reference; its slot stays readable as long as
 * one of the slab is out, which that of the callback is. */
static void run(struct weir_future *future, struct weir__callback *first)
{
    while (first) {
        struct weir__callback *callback = first;
        bool ours = callback->memory != WEIR__OF_THE_CALLER; /* else it may be gone once it is called */
        first = callback->next;
        callback->done(future, callback->data);
        if (ours)
            weir__callback_destroy(future, callback);
    }
}

/* Whether the caller has to queue the future: it then has a reference for that. Requires: the lock, a
 * reference. */
static bool must_queue_locked(struct weir_future *future)
{
    if (future->queued || !*weir__future_callbacks_locked(future))
        return false;
    future->queued = true;
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
    struct weir__callback *callbacks = take_locked(future, true);
    bool queues = dispatch && must_queue_locked(future);
    weir__lock_release(&future->lock);
    if (queues)
        queue(dispatch, future);
    run(future, callbacks);
}

void weir__future_call_dispatched(struct weir_future *future)
{
    weir__lock_take(&future->lock);
    future->queued = false; /* at the same moment: who adds one more queues it again */
    struct weir__callback *callbacks = take_locked(future, false);
    weir__lock_release(&future->lock);
    run(future, callbacks);
}

/* Put it at the end of the list; but what is called at once, and finds that the future has ended, is called
 * here. */
static void add(struct weir_future *future, struct weir__callback *callback)
{
    weir__lock_take(&future->lock);
    bool ended = !weir__future_announce_locked(future), kept = !ended || !callback->at_once;
    struct weir__callback **place = weir__future_callbacks_locked(future);
    callback->next = kept ? *place : NULL;
    if (kept)
        *place = callback;
    bool queues = kept && ended && must_queue_locked(future);
    weir__lock_release(&future->lock);
    if (queues)
        queue(weir__slab_dispatch(future->slab), future);
    if (!kept)
        run(future, callback);
}

/* memory: where it is, which cannot fail; or NULL. */
static weir_status on_end(struct weir_future *future, struct weir__callback *memory,
                          weir_done_fn *done, void *data, bool at_once)
{
    if (at_once && weir__future_ended(future)) {
        done(future, data); /* without the lock, which a forked child may find taken */
        return WEIR_OK;
    }
    if (weir__forked(weir__slab_guard(future->slab)))
        return WEIR_EFORKED;
    struct weir__callback *callback = memory ? memory : weir__callback_create(future);
    if (!callback)
        return WEIR_ENOMEM;
    callback->done = done;
    callback->data = data;
    callback->at_once = at_once;
    add(future, callback);
    return WEIR_OK;
}

weir_status weir_future_on_done(weir_future *future, weir_done_fn *done, void *data)
{
    if (!future || !done)
        return WEIR_EINVAL;
    return on_end(future, NULL, done, data, !weir__slab_dispatch(future->slab));
}

weir_status weir_future_on_end(weir_future *future, weir_done_fn *done, void *data)
{
    if (!future || !done)
        return WEIR_EINVAL;
    return on_end(future, NULL, done, data, true);
}

weir_status weir__future_on_end_in(struct weir_future *future, struct weir__callback *memory,
                                   weir_done_fn *done, void *data)
{
    memory->memory = WEIR__OF_THE_CALLER;
    return on_end(future, memory, done, data, true);
}
