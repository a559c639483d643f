/* Included before anything else where the queue is built for schedules: a step before every load,
 * store and compare-and-swap of Concurrency Kit's ring. (The queue's own pointer has one already, see
 * base/atomic.h.) */
#ifndef WEIR_TESTS_SUPPORT_SCHEDULER_CK_H
#define WEIR_TESTS_SUPPORT_SCHEDULER_CK_H

#include <ck_pr.h>

void weir__step(void);

#define weir_test_load_uint(source) CK_PR_LOAD_SAFE((source), uint)
#undef ck_pr_load_uint
#define ck_pr_load_uint(source) (weir__step(), weir_test_load_uint(source))

#define weir_test_store_uint(target, value) CK_PR_STORE_SAFE((target), (value), uint)
#undef ck_pr_store_uint
#define ck_pr_store_uint(target, value) (weir__step(), weir_test_store_uint((target), (value)))

#define ck_pr_cas_uint_value(target, old, new, value)                                              \
    (weir__step(), (ck_pr_cas_uint_value)((target), (old), (new), (value)))

#endif
