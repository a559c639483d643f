#include "results.h"

struct results results = {.mutex = PTHREAD_MUTEX_INITIALIZER, .complete = PTHREAD_COND_INITIALIZER};

void results_expect(size_t count)
{
    for (size_t i = 0; i < count; i++)
        results.places[i] = (struct place){.run = results_run, .input = i};
    __atomic_store_n(&results.missing, count, __ATOMIC_RELEASE);
}

void results_run(struct place *place)
{
    place->output = bench_value(place->input);
    bench_count_one();
    if (__atomic_fetch_sub(&results.missing, 1, __ATOMIC_ACQ_REL) != 1)
        return;
    pthread_mutex_lock(&results.mutex);
    results.is_complete = true;
    pthread_cond_signal(&results.complete);
    pthread_mutex_unlock(&results.mutex);
}

uint64_t results_wait(size_t count)
{
    uint64_t sum = 0;
    pthread_mutex_lock(&results.mutex);
    while (!results.is_complete)
        pthread_cond_wait(&results.complete, &results.mutex);
    results.is_complete = false;
    pthread_mutex_unlock(&results.mutex);
    for (size_t i = 0; i < count; i++)
        sum += results.places[i].output;
    return sum;
}
