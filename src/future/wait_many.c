/* Waiting for all, for any, for the first failure of many futures. */
#include <stdlib.h>

#include "base/clock.h"
#include "future/future_impl.h"
#include "future/gather.h"
#include "weir/wait.h"

enum { ON_STACK = 16 };

/* The room for a gather: on the stack for few. */
struct crowd {
    struct weir__gather gather;
    struct weir__member few[ON_STACK];
    struct weir__member *many;
};

static weir_status crowd_init(struct crowd *crowd, weir_future *const *futures, size_t n)
{
    crowd->many = NULL;
    if (n > ON_STACK && !(crowd->many = calloc(n, sizeof *crowd->many)))
        return WEIR_ENOMEM;
    weir__gather_init(&crowd->gather, crowd->many ? crowd->many : crowd->few, futures, n);
    return WEIR_OK;
}

static void crowd_fini(struct crowd *crowd)
{
    weir__gather_fini(&crowd->gather);
    free(crowd->many);
}

static weir_status check(weir_future *const *futures, size_t n, int64_t timeout_ns)
{
    if ((!futures && n) || timeout_ns < 0)
        return WEIR_EINVAL;
    for (size_t i = 0; i < n; i++)
        if (futures[i] && !weir__future_ended(futures[i]) && weir__future_forked(futures[i]))
            return WEIR_EFORKED;
    return WEIR_OK;
}

static size_t count_ended(weir_future *const *futures, size_t n)
{
    size_t ended = 0;
    for (size_t i = 0; i < n; i++)
        ended += !futures[i] || weir__future_ended(futures[i]);
    return ended;
}

/* Index of the first that failed, or n. */
static size_t first_failed(weir_future *const *futures, size_t n)
{
    size_t i = 0;
    for (; i < n; i++)
        if (futures[i] && weir__future_ended(futures[i]) && futures[i]->status != WEIR_OK &&
            futures[i]->status != WEIR_ECANCELLED)
            break;
    return i;
}

/* Run here what is ours to run, until one failed if that is asked for. */
static weir_status help_all(weir_future *const *futures, size_t n, bool stop_on_failure)
{
    for (size_t i = 0; i < n; i++) {
        if (!futures[i] || weir__future_ended(futures[i]))
            continue;
        if (weir__help_along(futures[i]) == WEIR__HELP_DEADLOCK)
            return WEIR_EDEADLOCK;
        if (stop_on_failure && first_failed(futures + i, 1) == 0)
            break;
    }
    return WEIR_OK;
}

weir_status weir_wait_all(weir_future *const *futures, size_t n, int64_t timeout_ns, size_t *done)
{
    weir_status status = check(futures, n, timeout_ns);
    if (status != WEIR_OK)
        return status;
    int64_t deadline_ns = timeout_ns ? weir__deadline_after(timeout_ns) : 0;
    if (timeout_ns) /* who only asks does not help */
        status = help_all(futures, n, false);
    if (status != WEIR_OK)
        return status;
    size_t ended = count_ended(futures, n);
    if (ended < n && timeout_ns) {
        struct crowd crowd;
        status = crowd_init(&crowd, futures, n);
        if (status != WEIR_OK)
            return status;
        weir__gather_wait(&crowd.gather, n, false, deadline_ns);
        crowd_fini(&crowd);
        ended = count_ended(futures, n);
    }
    if (done)
        *done = ended;
    return ended == n ? WEIR_OK : WEIR_ETIMEDOUT;
}

weir_status weir_wait_first_failure(weir_future *const *futures, size_t n, int64_t timeout_ns,
                                    size_t *index)
{
    weir_status status = check(futures, n, timeout_ns);
    if (status != WEIR_OK)
        return status;
    int64_t deadline_ns = timeout_ns ? weir__deadline_after(timeout_ns) : 0;
    size_t failed = first_failed(futures, n);
    if (failed == n && timeout_ns) {
        status = help_all(futures, n, true);
        if (status != WEIR_OK)
            return status;
        failed = first_failed(futures, n);
    }
    if (failed == n && timeout_ns && count_ended(futures, n) < n) {
        struct crowd crowd;
        status = crowd_init(&crowd, futures, n);
        if (status != WEIR_OK)
            return status;
        weir__gather_wait(&crowd.gather, n, true, deadline_ns);
        crowd_fini(&crowd);
        failed = crowd.gather.failed == SIZE_MAX ? n : crowd.gather.failed;
    }
    if (failed == n && count_ended(futures, n) < n)
        return WEIR_ETIMEDOUT;
    /* All have ended: one may have failed since we looked. */
    if (failed == n)
        failed = first_failed(futures, n);
    if (index)
        *index = failed;
    return WEIR_OK;
}

/* Index of the first that has ended; n if none has, SIZE_MAX if there is none at all. */
static size_t first_ended(weir_future *const *futures, size_t n)
{
    size_t found = SIZE_MAX;
    for (size_t i = 0; i < n; i++) {
        if (!futures[i])
            continue;
        if (weir__future_ended(futures[i]))
            return i;
        found = n;
    }
    return found;
}

/* Run here one of those that are ours to run. WEIR_EDEADLOCK if all are the caller's own. */
static weir_status help_one(weir_future *const *futures, size_t n)
{
    weir_status status = WEIR_EDEADLOCK;
    for (size_t i = 0; i < n; i++) {
        if (!futures[i])
            continue;
        switch (weir__help_along(futures[i])) {
        case WEIR__HELP_RAN:
            return WEIR_OK;
        case WEIR__HELP_NO:
            status = WEIR_OK;
            break;
        case WEIR__HELP_DEADLOCK:
            break;
        }
    }
    return status;
}

weir_status weir_wait_any(weir_future *const *futures, size_t n, int64_t timeout_ns, size_t *index)
{
    weir_status status = check(futures, n, timeout_ns);
    if (status != WEIR_OK)
        return status;
    int64_t deadline_ns = timeout_ns ? weir__deadline_after(timeout_ns) : 0;
    size_t first = first_ended(futures, n);
    if (first == SIZE_MAX)
        return WEIR_EINVAL;
    if (first == n && timeout_ns) {
        status = help_one(futures, n);
        if (status != WEIR_OK)
            return status;
        first = first_ended(futures, n);
    }
    if (first == n && timeout_ns) {
        struct crowd crowd;
        status = crowd_init(&crowd, futures, n);
        if (status != WEIR_OK)
            return status;
        /* NULL entries count as ended in a gather: sleep for one more than those. */
        size_t gaps = 0;
        for (size_t i = 0; i < n; i++)
            gaps += !futures[i];
        weir__gather_wait(&crowd.gather, gaps + 1, false, deadline_ns);
        struct weir__member *ended = weir__gather_take(&crowd.gather);
        first = ended ? ended->index : n;
        crowd_fini(&crowd);
    }
    if (first == n)
        return WEIR_ETIMEDOUT;
    if (index)
        *index = first;
    return WEIR_OK;
}
