/* The transitions of a future's state word, and nothing else. Drawn in future_impl.h. */
#include <assert.h>
#include <stdlib.h>

#include "base/atomic.h"
#include "future/future_impl.h"

static uint64_t fresh_word(struct weir_future *future, unsigned state)
{
    /* relaxed: the slot is the caller's, handed over by the slab [S1] */
    uint64_t word = weir__load_relaxed(&future->word);
    assert(weir__state(word) == WEIR__FREE);
    return word | state;
}

uint64_t weir__future_publish(struct weir_future *future, uint32_t refs)
{
    uint64_t word = fresh_word(future, WEIR__PENDING);
    weir__store_relaxed(&future->refs, refs); /* published by the next line */
    weir__store_release(&future->word, word); /* release [F1] */
    return weir__hint(weir__generation(word), future->index);
}

void weir__future_adopt(struct weir_future *future, uint32_t refs, unsigned state)
{
    uint64_t word = fresh_word(future, state);
    weir__store_relaxed(&future->refs, refs); /* published by the next line */
    weir__store_release(&future->word, word); /* release [F1] */
}

static bool claim(struct weir_future *future, uint64_t word, unsigned state)
{
    uint32_t generation = weir__generation(word);
    /* Flags may be set meanwhile, by observers: try again with them. */
    while (weir__state(word) == WEIR__PENDING && weir__generation(word) == generation)
        /* acq_rel: acquire [F1]; release keeps the chain for whoever reads the word later */
        if (weir__cas_acq_rel(&future->word, &word,
                              (word & ~(uint64_t)WEIR__STATE_MASK) | state))
            return true;
    return false;
}

bool weir__future_claim(struct weir_future *future, unsigned state)
{
    for (;;) {
        uint64_t word = weir__load_acquire(&future->word); /* acquire [F1] */
        if (weir__state(word) != WEIR__PENDING)
            return false;
        if (claim(future, word, state))
            return true;
        /* It was renewed under our feet: same life, next generation. The caller's reference keeps
         * it from being another life. */
    }
}

void weir__future_start(struct weir_future *future)
{
    /* acq_rel [F1]: whoever sees RUNNING may end it */
    weir__add_acq_rel(&future->word, (uint64_t)(WEIR__RUNNING - WEIR__CLAIMED));
}

bool weir__future_claim_hint(struct weir_future *future, uint64_t hint, unsigned state)
{
    uint64_t word = weir__load_relaxed(&future->word); /* the CAS in claim acquires [F1] */
    return weir__generation(word) == weir__generation(hint) && claim(future, word, state);
}

bool weir__future_renew(struct weir_future *future, uint64_t hint)
{
    uint64_t word = weir__load_relaxed(&future->word); /* the CAS orders */
    while (weir__generation(word) == weir__generation(hint) &&
           weir__state(word) == WEIR__PENDING)
        /* acq_rel [F1]: keeps the release of publish going for the claimer */
        if (weir__cas_acq_rel(&future->word, &word, word + ((uint64_t)1 << 32)))
            return true;
    return false;
}

bool weir__future_is_pending(struct weir_future *future, uint64_t hint)
{
    uint64_t word = weir__load_acquire(&future->word); /* acquire [F1]: submit_ns may be read */
    return weir__generation(word) == weir__generation(hint) &&
           weir__state(word) == WEIR__PENDING;
}

bool weir__future_ended(const struct weir_future *future)
{
    /* acquire [F2] */
    return weir__state(weir__load_acquire(&((struct weir_future *)(uintptr_t)future)->word)) ==
           WEIR__ENDED;
}

/* What was submitted is released with the run, not with the future. */
static void free_arg(struct weir_future *future)
{
    const struct weir__future_host *host = weir__slab_host(future->slab);
    if (host->free_arg)
        host->free_arg(weir__slab_owner(future->slab), future->arg);
    else
        free(future->arg);
    future->flags &= (uint8_t)~WEIR__ARG_ON_HEAP;
}

bool weir__future_close(struct weir_future *future, weir_status status)
{
    uint64_t word = weir__load_relaxed(&future->word); /* the state part is ours: RUNNING, CLAIMED */
    uint64_t step = WEIR__ENDED - weir__state(word);
    if (future->flags & WEIR__ARG_ON_HEAP)
        free_arg(future);
    future->status = (uint8_t)status;
    /* acq_rel: release [F2]; acquire [F3]: if OBSERVED is set, the observers are visible */
    return weir__add_acq_rel(&future->word, step) & WEIR__OBSERVED && weir__future_tell(future);
}

void weir__future_end(struct weir_future *future, weir_status status,
                      struct weir__slab_cache *cache)
{
    if (weir__future_close(future, status))
        weir__future_call_back(future);
    weir__future_drop(future, cache);
}

/* Nobody can look at the future any more: its slot begins another life. */
static void recycle(struct weir_future *future, uint64_t word, struct weir__slab_cache *cache)
{
    weir__future_forget_result(future);
    if (!cache)
        cache = weir__slab_cache_here(future->slab);
    if (WEIR__UNLIKELY(word & WEIR__DETAILED))
        weir__future_drop_details(future, cache);
    /* relaxed: handed over by the slab [S1]; stale hints fail on the generation in any order */
    weir__store_relaxed(&future->refs, 0u);
    weir__store_relaxed(&future->word, ((word >> 32) + 1) << 32);
    weir__slab_give(future->slab, cache, future);
}

bool weir__future_end_unseen(struct weir_future *future, struct weir__slab_cache *cache)
{
    /* acquire [F4]: with one reference, the ender's, there is nobody who could make another one, and
     * what was registered by those who had one is visible */
    if (weir__load_acquire(&future->refs) != 1)
        return false;
    uint64_t word = weir__load_relaxed(&future->word); /* ordered by the line above */
    if (word & WEIR__OBSERVED)
        return false;
    if (future->flags & WEIR__ARG_ON_HEAP)
        free_arg(future);
    recycle(future, word, cache);
    return true;
}

void weir__future_drop(struct weir_future *future, struct weir__slab_cache *cache)
{
    /* acquire [F4]: the last one sees all that others did with the future. Alone already: no
     * addition is needed, since nobody without a reference can make one. */
    if (weir__load_acquire(&future->refs) != 1) {
        uint32_t before = weir__sub_acq_rel(&future->refs, 1u); /* acq_rel [F4] */
        assert(before != 0 && "a future was released more often than it was referenced");
        if (before != 1)
            return;
    }
    uint64_t word = weir__load_relaxed(&future->word); /* ours alone now */
    assert(weir__state(word) == WEIR__ENDED);
    recycle(future, word, cache);
}
