/* The wall clock is never asked: whoever sets it changes nothing. Neither for the time, nor for the
 * end of a sleep. */
#include <linux/futex.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "support/gate.h"
#include "support/snapshot.h"
#include "support/submit.h"
#include "support/tasks.h"

static _Atomic unsigned monotonic_reads, wall_reads, sleeps, wall_sleeps;

int __real_clock_gettime(clockid_t, struct timespec *);
int __wrap_clock_gettime(clockid_t, struct timespec *);
time_t __wrap_time(time_t *);
int __wrap_gettimeofday(struct timeval *, void *);
int __wrap_timespec_get(struct timespec *, int);
long __real_syscall(long, ...);
long __wrap_syscall(long, ...);

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    atomic_fetch_add(clock == CLOCK_MONOTONIC ? &monotonic_reads : &wall_reads, 1);
    return __real_clock_gettime(clock, now);
}

time_t __wrap_time(time_t *now)
{
    atomic_fetch_add(&wall_reads, 1);
    if (now)
        *now = 0;
    return 0;
}

int __wrap_gettimeofday(struct timeval *now, void *zone)
{
    (void)zone;
    atomic_fetch_add(&wall_reads, 1);
    *now = (struct timeval){ 0, 0 };
    return 0;
}

int __wrap_timespec_get(struct timespec *now, int base)
{
    atomic_fetch_add(&wall_reads, 1);
    *now = (struct timespec){ 0, 0 };
    return base;
}

long __wrap_syscall(long number, ...)
{
    long argument[6];
    va_list arguments;
    va_start(arguments, number);
    for (int i = 0; i < 6; i++)
        argument[i] = va_arg(arguments, long);
    va_end(arguments);
    if (number == SYS_futex) {
        atomic_fetch_add(&sleeps, 1);
        if (argument[1] & FUTEX_CLOCK_REALTIME)
            atomic_fetch_add(&wall_sleeps, 1);
    }
    return __real_syscall(number, argument[0], argument[1], argument[2], argument[3], argument[4],
                          argument[5]);
}

static void wall_clock_is_never_asked(void **state)
{
    (void)state;
    const int64_t short_ns = 2 * WEIR_MILLISECOND;
    struct gate *gate = gate_create();
    weir_executor *executor;
    weir_future *future[3] = { NULL };
    weir_as_completed *it = NULL;
    size_t index = 0;
    weir_submission timed = { .fn = noop_task, .start_within_ns = 1 };
    weir_worker_stats worker;
    assert_status(weir_thread_executor_create(
                      &executor, &(weir_thread_options){ .workers = 2,
                                                         .min_workers = 1,
                                                         .idle_ns = short_ns,
                                                         .limit = 2,
                                                         .policy = weir_block(short_ns) }),
                  WEIR_OK);
    /* Every call that has to do with time. */
    future[0] = submit_ok(executor, gate_task, gate, 0);
    assert_true(gate_wait_entered(gate, 1));
    assert_status(weir_submit(executor, gate_task, gate, 0, NULL), WEIR_OK);
    assert_true(gate_wait_entered(gate, 2));
    assert_status(weir_submit_with(executor, &timed, &future[1]), WEIR_OK);
    future[2] = submit_ok(executor, noop_task, NULL, 0);
    assert_status(weir_submit(executor, noop_task, NULL, 0, NULL), WEIR_ETIMEDOUT);
    assert_status(weir_future_wait(future[0], short_ns), WEIR_ETIMEDOUT);
    assert_status(weir_wait_all(future, 3, short_ns, NULL), WEIR_ETIMEDOUT);
    assert_status(weir_wait_any(future, 3, short_ns, NULL), WEIR_ETIMEDOUT);
    assert_status(weir_wait_first_failure(future, 3, short_ns, NULL), WEIR_ETIMEDOUT);
    assert_status(weir_as_completed_create(&it, future, 3), WEIR_OK);
    assert_status(weir_as_completed_next(it, short_ns, &index), WEIR_ETIMEDOUT);
    assert_status(weir_executor_worker_stats(executor, &worker, 1, &index), WEIR_OK);
    gate_open(gate);
    while (weir_as_completed_remaining(it) > 0)
        assert_status(weir_as_completed_next(it, WATCHDOG_NS, &index), WEIR_OK);
    weir_as_completed_destroy(it);
    assert_status(weir_future_status(future[1]), WEIR_EEXPIRED);
    assert_eventually(stats_of(executor).workers == 1); /* the other one was idle for too long */
    assert_status(
        weir_executor_shutdown(executor, &(weir_shutdown_options){ .timeout_ns = WATCHDOG_NS }),
        WEIR_OK);
    end_all(future, 3);
    weir_executor_destroy(executor);
    gate_destroy(gate);

    assert_int_equal(atomic_load(&wall_reads), 0);
    assert_int_equal(atomic_load(&wall_sleeps), 0);
    assert_true(atomic_load(&monotonic_reads) > 0);
    assert_true(atomic_load(&sleeps) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wall_clock_is_never_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
