// oneTBB's task_arena, with threads of its own for all of the workers. It has no limit, no results
// and no counts; a result comes through a std::packaged_task, which has to be shared, since what an
// arena is given must be copyable.
#include <future>
#include <memory>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>

#include "futures.hpp"
#include "harness.h"

namespace
{

tbb::global_control *control;
tbb::task_arena *arena;

void start(size_t workers, bool)
{
    control = new tbb::global_control(tbb::global_control::max_allowed_parallelism, workers + 1);
    arena = new tbb::task_arena(static_cast<int>(workers), 0);
    arena->initialize();
}

void stop()
{
    delete arena;
    delete control;
}

void submit(void (*function)(void *), void *arg)
{
    arena->enqueue([function, arg] { function(arg); });
}

void post(size_t count)
{
    for (size_t i = 0; i < count; i++)
        arena->enqueue([] { bench_task(); });
}

std::future<uint64_t> submit_value(uint64_t i)
{
    auto task = std::make_shared<std::packaged_task<uint64_t()>>([i] {
        bench_count_one();
        return bench_value(i);
    });
    arena->enqueue([task] { (*task)(); });
    return task->get_future();
}

uint64_t future(size_t count)
{
    return sum_of_futures(count, submit_value);
}

void round_trip()
{
    submit_value(1).get();
}

} // namespace

int main(int argc, char **argv)
{
    bench_contender tbb_arena = {};
    tbb_arena.name = "tbb-arena";
    tbb_arena.start = start;
    tbb_arena.stop = stop;
    tbb_arena.submit = submit;
    tbb_arena.post = post;
    tbb_arena.future = future;
    tbb_arena.round_trip = round_trip;
    return bench_main(argc, argv, &tbb_arena);
}
