/* What the loop of the host calls. The mechanism is in future/dispatch.c. */
#include "future/dispatch.h"

#include <errno.h>

#include "executor/executor_impl.h"

/* NULL: callbacks run where tasks end, or there is nobody to ask. */
static struct weir__dispatch *dispatch_of(const weir_executor *executor)
{
    return executor ? weir__slab_dispatch(executor->slab) : NULL;
}

int weir_executor_fd(const weir_executor *executor)
{
    struct weir__dispatch *dispatch = dispatch_of(executor);
    return dispatch && !weir__forked(weir__slab_guard(executor->slab)) ? weir__dispatch_fd(dispatch)
                                                                       : -1;
}

weir_status weir_executor_dispatch(weir_executor *executor, size_t most, size_t *count)
{
    struct weir__dispatch *dispatch = dispatch_of(executor);
    if (!dispatch)
        return WEIR_EINVAL;
    if (weir__forked(weir__slab_guard(executor->slab)))
        return WEIR_EFORKED;
    int error;
    size_t ran = weir__dispatch_run(dispatch, most, &error); /* the executor may be gone by now */
    if (count)
        *count = ran;
    if (!error)
        return WEIR_OK;
    errno = error;
    return WEIR_ESYS;
}
