/* cmocka, and what these tests add to it.
 *
 * A failed assertion leaves by longjmp. So only the thread that runs the test may assert; tasks and
 * other threads write down what they saw, and the test looks at it afterwards.
 *
 * Nothing here sleeps to let something happen. Where a test must wait, it waits for the event
 * itself, and WATCHDOG_NS only bounds how long a broken library can hold the run up. */
#ifndef WEIR_TESTS_SUPPORT_CHECK_H
#define WEIR_TESTS_SUPPORT_CHECK_H

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "weir/weir.h"

#include <cmocka.h>

#include "support/scale.h"

#define WATCHDOG_NS (WEIR_SECOND * (SANITIZED ? 120 : 30))

/* Statistics tell the time of a task to less than that. */
#define SLACK_NS (5 * WEIR_MICROSECOND)

/* Nanoseconds on the monotonic clock. */
int64_t now_ns(void);

/* Assert that a call returned the expected status; names both when it did not. */
#define assert_status(actual, expected)                                                            \
    check_status((actual), (expected), #actual, __FILE__, __LINE__)
void check_status(weir_status actual, weir_status expected, const char *call, const char *file,
                  int line);

/* Assert that a condition comes true before the watchdog bites. */
#define assert_eventually(condition)                                                               \
    do {                                                                                           \
        int64_t end_ns_ = now_ns() + WATCHDOG_NS;                                                  \
        while (!(condition)) {                                                                     \
            if (now_ns() > end_ns_)                                                                \
                fail_msg("never came true: %s", #condition);                                       \
            sched_yield();                                                                         \
        }                                                                                          \
    } while (0)

#endif
