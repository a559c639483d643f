/* Uses weir as installed, from C: ten squares on two threads. */
#include <stdio.h>
#include <string.h>

#include <weir/weir.h>

enum { COUNT = 10 };

static weir_status square(weir_task *task, void *arg)
{
    const int *n = arg;
    int result = *n * *n;
    return weir_task_return(task, &result, sizeof result);
}

static int sum_of_squares(weir_executor *executor)
{
    weir_future *future[COUNT];
    int sum = 0;

    for (int i = 0; i < COUNT; i++)
        if (weir_submit(executor, square, &i, sizeof i, &future[i]) != WEIR_OK)
            return -1;
    for (int i = 0; i < COUNT; i++) {
        int result = 0;
        if (weir_future_result(future[i], &result, sizeof result, WEIR_FOREVER) != WEIR_OK)
            return -1;
        sum += result;
        weir_future_unref(future[i]);
    }
    return sum;
}

int main(void)
{
    weir_executor *executor;
    weir_stats stats;

    if (strcmp(weir_version(), WEIR_VERSION_STRING) != 0)
        return 1;
    if (weir_thread_executor_create(&executor, &(weir_thread_options){ .workers = 2 }) != WEIR_OK)
        return 2;
    int sum = sum_of_squares(executor);
    if (weir_executor_shutdown(executor, NULL) != WEIR_OK)
        return 3;
    if (weir_executor_stats(executor, &stats) != WEIR_OK || stats.completed != COUNT)
        return 4;
    weir_executor_destroy(executor);

    printf("weir %s: %d\n", weir_version(), sum);
    return sum == 285 ? 0 : 5;
}
