/* The inline executor: the smallest one. Read it first.
 *
 * Every submission is a task that its caller runs; there is no backlog, hence nothing to cancel, to
 * displace or to wait for. */
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "base/options.h"
#include "executor/executor_impl.h"
#include "weir/inline.h"

static weir_status inline_admit(weir_executor *executor, struct weir__request *request,
                                struct weir_future **future)
{
    return weir__run_in_caller(executor, request, future);
}

static weir_status inline_admit_waiting(weir_executor *executor, struct weir__request *request,
                                        int64_t deadline_ns, struct weir_future **future)
{
    (void)deadline_ns;
    return weir__run_in_caller(executor, request, future);
}

static void inline_describe(weir_executor *executor, weir_admission *admission)
{
    weir_stats stats;
    weir__snapshot(&executor->counters, NULL, NULL, &stats);
    admission->running = (size_t)stats.running;
    admission->mean_run_ns = stats.completed ? stats.run_ns / stats.completed : 0;
}

static void inline_destroy(weir_executor *executor)
{
    /* The last caller may still be between telling us that it is quiet and letting the lock go. */
    weir__lock_take(&executor->lock);
    weir__lock_release(&executor->lock);
    weir__executor_fini(executor);
    free(executor);
}

static size_t inline_none(const weir_executor *executor)
{
    (void)executor;
    return 0;
}

static size_t inline_worker_stats(const weir_executor *executor, weir_worker_stats *out, size_t n)
{
    (void)executor;
    (void)out;
    (void)n;
    return 0;
}

static const struct weir__executor_ops inline_ops = {
    .admit = inline_admit,
    .admit_waiting = inline_admit_waiting,
    .admit_displacing = inline_admit,
    .describe = inline_describe,
    .destroy = inline_destroy,
    .blocked = inline_none,
    .capacity = inline_none,
    .worker_stats = inline_worker_stats,
};

weir_status weir_inline_executor_create_sized(weir_executor **out,
                                              const weir_inline_options *options, size_t size)
{
    weir_inline_options own;
    if (!out || !weir__options_copy(&own, sizeof own, options, size))
        return WEIR_EINVAL;
    weir_executor *executor = aligned_alloc(_Alignof(weir_executor), sizeof *executor);
    if (!executor)
        return WEIR_ENOMEM;
    weir_status status = weir__executor_init(executor, &inline_ops, own.name, &own.policy, 0,
                                             own.arg_bytes, own.result_bytes,
                                             own.dispatch);
    if (status != WEIR_OK) {
        free(executor);
        return status;
    }
    executor->limit = 0;
    *out = executor;
    return WEIR_OK;
}

weir_status weir_inline_executor_restart(weir_executor *executor)
{
    if (!executor || executor->ops != &inline_ops)
        return WEIR_EINVAL;
    if (weir__forked(weir__slab_guard(executor->slab)))
        return WEIR_EFORKED;
    weir__lock_take(&executor->lock);
    bool quiet = weir__load_relaxed(&executor->quiet) != 0; /* the lock is held */
    if (quiet) {
        /* No other call is under way, says the contract: plain stores would do. */
        memset(&executor->counters, 0, sizeof executor->counters);
        weir__store_relaxed(&executor->cancel_running, false);
        weir__store_relaxed(&executor->quiet, 0u);
        weir__store_relaxed(&executor->life, (uint32_t)WEIR__OPEN);
    }
    weir__lock_release(&executor->lock);
    return quiet ? WEIR_OK : WEIR_EINVAL;
}
