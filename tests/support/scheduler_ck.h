/* Included before anything else where the queue is built for schedules: a step before every load,
 * store and compare-and-swap of Concurrency Kit's ring, and of the queue's own pointer. */
#ifndef WEIR_TESTS_SUPPORT_SCHEDULER_CK_H
#define WEIR_TESTS_SUPPORT_SCHEDULER_CK_H

#include <ck_pr.h>
#include <stdatomic.h>

void weir__step(void);

#define weir_test_load_uint(source) CK_PR_LOAD_SAFE((source), uint)
#undef ck_pr_load_uint
#define ck_pr_load_uint(source) (weir__step(), weir_test_load_uint(source))

#define weir_test_store_uint(target, value) CK_PR_STORE_SAFE((target), (value), uint)
#undef ck_pr_store_uint
#define ck_pr_store_uint(target, value) (weir__step(), weir_test_store_uint((target), (value)))

#define ck_pr_cas_uint_value(target, old, new, value)                                              \
    (weir__step(), (ck_pr_cas_uint_value)((target), (old), (new), (value)))

#undef atomic_store_explicit
#define atomic_store_explicit(target, value, order)                                                \
    (weir__step(), __atomic_store_n((target), (value), __ATOMIC_SEQ_CST))
#undef atomic_load_explicit
#define atomic_load_explicit(source, order)                                                        \
    (weir__step(), __atomic_load_n((source), __ATOMIC_SEQ_CST))

#endif
