/* weir, put through the workloads of harness.h.
 *
 * Its backlog is bounded, as that of its users is: by BENCH_LIMIT, at which a submitter waits for a
 * place (weir_block); in `bounded` and `reject` it is refused. Pools that accept without end never
 * make a submitter wait, so the program is built a second time with a limit that the workloads do
 * not reach. Every task is counted and timed, in all of them; that cannot be switched off. */
#include <stdio.h>
#include <stdlib.h>

#include "calls.h"

static weir_executor *executor;

static void start(size_t workers, bool refuses)
{
    weir_thread_options options = {
        .workers = workers,
        .limit = BENCH_LIMIT,
        .policy = refuses ? weir_reject_when_reached(BENCH_LIMIT) : weir_block(WEIR_FOREVER),
        .name = "bench",
    };
    must(weir_thread_executor_create(&executor, &options));
}

static void stop(void)
{
    weir_executor_destroy(executor);
}

struct call {
    void (*function)(void *);
    void *arg;
};

static weir_status call_task(weir_task *task, void *arg)
{
    struct call *call = arg;
    (void)task;
    call->function(call->arg);
    return WEIR_OK;
}

static void submit(void (*function)(void *), void *arg)
{
    struct call call = {function, arg};
    must(weir_submit(executor, call_task, &call, sizeof call, NULL));
}

static weir_status post_task(weir_task *task, void *arg)
{
    (void)task;
    (void)arg;
    bench_task();
    return WEIR_OK;
}

static void post(size_t count)
{
    for (size_t i = 0; i < count; i++)
        must(weir_submit(executor, post_task, NULL, 0, NULL));
}

static weir_status value_task(weir_task *task, void *arg)
{
    uint64_t value = bench_value(*(const uint64_t *)arg);
    bench_count_one();
    return weir_task_return(task, &value, sizeof value);
}

static uint64_t future(size_t count)
{
    return submit_and_take(executor, value_task, count);
}

static void round_trip(void)
{
    uint64_t one = 1;
    weir_future *answer;
    must(weir_submit(executor, value_task, &one, sizeof one, &answer));
    take(answer);
}

/* A task for the first summand, the second by the caller, then a wait. */
static uint64_t add(uint64_t n);

static weir_status add_task(weir_task *task, void *arg)
{
    uint64_t sum = add(*(const uint64_t *)arg);
    return weir_task_return(task, &sum, sizeof sum);
}

static uint64_t add(uint64_t n)
{
    weir_future *first;
    uint64_t argument = n - 1;
    if (n < 2)
        return n;
    must(weir_submit(executor, add_task, &argument, sizeof argument, &first));
    uint64_t second = add(n - 2);
    return take(first) + second;
}

static uint64_t nested(unsigned n)
{
    uint64_t argument = n;
    weir_future *sum;
    must(weir_submit(executor, add_task, &argument, sizeof argument, &sum));
    return take(sum);
}

static bool offer(void)
{
    weir_status status = weir_submit(executor, post_task, NULL, 0, NULL);
    if (status != WEIR_EREJECTED)
        must(status);
    return status == WEIR_OK;
}

int main(int argc, char **argv)
{
    static const struct bench_contender weir = {
        .name = BENCH_NAME,
        .start = start,
        .stop = stop,
        .submit = submit,
        .post = post,
        .future = future,
        .round_trip = round_trip,
        .offer = offer,
        .nested = nested,
        .limit = BENCH_LIMIT,
    };
    return bench_main(argc, argv, &weir);
}
