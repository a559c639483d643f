#include "sync/futex.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "weir/time.h"

bool weir__futex_wait(_Atomic uint32_t *word, uint32_t expected, int64_t deadline_ns)
{
    struct timespec until = {.tv_sec = deadline_ns / WEIR_SECOND,
                             .tv_nsec = deadline_ns % WEIR_SECOND};
    int saved = errno;
    /* FUTEX_WAIT_BITSET takes an absolute time on the monotonic clock: no drift on EINTR. */
    long rc = syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, expected,
                      deadline_ns == WEIR_FOREVER ? NULL : &until, NULL, FUTEX_BITSET_MATCH_ANY);
    bool timed_out = rc != 0 && errno == ETIMEDOUT;
    errno = saved;
    return !timed_out;
}

void weir__futex_wake(_Atomic uint32_t *word, int count)
{
    int saved = errno;
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
    errno = saved;
}

void weir__futex_wait_shared(_Atomic uint32_t *word, uint32_t expected)
{
    int saved = errno;
    syscall(SYS_futex, word, FUTEX_WAIT, expected, NULL, NULL, 0);
    errno = saved;
}

void weir__futex_wake_shared(_Atomic uint32_t *word, int count)
{
    int saved = errno;
    syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
    errno = saved;
}
