/* The life of one delayed task.
 *
 *     submit ---> in the heap ---pop---> flying ---hold, submit, follow---> the executor's
 *                     |                    |                                     |
 *                  cancelled           cancelled, refused                      ended
 *                     |                    |                                     |
 *                     '--------------------'-----> ended() <---------------------'
 *
 * Its future is a promise (weir/promise.h). When the task comes due it is submitted to the executor
 * unchanged, with its own function and argument, so it is counted there as what it is and may run in
 * another process; and the promise follows the executor's future: what is done to either is done to
 * both.
 *
 * Who owns a task. Two do: the scheduler and the end of the future. ended() is the first callback of
 * the future and is called exactly once, however the future ends. If it finds the task in the heap,
 * it takes it out, which gives up the scheduler's share, too. Otherwise the scheduler has popped it
 * and gives up its own share when it is through with it. Whoever comes last frees it. Both counts,
 * and the heap, are under the scheduler's mutex.
 *
 * Why no task is lost. It is in the heap, or flying, from the moment that submit returns until
 * ended() has been called; the thread does not end while something is in the heap, and shutdown
 * waits for both. Why no wake-up is lost: see clock_impl.h; submit wakes after it has put the task
 * into the heap, if that made it the first.
 *
 * Why none is cancelled and runs. hold() excludes a cancellation from before the submission until
 * follow() has passed it on (future/promise.c).
 *
 * tests: unit.timing.delayed, conformance (suite schedule) */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/options.h"
#include "future/promise_impl.h"
#include "schedule/scheduler_impl.h"

void weir__delayed_link_locked(weir_scheduler *scheduler, struct weir__delayed *task)
{
    struct weir__delayed *first = scheduler->flying;
    task->in_flight = true;
    task->next = NULL;
    task->previous = first ? first->previous : task;
    if (first) {
        first->previous->next = task;
        first->previous = task;
    } else {
        scheduler->flying = task;
    }
}

void weir__delayed_unlink_locked(weir_scheduler *scheduler, struct weir__delayed *task)
{
    struct weir__delayed *first = scheduler->flying;
    task->in_flight = false;
    if (task->next)
        task->next->previous = task->previous;
    else if (first != task)
        first->previous = task->previous;
    if (first == task)
        scheduler->flying = task->next;
    else
        task->previous->next = task->next;
}

/* Requires: the mutex. */
static bool give_up(struct weir__delayed *task, unsigned shares)
{
    task->owners -= shares;
    return task->owners == 0;
}

static void free_task(struct weir__delayed *task)
{
    weir_promise_destroy(task->promise);
    weir_future_unref(task->future);
    free(task);
}

/* The last that anybody does with a task: from here on the scheduler may be gone. */
static void forget(weir_scheduler *scheduler)
{
    pthread_mutex_lock(&scheduler->mutex);
    scheduler->live--;
    if (scheduler->closed)
        pthread_cond_broadcast(&scheduler->changed);
    pthread_mutex_unlock(&scheduler->mutex);
}

/* Requires: the mutex. */
static void count_end(weir_scheduler *scheduler, const struct weir__delayed *task, bool was_pending)
{
    if (was_pending)
        scheduler->counts.pending--;
    else
        scheduler->counts.in_flight--;
    if (task->given)
        scheduler->counts.ended++;
    else if (weir_future_status(task->future) == WEIR_ECANCELLED)
        scheduler->counts.cancelled++;
    else
        scheduler->counts.refused++;
}

static void ended(weir_future *future, void *data)
{
    struct weir__delayed *task = data;
    weir_scheduler *scheduler = task->scheduler;
    (void)future;
    pthread_mutex_lock(&scheduler->mutex);
    if (!task->owners) { /* it was not admitted, and is being freed */
        pthread_mutex_unlock(&scheduler->mutex);
        return;
    }
    bool pending = weir__heap_remove(&scheduler->heap, &task->timer);
    count_end(scheduler, task, pending);
    if (task->in_flight) {
        weir__delayed_unlink_locked(scheduler, task);
        weir__sleeper_busy(&scheduler->sleeper, false);
    }
    bool last = give_up(task, pending ? 2 : 1);
    bool nothing_left = scheduler->closed && !scheduler->heap.count;
    pthread_mutex_unlock(&scheduler->mutex);
    if (nothing_left && pending)
        weir__sleeper_wake(&scheduler->sleeper); /* its thread can go */
    if (!last)
        return;
    free_task(task);
    forget(scheduler);
}

void weir__delayed_pop_locked(weir_scheduler *scheduler, struct weir__delayed *task)
{
    weir__heap_remove(&scheduler->heap, &task->timer);
    weir__delayed_link_locked(scheduler, task);
    weir__sleeper_busy(&scheduler->sleeper, true);
    scheduler->counts.pending--;
    scheduler->counts.in_flight++;
}

/* The executor has it. Late is what it was before it was asked: it may have run the task, or made us
 * wait. */
static void count_given(struct weir__delayed *task)
{
    weir_scheduler *scheduler = task->scheduler;
    uint64_t late_ns = (uint64_t)(task->asked_ns - task->expected_ns);
    pthread_mutex_lock(&scheduler->mutex);
    task->given = true;
    scheduler->counts.late_ns += late_ns;
    if (late_ns > scheduler->counts.late_max_ns)
        scheduler->counts.late_max_ns = late_ns;
    pthread_mutex_unlock(&scheduler->mutex);
}

/* Submit it; the promise follows, or fails. Requires: held. */
static void submit_held(struct weir__delayed *task)
{
    weir_future *inner;
    weir__promise_submits_here(task->promise); /* if it runs right here, it cannot wait for itself */
    task->asked_ns = weir__sleeper_now(&task->scheduler->sleeper);
    weir_status status = weir_submit_with(task->scheduler->executor, &task->submission, &inner);
    if (status == WEIR_OK) {
        count_given(task); /* before follow, which may end it */
        status = weir_promise_follow(task->promise, inner);
        weir_future_unref(inner);
        if (status == WEIR_OK)
            return;
    }
    /* To its submitter, a place that did not come free in time is a refusal like any other. */
    weir_status end = status == WEIR_ETIMEDOUT ? WEIR_EREJECTED : status;
    weir_promise_fail(task->promise, end, 0, NULL);
}

/* The scheduler is through with it. */
static void hand_over(struct weir__delayed *task)
{
    weir_scheduler *scheduler = task->scheduler;
    pthread_mutex_lock(&scheduler->mutex);
    task->handed = true;
    bool last = give_up(task, 1);
    if (scheduler->closed)
        pthread_cond_broadcast(&scheduler->changed); /* one more that can be waited for */
    pthread_mutex_unlock(&scheduler->mutex);
    if (!last)
        return;
    free_task(task);
    forget(scheduler);
}

/* The thread is ending: nothing will come due any more. */
static void break_pending(weir_scheduler *scheduler)
{
    const struct weir__heap_entry *first;
    pthread_mutex_lock(&scheduler->mutex);
    scheduler->closed = true;
    while ((first = weir__heap_first(&scheduler->heap))) {
        struct weir__delayed *task = WEIR__CONTAINER_OF(first->timer, struct weir__delayed, timer);
        weir__delayed_pop_locked(scheduler, task);
        pthread_mutex_unlock(&scheduler->mutex);
        weir_promise_fail(task->promise, WEIR_EBROKEN, 0, NULL); /* unless it is just cancelled */
        hand_over(task);
        pthread_mutex_lock(&scheduler->mutex);
    }
    pthread_mutex_unlock(&scheduler->mutex);
    weir__sleeper_retire(&scheduler->sleeper);
}

/* The task was run right here, and has ended the thread. */
static void unwound(void *argument)
{
    struct weir__delayed *task = argument;
    weir_scheduler *scheduler = task->scheduler;
    if (!task->given) /* nobody else sets it */
        count_given(task);
    weir_promise_fail(task->promise, WEIR_EFAILED, ECANCELED, "the task ended its thread");
    hand_over(task);
    break_pending(scheduler);
}

void weir__delayed_dispatch(struct weir__delayed *task)
{
    pthread_cleanup_push(unwound, task);
    if (weir_promise_hold(task->promise) == WEIR_OK) /* else it was cancelled just now */
        submit_held(task);
    pthread_cleanup_pop(0);
    hand_over(task);
}

static bool is_allowed(const weir_submission *submission)
{
    const uint32_t flags = WEIR_MUST_ADMIT | WEIR_KILL_ON_CANCEL;
    return submission->fn && (submission->arg || !submission->arg_size) &&
           submission->start_within_ns >= 0 && submission->run_within_ns >= 0 &&
           !(submission->flags & ~flags);
}

/* A task with its promise, in nobody's hands yet. */
static weir_status create_task(weir_scheduler *scheduler, int64_t due_ns,
                               const weir_submission *submission, struct weir__delayed **out)
{
    struct weir__delayed *task = NULL;
    int64_t now_ns = weir__sleeper_now(&scheduler->sleeper);
    if (submission->arg_size <= SIZE_MAX / 2)
        task = malloc(sizeof *task + submission->arg_size);
    if (!task)
        return WEIR_ENOMEM;
    *task = (struct weir__delayed){ .timer = WEIR__TIMER_INIT,
                                    .scheduler = scheduler,
                                    .due_ns = due_ns,
                                    .expected_ns = due_ns > now_ns ? due_ns : now_ns,
                                    .submission = *submission };
    if (submission->arg_size) {
        memcpy(task->bytes, submission->arg, submission->arg_size);
        task->submission.arg = task->bytes;
    }
    weir_status status =
        weir_promise_create(scheduler->promises, submission->name, &task->promise, &task->future);
    if (status != WEIR_OK) {
        free(task);
        return status;
    }
    weir__future_on_end_in(task->future, &task->ended, ended, task);
    *out = task;
    return WEIR_OK;
}

/* Put it into the heap. *first: it is the one that comes due first. Requires: the mutex. */
static weir_status admit_locked(weir_scheduler *scheduler, struct weir__delayed *task, bool *first)
{
    if (scheduler->closed)
        return WEIR_ESHUTDOWN;
    if (scheduler->heap.count >= scheduler->limit) {
        scheduler->counts.rejected++;
        return WEIR_EREJECTED;
    }
    if (!weir__heap_push(&scheduler->heap, &task->timer, task->due_ns, scheduler->order))
        return WEIR_ENOMEM;
    task->owners = 2;
    scheduler->order++;
    scheduler->live++;
    scheduler->counts.submitted++;
    if (++scheduler->counts.pending > scheduler->counts.pending_peak)
        scheduler->counts.pending_peak = scheduler->counts.pending;
    *first = task->timer.place == 0;
    return WEIR_OK;
}

static weir_status submit_at(weir_scheduler *scheduler, int64_t due_ns,
                             const weir_submission *submission, weir_future **out)
{
    struct weir__delayed *task;
    weir_status status = create_task(scheduler, due_ns, submission, &task);
    if (status != WEIR_OK)
        return status;
    weir_future *future = weir_future_ref(task->future); /* the task may be gone at once */
    bool first = false;
    pthread_mutex_lock(&scheduler->mutex);
    status = admit_locked(scheduler, task, &first);
    pthread_mutex_unlock(&scheduler->mutex);
    if (first)
        weir__sleeper_wake(&scheduler->sleeper);
    if (status == WEIR_OK && out) {
        *out = future;
        return WEIR_OK;
    }
    weir_future_unref(future);
    if (status != WEIR_OK)
        free_task(task); /* nobody has seen its future */
    return status;
}

weir_status weir_scheduler_submit_after(weir_scheduler *scheduler, int64_t delay_ns,
                                        weir_task_fn *fn, const void *arg, size_t arg_size,
                                        weir_future **out)
{
    weir_submission submission = { .fn = fn, .arg = arg, .arg_size = arg_size };
    if (!scheduler || delay_ns < 0 || !is_allowed(&submission))
        return WEIR_EINVAL;
    if (weir__forked(&scheduler->guard))
        return WEIR_EFORKED;
    int64_t due_ns = weir__time_add(weir__sleeper_now(&scheduler->sleeper), delay_ns);
    return submit_at(scheduler, due_ns, &submission, out);
}

weir_status weir_scheduler_submit_at_sized(weir_scheduler *scheduler, int64_t at_ns,
                                           const weir_submission *submission, size_t size,
                                           weir_future **out)
{
    weir_submission own;
    if (!scheduler || at_ns < 0 || !submission ||
        !weir__options_copy(&own, sizeof own, submission, size) || !is_allowed(&own))
        return WEIR_EINVAL;
    if (weir__forked(&scheduler->guard))
        return WEIR_EFORKED;
    return submit_at(scheduler, at_ns, &own, out);
}
