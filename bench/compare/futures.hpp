// What users of a library with std::future write.
#ifndef BENCH_COMPARE_FUTURES_HPP
#define BENCH_COMPARE_FUTURES_HPP

#include <cstddef>
#include <cstdint>
#include <future>
#include <vector>

// Submit so many tasks, then take all results: their sum. submit: from a number to the future of one.
template <typename Submit> uint64_t sum_of_futures(size_t count, Submit submit)
{
    std::vector<std::future<uint64_t>> futures;
    uint64_t sum = 0;
    futures.reserve(count);
    for (size_t i = 0; i < count; i++)
        futures.push_back(submit(i));
    for (auto &each : futures)
        sum += each.get();
    return sum;
}

#endif
