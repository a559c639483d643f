/* libuv's uv_queue_work. Work is submitted from the thread of the event loop, and its end is told
 * there, so there is one submitter, and it takes part. A request is allocated for each task and
 * freed when it has ended, as its users do. It has no limit and no counts. */
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "harness.h"

struct request {
    uv_work_t work; /* first: libuv hands this out */
    void (*function)(void *);
    void *arg;
    uint64_t input, output;
};

static uv_loop_t *loop;
static uint64_t sum;

static void start(size_t workers, bool refuses)
{
    char number[16];
    (void)refuses;
    snprintf(number, sizeof number, "%zu", workers);
    setenv("UV_THREADPOOL_SIZE", number, 1);
    loop = uv_default_loop();
}

static void stop(void)
{
}

static void settle(void)
{
    uv_run(loop, UV_RUN_DEFAULT);
}

static struct request *request(void)
{
    struct request *own = malloc(sizeof *own);
    if (!own)
        bench_die("no memory");
    return own;
}

static void queue(struct request *request, uv_work_cb work, uv_after_work_cb after)
{
    int error = uv_queue_work(loop, &request->work, work, after);
    if (error)
        bench_die("libuv: %s", uv_strerror(error));
}

static void release(uv_work_t *work, int status)
{
    (void)status;
    free((struct request *)work);
}

static void work_call(uv_work_t *work)
{
    struct request *request = (struct request *)work;
    request->function(request->arg);
}

static void submit(void (*function)(void *), void *arg)
{
    struct request *own = request();
    own->function = function;
    own->arg = arg;
    queue(own, work_call, release);
}

static void work_post(uv_work_t *work)
{
    (void)work;
    bench_task();
}

static void post(size_t count)
{
    for (size_t i = 0; i < count; i++)
        queue(request(), work_post, release);
}

static void work_value(uv_work_t *work)
{
    struct request *request = (struct request *)work;
    request->output = bench_value(request->input);
    bench_count_one();
}

static void add_up(uv_work_t *work, int status)
{
    sum += ((struct request *)work)->output;
    release(work, status);
}

static uint64_t future(size_t count)
{
    sum = 0;
    for (size_t i = 0; i < count; i++) {
        struct request *own = request();
        own->input = i;
        queue(own, work_value, add_up);
    }
    settle();
    return sum;
}

static void round_trip(void)
{
    future(1);
}

int main(int argc, char **argv)
{
    static const struct bench_contender libuv = {
        .name = "libuv",
        .start = start,
        .stop = stop,
        .submit = submit,
        .settle = settle,
        .post = post,
        .future = future,
        .round_trip = round_trip,
        .single_producer = true,
    };
    return bench_main(argc, argv, &libuv);
}
