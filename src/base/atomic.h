/* Atomic operations, with the order in the name so that every one can be found by it. Only those in
 * use exist. The comment at each use names its counterpart by a tag; docs/concurrency.md has the
 * table of tags.
 *
 * WEIR_STEP_HOOK builds call weir__step() before each operation: the schedule tests stop a thread
 * there and let another one run. */
#ifndef WEIR_BASE_ATOMIC_H
#define WEIR_BASE_ATOMIC_H

#include <stdatomic.h>

#ifdef WEIR_STEP_HOOK
void weir__step(void);
#define WEIR__STEP() weir__step()
#else
#define WEIR__STEP() ((void)0)
#endif

#define weir__load_relaxed(p) (WEIR__STEP(), atomic_load_explicit((p), memory_order_relaxed))
#define weir__load_acquire(p) (WEIR__STEP(), atomic_load_explicit((p), memory_order_acquire))
#define weir__load_seq_cst(p) (WEIR__STEP(), atomic_load_explicit((p), memory_order_seq_cst))

#define weir__store_relaxed(p, v) (WEIR__STEP(), atomic_store_explicit((p), (v), memory_order_relaxed))
#define weir__store_release(p, v) (WEIR__STEP(), atomic_store_explicit((p), (v), memory_order_release))

#define weir__store_seq_cst(p, v) (WEIR__STEP(), atomic_store_explicit((p), (v), memory_order_seq_cst))

#define weir__exchange_acquire(p, v)                                                               \
    (WEIR__STEP(), atomic_exchange_explicit((p), (v), memory_order_acquire))
#define weir__exchange_release(p, v)                                                               \
    (WEIR__STEP(), atomic_exchange_explicit((p), (v), memory_order_release))
#define weir__exchange_seq_cst(p, v)                                                               \
    (WEIR__STEP(), atomic_exchange_explicit((p), (v), memory_order_seq_cst))
#define weir__exchange_acq_rel(p, v)                                                               \
    (WEIR__STEP(), atomic_exchange_explicit((p), (v), memory_order_acq_rel))

#define weir__add_relaxed(p, v)                                                                    \
    (WEIR__STEP(), atomic_fetch_add_explicit((p), (v), memory_order_relaxed))
#define weir__add_release(p, v)                                                                    \
    (WEIR__STEP(), atomic_fetch_add_explicit((p), (v), memory_order_release))
#define weir__add_acq_rel(p, v)                                                                    \
    (WEIR__STEP(), atomic_fetch_add_explicit((p), (v), memory_order_acq_rel))
#define weir__add_seq_cst(p, v)                                                                    \
    (WEIR__STEP(), atomic_fetch_add_explicit((p), (v), memory_order_seq_cst))
#define weir__sub_acq_rel(p, v)                                                                    \
    (WEIR__STEP(), atomic_fetch_sub_explicit((p), (v), memory_order_acq_rel))
#define weir__sub_relaxed(p, v)                                                                    \
    (WEIR__STEP(), atomic_fetch_sub_explicit((p), (v), memory_order_relaxed))
#define weir__or_acq_rel(p, v)                                                                     \
    (WEIR__STEP(), atomic_fetch_or_explicit((p), (v), memory_order_acq_rel))

/* Strong compare-and-swap; the failure order is the strongest that goes with the success order. */
#define weir__cas_relaxed(p, expected, desired)                                                    \
    (WEIR__STEP(), atomic_compare_exchange_strong_explicit((p), (expected), (desired),             \
                                                           memory_order_relaxed,                   \
                                                           memory_order_relaxed))
#define weir__cas_acquire(p, expected, desired)                                                    \
    (WEIR__STEP(), atomic_compare_exchange_strong_explicit((p), (expected), (desired),             \
                                                           memory_order_acquire,                   \
                                                           memory_order_acquire))
#define weir__cas_acq_rel(p, expected, desired)                                                    \
    (WEIR__STEP(), atomic_compare_exchange_strong_explicit((p), (expected), (desired),             \
                                                           memory_order_acq_rel,                   \
                                                           memory_order_acquire))

#endif
