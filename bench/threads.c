/* Threads that begin at the same moment. */
#include <pthread.h>
#include <stdlib.h>

#include "harness.h"

struct member {
    pthread_t thread;
    struct bench_crew *crew;
    void *arg;
};

struct bench_crew {
    void (*body)(void *);
    pthread_barrier_t gate;
    size_t threads;
    struct member members[];
};

static void *begin(void *argument)
{
    struct member *member = argument;
    pthread_barrier_wait(&member->crew->gate);
    member->crew->body(member->arg);
    return NULL;
}

struct bench_crew *bench_crew_create(size_t threads, void (*body)(void *), void *array,
                                     size_t element_bytes)
{
    struct bench_crew *crew = malloc(sizeof *crew + threads * sizeof crew->members[0]);
    if (!crew || pthread_barrier_init(&crew->gate, NULL, (unsigned)threads + 1) != 0)
        bench_die("no memory for %zu threads", threads);
    crew->body = body;
    crew->threads = threads;
    for (size_t i = 0; i < threads; i++) {
        struct member *member = &crew->members[i];
        member->crew = crew;
        member->arg = (char *)array + i * element_bytes;
        if (pthread_create(&member->thread, NULL, begin, member) != 0)
            bench_die("cannot start thread %zu of %zu", i + 1, threads);
    }
    bench_sleep_ms(20); /* all are at the gate by then, or nearly */
    return crew;
}

int64_t bench_crew_go(struct bench_crew *crew)
{
    int64_t now_ns = bench_now_ns();
    pthread_barrier_wait(&crew->gate);
    return now_ns;
}

void bench_crew_join(struct bench_crew *crew)
{
    for (size_t i = 0; i < crew->threads; i++)
        pthread_join(crew->members[i].thread, NULL);
    pthread_barrier_destroy(&crew->gate);
    free(crew);
}
