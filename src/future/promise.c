/* Promises: futures without a task.
 *
 * A promise lives in its future's slot, in the place where a task has its argument. The word of the
 * future says what everybody may see; the phase says what the writing end is at:
 *
 *               start                         return, fail
 * PROMISED ----------------> STARTED ------------------------------> (ended)
 *      | |'---------------------------------- return, fail ----------^  ^  ^
 *      | | hold            return, fail                                 |  |
 *      | '-------> HELD ------------------------------------------------'  |
 *      |             '--follow--> LINKING ---> FOLLOWING --the other ended-'
 *      '--cancel--> (ended)          '--a circle: HELD again
 *
 * Who may end the future. PROMISED: whoever moves the word out of PENDING, by claim: the promise or a
 * canceller. STARTED, HELD, LINKING: the promise alone. FOLLOWING: the callback of the other future
 * alone. The phase changes under the future's lock, and a canceller claims under the same lock, only
 * in PROMISED: so hold and cancel exclude each other, and after hold nobody else can end it.
 *
 * Why there is no circle. A link is made in LINKING, in which only those see it that look for circles;
 * to all others the promise is held. Then its maker walks along the links, FOLLOWING and LINKING ones.
 * Of links that would make a circle, whichever is made last at least finds all the others on its way,
 * and is taken back; so a circle never consists of FOLLOWING links alone, and whoever asks where a
 * future stands comes to an end. (Several may find each other, and all be taken back.)
 *
 * Why no cancelled task runs. In HELD and LINKING a cancellation returns false, and leaves
 * CANCEL_REQUESTED in the word. follow() goes to FOLLOWING and looks for the request in one critical
 * section: either the canceller came before, and follow() passes its request on; or it comes after,
 * and finds the other future to cancel.
 *
 * Why the future always ends. The other future ends, exactly once, and runs its callbacks, of which
 * ours is one; destroy() ends all that do not follow.
 *
 * The word while FOLLOWING. It stays PENDING until somebody looks: then it is brought up to RUNNING
 * if the other one runs. Looking is all that could tell the difference.
 *
 * tests: unit.future.promise, unit.schedule.promise */
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "future/promise_impl.h"

enum {
    RESULT_BYTES = 48
};

struct weir_promise_pool {
    struct weir__slab *slab; /* immutable */
};

weir_status weir_promise_pool_create(weir_promise_pool **out)
{
    if (!out)
        return WEIR_EINVAL;
    struct weir_promise_pool *pool = malloc(sizeof *pool);
    if (!pool)
        return WEIR_ENOMEM;
    pool->slab =
        weir__slab_create(&weir__promise_host, NULL, sizeof(struct weir_promise), RESULT_BYTES, true);
    if (!pool->slab) {
        free(pool);
        return WEIR_ENOMEM;
    }
    *out = pool;
    return WEIR_OK;
}

void weir_promise_pool_destroy(weir_promise_pool *pool)
{
    if (!pool)
        return;
    weir__slab_close(pool->slab);
    free(pool);
}

weir_status weir_promise_create(weir_promise_pool *pool, const char *name, weir_promise **promise,
                                weir_future **future)
{
    if (!pool || !promise || !future)
        return WEIR_EINVAL;
    if (weir__forked(weir__slab_guard(pool->slab)))
        return WEIR_EFORKED;
    struct weir_future *slot = weir__slab_take(pool->slab, NULL);
    if (!slot)
        return WEIR_ENOMEM;
    slot->fn = NULL;
    slot->arg = NULL;
    slot->flags = 0;
    slot->error = 0;
    if (name && !weir__future_add_details(slot, NULL, &(struct weir__details){ .name = name })) {
        weir__slab_give(pool->slab, NULL, slot);
        return WEIR_ENOMEM;
    }
    *weir__promise_of(slot) = (struct weir_promise){ .future = slot, .phase = WEIR__PROMISED };
    weir__future_publish(slot, 3); /* the end, the promise, the future */
    *promise = weir__promise_of(slot);
    *future = slot;
    return WEIR_OK;
}

/* In a forked child the lock may be taken for ever. */
static bool is_forked(const struct weir_promise *promise)
{
    return weir__forked(weir__slab_guard(promise->future->slab));
}

/* PROMISED -> phase; the word goes to RUNNING with STARTED. */
static weir_status leave_open(struct weir_promise *promise, enum weir__phase phase)
{
    if (!promise)
        return WEIR_EINVAL;
    struct weir_future *future = promise->future;
    if (is_forked(promise))
        return WEIR_EFORKED;
    weir_status status = WEIR_OK;
    weir__lock_take(&future->lock);
    if (promise->phase != WEIR__PROMISED)
        status = WEIR_EINVAL;
    else if (phase == WEIR__STARTED
                 ? !weir__future_claim(future, WEIR__RUNNING)
                 /* acquire [F2], if it has ended */
                 : weir__state(weir__load_acquire(&future->word)) != WEIR__PENDING)
        status = WEIR_ECANCELLED;
    else
        promise->phase = phase;
    weir__lock_release(&future->lock);
    return status;
}

weir_status weir_promise_start(weir_promise *promise)
{
    return leave_open(promise, WEIR__STARTED);
}

weir_status weir_promise_hold(weir_promise *promise)
{
    return leave_open(promise, WEIR__HELD);
}

bool weir_promise_cancel_requested(const weir_promise *promise)
{
    /* acquire [F5]: what the canceller did before is visible */
    return promise && weir__load_acquire(&promise->future->word) & WEIR__CANCEL_REQUESTED;
}

/* Take the right to end it. WEIR_OK | WEIR_ECANCELLED | WEIR_EINVAL */
static weir_status claim_end(struct weir_promise *promise, unsigned state)
{
    struct weir_future *future = promise->future;
    weir__lock_take(&future->lock);
    weir_status status = WEIR_OK;
    if (promise->phase >= WEIR__LINKING)
        status = WEIR_EINVAL;
    else if (promise->phase == WEIR__STARTED ? weir__future_ended(future)
                                             : !weir__future_claim(future, state))
        status = WEIR_ECANCELLED;
    weir__lock_release(&future->lock);
    return status;
}

weir_status weir_promise_return(weir_promise *promise, const void *data, size_t size)
{
    if (!promise || (!data && size))
        return WEIR_EINVAL;
    if (is_forked(promise))
        return WEIR_EFORKED;
    void *large = NULL; /* memory first: afterwards there is no way back */
    if (size > RESULT_BYTES && !(large = malloc(size)))
        return WEIR_ENOMEM;
    weir_status status = claim_end(promise, WEIR__RUNNING);
    if (status != WEIR_OK) {
        free(large);
        return status;
    }
    struct weir_future *future = promise->future;
    if (large) {
        memcpy(large, data, size);
        weir__future_store_heap(future, large, size);
    } else {
        (void)weir__future_store(future, data, size); /* it fits, and cannot fail */
    }
    weir__future_end(future, WEIR_OK, NULL);
    return WEIR_OK;
}

void weir__promise_store_error(struct weir_future *future, int code, const char *message)
{
    future->error = code;
    /* Without memory for it, the message is the sentence of the status. */
    if (message && weir__future_store(future, message, strlen(message) + 1) == WEIR_OK)
        future->flags |= WEIR__HAS_MESSAGE;
}

/* Every status that there is, but for two. */
static bool is_end(weir_status status)
{
    switch (status) {
#define CASE_END(name, value, sentence)                                                            \
    case name:                                                                                     \
        return name != WEIR_OK && name != WEIR_EPENDING;
        WEIR_STATUS_MAP(CASE_END)
#undef CASE_END
    }
    return false;
}

weir_status weir_promise_fail(weir_promise *promise, weir_status end, int code, const char *message)
{
    if (!promise || !is_end(end))
        return WEIR_EINVAL;
    if (is_forked(promise))
        return WEIR_EFORKED;
    weir_status status = claim_end(promise, WEIR__CLAIMED);
    if (status != WEIR_OK)
        return status;
    weir__promise_store_error(promise->future, code, message);
    weir__future_end(promise->future, end, NULL);
    return WEIR_OK;
}

void weir_promise_destroy(weir_promise *promise)
{
    if (!promise || is_forked(promise))
        return;
    if (claim_end(promise, WEIR__CLAIMED) == WEIR_OK)
        weir__future_end(promise->future, WEIR_EBROKEN, NULL);
    weir_future_unref(promise->future);
}
