/* The policies, as values, and how they are read. */
#include "policy/policy_impl.h"

#include "weir/executor.h"

enum { STEPS_INVALID = 255 };

weir_policy weir_reject_when_reached(size_t limit)
{
    if (limit == 0)
        limit = WEIR_ZERO;
    else if (limit > WEIR_LIMIT_MAX) /* stays out of range, and apart from WEIR_ZERO */
        limit = WEIR_LIMIT_MAX + 1;
    return (weir_policy){.at_limit = WEIR_REJECT, .limit = limit};
}

weir_policy weir_block(int64_t timeout_ns)
{
    return (weir_policy){.at_limit = WEIR_WAIT, .wait_ns = timeout_ns > 0 ? timeout_ns : -1};
}

weir_policy weir_caller_runs(void)
{
    return (weir_policy){.at_limit = WEIR_RUN_IN_CALLER};
}

weir_policy weir_discard(void)
{
    return (weir_policy){.at_limit = WEIR_DISCARD};
}

weir_policy weir_discard_oldest(void)
{
    return (weir_policy){.at_limit = WEIR_DISCARD_OLDEST};
}

static weir_policy one_step(weir_check_fn *check, void *data, weir_consult consult)
{
    return (weir_policy){.step = {{check, data, consult}}, .steps = check ? 1 : STEPS_INVALID};
}

weir_policy weir_check_and_reject(weir_check_fn *check, void *data)
{
    return one_step(check, data, WEIR_ALWAYS);
}

weir_policy weir_check_at_limit(weir_check_fn *check, void *data)
{
    return one_step(check, data, WEIR_AT_LIMIT);
}

static size_t lower_limit(size_t a, size_t b)
{
    if (a == WEIR_ZERO || b == WEIR_ZERO)
        return WEIR_ZERO;
    if (a == 0 || b == 0)
        return a + b; /* 0: says nothing */
    return a < b ? a : b;
}

weir_policy weir_policy_chain(weir_policy first, weir_policy second)
{
    weir_policy chain = second;
    chain.limit = lower_limit(first.limit, second.limit);
    if (first.steps + second.steps > 2) {
        chain.steps = STEPS_INVALID;
        return chain;
    }
    for (uint32_t i = 0; i < first.steps; i++)
        chain.step[i] = first.step[i];
    for (uint32_t i = 0; i < second.steps; i++)
        chain.step[first.steps + i] = second.step[i];
    chain.steps = first.steps + second.steps;
    return chain;
}

weir_status weir__policy_check(const weir_policy *policy)
{
    if (policy->steps > 2 || policy->reserved || (unsigned)policy->at_limit > WEIR_DISCARD_OLDEST)
        return WEIR_EINVAL;
    for (uint32_t i = 0; i < policy->steps; i++)
        if (!policy->step[i].check || (unsigned)policy->step[i].consult > WEIR_ALWAYS)
            return WEIR_EINVAL;
    return WEIR_OK;
}

weir_status weir__policy_limit(const weir_policy *policy, size_t option, size_t *limit)
{
    size_t value = lower_limit(policy->limit, option);
    if (value == 0)
        value = WEIR_LIMIT_DEFAULT;
    else if (value == WEIR_ZERO)
        value = 0;
    if (value > WEIR_LIMIT_MAX)
        return WEIR_EINVAL;
    *limit = value;
    return WEIR_OK;
}

bool weir__policy_asks(const weir_policy *policy, weir_consult when)
{
    for (uint32_t i = 0; i < policy->steps; i++)
        if (policy->step[i].consult == when)
            return true;
    return false;
}

weir_verdict weir__policy_ask(const weir_policy *policy, weir_consult when,
                              const weir_admission *admission)
{
    for (uint32_t i = 0; i < policy->steps; i++) {
        if (policy->step[i].consult != when)
            continue;
        weir_verdict verdict = policy->step[i].check(admission, policy->step[i].data);
        if (verdict != WEIR_ADMIT)
            return verdict;
    }
    return WEIR_ADMIT;
}

weir_verdict weir__policy_at_limit(const weir_policy *policy)
{
    return policy->at_limit == WEIR_ADMIT ? WEIR_REJECT : policy->at_limit;
}

int64_t weir__policy_wait_ns(const weir_policy *policy)
{
    return policy->wait_ns == 0 ? WEIR_FOREVER : policy->wait_ns;
}
