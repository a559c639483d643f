/* The loop of a periodic worker: sleep until the first callback is due, submit it, and again.
 *
 *     heap ---due---> under way: submitted, runs, ends ---rearm---> heap
 *                          '--refused--> rearm, a random while later
 *
 * A callback is either in the heap, or under way, or will not run again. It is put back by the end of
 * its run, not before: so it never overlaps itself. The loop is the only one that takes out of the
 * heap to run; whoever puts something in wakes the loop (see clock_impl.h for why that is not lost).
 *
 * Why no run's count is lost. A run is counted as under way before it is submitted, and until its
 * numbers are in its watcher and it has been rearmed, all in ended() (periodic_run.c), which every
 * future calls exactly once. The loop does not end, and so nobody who waits for the worker goes on,
 * before nothing is under way. Runs, successes and failures change in one critical section: in every
 * snapshot they add up.
 *
 * Who may touch the sleeper: only who holds the mutex and sees RUNNING or STOPPING. The loop closes it
 * in the critical section that sets STOPPED.
 *
 * tests: unit.timing.periodic */
#include <stdlib.h>

#include "base/compiler.h"
#include "schedule/periodic_impl.h"
#include "schedule/strategy_impl.h"
#include "sync/thread.h"

double weir__periodic_chance_locked(weir_periodic_worker *worker)
{
    uint64_t x = worker->random; /* xorshift: good enough to keep callbacks out of step */
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    worker->random = x;
    return (double)(x >> 11) / (double)(UINT64_C(1) << 53);
}

/* The room was reserved when it was added. */
static void push_locked(struct weir__work *work, int64_t due_ns, int64_t at_ns)
{
    work->due_ns = due_ns;
    work->seen.next_run_ns = at_ns;
    if (at_ns != WEIR_FOREVER)
        weir__heap_push(&work->worker->heap, &work->timer, at_ns, work->seen.id);
}

void weir__periodic_schedule_first_locked(struct weir__work *work, int64_t now_ns)
{
    work->immediate = work->run_immediately;
    int64_t due_ns = work->immediate ? now_ns : weir__time_add(now_ns, work->seen.spacing_ns);
    push_locked(work, due_ns, due_ns);
}

bool weir__periodic_is_active(const struct weir__work *work)
{
    switch (work->worker->state) {
    case WEIR__PERIODIC_CREATED:
        return true;
    case WEIR__PERIODIC_RUNNING:
        return work->seen.running || work->timer.place != WEIR__NOT_IN_HEAP;
    default:
        return work->seen.running;
    }
}

void weir__periodic_fly_locked(struct weir__work *work, weir_future *future)
{
    weir_periodic_worker *worker = work->worker;
    work->inner = weir_future_ref(future);
    work->previous = NULL;
    work->next = worker->flying;
    if (work->next)
        work->next->previous = work;
    worker->flying = work;
    pthread_cond_broadcast(&worker->changed); /* one more that can be waited for */
}

static void land_locked(struct weir__work *work)
{
    if (!work->inner)
        return;
    if (work->next)
        work->next->previous = work->previous;
    if (work->previous)
        work->previous->next = work->next;
    else
        work->worker->flying = work->next;
    weir_future_unref(work->inner);
    work->inner = NULL;
}

void weir__periodic_rearm_locked(struct weir__work *work, int64_t due_ns, int64_t at_ns)
{
    weir_periodic_worker *worker = work->worker;
    land_locked(work);
    work->seen.running = false;
    worker->under_way--;
    if (work->removed)
        free(work);
    else if (worker->state == WEIR__PERIODIC_RUNNING && !work->seen.stop_requested)
        push_locked(work, due_ns, at_ns);
    if (!pthread_equal(worker->thread, pthread_self())) /* the loop itself is awake */
        weir__sleeper_wake(&worker->sleeper);
    weir__sleeper_busy(&worker->sleeper, false);
}

/* Submit what is due, or move it on. The mutex is let go of meanwhile. */
static void fire_locked(struct weir__work *work, int64_t now_ns)
{
    weir_periodic_worker *worker = work->worker;
    uint64_t missed = 0;
    weir__heap_remove(&worker->heap, &work->timer);
    bool now = work->immediate || weir__strategy_runs_late(work->missed, work->seen.spacing_ns,
                                                           now_ns, &work->due_ns, &missed);
    work->seen.missed += missed;
    if (!now) {
        push_locked(work, work->due_ns, work->due_ns);
        return;
    }
    work->seen.running = true;
    work->seen.next_run_ns = WEIR_FOREVER;
    work->submitted_ns = now_ns;
    worker->under_way++;
    weir__sleeper_busy(&worker->sleeper, true);
    pthread_mutex_unlock(&worker->mutex);
    weir__run_submit(work);
    pthread_mutex_lock(&worker->mutex);
}

void weir__periodic_loop(weir_periodic_worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    for (;;) {
        const struct weir__heap_entry *first = weir__heap_first(&worker->heap);
        if (worker->options.auto_stop_when_empty && !first && !worker->under_way)
            worker->state = WEIR__PERIODIC_STOPPING;
        if (worker->state == WEIR__PERIODIC_STOPPING && !worker->under_way)
            break;
        bool runs = worker->state == WEIR__PERIODIC_RUNNING;
        int64_t due_ns = runs && first ? first->due_ns : WEIR_FOREVER;
        int64_t now_ns = weir__sleeper_now(&worker->sleeper);
        if (due_ns <= now_ns) {
            fire_locked(WEIR__CONTAINER_OF(first->timer, struct weir__work, timer), now_ns);
            continue;
        }
        pthread_mutex_unlock(&worker->mutex);
        weir__sleeper_sleep(&worker->sleeper, due_ns);
        pthread_mutex_lock(&worker->mutex);
    }
    weir__sleeper_fini(&worker->sleeper);
    worker->state = WEIR__PERIODIC_STOPPED;
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
}

static void *loop_in_thread(void *argument)
{
    weir_periodic_worker *worker = argument;
    weir__thread_name(worker->name, 0);
    pthread_mutex_lock(&worker->mutex); /* start() has written down which thread we are */
    pthread_mutex_unlock(&worker->mutex);
    weir__periodic_loop(worker);
    return NULL;
}

/* Requires: the mutex. */
static weir_status may_start_locked(const weir_periodic_worker *worker)
{
    if (worker->state == WEIR__PERIODIC_STOPPED)
        return WEIR_ESHUTDOWN;
    if (worker->state != WEIR__PERIODIC_CREATED || (!worker->count && !worker->options.allow_empty))
        return WEIR_EINVAL;
    return WEIR_OK;
}

/* Requires: the mutex. */
static void begin_locked(weir_periodic_worker *worker)
{
    worker->state = WEIR__PERIODIC_RUNNING;
    weir__sleeper_init(&worker->sleeper, worker->options.clock);
    int64_t now_ns = weir__sleeper_now(&worker->sleeper);
    for (size_t i = 0; i < worker->count; i++)
        weir__periodic_schedule_first_locked(worker->works[i], now_ns);
}

/* Requires: the mutex; nobody has seen it running. */
static void take_back_locked(weir_periodic_worker *worker)
{
    for (size_t i = 0; i < worker->count; i++) {
        weir__heap_remove(&worker->heap, &worker->works[i]->timer);
        worker->works[i]->seen.next_run_ns = WEIR_FOREVER;
    }
    weir__sleeper_fini(&worker->sleeper);
    worker->state = WEIR__PERIODIC_CREATED;
}

weir_status weir_periodic_start(weir_periodic_worker *worker)
{
    if (!worker)
        return WEIR_EINVAL;
    if (weir__forked(&worker->guard))
        return WEIR_EFORKED;
    pthread_mutex_lock(&worker->mutex);
    weir_status status = may_start_locked(worker);
    if (status == WEIR_OK) {
        begin_locked(worker);
        status = weir__thread_start(&worker->thread, 0, loop_in_thread, worker);
        worker->has_thread = status == WEIR_OK;
        if (status != WEIR_OK)
            take_back_locked(worker);
    }
    pthread_mutex_unlock(&worker->mutex);
    return status;
}

weir_status weir_periodic_run(weir_periodic_worker *worker)
{
    if (!worker)
        return WEIR_EINVAL;
    if (weir__forked(&worker->guard))
        return WEIR_EFORKED;
    pthread_mutex_lock(&worker->mutex);
    weir_status status = may_start_locked(worker);
    if (status == WEIR_OK) {
        begin_locked(worker);
        worker->thread = pthread_self();
    }
    pthread_mutex_unlock(&worker->mutex);
    if (status == WEIR_OK)
        weir__periodic_loop(worker);
    return status;
}
