/* The handle: creation of the common part, shutdown, destruction, statistics. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "base/options.h"
#include "executor/executor_impl.h"
#include "executor/task_impl.h"
#include "future/dispatch.h"
#include "policy/policy_impl.h"
#include "sync/futex.h"

#ifdef WEIR_STEP_HOOK
#define WEIR__SPIN_DEFAULT INT64_C(0) /* schedules are not to depend on a clock */
#else
#define WEIR__SPIN_DEFAULT WEIR_SPIN_DEFAULT
#endif

static bool host_withdraw(void *owner, struct weir_future *future)
{
    weir_executor *executor = owner;
    return executor->ops->withdraw(executor, future);
}

static enum weir__help host_help(void *owner, struct weir_future *future)
{
    weir_executor *executor = owner;
    /* A pending one runs nowhere, and the stack of this thread may be deep. relaxed: what runs here, this
     * thread has put into RUNNING itself */
    if (weir__state(weir__load_relaxed(&future->word)) != WEIR__PENDING && weir__thread_runs(future))
        return WEIR__HELP_DEADLOCK;
    void *worker = weir__thread_worker(executor);
    if (worker && executor->ops->run_here(executor, worker, future))
        return WEIR__HELP_RAN;
    return WEIR__HELP_NO;
}

static struct weir__slab_cache *host_cache(void *owner, const struct weir__slab *slab)
{
    const weir_executor *executor = owner; /* an address, until we know that it is still there */
    void *worker = weir__thread_worker(executor);
    return worker && executor->slab == slab ? executor->ops->cache(worker) : NULL;
}

static void host_free_arg(void *owner, void *arg)
{
    weir_executor *executor = owner;
    executor->ops->free_arg(executor, arg);
}

static void host_refresh(void *owner, struct weir_future *future)
{
    weir_executor *executor = owner;
    executor->ops->refresh(executor, future);
}

static void host_request(void *owner, struct weir_future *future)
{
    weir_executor *executor = owner;
    executor->ops->request(executor, future);
}

static void host_released(void *owner)
{
    weir_executor *executor = owner;
    executor->ops->released(executor);
}

static const struct weir__future_host host = {
    .withdraw = host_withdraw, .help = host_help, .cache = host_cache};

/* For executors that live as long as their futures. */
static const struct weir__future_host lasting_host = {
    .withdraw = host_withdraw,
    .help = host_help,
    .free_arg = host_free_arg,
    .request = host_request,
    .refresh = host_refresh,
    .released = host_released,
};

_Static_assert(WEIR_INLINE_DEFAULT <= WEIR__STAGED_MAX,
               "where nothing else is asked for, results take the place of arguments");

static size_t inline_bytes(size_t option)
{
    return option ? option : WEIR_INLINE_DEFAULT;
}

/* The slab, with its dispatch if one is wanted. WEIR_OK | WEIR_ENOMEM | WEIR_ESYS */
static weir_status init_slab(weir_executor *executor, size_t result_bytes, bool dispatches)
{
    struct weir__dispatch *dispatch = NULL;
    weir_status status = dispatches ? weir__dispatch_create(&dispatch) : WEIR_OK;
    if (status != WEIR_OK)
        return status;
    executor->slab = weir__slab_create(executor->ops->released ? &lasting_host : &host, executor,
                                       executor->arg_bytes, result_bytes, false);
    if (executor->slab) {
        weir__slab_set_dispatch(executor->slab, dispatch);
        return WEIR_OK;
    }
    if (dispatch)
        weir__dispatch_close(dispatch);
    weir__dispatch_free(dispatch);
    return WEIR_ENOMEM;
}

weir_status weir__executor_init(weir_executor *executor, const struct weir__executor_ops *ops,
                                const char *name, const weir_policy *policy, size_t limit,
                                size_t arg_bytes, size_t result_bytes, bool dispatch)
{
    memset(executor, 0, sizeof *executor);
    if (weir__policy_check(policy) != WEIR_OK ||
        weir__policy_limit(policy, limit, &executor->limit) != WEIR_OK ||
        arg_bytes > WEIR_INLINE_MAX || result_bytes > WEIR_INLINE_MAX)
        return WEIR_EINVAL;
    executor->ops = ops;
    executor->policy = *policy;
    executor->asks_always = weir__policy_asks(policy, WEIR_ALWAYS);
    executor->asks_at_limit = weir__policy_asks(policy, WEIR_AT_LIMIT);
    executor->rejects = !executor->asks_always && !executor->asks_at_limit &&
                        weir__policy_at_limit(policy) == WEIR_REJECT;
    executor->arg_bytes = inline_bytes(arg_bytes);
    strncpy(executor->name, name ? name : "weir", sizeof executor->name - 1);
    return init_slab(executor, inline_bytes(result_bytes), dispatch);
}

void weir__executor_set_spin(weir_executor *executor, int64_t option)
{
    executor->spin_ns = option == 0 ? WEIR__SPIN_DEFAULT : option == WEIR_NO_SPIN ? 0 : option;
    weir__slab_set_spin(executor->slab, executor->spin_ns);
}

/* Whatever waits to be dispatched runs here, and nothing waits any more. */
static void close_dispatch(weir_executor *executor)
{
    struct weir__dispatch *dispatch = weir__slab_dispatch(executor->slab);
    if (dispatch)
        weir__dispatch_close(dispatch);
}

void weir__executor_fini(weir_executor *executor)
{
    close_dispatch(executor);
    weir__slab_close(executor->slab);
}

weir_status weir__life_status(uint32_t life)
{
    return life == WEIR__BROKEN ? WEIR_EBROKEN : WEIR_ESHUTDOWN;
}

void weir__executor_check_quiet_locked(weir_executor *executor)
{
    if (weir__load_relaxed(&executor->life) != WEIR__CLOSED || executor->callers ||
        (executor->ops->quiet_locked && !executor->ops->quiet_locked(executor)))
        return;
    /* release [E1]: all that tasks did is visible to whoever a shutdown returns to */
    weir__store_release(&executor->quiet, 1u);
    weir__futex_wake(&executor->quiet, INT32_MAX);
}

/* From here on nothing is accepted, and nobody waits for a place: both at one moment, so that no
 * place is granted into an executor whose workers are leaving. */
static void close_executor(weir_executor *executor)
{
    struct weir__wakes wakes = {NULL, NULL};
    weir__lock_take(&executor->lock);
    if (weir__load_relaxed(&executor->life) != WEIR__CLOSED) { /* the lock is held */
        weir__store_relaxed(&executor->life, (uint32_t)WEIR__CLOSED); /* published by it [L1] */
        if (executor->ops->close_locked)
            executor->ops->close_locked(executor, &wakes);
        weir__executor_check_quiet_locked(executor);
    }
    weir__lock_release(&executor->lock);
    weir__wakes_flush(&wakes);
}

/* Whether all that was accepted has ended, callbacks included; workers may still be leaving. */
static bool all_ended(weir_executor *executor)
{
    weir__lock_take(&executor->lock);
    bool ended = executor->callers == 0 &&
                 (!executor->ops->settled_locked || executor->ops->settled_locked(executor));
    weir__lock_release(&executor->lock);
    return ended;
}

static bool wait_quiet(weir_executor *executor, int64_t deadline_ns)
{
    while (weir__load_acquire(&executor->quiet) == 0) /* acquire [E1] */
        if (!weir__futex_wait(&executor->quiet, 0, deadline_ns))
            return weir__load_acquire(&executor->quiet) != 0; /* acquire [E1] */
    return true;
}

/* Ended by themselves, or expired. */
static uint64_t finished(const weir_executor *executor)
{
    weir_stats stats;
    weir__snapshot(&executor->counters, executor->ops->tally, executor, &stats);
    return stats.completed + stats.expired;
}

static void report(const weir_executor *executor, uint64_t finished_before, uint64_t cancelled,
                   weir_shutdown_report *out)
{
    weir_stats stats;
    weir__snapshot(&executor->counters, executor->ops->tally, executor, &stats);
    *out = (weir_shutdown_report){
        .finished = stats.completed + stats.expired - finished_before,
        .cancelled = cancelled,
        .running = stats.running,
        .queued = stats.backlog,
    };
}

static uint64_t cancel_all(weir_executor *executor, bool running_too)
{
    if (running_too)
        weir__store_release(&executor->cancel_running, true); /* release [F5] */
    return executor->ops->cancel_queued ? executor->ops->cancel_queued(executor) : 0;
}

weir_status weir_executor_shutdown_sized(weir_executor *executor,
                                         const weir_shutdown_options *options, size_t size)
{
    weir_shutdown_options own;
    if (!executor || !weir__options_copy(&own, sizeof own, options, size) ||
        (unsigned)own.mode > WEIR_CANCEL_QUEUED || own.timeout_ns < -1)
        return WEIR_EINVAL;
    if (weir__forked(weir__slab_guard(executor->slab)))
        return WEIR_EFORKED;
    int64_t deadline_ns = own.timeout_ns == 0   ? WEIR_FOREVER
                          : own.timeout_ns == -1 ? 0
                                                 : weir__deadline_after(own.timeout_ns);
    uint64_t finished_before = finished(executor), cancelled = 0;
    close_executor(executor);
    if (own.mode == WEIR_CANCEL_QUEUED)
        cancelled = cancel_all(executor, own.cancel_running);

    weir_status status = WEIR_OK; /* one's own task cannot be waited for */
    if (!weir__thread_inside(executor) && !wait_quiet(executor, deadline_ns)) {
        if (own.cancel_at_timeout)
            cancelled += cancel_all(executor, own.cancel_running);
        status = all_ended(executor) ? WEIR_OK : WEIR_ETIMEDOUT;
    }
    if (own.report)
        report(executor, finished_before, cancelled, own.report);
    return status;
}

void weir_executor_destroy(weir_executor *executor)
{
    if (!executor || weir__forked(weir__slab_guard(executor->slab)))
        return;
    bool inside = weir__thread_inside(executor);
    assert(!inside && "an executor cannot be destroyed from one of its own tasks");
    weir_executor_shutdown(executor, NULL);
    if (inside)
        return;
    close_dispatch(executor); /* its callbacks may still ask the executor */
    executor->ops->destroy(executor);
}

weir_status weir_executor_stats_sized(const weir_executor *executor, weir_stats *out, size_t size)
{
    if (!executor || !out)
        return WEIR_EINVAL;
    if (weir__forked(weir__slab_guard(executor->slab)))
        return WEIR_EFORKED;
    weir_stats stats;
    weir__snapshot(&executor->counters, executor->ops->tally, executor, &stats);
    stats.limit = executor->limit;
    stats.capacity = executor->ops->capacity(executor);
    stats.blocked = executor->ops->blocked(executor);
    const struct weir__dispatch *dispatch = weir__slab_dispatch(executor->slab);
    stats.undispatched = dispatch ? weir__dispatch_waiting(dispatch) : 0;
    memset(out, 0, size);
    memcpy(out, &stats, size < sizeof stats ? size : sizeof stats);
    return WEIR_OK;
}

weir_status weir_executor_worker_stats(const weir_executor *executor, weir_worker_stats *out,
                                       size_t n, size_t *count)
{
    if (!executor || !count || (!out && n))
        return WEIR_EINVAL;
    if (weir__forked(weir__slab_guard(executor->slab)))
        return WEIR_EFORKED;
    *count = executor->ops->worker_stats(executor, out, n);
    return WEIR_OK;
}

size_t weir_executor_backlog(const weir_executor *executor)
{
    weir_stats stats;
    if (weir_executor_stats(executor, &stats) != WEIR_OK)
        return 0;
    return (size_t)stats.backlog;
}

bool weir_executor_alive(const weir_executor *executor)
{
    if (!executor || weir__forked(weir__slab_guard(executor->slab)))
        return false;
    /* relaxed: it may change the next moment anyway */
    return weir__load_relaxed(&((weir_executor *)(uintptr_t)executor)->life) == WEIR__OPEN;
}

const char *weir_executor_name(const weir_executor *executor)
{
    return executor ? executor->name : "";
}
