/* The places of the chunks that are in flight, and the list of those that have ended. What it is for,
 * and who owns it, is told in map.c. */
#include "schedule/window.h"

#include <stdlib.h>

#include "schedule/monitor.h"

static void put_free(struct weir__window *window, struct weir__place *place)
{
    place->next_free = window->free;
    window->free = place;
}

struct weir__window *weir__window_create(size_t size)
{
    struct weir__window *window = NULL;
    if (size < SIZE_MAX / 2 / sizeof(struct weir__place))
        window = calloc(1, sizeof *window + size * sizeof(struct weir__place));
    weir_future **futures = calloc(size, sizeof(*futures));
    if (!window || !futures) {
        free(futures);
        free(window);
        return NULL;
    }
    weir__monitor_init(&window->done);
    pthread_mutex_init(&window->mutex, NULL);
    window->owners = 1;
    window->last_done = &window->first_done;
    window->size = size;
    window->futures = futures;
    for (size_t i = 0; i < size; i++) {
        window->places[i].window = window;
        put_free(window, &window->places[i]);
    }
    return window;
}

/* Requires: the mutex, which is released. */
static void drop_locked(struct weir__window *window)
{
    bool last = --window->owners == 0;
    pthread_mutex_unlock(&window->mutex);
    if (!last)
        return;
    pthread_cond_destroy(&window->done);
    pthread_mutex_destroy(&window->mutex);
    free(window->futures);
    free(window);
}

static void chunk_ended(weir_future *future, void *data)
{
    struct weir__place *place = data;
    struct weir__window *window = place->window;
    (void)future;
    pthread_mutex_lock(&window->mutex);
    place->next_done = NULL;
    *window->last_done = place;
    window->last_done = &place->next_done;
    pthread_cond_signal(&window->done);
    drop_locked(window);
}

struct weir__place *weir__window_take(struct weir__window *window, int64_t deadline_ns)
{
    bool in_time = true;
    pthread_mutex_lock(&window->mutex);
    while (!window->first_done && in_time)
        in_time = weir__monitor_wait(&window->done, &window->mutex, deadline_ns);
    struct weir__place *place = window->first_done;
    if (place) {
        window->first_done = place->next_done;
        if (!window->first_done)
            window->last_done = &window->first_done;
    }
    pthread_mutex_unlock(&window->mutex);
    return place;
}

bool weir__window_has_done(struct weir__window *window)
{
    pthread_mutex_lock(&window->mutex);
    bool has = window->first_done != NULL;
    pthread_mutex_unlock(&window->mutex);
    return has;
}

void weir__window_drop(struct weir__window *window)
{
    pthread_mutex_lock(&window->mutex);
    drop_locked(window);
}

void weir__window_enter(struct weir__place *place, weir_future *future)
{
    struct weir__window *window = place->window;
    window->free = place->next_free;
    *weir__place_future(place) = future;
    pthread_mutex_lock(&window->mutex);
    window->owners++;
    pthread_mutex_unlock(&window->mutex);
    weir__future_on_end_in(future, &place->ended, chunk_ended, place);
}

void weir__window_leave(struct weir__place *place)
{
    weir_future_unref(*weir__place_future(place));
    *weir__place_future(place) = NULL;
    put_free(place->window, place);
}
