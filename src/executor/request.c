/* From a submission to the contents of a slot. */
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "executor/executor_impl.h"
#include "future/future_impl.h"

weir_status weir__request_init(struct weir__request *request, weir_executor *executor,
                               const weir_submission *submission, bool wants_future)
{
    *request = (struct weir__request){
        .submission = submission,
        .start_by_ns = submission->start_within_ns
                           ? weir__deadline_after(submission->start_within_ns)
                           : WEIR_FOREVER,
        .refs = wants_future ? 2 : 1,
        .must = submission->flags & WEIR_MUST_ADMIT,
    };
    if (submission->arg_size <= executor->arg_bytes)
        return WEIR_OK;
    request->heap_arg = executor->ops->alloc_arg
                            ? executor->ops->alloc_arg(executor, submission->arg_size)
                            : malloc(submission->arg_size);
    if (!request->heap_arg)
        return WEIR_ENOMEM;
    memcpy(request->heap_arg, submission->arg, submission->arg_size);
    return WEIR_OK;
}

void weir__request_fini(struct weir__request *request, weir_executor *executor)
{
    if (!request->heap_arg) /* the usual case is no call at all */
        return;
    if (executor->ops->free_arg)
        executor->ops->free_arg(executor, request->heap_arg);
    else
        free(request->heap_arg);
}

void weir__request_fill(struct weir__request *request, struct weir_future *future, int64_t now_ns)
{
    const weir_submission *submission = request->submission;
    unsigned flags = 0;
    future->fn = submission->fn;
    if (submission->name)
        weir__future_set_name(future, submission->name);
    if (request->start_by_ns != WEIR_FOREVER) {
        future->start_by_ns = request->start_by_ns;
        flags |= WEIR__TIMED;
    }
    if (submission->run_within_ns || submission->retries ||
        submission->flags & WEIR_KILL_ON_CANCEL) {
        future->run_within_ns = submission->run_within_ns;
        future->reruns = submission->retries |
                         (submission->flags & WEIR_KILL_ON_CANCEL ? WEIR__KILLABLE : 0);
        flags |= WEIR__LIMITED;
    }
    weir__store_relaxed(&future->submit_ns, now_ns); /* published with the rest [F1] */
    if (request->heap_arg) {
        flags |= WEIR__ARG_ON_HEAP;
        future->arg = request->heap_arg;
        request->heap_arg = NULL;
    } else if (submission->arg_size) {
        future->arg = weir__future_inline_arg(future);
        memcpy(future->arg, submission->arg, submission->arg_size);
    } else {
        future->arg = (void *)(uintptr_t)submission->arg; /* passed through as it is */
    }
    future->flags = (uint8_t)flags;
}
