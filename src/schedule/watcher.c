/* Snapshots of periodic callbacks. */
#include <stdlib.h>
#include <string.h>

#include "schedule/periodic_impl.h"

weir_watcher weir__watch_locked(const struct weir__work *work)
{
    weir_watcher seen = work->seen;
    seen.active = weir__periodic_is_active(work);
    if (!seen.active)
        seen.next_run_ns = WEIR_FOREVER; /* it was in the heap when the worker stopped */
    if (seen.runs) {
        seen.average_elapsed_ns = seen.elapsed_ns / (int64_t)seen.runs;
        seen.average_waiting_ns = seen.waiting_ns / (int64_t)seen.runs;
    }
    return seen;
}

weir_status weir_watch_sized(const weir_periodic_worker *worker, uint64_t id, weir_watcher *out,
                             size_t size)
{
    if (!worker || !out)
        return WEIR_EINVAL;
    if (weir__forked(&worker->guard))
        return WEIR_EFORKED;
    weir_periodic_worker *mutable = (weir_periodic_worker *)(uintptr_t)worker;
    weir_watcher seen;
    pthread_mutex_lock(&mutable->mutex);
    struct weir__work **place = weir__periodic_find_locked(worker, id);
    if (place)
        seen = weir__watch_locked(*place);
    pthread_mutex_unlock(&mutable->mutex);
    if (!place)
        return WEIR_EINVAL;
    memset(out, 0, size);
    memcpy(out, &seen, size < sizeof seen ? size : sizeof seen);
    return WEIR_OK;
}

weir_status weir__watch_copy(const weir_periodic_worker *worker, weir_watcher **out, size_t *count)
{
    weir_periodic_worker *mutable = (weir_periodic_worker *)(uintptr_t)worker;
    pthread_mutex_lock(&mutable->mutex);
    size_t n = worker->count;
    weir_watcher *watchers = malloc((n ? n : 1) * sizeof *watchers);
    for (size_t i = 0; watchers && i < n; i++)
        watchers[i] = weir__watch_locked(worker->works[i]);
    pthread_mutex_unlock(&mutable->mutex);
    if (!watchers)
        return WEIR_ENOMEM;
    *out = watchers;
    *count = n;
    return WEIR_OK;
}

weir_status weir_watch_all(const weir_periodic_worker *worker,
                           void (*each)(const weir_watcher *watcher, void *data), void *data)
{
    if (!worker || !each)
        return WEIR_EINVAL;
    if (weir__forked(&worker->guard))
        return WEIR_EFORKED;
    weir_watcher *watchers;
    size_t count;
    weir_status status = weir__watch_copy(worker, &watchers, &count);
    if (status != WEIR_OK)
        return status;
    for (size_t i = 0; i < count; i++)
        each(&watchers[i], data);
    free(watchers);
    return WEIR_OK;
}
