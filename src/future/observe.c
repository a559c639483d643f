/* Observers of a future: those who wait for it.
 *
 * They are told under the lock, so that a waiter that has unregistered (under the same lock) can be
 * sure that nobody touches its memory any more; and before any callback runs (callback.c). */
#include "base/atomic.h"
#include "future/future_impl.h"

bool weir__future_announce_locked(struct weir_future *future)
{
    /* acq_rel [F3]: release shows the list to the ender; acquire [F2] if it has ended */
    uint64_t before = weir__or_acq_rel(&future->word, (uint64_t)WEIR__OBSERVED);
    return weir__state(before) != WEIR__ENDED;
}

bool weir__future_observe(struct weir_future *future, struct weir__observer *observer)
{
    weir__lock_take(&future->lock);
    bool linked = weir__future_announce_locked(future);
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

void weir__future_moved(struct weir_future *future)
{
    weir__lock_take(&future->lock);
    for (struct weir__observer *observer = future->observers; observer; observer = observer->next)
        observer->notify(observer, WEIR_EPENDING);
    weir__lock_release(&future->lock);
}

bool weir__future_tell(struct weir_future *future)
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
    /* More that are added are their adders' to call. */
    bool called = *weir__future_callbacks_locked(future) != NULL;
    weir__lock_release(&future->lock);
    return called;
}
