/* A task function that is called from within a task.
 *
 * It works on the caller's own task, so all that it asks about its surroundings is answered as for
 * the caller. What it leaves for the future is then taken back, so that it is the caller who says how
 * the task ends. */
#include <stdio.h>

#include "executor/task_impl.h"

/* Move the failure out of the task, as if it had not been. */
static void take_failure(struct weir_task *task, weir_outcome *outcome)
{
    struct weir_future *future = task->future;
    outcome->status = WEIR_EFAILED;
    outcome->code = task->failed ? future->error : (int)outcome->returned;
    if (task->has_message)
        snprintf(outcome->message, sizeof outcome->message, "%s", (const char *)task->result);
    weir__task_forget(task);
    future->error = 0;
    task->failed = false;
}

weir_status weir_task_call(weir_task *task, weir_task_fn *fn, void *arg, weir_outcome *outcome)
{
    if (!task || !fn || !outcome || task->failed)
        return WEIR_EINVAL;
    weir__task_forget(task);
    *outcome = (weir_outcome){ .returned = fn(task, arg) };
    if (task->failed || outcome->returned != WEIR_OK) {
        take_failure(task, outcome);
    } else if (task->result) {
        outcome->value = task->result;
        outcome->size = task->result_size;
    }
    return WEIR_OK;
}
