/* Memory that cannot be had: one allocation of the program fails, the n-th from now. */
#ifndef WEIR_TESTS_FAULT_SCARCITY_H
#define WEIR_TESTS_FAULT_SCARCITY_H

#include "support/check.h"

/* Programs that use this wrap malloc calloc realloc aligned_alloc free mmap munmap. */

/* The n-th allocation from now fails; 0: none does. */
void fail_the(long n);
/* From now on every allocation fails. */
void fail_all(void);
/* Call it off. True if it has come to that since then. */
bool has_failed(void);
/* Allocations that have not been given back. */
long allocations_held(void);

/* Teardown of a test: nothing fails any more. */
int end_scarcity(void **state);

/* Call it with the first allocation failing, then the second, … It has to say WEIR_ENOMEM and leave
 * nothing behind, as often as it comes to that: at least `least` times. */
#define fail_each(call, least)                                                                     \
    do {                                                                                           \
        for (long n_ = 1;; n_++) {                                                                 \
            long before_ = allocations_held();                                                     \
            fail_the(n_);                                                                          \
            weir_status status_ = (call);                                                          \
            if (!has_failed()) {                                                                   \
                assert_status(status_, WEIR_OK);                                                   \
                assert_true(n_ > (least));                                                         \
                break;                                                                             \
            }                                                                                      \
            assert_status(status_, WEIR_ENOMEM);                                                   \
            assert_int_equal(allocations_held(), before_);                                         \
        }                                                                                          \
    } while (0)

#endif
