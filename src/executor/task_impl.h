/* Running a task's function, whoever runs it. See task.c. */
#ifndef WEIR_EXECUTOR_TASK_IMPL_H
#define WEIR_EXECUTOR_TASK_IMPL_H

#include <stdbool.h>
#include <stdint.h>

#include "future/future_impl.h"
#include "weir/executor.h"

/* A task while it runs: on the stack of its thread. */
struct weir_task {
    struct weir_future *future; /* immutable; RUNNING, claimed by this thread */
    weir_executor *executor;    /* immutable */
    const _Atomic uint32_t *asked; /* immutable; not 0: asked to stop, from outside of this process;
                                      may be NULL */
    void *context;              /* immutable; the runner's: its worker, its request */
    void *result;               /* runner; a result or a message until the function has returned; NULL:
                                   none */
    size_t result_size;         /* likewise; bytes */
    void *staged;               /* runner; WEIR__STAGED_MAX bytes for a result */
    bool result_on_heap;        /* runner; result is ours to free */
    bool has_message;           /* runner; result is the text of a failure */
    size_t worker;              /* immutable; index, WEIR_ZERO for a submitter */
    bool nested;                /* immutable; runs on top of a task of the same worker */
    bool failed;                /* runner; weir_task_fail() was called */
    bool unwound;               /* runner; its function did not return: the thread is ending */
    int64_t start_ns;           /* immutable */
    struct weir_task *below;    /* the task that this one runs on top of, of any executor */
    /* Count the end and end the future. Called once, also when the thread is being ended. */
    void (*end)(struct weir_task *, weir_status);
};

/* Run task->future's function, store what it has left in the future, then task->end. Sets below and
 * staged. */
void weir__task_run(struct weir_task *task);

/* Give up what the function has left so far. */
void weir__task_forget(struct weir_task *task);

/* Say that the calling thread is a worker of this executor; NULL, NULL: no more. */
void weir__thread_is_worker(const weir_executor *executor, void *worker);
/* The calling thread's worker of this executor, or NULL. */
void *weir__thread_worker(const weir_executor *executor);
/* A stay of a thread in an executor other than by running a task of it; on the thread's stack. */
struct weir__visit {
    const weir_executor *executor;
    struct weir__visit *below;
};

void weir__thread_enter(struct weir__visit *visit, const weir_executor *executor);
void weir__thread_leave(struct weir__visit *visit);
/* Whether the calling thread is a worker of the executor, or runs a task of it, or visits it. */
bool weir__thread_inside(const weir_executor *executor);
/* Whether the calling thread runs this future's task, at the top of its stack or below. */
bool weir__thread_runs(const struct weir_future *future);

#endif
