/* The callbacks of a periodic worker: adding, finding, removing.
 *
 * They stand in an array in the order of their ids, which ascend. A callback that is removed while a
 * run of it is under way is freed by the end of that run. */
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "schedule/periodic_impl.h"
#include "schedule/strategy_impl.h"

enum {
    LEAST_ROOM = 8
};

static bool is_allowed(const weir_periodic *periodic)
{
    return periodic->fn && periodic->spacing_ns > 0 && (periodic->arg || !periodic->arg_size) &&
           periodic->arg_size <= SIZE_MAX / 4 && weir__strategy_is_allowed(&periodic->strategy) &&
           weir__missed_is_allowed(periodic->missed);
}

static struct weir__work *work_create(weir_periodic_worker *worker, const weir_periodic *periodic)
{
    size_t arg_size = weir__run_header_size() + periodic->arg_size;
    struct weir__work *work = malloc(sizeof *work + arg_size);
    if (!work)
        return NULL;
    *work = (struct weir__work){
        .timer = WEIR__TIMER_INIT,
        .worker = worker,
        .strategy = periodic->has_strategy ? periodic->strategy : worker->options.strategy,
        .missed = periodic->has_strategy ? periodic->missed : worker->options.missed,
        .run_immediately = periodic->run_immediately,
        .seen = { .spacing_ns = periodic->spacing_ns, .next_run_ns = WEIR_FOREVER },
        .arg_size = arg_size,
    };
    strncpy(work->seen.name, periodic->name ? periodic->name : "periodic",
            sizeof work->seen.name - 1);
    weir__run_header_fill(work, periodic);
    return work;
}

/* Room for one more, in the table and in the heap. Requires: the mutex. */
static bool make_room_locked(weir_periodic_worker *worker)
{
    if (!weir__heap_reserve(&worker->heap, worker->count + worker->under_way + 1))
        return false;
    if (worker->count < worker->room)
        return true;
    size_t room = worker->room ? 2 * worker->room : LEAST_ROOM;
    struct weir__work **works = realloc(worker->works, room * sizeof(*works));
    if (!works)
        return false;
    worker->works = works;
    worker->room = room;
    return true;
}

/* Requires: the mutex. */
static weir_status admit_locked(weir_periodic_worker *worker, struct weir__work *work)
{
    if (worker->state == WEIR__PERIODIC_STOPPING || worker->state == WEIR__PERIODIC_STOPPED)
        return WEIR_ESHUTDOWN;
    if (!make_room_locked(worker))
        return WEIR_ENOMEM;
    work->seen.id = worker->next_id++;
    worker->works[worker->count++] = work;
    if (worker->state == WEIR__PERIODIC_RUNNING) {
        weir__periodic_schedule_first_locked(work, weir__sleeper_now(&worker->sleeper));
        weir__sleeper_wake(&worker->sleeper);
    }
    return WEIR_OK;
}

weir_status weir_periodic_add_sized(weir_periodic_worker *worker, const weir_periodic *periodic,
                                    size_t size, uint64_t *id)
{
    weir_periodic own;
    if (!worker || !periodic || !weir__options_copy(&own, sizeof own, periodic, size) ||
        (!own.disabled && !is_allowed(&own)))
        return WEIR_EINVAL;
    if (weir__forked(&worker->guard))
        return WEIR_EFORKED;
    uint64_t new_id = 0;
    if (!own.disabled) {
        struct weir__work *work = work_create(worker, &own);
        if (!work)
            return WEIR_ENOMEM;
        pthread_mutex_lock(&worker->mutex);
        weir_status status = admit_locked(worker, work);
        new_id = work->seen.id;
        pthread_mutex_unlock(&worker->mutex);
        if (status != WEIR_OK) {
            free(work);
            return status;
        }
    }
    if (id)
        *id = new_id;
    return WEIR_OK;
}

/* Ids ascend. */
struct weir__work **weir__periodic_find_locked(const weir_periodic_worker *worker, uint64_t id)
{
    size_t from = 0, to = worker->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (worker->works[middle]->seen.id < id)
            from = middle + 1;
        else
            to = middle;
    }
    return from < worker->count && worker->works[from]->seen.id == id ? &worker->works[from] : NULL;
}

weir_status weir_periodic_remove(weir_periodic_worker *worker, uint64_t id)
{
    if (!worker)
        return WEIR_EINVAL;
    if (weir__forked(&worker->guard))
        return WEIR_EFORKED;
    pthread_mutex_lock(&worker->mutex);
    struct weir__work **place = weir__periodic_find_locked(worker, id);
    if (place) {
        struct weir__work *work = *place;
        size_t behind = worker->count - (size_t)(place - worker->works) - 1;
        memmove(place, place + 1, behind * sizeof(*place));
        worker->count--;
        weir__heap_remove(&worker->heap, &work->timer);
        work->removed = true;
        if (!work->seen.running)
            free(work);
        if (worker->state == WEIR__PERIODIC_RUNNING)
            weir__sleeper_wake(&worker->sleeper); /* it may have been the last */
    }
    pthread_mutex_unlock(&worker->mutex);
    return place ? WEIR_OK : WEIR_EINVAL;
}

size_t weir_periodic_count(const weir_periodic_worker *worker)
{
    if (!worker || weir__forked(&worker->guard))
        return 0;
    weir_periodic_worker *mutable = (weir_periodic_worker *)(uintptr_t)worker;
    pthread_mutex_lock(&mutable->mutex);
    size_t count = worker->count;
    pthread_mutex_unlock(&mutable->mutex);
    return count;
}
