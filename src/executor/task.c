/* Running one task's function.
 *
 * What is known about a thread is kept in the thread: which worker it is, and the stack of tasks it
 * is running, each on top of the one that waits for it. Besides this, what a thread knows of its clock
 * (base/quick_clock.c) and what periodic callback it is in (schedule/periodic_run.c) are per thread;
 * nothing is global.
 *
 * A task that ends its thread (pthread_exit, or a cancellation that it let happen) unwinds through
 * here: the cleanup handler ends its future as failed, as the unwinding passes, for each task on the
 * stack; then the worker's own handler has it replaced. This file is compiled with -fexceptions, so
 * the handlers cost nothing while nobody unwinds. */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "executor/executor_impl.h"
#include "executor/task_impl.h"

/* initial-exec: two loads instead of a call. A library that is loaded late takes these few bytes from
 * what the C library keeps for that. */
static _Thread_local __attribute__((tls_model("initial-exec"))) struct {
    struct weir_task *task;        /* the top of the stack */
    struct weir__visit *visit;     /* likewise, of the executors it is ending tasks of */
    const weir_executor *executor; /* whose worker the thread is */
    void *worker;
} current;

void weir__thread_is_worker(const weir_executor *executor, void *worker)
{
    current.executor = executor;
    current.worker = worker;
    if (!executor) { /* a forked process still has the stack of its parent's thread under it */
        current.task = NULL;
        current.visit = NULL;
    }
}

void *weir__thread_worker(const weir_executor *executor)
{
    return current.executor == executor ? current.worker : NULL;
}

void weir__thread_enter(struct weir__visit *visit, const weir_executor *executor)
{
    *visit = (struct weir__visit){executor, current.visit};
    current.visit = visit;
}

void weir__thread_leave(struct weir__visit *visit)
{
    current.visit = visit->below;
}

bool weir__thread_inside(const weir_executor *executor)
{
    if (current.executor == executor)
        return true;
    for (const struct weir__visit *visit = current.visit; visit; visit = visit->below)
        if (visit->executor == executor)
            return true;
    for (const struct weir_task *task = current.task; task; task = task->below)
        if (task->executor == executor)
            return true;
    return false;
}

bool weir__thread_runs(const struct weir_future *future)
{
    for (const struct weir_task *task = current.task; task; task = task->below)
        if (task->future == future)
            return true;
    return false;
}

void weir__task_forget(struct weir_task *task)
{
    if (task->result_on_heap)
        free(task->result);
    task->result = NULL;
    task->result_size = 0;
    task->result_on_heap = task->has_message = false;
}

/* Where a result that fits inline is until the function has returned. */
static void *inline_place(struct weir_task *task)
{
    bool apart = weir__slab_result_offset(task->future->slab) != 0;
    return apart ? weir__future_inline_result(task->future) : task->staged;
}

/* Copy a result or a message. WEIR_OK | WEIR_ENOMEM */
static weir_status keep(struct weir_task *task, const void *data, size_t size)
{
    bool on_heap = size > weir__slab_result_bytes(task->future->slab);
    void *place = on_heap ? malloc(size) : inline_place(task);
    if (!place)
        return WEIR_ENOMEM;
    if (size)
        memmove(place, data, size); /* the data may be the result that it replaces */
    weir__task_forget(task);
    if (size) {
        task->result = place;
        task->result_size = size;
        task->result_on_heap = on_heap;
    }
    return WEIR_OK;
}

/* The function does not need its argument any more: what it has left goes to where that may have been. */
static WEIR__APART void hand_over(struct weir_task *task)
{
    struct weir_future *future = task->future;
    if (task->result_on_heap)
        weir__future_store_heap(future, task->result, task->result_size);
    else if (task->result == task->staged)
        weir__future_store_staged(future, task->result, task->result_size);
    else
        weir__future_note_result(future, task->result_size);
    if (task->has_message)
        future->flags |= WEIR__HAS_MESSAGE;
}

static void finish(struct weir_task *task, weir_status returned)
{
    weir_status status = task->failed || returned != WEIR_OK ? WEIR_EFAILED : WEIR_OK;
    if (status != WEIR_OK && !task->failed) { /* the message of weir_task_fail() stays */
        weir__task_forget(task);
        task->future->error = (int)returned;
        task->future->flags |= WEIR__ERROR_IS_STATUS;
    }
    if (task->result)
        hand_over(task);
    /* The task stays on the stack through its end: its callbacks run inside the executor. */
    task->end(task, status);
    current.task = task->below;
}

/* The function did not return: its thread is ending. */
static void unwound(void *argument)
{
    struct weir_task *task = argument;
    if (!task->failed)
        weir_task_fail(task, ECANCELED, "the task ended its thread");
    task->unwound = true;
    finish(task, WEIR_EFAILED);
}

void weir__task_run(struct weir_task *task)
{
    weir_status returned;
    _Alignas(16) unsigned char staged[WEIR__STAGED_MAX];
    task->staged = staged;
    task->below = current.task;
    current.task = task;
    pthread_cleanup_push(unwound, task);
    returned = task->future->fn(task, task->future->arg);
    pthread_cleanup_pop(0);
    finish(task, returned);
}

weir_status weir_task_return(weir_task *task, const void *data, size_t size)
{
    if (!task || (!data && size))
        return WEIR_EINVAL;
    if (task->failed)
        return WEIR_OK; /* a task that failed has no result */
    return keep(task, data, size);
}

weir_status weir_task_fail(weir_task *task, int code, const char *format, ...)
{
    if (!task || task->failed)
        return WEIR_EFAILED;
    struct weir_future *future = task->future;
    char cut[WEIR_INLINE_MAX];
    int length = 0;
    if (format) {
        va_list arguments;
        va_start(arguments, format);
        length = vsnprintf(cut, sizeof cut, format, arguments);
        va_end(arguments);
    }
    weir__task_forget(task);
    if (length > 0) {
        size_t size = (size_t)length < sizeof cut ? (size_t)length + 1 : sizeof cut;
        size_t room = weir__slab_result_bytes(future->slab);
        if (keep(task, cut, size) != WEIR_OK && room) {
            cut[room - 1] = '\0';
            (void)keep(task, cut, room); /* in place: cannot fail */
        }
        task->has_message = task->result != NULL;
    }
    future->error = code;
    task->failed = true;
    return WEIR_EFAILED;
}

bool weir_task_cancel_requested(const weir_task *task)
{
    if (!task)
        return false;
    /* acquire [F5]: what the canceller did before is visible */
    return weir__load_acquire(&task->future->word) & WEIR__CANCEL_REQUESTED ||
           weir__load_acquire(&task->executor->cancel_running) ||
           (task->asked && weir__load_acquire((_Atomic uint32_t *)(uintptr_t)task->asked));
}

const char *weir_task_name(const weir_task *task)
{
    return task ? weir_future_name(task->future) : NULL;
}

size_t weir_task_worker(const weir_task *task)
{
    return task ? task->worker : WEIR_ZERO;
}
