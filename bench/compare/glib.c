/* GLib's GThreadPool, with threads of its own that start at once. It has no limit, no results and
 * no counts. A pool has one function, so what is pushed says what is to be run. */
#include <glib.h>
#include <stdlib.h>

#include "results.h"

static GThreadPool *pool;

static void run(gpointer data, gpointer unused)
{
    struct place *place = data;
    (void)unused;
    place->run(place);
}

static void start(size_t workers, bool refuses)
{
    (void)refuses;
    pool = g_thread_pool_new(run, NULL, (gint)workers, TRUE, NULL);
}

static void stop(void)
{
    g_thread_pool_free(pool, FALSE, TRUE);
}

struct call {
    struct place place;
    void (*function)(void *);
    void *arg;
};

static void run_call(struct place *place)
{
    struct call *call = (struct call *)place;
    call->function(call->arg);
    free(call);
}

static void submit(void (*function)(void *), void *arg)
{
    struct call *call = malloc(sizeof *call);
    if (!call)
        bench_die("no memory");
    *call = (struct call){.place = {.run = run_call}, .function = function, .arg = arg};
    g_thread_pool_push(pool, call, NULL);
}

static void run_post(struct place *place)
{
    (void)place;
    bench_task();
}

static void post(size_t count)
{
    static struct place shared = {.run = run_post}; /* the user allocates nothing */
    for (size_t i = 0; i < count; i++)
        g_thread_pool_push(pool, &shared, NULL);
}

static uint64_t future(size_t count)
{
    results_expect(count);
    for (size_t i = 0; i < count; i++)
        g_thread_pool_push(pool, &results.places[i], NULL);
    return results_wait(count);
}

static void round_trip(void)
{
    future(1);
}

int main(int argc, char **argv)
{
    static const struct bench_contender glib = {
        .name = "glib",
        .start = start,
        .stop = stop,
        .submit = submit,
        .post = post,
        .future = future,
        .round_trip = round_trip,
    };
    return bench_main(argc, argv, &glib);
}
