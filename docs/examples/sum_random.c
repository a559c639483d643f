/* sum_random: eight workers, each adding up a million random numbers.
 *
 * The argument of a task is a copy of its seed, its result a copy of the sum: the tasks share
 * nothing, so nothing needs a lock, and the same seeds give the same sums on any executor. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "weir/weir.h"

enum { TASKS = 8, NUMBERS = 1000000 };

/* xorshift64*: small, and the same everywhere. From 1 to 100. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (*state * UINT64_C(2685821657736338717) >> 32) % 100 + 1;
}

static weir_status sum_random(weir_task *task, void *arg)
{
    uint64_t state = *(uint64_t *)arg;
    uint64_t sum = 0;

    for (int i = 0; i < NUMBERS; i++)
        sum += next_random(&state);
    return weir_task_return(task, &sum, sizeof sum);
}

static void check(weir_status status)
{
    if (status == WEIR_OK)
        return;
    fprintf(stderr, "sum_random: %s\n", weir_status_text(status));
    exit(EXIT_FAILURE);
}

int main(void)
{
    weir_executor *executor;
    weir_future *futures[TASKS];
    uint64_t total = 0;

    check(weir_thread_executor_create(&executor, &(weir_thread_options){.workers = 8}));

    for (uint64_t seed = 1; seed <= TASKS; seed++)
        check(weir_submit(executor, sum_random, &seed, sizeof seed, &futures[seed - 1]));

    for (int i = 0; i < TASKS; i++) {
        uint64_t sum;
        check(weir_future_result(futures[i], &sum, sizeof sum, WEIR_FOREVER));
        weir_future_unref(futures[i]);
        printf("seed %d: %" PRIu64 "\n", i + 1, sum);
        total += sum;
    }
    printf("total: %" PRIu64 "\n", total);

    weir_executor_destroy(executor);
    return EXIT_SUCCESS;
}
