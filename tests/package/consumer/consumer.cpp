// Uses weir as installed, from C++: ten squares on two threads.
#include <array>
#include <cstring>
#include <iostream>

#include <weir/weir.h>

namespace {

constexpr int count = 10;

weir_status square(weir_task *task, void *arg)
{
    const int n = *static_cast<const int *>(arg);
    const int result = n * n;
    return weir_task_return(task, &result, sizeof result);
}

int sum_of_squares(weir_executor *executor)
{
    std::array<weir_future *, count> futures{};
    int sum = 0;

    for (int i = 0; i < count; i++)
        if (weir_submit(executor, square, &i, sizeof i, &futures[i]) != WEIR_OK)
            return -1;
    for (weir_future *future : futures) {
        int result = 0;
        if (weir_future_result(future, &result, sizeof result, WEIR_FOREVER) != WEIR_OK)
            return -1;
        sum += result;
        weir_future_unref(future);
    }
    return sum;
}

} // namespace

int main()
{
    weir_executor *executor = nullptr;
    weir_thread_options options{};
    weir_stats stats{};

    if (std::strcmp(weir_version(), WEIR_VERSION_STRING) != 0)
        return 1;
    options.workers = 2;
    options.policy = weir_policy_chain(weir_caller_runs(), weir_block(WEIR_SECOND));
    if (weir_thread_executor_create(&executor, &options) != WEIR_OK)
        return 2;
    const int sum = sum_of_squares(executor);
    if (weir_executor_shutdown(executor, nullptr) != WEIR_OK)
        return 3;
    if (weir_executor_stats(executor, &stats) != WEIR_OK || stats.completed != count)
        return 4;
    weir_executor_destroy(executor);

    std::cout << "weir " << weir_version() << ": " << sum << '\n';
    return sum == 285 ? 0 : 5;
}
