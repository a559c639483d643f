/* The memory of tasks: slots that are handed out and taken back without allocation, and that
 * outlive their executor as long as somebody holds a future. See slab.c. */
#ifndef WEIR_FUTURE_SLAB_H
#define WEIR_FUTURE_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/fork_guard.h"

struct weir_future;
struct weir__dispatch;
struct weir__slab;
struct weir__spin;
struct weir__future_host;

/* Slots at hand without contention, for one thread or under one lock. All zero: empty. */
struct weir__slab_cache {
    struct weir_future *first; /* of a chain; NULL: none */
    struct weir_future *given; /* the last of those that were given, if any were */
    uint32_t count;            /* of these; see slab.c */
};

/* host: what futures of this slab ask about their executor; borrowed, must live as long as there
 * are unfinished futures. apart: results do not take the place of arguments; else they do, unless they
 * are too large for that, see WEIR__STAGED_MAX. NULL: out of memory. */
struct weir__slab *weir__slab_create(const struct weir__future_host *host, void *owner,
                                     size_t arg_bytes, size_t result_bytes, bool apart);

/* Callbacks of its futures are to be dispatched from now on: before the first is handed out. The slab
 * owns it, and frees it at its own end. */
void weir__slab_set_dispatch(struct weir__slab *slab, struct weir__dispatch *dispatch);

/* How long whoever waits for one of its futures may look for its end before sleeping; 0 if not set.
 * Before the first slot is handed out. */
void weir__slab_set_spin(struct weir__slab *slab, int64_t most_ns);

/* The owner is gone. The memory goes with the last slot that is out. */
void weir__slab_close(struct weir__slab *slab);

/* A free slot, or NULL: out of memory, or the slab is closed. Any thread; cache may be NULL, else it
 * belongs to the caller. Requires: the slab is there, because it is not closed, or a slot is held. */
struct weir_future *weir__slab_take(struct weir__slab *slab, struct weir__slab_cache *cache);

/* Back to the free ones. Likewise. */
void weir__slab_give(struct weir__slab *slab, struct weir__slab_cache *cache,
                     struct weir_future *slot);

/* Give up what is in a cache. */
void weir__slab_flush(struct weir__slab *slab, struct weir__slab_cache *cache);

/* The slot of an index that was handed out before. */
struct weir_future *weir__slab_at(const struct weir__slab *slab, uint32_t index);

void *weir__slab_owner(const struct weir__slab *slab);
const struct weir__future_host *weir__slab_host(const struct weir__slab *slab);
/* The calling thread's own slots, if it has any; see weir__future_host. */
struct weir__slab_cache *weir__slab_cache_here(const struct weir__slab *slab);
/* NULL: callbacks run where tasks end. */
struct weir__dispatch *weir__slab_dispatch(const struct weir__slab *slab);
/* Advice for those who wait for its futures. */
struct weir__spin *weir__slab_spin(struct weir__slab *slab);
const struct weir__fork_guard *weir__slab_guard(const struct weir__slab *slab);
size_t weir__slab_result_bytes(const struct weir__slab *slab);
/* Where a slot's payload has the result; 0: where it had the argument. */
size_t weir__slab_result_offset(const struct weir__slab *slab);

#endif
