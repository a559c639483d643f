// oneTBB's task_group. Whoever waits for a group runs its tasks meanwhile, so the submitter counts
// as one of the workers. A group gives no results: the tasks write them where they are told to.
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_group.h>

#include "harness.h"

namespace
{

tbb::global_control *control;

// A submitter's own.
tbb::task_group &group()
{
    thread_local tbb::task_group own;
    return own;
}

void start(size_t workers, bool)
{
    control = new tbb::global_control(tbb::global_control::max_allowed_parallelism, workers);
}

void stop()
{
    delete control;
}

void settle()
{
    group().wait();
}

void submit(void (*function)(void *), void *arg)
{
    group().run([function, arg] { function(arg); });
}

void post(size_t count)
{
    tbb::task_group &own = group();
    for (size_t i = 0; i < count; i++)
        own.run([] { bench_task(); });
}

uint64_t results[BENCH_OUTSTANDING];

uint64_t future(size_t count)
{
    tbb::task_group own;
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        own.run([i] {
            bench_count_one();
            results[i] = bench_value(i);
        });
    own.wait();
    for (size_t i = 0; i < count; i++)
        sum += results[i];
    return sum;
}

uint64_t nested(unsigned n)
{
    if (n < 2)
        return n;
    uint64_t first;
    tbb::task_group own;
    own.run([n, &first] { first = nested(n - 1); });
    uint64_t second = nested(n - 2);
    own.wait();
    return first + second;
}

} // namespace

int main(int argc, char **argv)
{
    bench_contender tbb_group = {};
    tbb_group.name = "tbb-group";
    tbb_group.start = start;
    tbb_group.stop = stop;
    tbb_group.submit = submit;
    tbb_group.settle = settle;
    tbb_group.post = post;
    tbb_group.future = future;
    tbb_group.nested = nested;
    return bench_main(argc, argv, &tbb_group);
}
