/* Slots of tasks.
 *
 * Slots come in chunks that double in size and are never given back while the slab lives, so the
 * address and the state word of a slot stay readable for ever: that is what lets a stale hint be
 * looked at without a reference. Free slots are a stack: chained by index, its head one word
 * {tag:32, index + 1:32} changed by CAS. The tag counts every change, so a CAS that succeeds proves
 * that the chain it looked at is unchanged (no ABA; the tag would have to go round, four billion
 * changes between two instructions of one thread). Therefore a whole chain of up to BATCH slots can
 * be taken at once, as well as given: submitters and workers each keep a small cache and touch the
 * shared head once in BATCH tasks [S1].
 *
 * The end. close() replaces the head by CLOSED and counts how many slots it got; the others are
 * out, in the hands of people with futures. Whoever gives one back then sees CLOSED and counts it in
 * `out` instead. `out` starts at 0 and goes negative if givers are faster than close(), which adds
 * the number it found; whoever brings the sum to 0 frees the slab [S2]. Exactly one does: after
 * close() has added, the sum is the number of slots still out.
 *
 * tests: unit.future.slab */
#include "future/slab.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "future/dispatch.h"
#include "future/future_impl.h"

enum { BATCH = 32, CHUNKS = 25 };
#define FIRST_CHUNK UINT32_C(64) /* 64 * (2^25 - 1): 2^31 slots */

#define CLOSED UINT32_MAX

struct weir__slab {
    const struct weir__future_host *host; /* immutable */
    void *owner;                          /* immutable */
    struct weir__fork_guard guard;        /* immutable */
    struct weir__dispatch *dispatch;      /* immutable once slots are out; may be NULL; owned */
    size_t arg_bytes, result_bytes;       /* immutable */
    size_t stride;                        /* immutable; bytes from slot to slot */
    _Alignas(WEIR__CACHE_LINE) _Atomic uint64_t free; /* atomic [S1] */
    _Alignas(WEIR__CACHE_LINE) struct weir__lock grow; /* protects total and chunks */
    uint32_t total;                       /* slots there are */
    _Atomic(char *) chunks[CHUNKS];       /* atomic [S3]; chunk k has FIRST_CHUNK << k slots */
    _Atomic int64_t out;                  /* atomic [S2] */
};

struct weir__slab *weir__slab_create(const struct weir__future_host *host, void *owner,
                                     size_t arg_bytes, size_t result_bytes)
{
    struct weir__slab *slab = aligned_alloc(WEIR__CACHE_LINE, sizeof *slab);
    if (!slab)
        return NULL;
    memset(slab, 0, sizeof *slab);
    if (!weir__fork_guard_init(&slab->guard)) {
        free(slab);
        return NULL;
    }
    slab->host = host;
    slab->owner = owner;
    slab->arg_bytes = WEIR__ROUND_UP(arg_bytes, (size_t)16);
    slab->result_bytes = WEIR__ROUND_UP(result_bytes, (size_t)16);
    slab->stride = WEIR__ROUND_UP(WEIR__ROUND_UP(sizeof(struct weir_future), (size_t)16) +
                                      slab->arg_bytes + slab->result_bytes,
                                  (size_t)WEIR__CACHE_LINE);
    return slab;
}

static void slab_free(struct weir__slab *slab)
{
    for (int i = 0; i < CHUNKS; i++)
        free(weir__load_relaxed(&slab->chunks[i])); /* the last one out: nobody else looks */
    weir__fork_guard_fini(&slab->guard);
    if (slab->host->released)
        slab->host->released(slab->owner);
    weir__dispatch_free(slab->dispatch);
    free(slab);
}

struct weir_future *weir__slab_at(const struct weir__slab *slab, uint32_t index)
{
    /* Chunk k begins at FIRST_CHUNK * (2^k - 1). */
    unsigned k = 31u - (unsigned)__builtin_clz(index / FIRST_CHUNK + 1);
    uint32_t offset = index - FIRST_CHUNK * ((1u << k) - 1);
    /* acquire [S3]: pairs with the release in grow; the slot's first contents are visible */
    char *chunk = weir__load_acquire(&((struct weir__slab *)(uintptr_t)slab)->chunks[k]);
    return (struct weir_future *)(void *)(chunk + offset * slab->stride);
}

/* Push the chain first…last. False if the slab is closed. */
static bool push_chain(struct weir__slab *slab, uint32_t first, struct weir_future *last)
{
    uint64_t head = weir__load_acquire(&slab->free); /* acquire [S3]: so that what follows is so */
    do {
        if ((uint32_t)head == CLOSED)
            return false;
        /* release [S3]: whoever follows the link, even of a chain that has changed, sees the chunk
         * that it leads to */
        weir__store_release(&last->link, (uint32_t)head);
        /* acq_rel [S1]: the chain, and what was done with its slots, is visible to the taker */
    } while (!weir__cas_acq_rel(&slab->free, &head, ((head >> 32) + 1) << 32 | first));
    return true;
}

/* Take a chain of up to `most` slots: index + 1 of the first, and how many; 0 and none if there is
 * none, also when others were faster. */
static uint32_t pop_chain(struct weir__slab *slab, uint32_t most, uint32_t *count)
{
    uint64_t head = weir__load_acquire(&slab->free); /* acquire [S1]: the chain can be walked */
    for (;;) {
        uint32_t first = (uint32_t)head, rest = first;
        *count = 0; /* of this walk: the one before may have been for nothing */
        if (first == 0 || first == CLOSED)
            return 0;
        /* If somebody changes the chain while we walk, we may read a link of another life of a
         * slot; the tag then makes the CAS fail. A link is 0, an index + 1, or says that it is not
         * the slab's at all. */
        while (rest && rest < WEIR__LINK_FOREIGN && *count < most) {
            rest = weir__load_acquire(&weir__slab_at(slab, rest - 1)->link); /* [S3] */
            (*count)++;
        }
        /* acq_rel [S1] */
        if (weir__cas_acq_rel(&slab->free, &head, ((head >> 32) + 1) << 32 | rest))
            return first;
    }
}

/* Add a chunk; one of its slots is the caller's. NULL: out of memory. */
static struct weir_future *grow(struct weir__slab *slab)
{
    uint32_t count, first;
    weir__lock_take(&slab->grow);
    /* Whoever held the lock before may have grown the slab for all who came. */
    if ((first = pop_chain(slab, 1, &count))) {
        weir__lock_release(&slab->grow);
        return weir__slab_at(slab, first - 1);
    }
    struct weir_future *mine = NULL;
    uint32_t base = slab->total;
    unsigned k = 31u - (unsigned)__builtin_clz(base / FIRST_CHUNK + 1);
    uint32_t slots = FIRST_CHUNK << k;
    char *chunk = k < CHUNKS ? aligned_alloc(WEIR__CACHE_LINE, slots * slab->stride) : NULL;
    if (chunk) {
        memset(chunk, 0, slots * slab->stride);
        for (uint32_t i = 0; i < slots; i++) {
            struct weir_future *slot = (struct weir_future *)(void *)(chunk + i * slab->stride);
            slot->slab = slab;
            slot->index = base + i;
            atomic_init(&slot->link, i + 1 < slots ? base + i + 2 : 0);
        }
        slab->total += slots;
        weir__store_release(&slab->chunks[k], chunk); /* release [S3] */
        mine = weir__slab_at(slab, base);
        push_chain(slab, base + 2, weir__slab_at(slab, base + slots - 1));
    }
    weir__lock_release(&slab->grow);
    return mine;
}

struct weir_future *weir__slab_take(struct weir__slab *slab, struct weir__slab_cache *cache)
{
    struct weir__slab_cache one = {0, 0};
    uint32_t most = cache ? BATCH : 1;
    if (!cache)
        cache = &one;
    if (!cache->first)
        cache->first = pop_chain(slab, most, &cache->count);
    if (!cache->first)
        return grow(slab);
    struct weir_future *slot = weir__slab_at(slab, cache->first - 1);
    cache->count--;
    /* relaxed: the slots of a cache belong to its owner */
    cache->first = cache->count ? weir__load_relaxed(&slot->link) : 0;
    return slot;
}

static void count_out(struct weir__slab *slab, int64_t change)
{
    /* acq_rel [S2]: all that others did with their slots is over before the slab is freed */
    if (weir__add_acq_rel(&slab->out, change) + change == 0)
        slab_free(slab);
}

void weir__slab_give(struct weir__slab *slab, struct weir__slab_cache *cache,
                     struct weir_future *slot)
{
    if (!cache) {
        if (!push_chain(slab, slot->index + 1, slot))
            count_out(slab, -1);
        return;
    }
    weir__store_relaxed(&slot->link, cache->first); /* the cache belongs to the caller */
    cache->first = slot->index + 1;
    if (++cache->count >= BATCH)
        weir__slab_flush(slab, cache);
}

void weir__slab_flush(struct weir__slab *slab, struct weir__slab_cache *cache)
{
    if (!cache->count)
        return;
    struct weir_future *last = weir__slab_at(slab, cache->first - 1);
    for (uint32_t i = 1; i < cache->count; i++)
        last = weir__slab_at(slab, weir__load_relaxed(&last->link) - 1); /* owned */
    bool open = push_chain(slab, cache->first, last);
    assert(open); /* caches are flushed before the slab is closed */
    (void)open;
    *cache = (struct weir__slab_cache){0, 0};
}

void weir__slab_close(struct weir__slab *slab)
{
    uint32_t total = slab->total, found = 0; /* no take is under way: nobody grows it */
    /* acq_rel [S1]: the chain can be walked, and nobody pushes any more */
    uint64_t head = weir__exchange_acq_rel(&slab->free, (uint64_t)CLOSED);
    for (uint32_t i = (uint32_t)head; i; found++)
        i = weir__load_relaxed(&weir__slab_at(slab, i - 1)->link);
    count_out(slab, (int64_t)total - found);
}

void *weir__slab_owner(const struct weir__slab *slab)
{
    return slab->owner;
}

const struct weir__future_host *weir__slab_host(const struct weir__slab *slab)
{
    return slab->host;
}

void weir__slab_set_dispatch(struct weir__slab *slab, struct weir__dispatch *dispatch)
{
    slab->dispatch = dispatch;
}

struct weir__dispatch *weir__slab_dispatch(const struct weir__slab *slab)
{
    return slab->dispatch;
}

const struct weir__fork_guard *weir__slab_guard(const struct weir__slab *slab)
{
    return &slab->guard;
}

size_t weir__slab_arg_bytes(const struct weir__slab *slab)
{
    return slab->arg_bytes;
}

size_t weir__slab_result_bytes(const struct weir__slab *slab)
{
    return slab->result_bytes;
}
