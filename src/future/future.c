/* What a future's holder may ask: state, status, result, error, cancel, references. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "future/future_impl.h"
#include "weir/process.h"

/* The interface says const of what it does not change; C11 atomics take no const. */
static uint64_t word_of(const weir_future *future)
{
    return weir__load_acquire(&((weir_future *)(uintptr_t)future)->word); /* acquire [F2] */
}

const char *weir_state_name(weir_state state)
{
    switch (state) {
    case WEIR_PENDING:
        return "PENDING";
    case WEIR_RUNNING:
        return "RUNNING";
    case WEIR_FINISHED:
        return "FINISHED";
    case WEIR_CANCELLED:
        return "CANCELLED";
    case WEIR_EXPIRED:
        return "EXPIRED";
    case WEIR_DISCARDED:
        return "DISCARDED";
    }
    return "UNKNOWN";
}

/* Have the host bring the word of a pending future up to date, if it has to be. Not in a forked
 * child, where what the host would look at may be locked for ever. */
static uint64_t fresh_word_of(const weir_future *future)
{
    uint64_t word = word_of(future);
    const struct weir__future_host *host = weir__slab_host(future->slab);
    if (weir__state(word) != WEIR__PENDING || !host->refresh ||
        weir__forked(weir__slab_guard(future->slab)))
        return word;
    host->refresh(weir__slab_owner(future->slab), (weir_future *)(uintptr_t)future);
    return word_of(future);
}

weir_state weir_future_state(const weir_future *future)
{
    if (!future)
        return WEIR_PENDING;
    switch (weir__state(fresh_word_of(future))) {
    case WEIR__RUNNING:
        return WEIR_RUNNING;
    case WEIR__ENDED:
        break;
    default:
        return WEIR_PENDING;
    }
    switch ((weir_status)future->status) {
    case WEIR_ECANCELLED:
        return WEIR_CANCELLED;
    case WEIR_EEXPIRED:
        return WEIR_EXPIRED;
    case WEIR_EDISCARDED:
        return WEIR_DISCARDED;
    default:
        return WEIR_FINISHED;
    }
}

weir_status weir_future_status(const weir_future *future)
{
    if (!future)
        return WEIR_EINVAL;
    return weir__future_ended(future) ? (weir_status)future->status : WEIR_EPENDING;
}

const void *weir_future_value(const weir_future *future, size_t *size)
{
    if (size)
        *size = 0;
    return future && weir__future_ended(future) && future->status == WEIR_OK
               ? weir__future_result(future, size)
               : NULL;
}

int weir_future_error(const weir_future *future, const char **message)
{
    bool ended = future && weir__future_ended(future);
    if (message) {
        *message = "";
        if (ended && future->flags & WEIR__HAS_CRASH)
            *message = (const char *)weir__future_result(future, NULL) + sizeof(weir_crash_info);
        else if (ended && future->flags & WEIR__HAS_MESSAGE)
            *message = weir__future_result(future, NULL);
        else if (ended && future->flags & WEIR__ERROR_IS_STATUS)
            *message = weir_status_text((weir_status)future->error);
        else if (ended && future->status != WEIR_OK)
            *message = weir_status_text((weir_status)future->status);
    }
    return ended && future->status == WEIR_EFAILED ? future->error : 0;
}

weir_status weir_future_crash_sized(const weir_future *future, weir_crash_info *out, size_t size)
{
    if (!future || !out)
        return WEIR_EINVAL;
    if (!weir__future_ended(future))
        return WEIR_EPENDING;
    if (!(future->flags & WEIR__HAS_CRASH))
        return WEIR_EINVAL;
    memset(out, 0, size);
    memcpy(out, weir__future_result(future, NULL), size < sizeof *out ? size : sizeof *out);
    return WEIR_OK;
}

const char *weir_future_name(const weir_future *future)
{
    const struct weir__details *details = future ? weir__future_details(future) : NULL;
    return details ? details->name : NULL;
}

/* Leave a request with a running task. */
static void request_cancel(struct weir_future *future)
{
    /* acq_rel: what the canceller did before is visible to a task that sees the request [F5] */
    weir__or_acq_rel(&future->word, (uint64_t)WEIR__CANCEL_REQUESTED);
    const struct weir__future_host *host = weir__slab_host(future->slab);
    if (host->request)
        host->request(weir__slab_owner(future->slab), future);
}

static bool cancel_pending(struct weir_future *future)
{
    const struct weir__future_host *host = weir__slab_host(future->slab);
    if (host->cancel)
        return host->cancel(weir__slab_owner(future->slab), future);
    /* Claim first: until then the owner may end the task, and be gone, at any moment. */
    return weir__future_claim(future, WEIR__CLAIMED) &&
           host->withdraw(weir__slab_owner(future->slab), future);
}

bool weir_future_cancel(weir_future *future)
{
    if (!future || weir__forked(weir__slab_guard(future->slab)))
        return false;
    for (;;) {
        uint64_t word = word_of(future);
        switch (weir__state(word)) {
        case WEIR__PENDING:
            if (cancel_pending(future))
                return true;
            word = word_of(future);
            if (weir__state(word) == WEIR__PENDING && word & WEIR__CANCEL_REQUESTED)
                return false; /* a promise that is held: the request is passed on */
            continue;         /* it started, or another one was faster: look again */
        case WEIR__RUNNING:
            request_cancel(future);
            return false;
        case WEIR__CLAIMED:
            /* Another one is just ending it, as cancelled or otherwise: a matter of instructions,
             * or of a time slice if that thread was preempted. */
            weir_future_wait(future, WEIR_FOREVER);
            continue;
        default:
            return future->status == WEIR_ECANCELLED;
        }
    }
}

weir_future *weir_future_ref(weir_future *future)
{
    if (future) {
        uint32_t before = weir__add_relaxed(&future->refs, 1u); /* the caller has one already */
        assert(before != 0 && "a reference was taken on a future that nobody holds");
        (void)before;
    }
    return future;
}

void weir_future_unref(weir_future *future)
{
    if (future)
        weir__future_drop(future, NULL);
}
