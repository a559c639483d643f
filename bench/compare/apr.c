/* APR-util's thread pool, with as many threads from the start. It has no limit, no results and no
 * counts but of tasks waiting. */
#include <apr_general.h>
#include <apr_pools.h>
#include <apr_thread_pool.h>
#include <stdlib.h>

#include "results.h"

static apr_pool_t *memory;
static apr_thread_pool_t *pool;

static void start(size_t workers, bool refuses)
{
    (void)refuses;
    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&memory, NULL) != APR_SUCCESS ||
        apr_thread_pool_create(&pool, workers, workers, memory) != APR_SUCCESS)
        bench_die("apr: cannot start %zu workers", workers);
}

static void stop(void)
{
    apr_thread_pool_destroy(pool);
    apr_terminate();
}

static void push(apr_thread_start_t run, void *arg)
{
    if (apr_thread_pool_push(pool, run, arg, APR_THREAD_TASK_PRIORITY_NORMAL, NULL) != APR_SUCCESS)
        bench_die("apr: no memory");
}

struct call {
    void (*function)(void *);
    void *arg;
};

static void *APR_THREAD_FUNC run_call(apr_thread_t *thread, void *arg)
{
    struct call *call = arg;
    (void)thread;
    call->function(call->arg);
    free(call);
    return NULL;
}

static void submit(void (*function)(void *), void *arg)
{
    struct call *call = malloc(sizeof *call);
    if (!call)
        bench_die("no memory");
    *call = (struct call){function, arg};
    push(run_call, call);
}

static void *APR_THREAD_FUNC run_post(apr_thread_t *thread, void *unused)
{
    (void)thread;
    (void)unused;
    bench_task();
    return NULL;
}

static void post(size_t count)
{
    for (size_t i = 0; i < count; i++)
        push(run_post, NULL);
}

static void *APR_THREAD_FUNC run_place(apr_thread_t *thread, void *arg)
{
    struct place *place = arg;
    (void)thread;
    place->run(place);
    return NULL;
}

static uint64_t future(size_t count)
{
    results_expect(count);
    for (size_t i = 0; i < count; i++)
        push(run_place, &results.places[i]);
    return results_wait(count);
}

static void round_trip(void)
{
    future(1);
}

int main(int argc, char **argv)
{
    static const struct bench_contender apr = {
        .name = "apr",
        .start = start,
        .stop = stop,
        .submit = submit,
        .post = post,
        .future = future,
        .round_trip = round_trip,
    };
    return bench_main(argc, argv, &apr);
}
