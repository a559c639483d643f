/* C-Thread-Pool. It has no limit, no results and no counts; what is to be run comes with each task. */
#include <cthreadpool/thpool.h>

#include "results.h"

static threadpool pool;

static void start(size_t workers, bool refuses)
{
    (void)refuses;
    pool = thpool_init((int)workers);
}

static void stop(void)
{
    /* thpool_destroy() sleeps for a second; the program ends here. */
}

static void submit(void (*function)(void *), void *arg)
{
    if (thpool_add_work(pool, function, arg) != 0)
        bench_die("c-thread-pool: no memory");
}

static void run_post(void *unused)
{
    (void)unused;
    bench_task();
}

static void post(size_t count)
{
    for (size_t i = 0; i < count; i++)
        submit(run_post, NULL);
}

static void run_place(void *arg)
{
    struct place *place = arg;
    place->run(place);
}

static uint64_t future(size_t count)
{
    results_expect(count);
    for (size_t i = 0; i < count; i++)
        submit(run_place, &results.places[i]);
    return results_wait(count);
}

static void round_trip(void)
{
    future(1);
}

int main(int argc, char **argv)
{
    static const struct bench_contender thpool = {
        .name = "c-thread-pool",
        .start = start,
        .stop = stop,
        .submit = submit,
        .post = post,
        .future = future,
        .round_trip = round_trip,
    };
    return bench_main(argc, argv, &thpool);
}
