/* From a submission to the contents of a slot. */
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "executor/executor_impl.h"
#include "future/future_impl.h"

static bool is_detailed(const weir_submission *submission)
{
    return submission->name || submission->start_within_ns || submission->run_within_ns ||
           submission->retries || submission->flags & WEIR_KILL_ON_CANCEL;
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
        .start_by_ns = submission->start_within_ns
                           ? weir__deadline_after(submission->start_within_ns)
                           : WEIR_FOREVER,
        .refs = wants_future ? 2 : 1,
        .must = submission->flags & WEIR_MUST_ADMIT,
        .detailed = is_detailed(submission),
    };
    return submission->arg_size <= executor->arg_bytes || copy_arg(request, executor) ? WEIR_OK
                                                                                      : WEIR_ENOMEM;
}

static WEIR__APART void free_arg(struct weir__request *request, weir_executor *executor)
{
    if (executor->ops->free_arg)
        executor->ops->free_arg(executor, request->heap_arg);
    else
        free(request->heap_arg);
}

void weir__request_fini(struct weir__request *request, weir_executor *executor)
{
    if (request->heap_arg) /* the usual case is no call at all */
        free_arg(request, executor);
}

/* The slot, with them; NULL: out of memory, and it has been given back. */
static WEIR__APART struct weir_future *add_details(const struct weir__request *request,
                                                   struct weir_future *future,
                                                   struct weir__slab_cache *cache)
{
    const weir_submission *submission = request->submission;
    struct weir__details details = {
        .name = submission->name,
        .start_by_ns = request->start_by_ns,
        .run_within_ns = submission->run_within_ns,
        .reruns = submission->retries |
                  (submission->flags & WEIR_KILL_ON_CANCEL ? WEIR__KILLABLE : 0),
    };
    if (weir__future_add_details(future, cache, &details))
        return future;
    weir__slab_give(future->slab, cache, future);
    return NULL;
}

struct weir_future *weir__request_slot(const struct weir__request *request, weir_executor *executor,
                                       struct weir__slab_cache *cache)
{
    struct weir_future *future = weir__slab_take(executor->slab, cache);
    return WEIR__LIKELY(!request->detailed) || !future ? future
                                                       : add_details(request, future, cache);
}

void weir__request_fill(struct weir__request *request, struct weir_future *future, int64_t now_ns)
{
    const weir_submission *submission = request->submission;
    unsigned flags = submission->start_within_ns ? WEIR__TIMED : 0;
    future->fn = submission->fn;
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
