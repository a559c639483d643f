#include "support/submit.h"

#include <stdlib.h>

#include "support/tasks.h"

weir_future *submit_ok(weir_executor *executor, weir_task_fn *fn, const void *arg, size_t arg_size)
{
    weir_future *future = NULL;
    assert_status(weir_submit(executor, fn, arg, arg_size, &future), WEIR_OK);
    assert_non_null(future);
    return future;
}

weir_status end_of(weir_future *future)
{
    assert_status(weir_future_wait(future, WATCHDOG_NS), WEIR_OK);
    return weir_future_status(future);
}

weir_status end_and_unref(weir_future *future)
{
    weir_status status = end_of(future);
    weir_future_unref(future);
    return status;
}

void end_all(weir_future **futures, size_t n)
{
    assert_status(weir_wait_all(futures, n, WATCHDOG_NS, NULL), WEIR_OK);
    for (size_t i = 0; i < n; i++)
        weir_future_unref(futures[i]);
}

void make_slots(weir_executor *executor, size_t n)
{
    weir_future **future = calloc(n, sizeof(*future));
    assert_non_null(future);
    for (size_t i = 0; i < n; i++) {
        future[i] = submit_ok(executor, noop_task, NULL, 0);
        assert_status(end_of(future[i]), WEIR_OK);
    }
    end_all(future, n);
    free(future);
}

weir_status submit_named(weir_executor *executor, const char *name, weir_task_fn *fn,
                         const void *arg, size_t arg_size, weir_future **out)
{
    weir_submission submission = { .fn = fn, .arg = arg, .arg_size = arg_size, .name = name };
    return weir_submit_with(executor, &submission, out);
}

static void *run_submitter(void *data)
{
    struct submitter *self = data;
    self->status =
        weir_submit(self->executor, self->fn, self->arg, self->arg_size, &self->future);
    atomic_store(&self->returned, true);
    return NULL;
}

void submitter_start(struct submitter *submitter)
{
    if (pthread_create(&submitter->thread, NULL, run_submitter, submitter) != 0)
        abort();
}

weir_status submitter_join(struct submitter *submitter)
{
    pthread_join(submitter->thread, NULL);
    return submitter->status;
}
