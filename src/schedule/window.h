/* The window of a map: the places of the chunks that are in flight. See map.c. */
#ifndef WEIR_SCHEDULE_WINDOW_H
#define WEIR_SCHEDULE_WINDOW_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "future/future_impl.h"

struct weir__window;

/* A place in the window, for one chunk at a time. */
struct weir__place {
    struct weir__window *window;   /* immutable */
    struct weir__place *next_done; /* protected by: mutex */
    struct weir__place *next_free; /* the caller's */
    size_t first, count;           /* the caller's; items of the chunk */
    struct weir__callback ended;   /* the future's, until the chunk has ended */
};

struct weir__window {
    pthread_mutex_t mutex;
    pthread_cond_t done;            /* something was appended */
    size_t owners;                  /* protected by: mutex; the caller, and callbacks to come */
    struct weir__place *first_done; /* protected by: mutex; ended, in that order */
    struct weir__place **last_done; /* protected by: mutex */
    size_t size;                    /* immutable; places */
    struct weir__place *free;       /* the caller's */
    weir_future **futures;          /* the caller's; of each place, NULL: free */
    struct weir__place places[];
};

/* NULL: out of memory. size is at least 1. The caller is one of its owners. */
struct weir__window *weir__window_create(size_t size);
/* The caller leaves; callbacks that are still to come keep it. */
void weir__window_drop(struct weir__window *window);

/* Put a chunk into a place that was taken from the free ones. Takes the reference over. */
void weir__window_enter(struct weir__place *place, weir_future *future);
/* Give up the reference; the place is free. Requires: its chunk was taken. */
void weir__window_leave(struct weir__place *place);

/* Wait for the next place whose chunk has ended; NULL: the deadline passed. */
struct weir__place *weir__window_take(struct weir__window *window, int64_t deadline_ns);
bool weir__window_has_done(struct weir__window *window);

static inline weir_future **weir__place_future(struct weir__place *place)
{
    return &place->window->futures[place - place->window->places];
}

#endif
