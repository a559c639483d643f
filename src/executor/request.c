/* From a submission to the contents of a slot. */
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "executor/executor_impl.h"
#include "future/future_impl.h"

static bool has_details(const weir_submission *submission)
{
    return submission->name || submission->start_within_ns || submission->run_within_ns ||
           submission->retries || submission->flags & WEIR_KILL_ON_CANCEL;
}

static WEIR__APART bool note_details(struct weir__request *request, weir_executor *executor)
{
    const weir_submission *submission = request->submission;
    struct weir__details *details = weir__details_create(executor->slab);
    if (!details)
        return false;
    details->name = submission->name;
    if (submission->start_within_ns)
        details->start_by_ns = weir__deadline_after(submission->start_within_ns);
    details->run_within_ns = submission->run_within_ns;
    details->reruns = submission->retries |
                      (submission->flags & WEIR_KILL_ON_CANCEL ? WEIR__KILLABLE : 0);
    request->details = details;
    return true;
}

static WEIR__APART bool copy_arg(struct weir__request *request, weir_executor *executor)
{
    const weir_submission *submission = request->submission;
    request->heap_arg = executor->ops->alloc_arg
                            ? executor->ops->alloc_arg(executor, submission->arg_size)
                            : malloc(submission->arg_size);
    if (!request->heap_arg)
        return false;
    memcpy(request->heap_arg, submission->arg, submission->arg_size);
    return true;
}

weir_status weir__request_init(struct weir__request *request, weir_executor *executor,
                               const weir_submission *submission, bool wants_future)
{
    *request = (struct weir__request){
        .submission = submission,
        .refs = wants_future ? 2 : 1,
        .must = submission->flags & WEIR_MUST_ADMIT,
    };
    if ((!has_details(submission) || note_details(request, executor)) &&
        (submission->arg_size <= executor->arg_bytes || copy_arg(request, executor)))
        return WEIR_OK;
    weir__request_fini(request, executor);
    return WEIR_ENOMEM;
}

static WEIR__APART void give_back(struct weir__request *request, weir_executor *executor)
{
    if (request->details)
        weir__details_destroy(executor->slab, weir__slab_cache_here(executor->slab),
                              request->details);
    if (!request->heap_arg)
        return;
    if (executor->ops->free_arg)
        executor->ops->free_arg(executor, request->heap_arg);
    else
        free(request->heap_arg);
}

void weir__request_fini(struct weir__request *request, weir_executor *executor)
{
    if (request->details || request->heap_arg) /* the usual case is no call at all */
        give_back(request, executor);
}

void weir__request_fill(struct weir__request *request, struct weir_future *future, int64_t now_ns)
{
    const weir_submission *submission = request->submission;
    unsigned flags = 0;
    future->fn = submission->fn;
    if (WEIR__UNLIKELY(request->details)) {
        weir__future_set_details(future, request->details);
        request->details = NULL;
        if (submission->start_within_ns)
            flags |= WEIR__TIMED;
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
