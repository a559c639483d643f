/* The submit path: the policy decides, this file acts and counts. */
#include <stdint.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "base/options.h"
#include "executor/executor_impl.h"
#include "executor/task_impl.h"
#include "policy/policy_impl.h"

/* Count a refusal; returns its status. Refusals of the caller's or the machine's making do not
 * count. */
static weir_status refuse(weir_executor *executor, weir_status status, enum weir__rejection kind)
{
    if (status == WEIR_ESHUTDOWN)
        kind = WEIR__REJECTED_SHUTDOWN;
    else if (status == WEIR_EBROKEN)
        kind = WEIR__REJECTED_BROKEN;
    else if (status == WEIR_ETIMEDOUT)
        kind = WEIR__REJECTED_TIMEOUT;
    else if (status != WEIR_EREJECTED)
        return status;
    weir__add_relaxed(&executor->counters.rejected[kind], (uint64_t)1); /* a number of its own */
    return status;
}

/* Ask the policy's functions of this occasion. Called without any lock. */
static weir_verdict ask(weir_executor *executor, weir_consult when,
                        const weir_submission *submission, int64_t *wait_ns)
{
    weir_admission admission = {.executor = executor,
                                .submission = submission,
                                .limit = executor->limit,
                                .wait_ns = wait_ns};
    executor->ops->describe(executor, &admission);
    return weir__policy_ask(&executor->policy, when, &admission);
}

static weir_status wait_for_place(weir_executor *executor, struct weir__request *request,
                                  int64_t wait_ns, struct weir_future **future)
{
    /* A worker that waited for a place in its own executor's backlog would not be there to empty
     * it. What it would have submitted, it does itself. */
    if (weir__thread_worker(executor))
        return weir__run_in_caller(executor, request, future);
    if (wait_ns <= 0)
        return WEIR_ETIMEDOUT;
    return executor->ops->admit_waiting(executor, request, weir__deadline_after(wait_ns), future);
}

/* Do what the verdict says. full: the limit is reached; otherwise there was a place. */
static weir_status act(weir_executor *executor, struct weir__request *request, weir_verdict verdict,
                       int64_t wait_ns, bool full, struct weir_future **future)
{
    switch (verdict) {
    case WEIR_ADMIT:
        return executor->ops->admit(executor, request, future);
    case WEIR_WAIT:
        return full ? wait_for_place(executor, request, wait_ns, future)
                    : executor->ops->admit(executor, request, future);
    case WEIR_RUN_IN_CALLER:
        return weir__run_in_caller(executor, request, future);
    case WEIR_DISCARD:
        return weir__discard(executor, request, future);
    case WEIR_DISCARD_OLDEST:
        return executor->ops->admit_displacing(executor, request, future);
    case WEIR_REJECT:
        break;
    }
    return WEIR_EREJECTED; /* also for a verdict that does not exist */
}

/* The limit is reached: whatever the policy says of that. */
static weir_status at_limit(weir_executor *executor, struct weir__request *request,
                            struct weir_future **future)
{
    int64_t wait_ns = weir__policy_wait_ns(&executor->policy);
    enum weir__rejection kind = WEIR__REJECTED_LIMIT;
    weir_verdict verdict = WEIR_ADMIT;
    if (executor->asks_at_limit) {
        verdict = ask(executor, WEIR_AT_LIMIT, request->submission, &wait_ns);
        if (verdict != WEIR_ADMIT)
            kind = WEIR__REJECTED_CHECK;
    }
    if (verdict == WEIR_ADMIT)
        verdict = weir__policy_at_limit(&executor->policy);
    return refuse(executor, act(executor, request, verdict, wait_ns, true, future), kind);
}

/* Under a policy that is asked about every submission. */
static weir_status admit_asked(weir_executor *executor, struct weir__request *request,
                               struct weir_future **future)
{
    int64_t wait_ns = weir__policy_wait_ns(&executor->policy);
    /* Of a closed executor no policy is asked. relaxed: admit looks again, under the lock */
    uint32_t life = weir__load_relaxed(&executor->life);
    if (life != WEIR__OPEN)
        return refuse(executor, weir__life_status(life), WEIR__REJECTED_CHECK);
    weir_verdict verdict = ask(executor, WEIR_ALWAYS, request->submission, &wait_ns);
    if (verdict == WEIR_REJECT || (unsigned)verdict > WEIR_DISCARD_OLDEST)
        return refuse(executor, WEIR_EREJECTED, WEIR__REJECTED_CHECK);
    weir_status status = act(executor, request, verdict, wait_ns, false, future);
    if (status != WEIR_EREJECTED || (verdict != WEIR_ADMIT && verdict != WEIR_WAIT))
        return refuse(executor, status, WEIR__REJECTED_LIMIT);
    if (verdict == WEIR_ADMIT)
        return at_limit(executor, request, future);
    return refuse(executor, act(executor, request, verdict, wait_ns, true, future),
                  WEIR__REJECTED_CHECK);
}

static weir_status admit(weir_executor *executor, struct weir__request *request,
                         struct weir_future **future)
{
    if (WEIR__UNLIKELY(executor->asks_always) && !request->must)
        return admit_asked(executor, request, future);
    weir_status status = executor->ops->admit(executor, request, future);
    if (WEIR__LIKELY(status == WEIR_OK))
        return WEIR_OK;
    if (status == WEIR_EREJECTED && !request->must)
        return at_limit(executor, request, future);
    return refuse(executor, status, WEIR__REJECTED_LIMIT);
}

/* What not every kind can do. */
static weir_status vet(weir_executor *executor, const weir_submission *submission)
{
    if (executor->ops->vet)
        return executor->ops->vet(executor, submission);
    return submission->run_within_ns || submission->retries ||
                   submission->flags & WEIR_KILL_ON_CANCEL
               ? WEIR_EINVAL
               : WEIR_OK;
}

/* The short way to a refusal, which should cost an overloaded program as little as can be: nothing has
 * been prepared, and no lock is taken. */
static bool is_full(weir_executor *executor, const weir_submission *submission)
{
    return !(submission->flags & WEIR_MUST_ADMIT) && executor->ops->looks_full &&
           weir__load_relaxed(&executor->life) == WEIR__OPEN && /* else the lock tells why */
           executor->ops->looks_full(executor);
}

static weir_status submit(weir_executor *executor, const weir_submission *submission,
                          weir_future **out)
{
    if (!executor || !submission->fn || (!submission->arg && submission->arg_size) ||
        submission->start_within_ns < 0 || submission->run_within_ns < 0 ||
        submission->flags & ~(uint32_t)(WEIR_MUST_ADMIT | WEIR_KILL_ON_CANCEL))
        return WEIR_EINVAL;
    if (weir__forked(weir__slab_guard(executor->slab)))
        return WEIR_EFORKED;
    weir_status status = vet(executor, submission);
    if (status != WEIR_OK)
        return status;
    if (executor->rejects && is_full(executor, submission))
        return refuse(executor, WEIR_EREJECTED, WEIR__REJECTED_LIMIT);
    struct weir__request request;
    status = weir__request_init(&request, executor, submission, out != NULL);
    if (status != WEIR_OK)
        return status;
    struct weir_future *future;
    status = admit(executor, &request, &future);
    weir__request_fini(&request, executor);
    if (status == WEIR_OK && out)
        *out = future;
    return status;
}

weir_status weir_submit(weir_executor *executor, weir_task_fn *fn, const void *arg, size_t arg_size,
                        weir_future **out)
{
    weir_submission submission = {.fn = fn, .arg = arg, .arg_size = arg_size};
    return submit(executor, &submission, out);
}

weir_status weir_submit_with_sized(weir_executor *executor, const weir_submission *submission,
                                   size_t size, weir_future **out)
{
    weir_submission own;
    if (!submission || !weir__options_copy(&own, sizeof own, submission, size))
        return WEIR_EINVAL;
    return submit(executor, &own, out);
}
