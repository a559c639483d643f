#include "support/crew.h"

#include <pthread.h>
#include <stdlib.h>

struct member {
    struct crew *crew;
    pthread_t thread;
    size_t index;
};

struct crew {
    crew_fn *fn;
    void *shared;
    pthread_barrier_t start;
    size_t n;
    struct member member[];
};

static void *run_member(void *data)
{
    struct member *member = data;
    struct crew *crew = member->crew;
    pthread_barrier_wait(&crew->start);
    crew->fn(crew->shared, member->index);
    return NULL;
}

struct crew *crew_start(size_t n, crew_fn *fn, void *shared)
{
    struct crew *crew = malloc(sizeof *crew + n * sizeof crew->member[0]);
    if (crew == NULL)
        abort();
    crew->fn = fn;
    crew->shared = shared;
    crew->n = n;
    pthread_barrier_init(&crew->start, NULL, (unsigned)n);
    for (size_t i = 0; i < n; i++) {
        crew->member[i] = (struct member){ .crew = crew, .index = i };
        if (pthread_create(&crew->member[i].thread, NULL, run_member, &crew->member[i]) != 0)
            abort();
    }
    return crew;
}

void crew_join(struct crew *crew)
{
    for (size_t i = 0; i < crew->n; i++)
        pthread_join(crew->member[i].thread, NULL);
    pthread_barrier_destroy(&crew->start);
    free(crew);
}

void crew_run(size_t n, crew_fn *fn, void *shared)
{
    crew_join(crew_start(n, fn, shared));
}
