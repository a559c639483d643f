/* Waiting for one future. */
#include <string.h>

#include "base/clock.h"
#include "future/future_impl.h"
#include "future/gather.h"

weir_status weir_future_wait(weir_future *future, int64_t timeout_ns)
{
    if (!future || timeout_ns < 0)
        return WEIR_EINVAL;
    if (weir__future_ended(future))
        return WEIR_OK;
    if (weir__future_forked(future))
        return WEIR_EFORKED;
    if (timeout_ns == 0)
        return WEIR_ETIMEDOUT; /* who only asks does not help */
    int64_t deadline_ns = weir__deadline_after(timeout_ns);
    switch (weir__help_along(future)) {
    case WEIR__HELP_DEADLOCK:
        return WEIR_EDEADLOCK;
    case WEIR__HELP_RAN:
        return WEIR_OK;
    case WEIR__HELP_NO:
        break;
    }
    struct weir__gather gather;
    struct weir__member member;
    weir__gather_init(&gather, &member, &future, 1);
    bool ended = weir__gather_wait(&gather, 1, false, deadline_ns);
    weir__gather_fini(&gather);
    if (!ended && weir__help_along(future) == WEIR__HELP_DEADLOCK)
        return WEIR_EDEADLOCK; /* a promise that came to stand for the caller's own task */
    return ended ? WEIR_OK : WEIR_ETIMEDOUT;
}

weir_status weir_future_result(weir_future *future, void *buffer, size_t size, int64_t timeout_ns)
{
    if (!buffer && size)
        return WEIR_EINVAL;
    weir_status status = weir_future_wait(future, timeout_ns);
    if (status == WEIR_OK)
        status = weir_future_status(future);
    if (status != WEIR_OK)
        return status;
    size_t result_size;
    const void *result = weir_future_value(future, &result_size);
    if (result_size > size)
        return WEIR_ETOOBIG;
    if (result_size)
        memcpy(buffer, result, result_size);
    return WEIR_OK;
}
