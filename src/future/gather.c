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
 * under the gather's lock, so a token left for one sleep is always taken by that sleep. */
#include "future/gather.h"

#include "base/clock.h"

static bool satisfied(const struct weir__gather *gather)
{
    return gather->ended >= gather->wake_at ||
           (gather->wake_on_failure && gather->failed != SIZE_MAX);
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
        .members = members, .count = count, .failed = SIZE_MAX, .told = true};
    gather->done_end = &gather->done;
    for (size_t i = 0; i < count; i++) {
        struct weir__member *member = &members[i];
        *member = (struct weir__member){.gather = gather, .future = futures[i], .index = i};
        member->observer.notify = member_ended;
        /* What has ended is not locked: in a forked child, the lock may be taken for ever. */
        if (member->future && !weir__future_ended(member->future))
            member->registered = weir__future_observe(member->future, &member->observer);
        if (member->registered)
            continue;
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

bool weir__gather_wait(struct weir__gather *gather, size_t wake_at, bool wake_on_failure,
                       int64_t deadline_ns)
{
    weir__lock_take(&gather->lock);
    gather->wake_at = wake_at;
    gather->wake_on_failure = wake_on_failure;
    bool enough = satisfied(gather);
    gather->told = enough;
    weir__lock_release(&gather->lock);
    if (enough || weir__park(&gather->parker, deadline_ns))
        return true;
    weir__lock_take(&gather->lock);
    bool late = gather->told; /* told between our time-out and here: the token is on its way */
    gather->told = true;
    weir__lock_release(&gather->lock);
    if (late)
        weir__park(&gather->parker, WEIR_FOREVER);
    return late;
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
