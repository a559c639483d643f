/* Time, and arithmetic that takes a known time. */
#include <time.h>

#include "harness.h"

int64_t bench_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void bench_sleep_ms(int ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0)
        ;
}

/* A chain of dependent multiplications: nothing another task does makes it faster or slower, but
 * for taking the core away. */
void bench_spin(uint64_t spins)
{
    uint64_t x = spins;
    for (uint64_t i = 0; i < spins; i++) {
        x = x * 2862933555777941757u + 3037000493u;
        __asm__ volatile("" : "+r"(x));
    }
}

uint64_t bench_spins_of(int64_t task_ns)
{
    enum { TRIES = 50, SPINS = 100000 };
    int64_t fastest_ns = INT64_MAX;
    if (task_ns <= 0)
        return 0;
    for (int i = 0; i < TRIES; i++) { /* the fastest of many was not interrupted */
        int64_t began_ns = bench_now_ns();
        bench_spin(SPINS);
        int64_t took_ns = bench_now_ns() - began_ns;
        if (took_ns < fastest_ns)
            fastest_ns = took_ns;
    }
    return (uint64_t)((double)SPINS * (double)task_ns / (double)fastest_ns);
}
