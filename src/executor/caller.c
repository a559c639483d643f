/* Tasks that never enter a backlog: run by their submitter, or discarded at the door. The whole of
 * the inline executor's work is done here.
 *
 * A submitter that runs a task counts as a caller from before the executor can be found closed to
 * after the future has ended, so that a shutdown waits for it. */
#include "base/atomic.h"
#include "base/clock.h"
#include "executor/executor_impl.h"
#include "executor/task_impl.h"

/* A slot with the request's task in it, in this state; the caller's to end. */
static struct weir_future *adopt(weir_executor *executor, struct weir__request *request,
                                 unsigned state)
{
    struct weir_future *future = weir__request_slot(request, executor, NULL);
    if (!future)
        return NULL;
    weir__request_fill(request, future, weir__now_ns());
    weir__future_adopt(future, request->refs, state);
    return future;
}

static void caller_ended(struct weir_task *task, weir_status status)
{
    weir_executor *executor = task->executor;
    const struct weir__request *request = task->context;
    uint64_t run_ns = (uint64_t)(weir__now_ns() - task->start_ns);
    weir__count_run_shared(&executor->counters.caller, run_ns, status != WEIR_OK);
    weir__future_end(task->future, status, NULL);
    if (task->unwound && request->refs > 1)
        weir_future_unref(task->future); /* the submission does not return: nobody gets the handle */
    weir__lock_take(&executor->lock);
    executor->callers--;
    weir__executor_check_quiet_locked(executor);
    weir__lock_release(&executor->lock);
}

weir_status weir__run_in_caller(weir_executor *executor, struct weir__request *request,
                                struct weir_future **out)
{
    struct weir_future *future = adopt(executor, request, WEIR__RUNNING);
    if (!future)
        return WEIR_ENOMEM;
    weir__lock_take(&executor->lock);
    uint32_t life = weir__load_relaxed(&executor->life); /* the lock is held */
    if (life == WEIR__OPEN)
        executor->callers++;
    weir__lock_release(&executor->lock);
    if (life != WEIR__OPEN) {
        if (request->refs > 1)
            weir_future_unref(future); /* the handle that nobody gets */
        weir__future_end(future, WEIR_ECANCELLED, NULL);
        return weir__life_status(life);
    }
    *out = future;
    /* release [C2]: a snapshot that sees the completion sees the start, but for what started after
     * it read the starts, which its maximum takes care of */
    weir__add_release(&executor->counters.caller_started, (uint64_t)1);
    struct weir_task task = {.future = future,
                             .executor = executor,
                             .context = request,
                             .worker = WEIR_ZERO,
                             .start_ns = weir__now_ns(),
                             .end = caller_ended};
    weir__task_run(&task);
    return WEIR_OK;
}

weir_status weir__discard(weir_executor *executor, struct weir__request *request,
                          struct weir_future **out)
{
    struct weir_future *future = adopt(executor, request, WEIR__CLAIMED);
    if (!future)
        return WEIR_ENOMEM;
    *out = future;
    /* relaxed: before it is seen ended, by the release of the end [F2] */
    weir__add_relaxed(&executor->counters.discarded, (uint64_t)1);
    weir__future_end(future, WEIR_EDISCARDED, NULL);
    return WEIR_OK;
}
