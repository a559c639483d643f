/* What few tasks have, and a slot has no room for: each in the payload of a slot of its own, from the
 * same slab. Such a slot is never published, so that a stale hint to it fails on the word, which stays
 * FREE; it goes back as it came.
 *
 * A callback may be added when the owner of the slab is gone already, and no slot is to be had any more. It
 * is then on the heap. Those of the library's own are where their owner wants them, and cannot fail.
 *
 * tests: conformance (callbacks, dispatch, promises_bound), fault.memory_results, unit.schedule.slab */
#include <stdlib.h>

#include "base/atomic.h"
#include "future/future_impl.h"

static struct weir_future *slot_around(void *payload)
{
    return WEIR__CONTAINER_OF(payload, struct weir_future, payload);
}

bool weir__future_add_details(struct weir_future *future, struct weir__slab_cache *cache,
                              const struct weir__details *details)
{
    struct weir_future *slot = weir__slab_take(future->slab, cache);
    if (!slot)
        return false;
    future->details = (void *)slot->payload;
    *future->details = *details;
    /* relaxed, both: the slot is the caller's; published with its state [F1] */
    weir__store_relaxed(&future->word, weir__load_relaxed(&future->word) | WEIR__DETAILED);
    return true;
}

void weir__future_drop_details(struct weir_future *future, struct weir__slab_cache *cache)
{
    weir__slab_give(future->slab, cache, slot_around(future->details));
    future->details = NULL;
}

struct weir__details *weir__future_details(const struct weir_future *future)
{
    /* relaxed: never changes in a life */
    uint64_t word = weir__load_relaxed(&((struct weir_future *)(uintptr_t)future)->word);
    return word & WEIR__DETAILED ? future->details : NULL;
}

struct weir__callback **weir__future_callbacks_locked(struct weir_future *future)
{
    struct weir__details *details = weir__future_details(future);
    return details ? &details->callbacks : &future->callbacks;
}

struct weir__callback *weir__callback_create(struct weir_future *future)
{
    struct weir_future *slot = weir__slab_take(future->slab, weir__slab_cache_here(future->slab));
    struct weir__callback *callback = slot ? (void *)slot->payload : malloc(sizeof *callback);
    if (callback)
        callback->memory = slot ? WEIR__IN_A_SLOT : WEIR__ON_THE_HEAP;
    return callback;
}

void weir__callback_destroy(struct weir_future *future, struct weir__callback *callback)
{
    if (callback->memory == WEIR__ON_THE_HEAP)
        free(callback);
    else
        weir__slab_give(future->slab, weir__slab_cache_here(future->slab), slot_around(callback));
}
