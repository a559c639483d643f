/* Map: a window of chunks that moves over an array.
 *
 *     items   [ delivered | in flight: at most `window` chunks | not submitted ]
 *
 * The caller's thread submits until the window is full, waits until a chunk has ended, delivers it,
 * and so on. It waits with weir_wait_any(), so that a worker that maps over its own executor runs
 * chunks itself instead of waiting for itself.
 *
 * Which chunk has ended, and in which order they did, is told by callbacks, each of which appends its
 * place in the window to a list. A wait may return before the callback has run (waiters are woken
 * first), so what is waited for afterwards is the list, not the future.
 *
 * Who owns the window. The caller, and each callback that is still to come: after a timeout the
 * caller leaves while tasks run, and the last callback frees the window. A chunk owns copies of its
 * items, so nothing else of the caller's is used after that.
 *
 * tests: conformance (suite map) */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/options.h"
#include "schedule/chunk.h"
#include "schedule/window.h"
#include "weir/map.h"
#include "weir/wait.h"

enum {
    CHUNKS_PER_WORKER = 4,
    CHUNK_BYTES = 64 * 1024
};

/* One call of map. */
struct map {
    weir_executor *executor;
    struct weir__items items;
    size_t chunk;
    int64_t deadline_ns;
    struct weir__window *window;
    size_t next;        /* item to be submitted */
    size_t in_flight;   /* chunks */
    weir_status status; /* not WEIR_OK: nothing more is submitted */
    weir_map_report report;
    weir_status *statuses; /* or NULL */
    weir_map_fn *each;     /* where results go */
    void *data;
};

static bool is_late(const struct map *map)
{
    return map->deadline_ns != WEIR_FOREVER && weir__now_ns() >= map->deadline_ns;
}

/* The next chunk that has ended; NULL: the deadline passed. */
static struct weir__place *wait_for_chunk(struct map *map)
{
    struct weir__window *window = map->window;
    int64_t left_ns = WEIR_FOREVER;
    if (map->deadline_ns != WEIR_FOREVER) {
        left_ns = map->deadline_ns - weir__now_ns();
        left_ns = left_ns > 0 ? left_ns : 0;
    }
    /* Without memory for this it only does not help: then the callbacks alone are waited for. */
    if (!weir__window_has_done(window) &&
        weir_wait_any(window->futures, window->size, left_ns, NULL) == WEIR_ETIMEDOUT)
        return weir__window_has_done(window) ? weir__window_take(window, WEIR_FOREVER) : NULL;
    return weir__window_take(window, map->deadline_ns);
}

/* Submit the next chunk. */
static weir_status submit_chunk(struct map *map)
{
    size_t left = map->items.count - map->next;
    size_t count = left < map->chunk ? left : map->chunk;
    struct weir__place *place = map->window->free;
    weir_future *future;
    weir_status status = weir__chunk_submit(map->executor, &map->items, map->next, count, &future);
    if (status != WEIR_OK)
        return status;
    place->first = map->next;
    place->count = count;
    weir__window_enter(place, future);
    map->next += count;
    map->in_flight++;
    return WEIR_OK;
}

/* Nothing more is to start: cancel what has not, tell what has. */
static void stop(struct map *map, weir_status status)
{
    map->status = status;
    for (size_t i = 0; i < map->window->size; i++)
        weir_future_cancel(map->window->futures[i]);
}

/* Fill the window. What is refused while some of ours are in flight is tried again later. Where
 * submitting takes long (a task may run in it), the deadline can pass meanwhile. */
static void fill(struct map *map)
{
    while (map->status == WEIR_OK && map->next < map->items.count &&
           map->in_flight < map->window->size) {
        if (is_late(map)) {
            stop(map, WEIR_ETIMEDOUT);
            return;
        }
        weir_status status = submit_chunk(map);
        if (status == WEIR_OK)
            continue;
        bool refused = status == WEIR_EREJECTED || status == WEIR_ETIMEDOUT;
        if (refused && map->in_flight)
            return;
        stop(map, refused ? WEIR_EREJECTED : status);
    }
}

static void set_status(struct map *map, size_t first, size_t count, weir_status status)
{
    for (size_t i = first; map->statuses && i < first + count; i++)
        map->statuses[i] = status;
}

/* An item failed; the first one that did is reported. */
static void fail(struct map *map, size_t index, weir_status status, int code, const char *message)
{
    set_status(map, index, 1, status);
    if (map->report.failed < map->items.count)
        return;
    map->report.failed = index;
    map->report.status = status;
    map->report.code = code;
    snprintf(map->report.message, sizeof map->report.message, "%s", message);
    if (map->status == WEIR_OK)
        stop(map, status);
}

/* Hand out the results of a chunk that ended WEIR_OK. */
static void deliver(struct map *map, const struct weir__place *place, const weir_future *future)
{
    struct weir__chunk_cursor cursor = { NULL };
    for (size_t i = place->first; i < place->first + place->count; i++) {
        size_t size;
        const void *value = weir__chunk_next(&cursor, future, place->count, &size);
        weir_status status = map->each(i, value, size, map->data);
        if (status != WEIR_OK) {
            fail(map, i, status, 0, weir_status_text(status));
            return;
        }
        set_status(map, i, 1, WEIR_OK);
        map->report.done++;
    }
}

/* A chunk did not end WEIR_OK. That it was cancelled is a failure only if the map did not ask. */
static void settle_failed(struct map *map, const struct weir__place *place,
                          const weir_future *future)
{
    weir_status status;
    const char *message;
    size_t failed = weir__chunk_failed(future, place->count, &status, &message);
    set_status(map, place->first + failed, place->count - failed, WEIR_ECANCELLED);
    if (status == WEIR_ECANCELLED && map->status != WEIR_OK)
        return;
    int code = status == WEIR_ECANCELLED ? 0 : weir_future_error(future, NULL);
    fail(map, place->first + failed, status, code, message);
}

/* A chunk has ended: its results, or its failure, and its place is free. */
static void settle(struct map *map, struct weir__place *place)
{
    weir_future *future = *weir__place_future(place);
    weir_status status = weir_future_status(future);
    set_status(map, place->first, place->count, WEIR_EDISCARDED);
    if (status != WEIR_OK)
        settle_failed(map, place, future);
    else if (map->status == WEIR_OK)
        deliver(map, place, future);
    weir__window_leave(place);
    map->in_flight--;
}

/* The time is over: drop what has ended, let go of what runs. */
static void abandon(struct map *map)
{
    if (map->status == WEIR_OK)
        stop(map, WEIR_ETIMEDOUT);
    while (map->in_flight && weir__window_has_done(map->window))
        settle(map, weir__window_take(map->window, WEIR_FOREVER));
    for (size_t i = 0; i < map->window->size; i++) {
        if (!map->window->futures[i])
            continue;
        set_status(map, map->window->places[i].first, map->window->places[i].count, WEIR_EPENDING);
        weir_future_unref(map->window->futures[i]);
        map->window->futures[i] = NULL;
    }
    map->in_flight = 0;
}

static void run(struct map *map)
{
    for (fill(map); map->in_flight; fill(map)) {
        struct weir__place *place = is_late(map) ? NULL : wait_for_chunk(map);
        if (place)
            settle(map, place);
        else
            abandon(map);
    }
}

/* Whether memory can have an array of so many elements. */
static bool can_exist(size_t count, size_t size)
{
    return count == 0 || size <= (size_t)PTRDIFF_MAX / count;
}

static bool is_allowed(const weir_map_options *own, const struct weir__items *items)
{
    return items->fn && (items->items || !items->count) &&
           can_exist(items->count, items->item_size ? items->item_size : sizeof(void *)) &&
           own->chunk != WEIR_ZERO && own->in_flight != WEIR_ZERO && own->timeout_ns >= 0;
}

/* Chunk and window from the options and from what the executor is. */
static weir_status size_up(struct map *map, const weir_map_options *own, size_t *window)
{
    weir_stats stats;
    weir_status status = weir_executor_stats(map->executor, &stats);
    if (status != WEIR_OK)
        return status;
    size_t chunks = CHUNKS_PER_WORKER * (stats.workers ? (size_t)stats.workers : 1);
    size_t most = CHUNK_BYTES / weir__chunk_stride(&map->items);
    map->chunk = own->chunk;
    if (!map->chunk) {
        map->chunk = (map->items.count - 1) / chunks + 1;
        map->chunk = map->chunk < most ? map->chunk : most ? most : 1;
    }
    *window = own->in_flight ? own->in_flight : chunks;
    if (*window > stats.limit)
        *window = stats.limit ? (size_t)stats.limit : 1;
    size_t needed = (map->items.count - 1) / map->chunk + 1;
    *window = *window < needed ? *window : needed;
    return WEIR_OK;
}

static weir_status map_items(struct map *map, const weir_map_options *options, size_t size)
{
    weir_map_options own;
    if (!map->executor || !weir__options_copy(&own, sizeof own, options, size) ||
        !is_allowed(&own, &map->items))
        return WEIR_EINVAL;
    map->deadline_ns = own.timeout_ns ? weir__deadline_after(own.timeout_ns) : WEIR_FOREVER;
    map->statuses = own.statuses;
    map->report.failed = map->items.count;
    set_status(map, 0, map->items.count, WEIR_ECANCELLED);
    size_t places;
    weir_status status = map->items.count ? size_up(map, &own, &places) : WEIR_OK;
    if (status == WEIR_OK && map->items.count) {
        map->window = weir__window_create(places);
        status = map->window ? WEIR_OK : WEIR_ENOMEM;
    }
    if (map->window) {
        run(map);
        status = map->status;
        weir__window_drop(map->window);
    }
    if (own.report)
        *own.report = map->report;
    return status;
}

/* Where the results of an ordered map go. */
struct results {
    unsigned char *bytes;
    size_t size;
};

static weir_status store_result(size_t index, const void *value, size_t size, void *data)
{
    const struct results *results = data;
    if (results->size && size > results->size)
        return WEIR_ETOOBIG;
    if (results->size && size)
        memcpy(results->bytes + index * results->size, value, size);
    return WEIR_OK;
}

weir_status weir_map_sized(weir_executor *executor, weir_task_fn *fn, const void *items, size_t n,
                           size_t item_size, void *results, size_t result_size,
                           const weir_map_options *options, size_t size)
{
    if ((!results && result_size) || !can_exist(n, result_size))
        return WEIR_EINVAL;
    struct results where = { results, result_size };
    struct map map = { .executor = executor,
                       .items = { fn, items, n, item_size },
                       .each = store_result,
                       .data = &where };
    return map_items(&map, options, size);
}

weir_status weir_map_unordered_sized(weir_executor *executor, weir_task_fn *fn, const void *items,
                                     size_t n, size_t item_size, weir_map_fn *each, void *data,
                                     const weir_map_options *options, size_t size)
{
    if (!each)
        return WEIR_EINVAL;
    struct map map = {
        .executor = executor, .items = { fn, items, n, item_size }, .each = each, .data = data
    };
    return map_items(&map, options, size);
}
