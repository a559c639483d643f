/* weir's process executor, put through the workloads of harness.h. */
#include <signal.h>

#include "calls.h"

enum { LIMIT = 1024, PAYLOAD_MAX = 64 << 20 };

static weir_executor *executor;
static weir_future *echoed; /* the last one: its result may be looked at */

static void start(size_t workers, bool refuses)
{
    weir_process_options options = {
        .workers = workers,
        .limit = LIMIT,
        .policy = refuses ? weir_reject_when_reached(LIMIT) : weir_block(WEIR_FOREVER),
        .payload_bytes = PAYLOAD_MAX,
        .deaths_max = 1000000,
    };
    must(weir_process_executor_create(&executor, &options));
}

static void stop(void)
{
    weir_future_unref(echoed);
    echoed = NULL;
    weir_executor_destroy(executor);
}

static weir_status value_task(weir_task *task, void *arg)
{
    uint64_t value = bench_value(*(const uint64_t *)arg);
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
    /* A worker that is being killed may have taken it. */
    weir_submission submission = {.fn = value_task, .arg = &one, .arg_size = sizeof one, .retries = 1};
    must(weir_submit_with(executor, &submission, &answer));
    take(answer);
}

static weir_status echo_task(weir_task *task, void *arg)
{
    const struct bench_bytes *bytes = arg;
    return weir_task_return(task, bytes, bytes->size);
}

static const struct bench_bytes *echo(const struct bench_bytes *bytes)
{
    weir_future_unref(echoed);
    must(weir_submit(executor, echo_task, bytes, bytes->size, &echoed));
    must(weir_future_wait(echoed, WEIR_FOREVER));
    must(weir_future_status(echoed));
    return weir_future_value(echoed, NULL);
}

static void kill_worker(void)
{
    int pids[64];
    size_t count;
    must(weir_process_executor_pids(executor, pids, 64, &count));
    for (size_t i = 0; i < count && i < 64; i++)
        if (pids[i] > 0) {
            kill(pids[i], SIGKILL);
            return;
        }
}

int main(int argc, char **argv)
{
    static const struct bench_contender process = {
        .name = "weir-process",
        .start = start,
        .stop = stop,
        .future = future,
        .round_trip = round_trip,
        .echo = echo,
        .kill_worker = kill_worker,
        .limit = LIMIT,
        .processes = true,
    };
    return bench_main(argc, argv, &process);
}
