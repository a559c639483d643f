// Asio's thread_pool. It has no limit and no counts; results come through std::future, by the
// completion token use_future, or, with BENCH_PACKAGED, by a std::packaged_task.
#include <asio/packaged_task.hpp>
#include <asio/post.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_future.hpp>

#include "futures.hpp"
#include "harness.h"

namespace
{

asio::thread_pool *pool;

void start(size_t workers, bool)
{
    pool = new asio::thread_pool(workers);
}

void stop()
{
    pool->join();
    delete pool;
}

void submit(void (*function)(void *), void *arg)
{
    asio::post(*pool, [function, arg] { function(arg); });
}

void post(size_t count)
{
    for (size_t i = 0; i < count; i++)
        asio::post(*pool, bench_task);
}

std::future<uint64_t> submit_value(uint64_t i)
{
    auto value = [i] {
        bench_count_one();
        return bench_value(i);
    };
#ifdef BENCH_PACKAGED
    return asio::post(*pool, std::packaged_task<uint64_t()>(value));
#else
    return asio::post(*pool, asio::use_future(value));
#endif
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
    bench_contender asio = {};
    asio.name = BENCH_NAME;
    asio.start = start;
    asio.stop = stop;
    asio.submit = submit;
    asio.post = post;
    asio.future = future;
    asio.round_trip = round_trip;
    return bench_main(argc, argv, &asio);
}
