/* Completions on their way to the thread that dispatches.
 *
 * An executor that was created so does not run done-callbacks where tasks end. It keeps a list of
 * futures that have ended and have callbacks to run, and a descriptor for the loop of the host; the
 * callbacks run in whatever thread calls weir_executor_dispatch().
 *
 *                 ended, with callbacks                    popped
 *     (not here) ------------------------> in the list ----------------> in the hands of a dispatcher
 *         ^        [QUEUED set, + 1 reference]             [QUEUED cleared, callbacks taken]   |
 *         '------------------------------------------------------------------------------------'
 *                                   callbacks have run; the reference is dropped
 *
 * Who owns a completed future meanwhile. Its state, status and result are as those of any ended one:
 * immutable, and there for everybody who holds it. Waiters were told before; they wait for nothing
 * here. The list holds a reference of its own, so that nobody else needs to hold the future.
 *
 * Each callback runs exactly once. Callbacks are in the future's list, under its lock, and whoever is to
 * run them takes them out under that lock. A future with callbacks to be dispatched is in the list of
 * the dispatch once, or about to be: QUEUED is set under the future's lock by whoever finds it not set
 * and sees to it that the future gets there. That is the ender, if callbacks were registered before the
 * end, or whoever registers one afterwards. The dispatcher clears QUEUED in the same critical section
 * in which it takes the callbacks. So a callback that is added while the future is in the list is
 * taken with the others, and one that is added later queues the future again. (callback.c)
 *
 * [D1] The descriptor is readable exactly while the list is not empty, as seen by anybody who does not
 *      hold the lock. Both change under it: who appends to an empty list rings the bell, who takes the
 *      last one out silences it. Hence no wake-up is lost: with a bell that is silenced before the
 *      list is looked at, or after, without the lock, a completion in between would be one that nobody
 *      is told of. And no loop is woken for nothing. In a list that is not empty already, a completion
 *      costs no system call: with tasks ending faster than they are dispatched, the bell is rung once
 *      for many. The price is a short system call under the lock, when the list was empty.
 *
 * Several may dispatch at once: each takes one future at a time, so a callback that takes long holds up
 * nobody's completions but its own future's. A callback that dispatches takes the next ones, on top of
 * the one below.
 *
 * The end. Tasks end without the help of whoever dispatches: a shutdown waits for their ends and not for
 * this list, so it may be called by the very thread that would have to dispatch. Destroy then closes:
 * what waits runs in the thread that destroys, and so does what those callbacks add; only when the
 * list is found empty, it is closed, under the lock. From then on push() says no, and whoever
 * registers a callback on a future that has outlived its executor runs it himself.
 *
 * The dispatch belongs to the slab and lives as long as any slot of it is out. A dispatcher always
 * holds a future: it takes the next one before it lets the last one go. So a callback may destroy the
 * executor; on return, the dispatcher finds the list closed and empty, and lets go.
 *
 * What the host can do to the descriptor. Reading it makes it silent with futures in the list: whoever
 * reads must dispatch; a dispatch that leaves some behind rings again. Writing it wakes a loop for
 * nothing: a dispatch that finds the list empty silences it. Closing it: ring and silence fail, the
 * dispatch goes on, and says so.
 *
 * If a thread stops between any two lines: with the lock held, those that end tasks with callbacks
 * wait for a time slice (sync/lock.h). Between QUEUED and push: callbacks of that one future wait.
 *
 * tests: conformance (suites dispatch, dispatch_ends), unit.future.dispatch, unit.schedule.dispatch */
#include "future/dispatch.h"

#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/atomic.h"
#include "future/future_impl.h"
#include "sync/bell.h"

struct weir__dispatch {
    int fd; /* immutable; ours until closed */
    struct weir__lock lock;
    struct weir_future *first, *last; /* protected by: lock; by next_ended; oldest first [D1] */
    _Atomic size_t waiting;           /* written under the lock; how many are in the list */
    bool closed;                      /* protected by: lock */
    int error;                        /* protected by: lock; of the bell; 0: it works */
};

weir_status weir__dispatch_create(struct weir__dispatch **out)
{
    struct weir__dispatch *dispatch = calloc(1, sizeof *dispatch);
    if (!dispatch)
        return WEIR_ENOMEM;
    dispatch->fd = weir__bell_create();
    if (dispatch->fd < 0) {
        free(dispatch);
        return WEIR_ESYS;
    }
    *out = dispatch;
    return WEIR_OK;
}

void weir__dispatch_free(struct weir__dispatch *dispatch)
{
    free(dispatch);
}

int weir__dispatch_fd(const struct weir__dispatch *dispatch)
{
    return dispatch->fd;
}

size_t weir__dispatch_waiting(const struct weir__dispatch *dispatch)
{
    /* relaxed: a gauge */
    return weir__load_relaxed(&((struct weir__dispatch *)(uintptr_t)dispatch)->waiting);
}

static void ring_locked(struct weir__dispatch *dispatch)
{
    int error = weir__bell_ring(dispatch->fd);
    if (error)
        dispatch->error = error;
}

static void silence_locked(struct weir__dispatch *dispatch)
{
    int error = weir__bell_silence(dispatch->fd);
    if (error)
        dispatch->error = error;
}

static void count_locked(struct weir__dispatch *dispatch, size_t change)
{
    size_t waiting = weir__load_relaxed(&dispatch->waiting); /* the lock is held */
    weir__store_relaxed(&dispatch->waiting, waiting + change);
}

bool weir__dispatch_push(struct weir__dispatch *dispatch, struct weir_future *future)
{
    weir__lock_take(&dispatch->lock);
    bool open = !dispatch->closed;
    if (open) {
        bool was_empty = !dispatch->first;
        future->next_ended = NULL;
        *(was_empty ? &dispatch->first : &dispatch->last->next_ended) = future;
        dispatch->last = future;
        count_locked(dispatch, 1);
        if (was_empty)
            ring_locked(dispatch); /* [D1] */
    }
    weir__lock_release(&dispatch->lock);
    return open;
}

/* The oldest, or NULL. Requires: the lock. */
static struct weir_future *pop_locked(struct weir__dispatch *dispatch)
{
    struct weir_future *future = dispatch->first;
    if (!future)
        return NULL;
    dispatch->first = future->next_ended;
    count_locked(dispatch, (size_t)-1);
    if (!dispatch->first)
        silence_locked(dispatch); /* [D1] */
    return future;
}

/* Before the dispatcher leaves: the host may have read the descriptor. Requires: the lock. */
static int leave_locked(struct weir__dispatch *dispatch)
{
    if (dispatch->first)
        ring_locked(dispatch);
    return dispatch->error;
}

size_t weir__dispatch_run(struct weir__dispatch *dispatch, size_t most, int *error)
{
    struct weir_future *last = NULL;
    size_t count = 0;
    weir__lock_take(&dispatch->lock);
    if (most == 0)
        most = weir__load_relaxed(&dispatch->waiting); /* the lock is held */
    if (!dispatch->first && !dispatch->closed)
        silence_locked(dispatch); /* the host may have written to it */
    for (;;) {
        struct weir_future *future = count < most ? pop_locked(dispatch) : NULL;
        if (!future)
            *error = leave_locked(dispatch);
        weir__lock_release(&dispatch->lock);
        if (last)
            weir__future_drop(last, NULL); /* without another one in our hands, all may be gone */
        if (!future)
            return count;
        weir__future_call_dispatched(future);
        last = future;
        count++;
        weir__lock_take(&dispatch->lock);
    }
}

/* Close an empty list. False: it is not empty. Requires: the lock. */
static bool close_locked(struct weir__dispatch *dispatch)
{
    if (dispatch->first)
        return false;
    if (!dispatch->closed)
        close(dispatch->fd);
    dispatch->closed = true;
    return true;
}

void weir__dispatch_close(struct weir__dispatch *dispatch)
{
    for (;;) {
        weir__lock_take(&dispatch->lock);
        bool closed = close_locked(dispatch);
        weir__lock_release(&dispatch->lock);
        if (closed)
            return;
        int error;
        weir__dispatch_run(dispatch, SIZE_MAX, &error);
    }
}
