/* Observers of a future: waiters, and done-callbacks.
 *
 * Waiters are told first, under the lock, so that a waiter that has unregistered (under the same
 * lock) can be sure that nobody touches its memory any more. Then the callbacks run, without the
 * lock, oldest first, in the thread that ended the task. A callback that is added once the future
 * has ended runs in its adder: the list is not looked at again. */
#include <stdlib.h>

#include "base/atomic.h"
#include "future/future_impl.h"

/* Set OBSERVED; false if the future has ended. Requires: the lock. */
static bool announce(struct weir_future *future)
{
    /* acq_rel [F3]: release shows the list to the ender; acquire [F2] if it has ended */
    uint64_t before = weir__or_acq_rel(&future->word, (uint64_t)WEIR__OBSERVED);
    return weir__state(before) != WEIR__ENDED;
}

bool weir__future_observe(struct weir_future *future, struct weir__observer *observer)
{
    weir__lock_take(&future->lock);
    bool linked = announce(future);
    observer->linked = linked;
    if (linked) {
        struct weir__observer *first = future->observers;
        observer->next = NULL;
        if (first) { /* previous of the first is the last */
            observer->previous = first->previous;
            first->previous->next = observer;
            first->previous = observer;
        } else {
            observer->previous = observer;
            future->observers = observer;
        }
    }
    weir__lock_release(&future->lock);
    return linked;
}

void weir__future_unobserve(struct weir_future *future, struct weir__observer *observer)
{
    weir__lock_take(&future->lock);
    if (observer->linked) {
        observer->linked = false;
        if (future->observers == observer) {
            future->observers = observer->next;
            if (observer->next)
                observer->next->previous = observer->previous;
        } else {
            observer->previous->next = observer->next;
            if (observer->next)
                observer->next->previous = observer->previous;
            else
                future->observers->previous = observer->previous;
        }
    }
    weir__lock_release(&future->lock);
}

static struct weir__callback *reversed(struct weir__callback *list)
{
    struct weir__callback *result = NULL;
    while (list) {
        struct weir__callback *next = list->next;
        list->next = result;
        result = list;
        list = next;
    }
    return result;
}

void weir__future_moved(struct weir_future *future)
{
    weir__lock_take(&future->lock);
    for (struct weir__observer *observer = future->observers; observer; observer = observer->next)
        observer->notify(observer, WEIR_EPENDING);
    weir__lock_release(&future->lock);
}

void weir__future_tell(struct weir_future *future)
{
    weir__lock_take(&future->lock);
    struct weir__observer *observer = future->observers;
    future->observers = NULL;
    while (observer) {
        struct weir__observer *next = observer->next;
        observer->linked = false;
        observer->notify(observer, (weir_status)future->status);
        observer = next;
    }
    weir__lock_release(&future->lock);
}

void weir__future_call_back(struct weir_future *future)
{
    weir__lock_take(&future->lock);
    weir_done_fn *done = future->done;
    void *data = future->done_data;
    struct weir__callback *more = reversed(future->callbacks);
    future->done = NULL;
    future->callbacks = NULL;
    weir__lock_release(&future->lock);

    if (done)
        done(future, data);
    while (more) {
        struct weir__callback *next = more->next;
        more->done(future, more->data);
        free(more);
        more = next;
    }
}

weir_status weir_future_on_done(weir_future *future, weir_done_fn *done, void *data)
{
    if (!future || !done)
        return WEIR_EINVAL;
    if (weir__future_ended(future)) { /* without the lock, which a forked child may find taken */
        done(future, data);
        return WEIR_OK;
    }
    if (weir__forked(weir__slab_guard(future->slab)))
        return WEIR_EFORKED;
    weir__lock_take(&future->lock);
    struct weir__callback *more = NULL;
    if (future->done && !(more = malloc(sizeof *more))) {
        weir__lock_release(&future->lock);
        return WEIR_ENOMEM;
    }
    bool later = announce(future);
    if (later && more) {
        *more = (struct weir__callback){future->callbacks, done, data};
        future->callbacks = more;
    } else if (later) {
        future->done = done;
        future->done_data = data;
    }
    weir__lock_release(&future->lock);
    if (!later) {
        free(more);
        done(future, data);
    }
    return WEIR_OK;
}
