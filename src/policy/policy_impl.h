/* Reading a policy: which verdict it gives. Pure decisions: no locks, no waiting, no counting. */
#ifndef WEIR_POLICY_IMPL_H
#define WEIR_POLICY_IMPL_H

#include <stdbool.h>

#include "weir/policy.h"
#include "weir/status.h"

/* A policy that came in options: WEIR_OK, or WEIR_EINVAL. */
weir_status weir__policy_check(const weir_policy *policy);

/* The backlog limit of an executor with this policy and this option (0: not given). */
weir_status weir__policy_limit(const weir_policy *policy, size_t option, size_t *limit);

/* Whether any function is to be asked at this occasion. */
bool weir__policy_asks(const weir_policy *policy, weir_consult when);

/* Ask the functions of this occasion in order, until one objects. WEIR_ADMIT: none did. */
weir_verdict weir__policy_ask(const weir_policy *policy, weir_consult when,
                              const weir_admission *admission);

/* The verdict at the limit when no function objects. */
weir_verdict weir__policy_at_limit(const weir_policy *policy);

/* How long a WEIR_WAIT verdict waits unless a function sets it. */
int64_t weir__policy_wait_ns(const weir_policy *policy);

#endif
