/* The scheduler's thread, its creation and its end.
 *
 * The thread sleeps until the earliest task is due, or until it is woken because an earlier one has
 * come, or because there is nothing more to wait for. While nothing is due it does not wake up. It
 * lives until the scheduler is closed and no task is pending. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/options.h"
#include "schedule/monitor.h"
#include "schedule/scheduler_impl.h"
#include "sync/thread.h"

static void *run(void *argument)
{
    weir_scheduler *scheduler = argument;
    weir__thread_name(scheduler->name, 0);
    pthread_mutex_lock(&scheduler->mutex);
    for (;;) {
        const struct weir__heap_entry *first = weir__heap_first(&scheduler->heap);
        if (!first && scheduler->closed)
            break;
        int64_t due_ns = first ? first->due_ns : WEIR_FOREVER;
        if (due_ns <= weir__sleeper_now(&scheduler->sleeper)) {
            struct weir__delayed *task =
                WEIR__CONTAINER_OF(first->timer, struct weir__delayed, timer);
            weir__delayed_pop_locked(scheduler, task);
            pthread_mutex_unlock(&scheduler->mutex);
            weir__delayed_dispatch(task);
            pthread_mutex_lock(&scheduler->mutex);
            continue;
        }
        pthread_mutex_unlock(&scheduler->mutex);
        weir__sleeper_sleep(&scheduler->sleeper, due_ns);
        pthread_mutex_lock(&scheduler->mutex);
        scheduler->counts.wakeups++;
    }
    pthread_mutex_unlock(&scheduler->mutex);
    weir__sleeper_retire(&scheduler->sleeper); /* a test clock waits for the others only */
    return NULL;
}

static void free_scheduler(weir_scheduler *scheduler)
{
    weir__sleeper_fini(&scheduler->sleeper);
    weir__heap_fini(&scheduler->heap);
    pthread_cond_destroy(&scheduler->changed);
    pthread_mutex_destroy(&scheduler->mutex);
    weir_promise_pool_destroy(scheduler->promises);
    weir__fork_guard_fini(&scheduler->guard);
    free(scheduler);
}

weir_status weir_scheduler_create_sized(weir_scheduler **out, weir_executor *executor,
                                        const weir_scheduler_options *options, size_t size)
{
    weir_scheduler_options own;
    if (!out || !executor || !weir__options_copy(&own, sizeof own, options, size))
        return WEIR_EINVAL;
    weir_scheduler *scheduler = calloc(1, sizeof *scheduler);
    if (!scheduler)
        return WEIR_ENOMEM;
    if (!weir__fork_guard_init(&scheduler->guard)) {
        free(scheduler);
        return WEIR_ENOMEM;
    }
    weir_status status = weir_promise_pool_create(&scheduler->promises);
    if (status != WEIR_OK) {
        weir__fork_guard_fini(&scheduler->guard);
        free(scheduler);
        return status;
    }
    scheduler->executor = executor;
    scheduler->limit = own.limit == 0           ? WEIR_PENDING_DEFAULT
                       : own.limit == WEIR_ZERO ? 0
                                                : own.limit;
    strncpy(scheduler->name, own.name ? own.name : "weir-timer", sizeof scheduler->name - 1);
    pthread_mutex_init(&scheduler->mutex, NULL);
    weir__monitor_init(&scheduler->changed);
    weir__sleeper_init(&scheduler->sleeper, own.clock);
    status = weir__thread_start(&scheduler->thread, own.stack_bytes, run, scheduler);
    if (status != WEIR_OK) {
        free_scheduler(scheduler);
        return status;
    }
    *out = scheduler;
    return WEIR_OK;
}

void weir_scheduler_destroy(weir_scheduler *scheduler)
{
    if (!scheduler || weir__forked(&scheduler->guard))
        return;
    bool inside = pthread_equal(pthread_self(), scheduler->thread);
    assert(!inside && "a scheduler cannot be destroyed from its own thread");
    weir_scheduler_shutdown(scheduler, NULL);
    if (inside)
        return;
    pthread_join(scheduler->thread, NULL);
    free_scheduler(scheduler);
}

bool weir_scheduler_alive(const weir_scheduler *scheduler)
{
    if (!scheduler || weir__forked(&scheduler->guard))
        return false;
    weir_scheduler *mutable = (weir_scheduler *)(uintptr_t)scheduler;
    pthread_mutex_lock(&mutable->mutex);
    bool alive = !scheduler->closed;
    pthread_mutex_unlock(&mutable->mutex);
    return alive;
}

weir_status weir_scheduler_stats_sized(const weir_scheduler *scheduler, weir_scheduler_counts *out,
                                       size_t size)
{
    if (!scheduler || !out)
        return WEIR_EINVAL;
    if (weir__forked(&scheduler->guard))
        return WEIR_EFORKED;
    weir_scheduler *mutable = (weir_scheduler *)(uintptr_t)scheduler;
    pthread_mutex_lock(&mutable->mutex);
    weir_scheduler_counts counts = scheduler->counts;
    pthread_mutex_unlock(&mutable->mutex);
    memset(out, 0, size);
    memcpy(out, &counts, size < sizeof counts ? size : sizeof counts);
    return WEIR_OK;
}
