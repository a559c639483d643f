/* A task function that is called from within a task.
 *
 * It works on the caller's own task, so all that it asks about its surroundings is answered as for
 * the caller. What it leaves in the future is then taken back, so that it is the caller who says how
 * the task ends. */
#include <stdio.h>

#include "executor/task_impl.h"

/* Move the failure out of the future, as if it had not been. */
static void take_failure(struct weir_task *task, weir_outcome *outcome)
{
    struct weir_future *future = task->future;
    outcome->status = WEIR_EFAILED;
    outcome->code = task->failed ? future->error : (int)outcome->returned;
    if (task->failed && future->flags & WEIR__HAS_MESSAGE)
        snprintf(outcome->message, sizeof outcome->message, "%s", (const char *)future->result);
    weir__future_forget_result(future);
    future->error = 0;
    task->failed = false;
}

weir_status weir_task_call(weir_task *task, weir_task_fn *fn, void *arg, weir_outcome *outcome)
{
    if (!task || !fn || !outcome || task->failed)
        return WEIR_EINVAL;
    struct weir_future *future = task->future;
    weir__future_forget_result(future);
    *outcome = (weir_outcome){ .returned = fn(task, arg) };
    if (task->failed || outcome->returned != WEIR_OK) {
        take_failure(task, outcome);
    } else if (future->flags & WEIR__HAS_RESULT) {
        outcome->value = future->result;
        outcome->size = future->result_size;
    }
    return WEIR_OK;
}
