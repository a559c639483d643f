/* Slots of tasks.
 *
 * Slots come in chunks that double in size and are never given back while the slab lives, so the
 * address and the state word of a slot stay readable for ever: that is what lets a stale hint be
 * looked at without a reference.
 *
 * Free slots are in chains of up to BATCH, linked by index (`link`, 0 at the end), and the chains are
 * a stack: the first slot of each has the index of the next chain's first. That number is kept in the
 * word of the slot's lock, which nobody can want to take of a free slot, and which is 0 again before
 * the slot is handed out. The stack's head is one word {tag:32, index + 1:32} changed by CAS. The tag
 * counts every change, so a CAS that succeeds proves that the number read from the top chain was its
 * own (no ABA; the tag would have to go round, four billion changes between two instructions of one
 * thread). Whoever has popped a chain owns it whole [S1], and follows its links as it uses it up:
 * submitters and workers each keep one, and touch the shared head once in BATCH tasks. Slots that are given
 * to such a cache come before what is left of its chain, and are pushed without that, so that no chain
 * becomes longer than BATCH.
 *
 * The lines of a slot that is taken were last written by the core that has given it back. Whoever
 * takes one asks for the next, so that it has come when it is needed.
 *
 * The end. close() replaces the head by CLOSED and counts how many slots it got; the others are
 * out, in the hands of people with futures. Whoever gives one back then sees CLOSED and counts it in
 * `out` instead. `out` starts at 0 and goes negative if givers are faster than close(), which adds
 * the number it found; whoever brings the sum to 0 frees the slab [S2]. Exactly one does: after
 * close() has added, the sum is the number of slots still out. Whoever holds one may go on trying to take
 * another: what he has popped before the head was replaced is out, what he then cannot push he counts
 * himself, and the slab grows before close(), or not at all, as both have the lock of growing.
 *
 * tests: unit.future.slab, unit.schedule.slab */
#include "future/slab.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "future/dispatch.h"
#include "future/future_impl.h"
#include "sync/spin.h"

enum { BATCH = 32, CHUNKS = 25 };
#define FIRST_CHUNK UINT32_C(64) /* 64 * (2^25 - 1): 2^31 slots */

#define CLOSED UINT32_MAX

struct weir__slab {
    const struct weir__future_host *host; /* immutable */
    void *owner;                          /* immutable */
    struct weir__fork_guard guard;        /* immutable */
    struct weir__dispatch *dispatch;      /* immutable once slots are out; may be NULL; owned */
    size_t result_offset, result_bytes;   /* immutable; in the payload */
    size_t stride;                        /* immutable; bytes from slot to slot */
    _Alignas(WEIR__CACHE_LINE) struct weir__spin spin; /* shared by all who wait for its futures */
    _Alignas(WEIR__CACHE_LINE) _Atomic uint64_t free; /* atomic [S1] */
    _Alignas(WEIR__CACHE_LINE) struct weir__lock grow; /* protects total and chunks */
    uint32_t total;                       /* slots that have been laid out */
    _Atomic(char *) chunks[CHUNKS];       /* atomic [S3]; chunk k has FIRST_CHUNK << k slots */
    _Atomic int64_t out;                  /* atomic [S2] */
};

struct weir__slab *weir__slab_create(const struct weir__future_host *host, void *owner,
                                     size_t arg_bytes, size_t result_bytes, bool apart)
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
    arg_bytes = WEIR__ROUND_UP(arg_bytes, (size_t)16);
    slab->result_bytes = WEIR__ROUND_UP(result_bytes, (size_t)16);
    slab->result_offset = apart || slab->result_bytes > WEIR__STAGED_MAX ? arg_bytes : 0;
    size_t payload = slab->result_offset + slab->result_bytes;
    if (payload < arg_bytes)
        payload = arg_bytes;
    slab->stride = WEIR__ROUND_UP(offsetof(struct weir_future, payload) + payload,
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

/* Where a chain's first slot has the next chain. */
static _Atomic uint32_t *next_chain(struct weir_future *first)
{
    return &first->lock.word;
}

/* Push the chain that begins with this slot. False if the slab is closed. */
static bool push_chain(struct weir__slab *slab, struct weir_future *first)
{
    uint64_t head = weir__load_relaxed(&slab->free); /* the CAS orders */
    do {
        if ((uint32_t)head == CLOSED)
            return false;
        weir__store_relaxed(next_chain(first), (uint32_t)head); /* published by the CAS */
        /* acq_rel [S1]: the chain, and what was done with its slots, is visible to the taker; and so
         * on for the chains below */
    } while (!weir__cas_acq_rel(&slab->free, &head, ((head >> 32) + 1) << 32 | (first->index + 1)));
    return true;
}

/* Take a chain: its first slot. NULL: there is none, or the slab is closed. */
static struct weir_future *pop_chain(struct weir__slab *slab)
{
    uint64_t head = weir__load_acquire(&slab->free); /* acquire [S1] [S3]: the slot is there */
    for (;;) {
        if ((uint32_t)head == 0 || (uint32_t)head == CLOSED)
            return NULL;
        struct weir_future *first = weir__slab_at(slab, (uint32_t)head - 1);
        /* relaxed: if somebody else has popped it meanwhile, this is another number, or the word of
         * a lock in use; the tag then makes the CAS fail */
        uint32_t next = weir__load_relaxed(next_chain(first));
        if (weir__cas_acq_rel(&slab->free, &head, ((head >> 32) + 1) << 32 | next)) { /* [S1] */
            weir__store_relaxed(next_chain(first), 0u); /* ours */
            return first;
        }
    }
}

/* The next slot of a chain that is the caller's; NULL: the last. */
static struct weir_future *next_of(struct weir__slab *slab, const struct weir_future *slot)
{
    /* relaxed: the slot is the caller's [S1] */
    uint32_t link = weir__load_relaxed(&((struct weir_future *)(uintptr_t)slot)->link);
    return link ? weir__slab_at(slab, link - 1) : NULL;
}

/* Of a chain that is the caller's. */
static uint32_t length_of(struct weir__slab *slab, const struct weir_future *slot)
{
    uint32_t length = 0;
    for (; slot; slot = next_of(slab, slot))
        length++;
    return length;
}

/* Lay out the next slots, as a chain each BATCH. Requires: the lock of growing. */
static void lay_out(struct weir__slab *slab, char *chunk, uint32_t offset)
{
    for (uint32_t i = 0; i < FIRST_CHUNK; i++) {
        struct weir_future *slot =
            (struct weir_future *)(void *)(chunk + (offset + i) * slab->stride);
        memset(slot, 0, sizeof *slot);
        slot->slab = slab;
        slot->index = slab->total + i;
        atomic_init(&slot->link, (i + 1) % BATCH ? slab->total + i + 2 : 0);
    }
    slab->total += FIRST_CHUNK;
}

/* Add slots; the first chain of them is the caller's. NULL: out of memory. A large chunk is taken from
 * the system as a whole, and used a little at a time, so that nobody waits for all of it to be laid
 * out, and memory that is not needed is not touched. */
static struct weir_future *grow(struct weir__slab *slab)
{
    struct weir_future *mine;
    weir__lock_take(&slab->grow);
    /* Whoever held the lock before may have grown the slab for all who came; or closed it (relaxed: that
     * is done under this lock). */
    if ((mine = pop_chain(slab)) || (uint32_t)weir__load_relaxed(&slab->free) == CLOSED) {
        weir__lock_release(&slab->grow);
        return mine;
    }
    uint32_t base = slab->total;
    unsigned k = 31u - (unsigned)__builtin_clz(base / FIRST_CHUNK + 1);
    uint32_t offset = base - FIRST_CHUNK * ((1u << k) - 1);
    char *chunk = NULL;
    /* By two lines: processors tend to fetch them in pairs, and slots of that size, the usual one, have
     * their neighbours in other hands. */
    if (k < CHUNKS)
        /* relaxed: written under this lock */
        chunk = offset ? weir__load_relaxed(&slab->chunks[k])
                       : aligned_alloc((size_t)2 * WEIR__CACHE_LINE,
                                       ((size_t)FIRST_CHUNK << k) * slab->stride);
    if (chunk) {
        lay_out(slab, chunk, offset);
        if (!offset)
            weir__store_release(&slab->chunks[k], chunk); /* release [S3] */
        mine = weir__slab_at(slab, base);
        for (uint32_t i = FIRST_CHUNK - BATCH; i; i -= BATCH) /* the lowest come first */
            push_chain(slab, weir__slab_at(slab, base + i));  /* [S1]: publishes the slots, too */
    }
    weir__lock_release(&slab->grow);
    return mine;
}

static void count_out(struct weir__slab *slab, int64_t change)
{
    /* acq_rel [S2]: all that others did with their slots is over before the slab is freed */
    if (weir__add_acq_rel(&slab->out, change) + change == 0)
        slab_free(slab);
}

/* The rest of a chain that was popped goes back. */
static void push_rest(struct weir__slab *slab, const struct weir_future *first)
{
    struct weir_future *rest = next_of(slab, first);
    if (rest && !push_chain(slab, rest)) /* it has been closed meanwhile */
        count_out(slab, -(int64_t)length_of(slab, rest));
}

/* The first of a chain whose rest the cache keeps, if there is one. Requires: the cache is empty. */
static WEIR__APART struct weir_future *take_chain(struct weir__slab *slab,
                                                  struct weir__slab_cache *cache)
{
    struct weir_future *slot = pop_chain(slab);
    if (!slot && !(slot = grow(slab)))
        return NULL;
    if (cache)
        cache->first = next_of(slab, slot);
    else
        push_rest(slab, slot);
    return slot;
}

struct weir_future *weir__slab_take(struct weir__slab *slab, struct weir__slab_cache *cache)
{
    if (WEIR__UNLIKELY(!cache || !cache->first))
        return take_chain(slab, cache);
    struct weir_future *slot = cache->first, *next = next_of(slab, slot);
    if (next)
        __builtin_prefetch(next, 1);
    cache->first = next;
    if (cache->count) /* those that were given come first */
        cache->count--;
    return slot;
}

static void flush_chain(struct weir__slab *slab, struct weir_future *first)
{
    bool open = push_chain(slab, first);
    assert(open); /* caches are flushed before the slab is closed */
    (void)open;
}

/* Those that were given, and not the rest of the chain. */
static void flush_given(struct weir__slab *slab, struct weir__slab_cache *cache)
{
    struct weir_future *rest = next_of(slab, cache->given);
    weir__store_relaxed(&cache->given->link, 0u); /* ours; published by the push [S1] */
    flush_chain(slab, cache->first);
    cache->first = rest;
    cache->count = 0;
}

void weir__slab_give(struct weir__slab *slab, struct weir__slab_cache *cache,
                     struct weir_future *slot)
{
    if (!cache) {
        weir__store_relaxed(&slot->link, 0u); /* ours; published by the push [S1] */
        if (!push_chain(slab, slot))
            count_out(slab, -1);
        return;
    }
    /* relaxed: ours, likewise */
    weir__store_relaxed(&slot->link, cache->first ? cache->first->index + 1 : 0);
    cache->first = slot;
    if (cache->count++ == 0)
        cache->given = slot;
    if (cache->count == BATCH)
        flush_given(slab, cache);
}

void weir__slab_flush(struct weir__slab *slab, struct weir__slab_cache *cache)
{
    if (cache->count)
        flush_given(slab, cache);
    if (cache->first)
        flush_chain(slab, cache->first);
    cache->first = NULL;
}

void weir__slab_close(struct weir__slab *slab)
{
    weir__lock_take(&slab->grow);
    /* acq_rel [S1]: the chains can be walked, and nobody pushes any more */
    uint64_t head = weir__exchange_acq_rel(&slab->free, (uint64_t)CLOSED);
    uint32_t total = slab->total, found = 0, next;
    weir__lock_release(&slab->grow);
    for (uint32_t i = (uint32_t)head; i; i = next) {
        struct weir_future *first = weir__slab_at(slab, i - 1);
        next = weir__load_relaxed(next_chain(first)); /* ours, all of it */
        found += length_of(slab, first);
    }
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

struct weir__slab_cache *weir__slab_cache_here(const struct weir__slab *slab)
{
    return slab->host->cache ? slab->host->cache(slab->owner, slab) : NULL;
}

void weir__slab_set_dispatch(struct weir__slab *slab, struct weir__dispatch *dispatch)
{
    slab->dispatch = dispatch;
}

struct weir__dispatch *weir__slab_dispatch(const struct weir__slab *slab)
{
    return slab->dispatch;
}

void weir__slab_set_spin(struct weir__slab *slab, int64_t most_ns)
{
    slab->spin.most_ns = most_ns;
}

struct weir__spin *weir__slab_spin(struct weir__slab *slab)
{
    return &slab->spin;
}

const struct weir__fork_guard *weir__slab_guard(const struct weir__slab *slab)
{
    return &slab->guard;
}

size_t weir__slab_result_offset(const struct weir__slab *slab)
{
    return slab->result_offset;
}

size_t weir__slab_result_bytes(const struct weir__slab *slab)
{
    return slab->result_bytes;
}
