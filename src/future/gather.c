/* One waiter, many futures.
 *
 * Registering puts one member into the observer list of each future: O(n) once. A future that ends
 * tells its member, under the future's lock: the member is appended to the gather's list of ended
 * ones, counted, and the waiter is woken if that makes its condition true. No wake-up looks at the
 * array; the waiter sleeps until its condition holds, not once for each future.
 *
 * Locks: a future's lock, then the gather's. The waiter takes them one at a time. Unregistering
 * takes each future's lock, so once it is done no ender is inside notify, and the memory (often the
 * waiter's stack) can go. `told` makes the wake-up happen once per sleep: it is set and cleared
 * under the gather's lock, so a token left for one sleep is always taken by that sleep.
 *
 * A promise (promise.c) may come to stand for a task while somebody waits for it, and that somebody
 * may be the worker that would have to run the task: so this, too, wakes the waiter, which looks
 * whether it can help, and sleeps again. */
#include "future/gather.h"

#include "base/clock.h"

static bool satisfied(const struct weir__gather *gather)
{
    return gather->ended >= gather->wake_at ||
           (gather->wake_on_failure && gather->failed != SIZE_MAX);
}

/* A promise now stands for a task: it may be the waiter's to run. */
static void member_moved(struct weir__gather *gather)
{
    weir__lock_take(&gather->lock);
    bool wake = !gather->told;
    gather->told = true;
    weir__lock_release(&gather->lock);
    if (wake)
        weir__unpark(&gather->parker); /* the future's lock is held: fini waits for us */
}

/* Requires: the gather's lock. */
static void count_ended(struct weir__gather *gather, struct weir__member *member,
                        weir_status status)
{
    member->next_done = NULL;
    *gather->done_end = member;
    gather->done_end = &member->next_done;
    gather->ended++;
    if (status != WEIR_OK && status != WEIR_ECANCELLED && gather->failed == SIZE_MAX)
        gather->failed = member->index;
}

static void member_ended(struct weir__observer *observer, weir_status status)
{
    struct weir__member *member = WEIR__CONTAINER_OF(observer, struct weir__member, observer);
    struct weir__gather *gather = member->gather;
    if (status == WEIR_EPENDING) {
        member_moved(gather);
        return;
    }
    weir__lock_take(&gather->lock);
    count_ended(gather, member, status);
    bool wake = !gather->told && satisfied(gather);
    if (wake)
        gather->told = true;
    weir__lock_release(&gather->lock);
    if (wake)
        weir__unpark(&gather->parker); /* the future's lock is held: fini waits for us */
}

void weir__gather_init(struct weir__gather *gather, struct weir__member *members,
                       weir_future *const *futures, size_t count)
{
    *gather = (struct weir__gather){
        .members = members, .count = count, .failed = SIZE_MAX, .told = true
    };
    gather->done_end = &gather->done;
    for (size_t i = 0; i < count; i++) {
        struct weir__member *member = &members[i];
        *member = (struct weir__member){ .gather = gather, .future = futures[i], .index = i };
        member->observer.notify = member_ended;
        /* What has ended is not locked: in a forked child, the lock may be taken for ever. */
        if (member->future && !weir__future_ended(member->future))
            member->registered = weir__future_observe(member->future, &member->observer);
        if (member->registered) {
            gather->has_promises |= weir__slab_host(member->future->slab)->moves;
            gather->spin = weir__slab_spin(member->future->slab);
            continue;
        }
        weir__lock_take(&gather->lock);
        if (member->future)
            count_ended(gather, member, (weir_status)member->future->status);
        else
            gather->ended++;
        weir__lock_release(&gather->lock);
    }
}

void weir__gather_fini(struct weir__gather *gather)
{
    for (size_t i = 0; i < gather->count; i++)
        weir__gather_forget(&gather->members[i]);
}

void weir__gather_forget(struct weir__member *member)
{
    /* In a forked child there is nobody who could be telling us, and the lock may be taken. */
    if (member->registered && !weir__future_forked(member->future))
        weir__future_unobserve(member->future, &member->observer);
    member->registered = false;
}

static bool is_satisfied(struct weir__gather *gather)
{
    weir__lock_take(&gather->lock);
    bool enough = satisfied(gather);
    weir__lock_release(&gather->lock);
    return enough;
}

/* Run here what promises stand for, if it is ours to run, until that is enough. False: the only member
 * is the caller. */
static bool help_promises(struct weir__gather *gather)
{
    for (size_t i = 0; gather->has_promises && i < gather->count; i++) {
        struct weir_future *future = gather->members[i].future;
        if (!future || !weir__slab_host(future->slab)->moves || weir__future_ended(future))
            continue;
        enum weir__help help = weir__help_along(future);
        if (help == WEIR__HELP_DEADLOCK && gather->count == 1)
            return false;
        if (help == WEIR__HELP_RAN && is_satisfied(gather))
            break;
    }
    return true;
}

/* Set the condition, unless it holds: then true. */
static bool begin_sleep(struct weir__gather *gather, size_t wake_at, bool wake_on_failure)
{
    weir__lock_take(&gather->lock);
    gather->wake_at = wake_at;
    gather->wake_on_failure = wake_on_failure;
    bool enough = satisfied(gather);
    gather->told = enough;
    weir__lock_release(&gather->lock);
    return enough;
}

/* No more tokens; take the one that is there, or on its way. False: there was none. */
static bool end_sleep(struct weir__gather *gather, bool has_token)
{
    weir__lock_take(&gather->lock);
    bool told = gather->told;
    gather->told = true;
    weir__lock_release(&gather->lock);
    if (told && !has_token)
        weir__park(&gather->parker, WEIR_FOREVER);
    return told;
}

static bool sleep_until(struct weir__gather *gather, int64_t deadline_ns)
{
    return gather->spin ? weir__park_warm(&gather->parker, deadline_ns, gather->spin)
                        : weir__park(&gather->parker, deadline_ns);
}

bool weir__gather_wait(struct weir__gather *gather, size_t wake_at, bool wake_on_failure,
                       int64_t deadline_ns)
{
    /* More than once round only if a promise moved. One that moves from begin_sleep() on leaves a
     * token; one that moved before is seen by help_promises(). */
    while (!begin_sleep(gather, wake_at, wake_on_failure)) {
        bool can_wait = help_promises(gather);
        bool woken = can_wait && sleep_until(gather, deadline_ns);
        if (!end_sleep(gather, woken))
            return false;
    }
    return true;
}

struct weir__member *weir__gather_take(struct weir__gather *gather)
{
    weir__lock_take(&gather->lock);
    struct weir__member *member = gather->done;
    if (member) {
        gather->done = member->next_done;
        if (!gather->done)
            gather->done_end = &gather->done;
    }
    weir__lock_release(&gather->lock);
    return member;
}

enum weir__help weir__help_along(struct weir_future *future)
{
    return weir__slab_host(future->slab)->help(weir__slab_owner(future->slab), future);
}

bool weir__future_forked(const struct weir_future *future)
{
    return weir__forked(weir__slab_guard(future->slab));
}
