/** @file
 *  Tasks: the functions that an executor runs, and what they may call. */
#ifndef WEIR_TASK_H
#define WEIR_TASK_H

#include <stdbool.h>
#include <stddef.h>

#include "weir/export.h"
#include "weir/status.h"

WEIR_BEGIN_DECLS

/** A task while it runs. Valid inside its function only, in the thread that runs it. */
typedef struct weir_task weir_task;

/** A task function. The same function runs unchanged on every kind of executor.
 *
 *  @param task  the running task; borrowed for the call.
 *  @param arg   the copy of the argument bytes (aligned to 16) if it was submitted with a size,
 *               else the pointer that was submitted, as it is. A copy lives until the function
 *               returns, and may be written to.
 *  @return WEIR_OK: the future ends WEIR_OK. Anything else: it ends WEIR_EFAILED, and
 *          weir_future_error() gives the code of weir_task_fail() or, without that call, the
 *          status returned.
 *
 *  It may submit, wait, cancel and shut down. It must return, or end its thread with
 *  pthread_exit(), which fails the future and costs a worker's restart; it must not longjmp out. */
typedef weir_status weir_task_fn(weir_task *task, void *arg);

/** Give the task's result back: @p size bytes are copied into the future. A later call replaces
 *  the result of an earlier one. A task that fails afterwards has no result.
 *
 *  @param task  the running task.
 *  @param data  the bytes; borrowed for the call. NULL only with size 0.
 *  @param size  bytes, 0 allowed. Up to the executor's inline result size nothing is allocated.
 *  @return WEIR_OK | WEIR_EINVAL (NULL) | WEIR_ENOMEM (the result is as it was before)
 *  @threads the one that runs the task. @blocks never. @since 0.1 */
WEIR_API weir_status weir_task_return(weir_task *task, const void *data, size_t size);

/** Fail the task: record a code and a message, for weir_future_error(). The function should then
 *  return: `return weir_task_fail(task, errno, "open %s", path);`. The first call counts.
 *
 *  @param task    the running task.
 *  @param code    any number; what it means is between the task and its submitter.
 *  @param format  printf format of the message, NULL for none. The message is cut to 4095 bytes, and
 *                 to the inline result size if memory is out.
 *  @return WEIR_EFAILED, always (NULL task too), so that it can be returned.
 *  @threads the one that runs the task. @blocks never. @since 0.1 */
WEIR_API weir_status weir_task_fail(weir_task *task, int code, const char *format, ...)
    WEIR_PRINTF(3, 4);

/** Whether somebody asked for this running task to stop: weir_future_cancel() was called while it
 *  ran, or a shutdown that cancels running tasks. What to do about it is up to the task.
 *
 *  @threads the one that runs the task. @blocks never. @since 0.1 */
WEIR_API bool weir_task_cancel_requested(const weir_task *task);

/** The name given at submission, or NULL.
 *
 *  @threads the one that runs the task. @blocks never. @since 0.1 */
WEIR_API const char *weir_task_name(const weir_task *task);

/** Index of the worker that runs the task, from 0, or WEIR_ZERO (SIZE_MAX) if a submitter's own
 *  thread does. Fit for an array of per-worker scratch space. It is always below
 *  WEIR_WORKERS_MAX, but may exceed the number of workers: a worker that is started while another one
 *  is still leaving gets the next index.
 *
 *  @threads the one that runs the task. @blocks never. @since 0.1 */
WEIR_API size_t weir_task_worker(const weir_task *task);

/** What a task function that was called by weir_task_call() came to. */
typedef struct weir_outcome {
    weir_status status;   /**< WEIR_OK or WEIR_EFAILED, as its future would have ended */
    weir_status returned; /**< what it returned */
    int code;             /**< of a failure, as weir_future_error() would have given it */
    const void *value;    /**< its result, until the next call for the task; NULL: none */
    size_t size;          /**< of the result, in bytes */
    char message[256];    /**< of a failure, cut to this; "" if there was none */
} weir_outcome;

/** Call a task function from within a task, as part of it: it runs here and now, weir_task_worker(),
 *  weir_task_name() and weir_task_cancel_requested() tell it what they tell the caller, and its result
 *  or failure comes back in @p outcome. For tasks that are made of others: several in one, or one
 *  with something before and after it.
 *
 *  Its result stays the result of the running task until weir_task_return() replaces it; its
 *  failure does not fail the running task. A result given before the call is lost.
 *
 *  @param task     the running task; must not have failed.
 *  @param fn       the function.
 *  @param arg      passed as it is.
 *  @param outcome  filled.
 *  @return WEIR_OK: it was called | WEIR_EINVAL: NULL, or a task that has failed
 *  @threads the one that runs the task. @blocks as the function does. @since 0.1 */
WEIR_API weir_status weir_task_call(weir_task *task, weir_task_fn *fn, void *arg,
                                    weir_outcome *outcome);

WEIR_END_DECLS

#endif
