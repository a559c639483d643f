#include "support/tasks.h"

#include <pthread.h>

#include "support/check.h"
#include "support/shared.h"

weir_status noop_task(weir_task *task, void *arg)
{
    (void)task;
    (void)arg;
    return WEIR_OK;
}

weir_status double_task(weir_task *task, void *arg)
{
    int twice = 2 * *(int *)arg;
    return weir_task_return(task, &twice, sizeof twice);
}

weir_status fail_task(weir_task *task, void *arg)
{
    int code = *(int *)arg;
    return weir_task_fail(task, code, "failed with %d", code);
}

weir_status count_task(weir_task *task, void *arg)
{
    _Atomic uint64_t *count = arg;
    (void)task;
    atomic_fetch_add(count, 1);
    return WEIR_OK;
}

weir_status worker_task(weir_task *task, void *arg)
{
    size_t worker = weir_task_worker(task);
    (void)arg;
    return weir_task_return(task, &worker, sizeof worker);
}

weir_status thread_task(weir_task *task, void *arg)
{
    pthread_t self = pthread_self();
    (void)arg;
    return weir_task_return(task, &self, sizeof self);
}

weir_status burn_task(weir_task *task, void *arg)
{
    int64_t end_ns = now_ns() + *(int64_t *)arg;
    (void)task;
    while (now_ns() < end_ns)
        ;
    return WEIR_OK;
}

weir_status until_cancelled_task(weir_task *task, void *arg)
{
    int64_t end_ns = now_ns() + WATCHDOG_NS;
    (void)arg;
    while (!weir_task_cancel_requested(task) && now_ns() < end_ns)
        sched_yield();
    bool told = weir_task_cancel_requested(task);
    return weir_task_return(task, &told, sizeof told);
}

struct journal *journal_create(void)
{
    return shared_alloc(sizeof(struct journal));
}

void journal_destroy(struct journal *journal)
{
    shared_free(journal, sizeof *journal);
}

void journal_write(struct journal *journal, uint32_t value)
{
    uint32_t place = atomic_fetch_add(&journal->count, 1);
    if (place < sizeof journal->entry / sizeof journal->entry[0])
        atomic_store(&journal->entry[place], value);
}

weir_status note_task(weir_task *task, void *arg)
{
    const struct note *note = arg;
    (void)task;
    journal_write(note->journal, note->value);
    return WEIR_OK;
}
