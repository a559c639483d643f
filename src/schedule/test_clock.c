/* A clock that stands still until a test moves it.
 *
 * Everything is under one mutex: the time, and for each sleeper whether it is asleep, until when,
 * whether a wake-up was left for it, and how many tasks it has out. That makes the two questions
 * exact which a test must be able to ask, without sleeping itself:
 *
 *   asleep  every sleeper has nothing to do before a time that has not come
 *   idle    the same, and nothing that they gave to executors is still running
 *
 * Why no wake-up is lost. A sleeper decides what to sleep for under its owner's lock, and then
 * sleeps under ours. In between,
 *   - somebody may change what is due: he wakes it after the change, which leaves the token, and
 *     the sleep returns at once;
 *   - the test may move the clock: the sleep compares with the time that is now, under the mutex.
 * Why `asleep` never lies. It is set by the sleeper, in the critical section in which it found no
 * token and its time not come; it is cleared by whoever wakes it (by a token, or by moving the
 * clock), in the critical section in which he does, not later by the sleeper when it gets to run.
 * So a test that moves the clock and then asks can never be told of the sleep before the move.
 * Why `idle` does not either. A task is counted before it is given to its executor, by a sleeper
 * that is awake, and it is given up after everything that follows from its end has been done: a
 * periodic worker has put down its next run and woken its sleeper, if need be, which is awake
 * again then.
 *
 * tests: unit.timing.test_clock */
#include <stdlib.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "schedule/clock_impl.h"
#include "schedule/monitor.h"

struct test_clock {
    weir_clock clock;
    pthread_mutex_t mutex; /* protects all that follows, and the sleepers */
    pthread_cond_t quiet;  /* a sleeper fell asleep, went away, or has no task out */
    int64_t now_ns;
    struct weir__sleeper *sleepers;
};

static struct test_clock *test_clock_of(const weir_clock *clock)
{
    return WEIR__CONTAINER_OF((uintptr_t)clock, struct test_clock, clock);
}

static int64_t read_time(const weir_clock *clock)
{
    struct test_clock *test = test_clock_of(clock);
    pthread_mutex_lock(&test->mutex);
    int64_t now_ns = test->now_ns;
    pthread_mutex_unlock(&test->mutex);
    return now_ns;
}

static void attach(struct weir__sleeper *sleeper)
{
    struct test_clock *test = test_clock_of(sleeper->clock);
    pthread_cond_init(&sleeper->woken, NULL);
    pthread_mutex_lock(&test->mutex);
    sleeper->next = test->sleepers;
    if (sleeper->next)
        sleeper->next->previous = sleeper;
    test->sleepers = sleeper;
    pthread_mutex_unlock(&test->mutex);
}

static void retire(struct weir__sleeper *sleeper)
{
    struct test_clock *test = test_clock_of(sleeper->clock);
    pthread_mutex_lock(&test->mutex);
    sleeper->retired = true;
    pthread_cond_broadcast(&test->quiet);
    pthread_mutex_unlock(&test->mutex);
}

static void detach(struct weir__sleeper *sleeper)
{
    struct test_clock *test = test_clock_of(sleeper->clock);
    pthread_mutex_lock(&test->mutex);
    if (sleeper->previous)
        sleeper->previous->next = sleeper->next;
    else
        test->sleepers = sleeper->next;
    if (sleeper->next)
        sleeper->next->previous = sleeper->previous;
    pthread_cond_broadcast(&test->quiet);
    pthread_mutex_unlock(&test->mutex);
    pthread_cond_destroy(&sleeper->woken);
}

/* Requires: the mutex. */
static void rouse(struct weir__sleeper *sleeper)
{
    if (!sleeper->asleep)
        return;
    sleeper->asleep = false;
    pthread_cond_signal(&sleeper->woken);
}

static void sleep_until(struct weir__sleeper *sleeper, int64_t until_ns)
{
    struct test_clock *test = test_clock_of(sleeper->clock);
    pthread_mutex_lock(&test->mutex);
    if (!sleeper->token && until_ns > test->now_ns) {
        sleeper->until_ns = until_ns;
        sleeper->asleep = true;
        pthread_cond_broadcast(&test->quiet);
        while (sleeper->asleep)
            pthread_cond_wait(&sleeper->woken, &test->mutex);
    }
    sleeper->token = false;
    pthread_mutex_unlock(&test->mutex);
}

static void wake(struct weir__sleeper *sleeper)
{
    struct test_clock *test = test_clock_of(sleeper->clock);
    pthread_mutex_lock(&test->mutex);
    sleeper->token = true;
    rouse(sleeper);
    pthread_mutex_unlock(&test->mutex);
}

static void count_busy(struct weir__sleeper *sleeper, bool more)
{
    struct test_clock *test = test_clock_of(sleeper->clock);
    pthread_mutex_lock(&test->mutex);
    sleeper->busy += more ? 1 : (size_t)-1;
    if (!sleeper->busy)
        pthread_cond_broadcast(&test->quiet);
    pthread_mutex_unlock(&test->mutex);
}

static const struct weir__clock_ops test_ops = { read_time,   attach, retire,    detach,
                                                 sleep_until, wake,   count_busy };

static bool is_test_clock(const weir_clock *clock)
{
    return clock && clock->ops == &test_ops;
}

weir_status weir_test_clock_create(weir_clock **out, int64_t now_ns)
{
    if (!out || now_ns < 0)
        return WEIR_EINVAL;
    struct test_clock *test = calloc(1, sizeof *test);
    if (!test)
        return WEIR_ENOMEM;
    test->clock.ops = &test_ops;
    test->now_ns = now_ns < WEIR_FOREVER ? now_ns : WEIR_FOREVER - 1;
    pthread_mutex_init(&test->mutex, NULL);
    weir__monitor_init(&test->quiet);
    *out = &test->clock;
    return WEIR_OK;
}

void weir_test_clock_destroy(weir_clock *clock)
{
    if (!is_test_clock(clock))
        return;
    struct test_clock *test = test_clock_of(clock);
    pthread_cond_destroy(&test->quiet);
    pthread_mutex_destroy(&test->mutex);
    free(test);
}

/* Requires: the mutex. */
static void move_to(struct test_clock *test, int64_t now_ns)
{
    if (now_ns <= test->now_ns)
        return; /* a task moved it further meanwhile */
    test->now_ns = now_ns < WEIR_FOREVER ? now_ns : WEIR_FOREVER - 1;
    for (struct weir__sleeper *sleeper = test->sleepers; sleeper; sleeper = sleeper->next)
        if (sleeper->until_ns <= test->now_ns)
            rouse(sleeper);
}

/* Requires: the mutex. */
static bool is_quiet(const struct test_clock *test, bool idle)
{
    for (struct weir__sleeper *sleeper = test->sleepers; sleeper; sleeper = sleeper->next)
        if (!(sleeper->asleep || sleeper->retired) || (idle && sleeper->busy))
            return false;
    return true;
}

/* Requires: the mutex. */
static weir_status wait_quiet(struct test_clock *test, bool idle, int64_t deadline_ns)
{
    while (!is_quiet(test, idle))
        if (!weir__monitor_wait(&test->quiet, &test->mutex, deadline_ns))
            return is_quiet(test, idle) ? WEIR_OK : WEIR_ETIMEDOUT;
    return WEIR_OK;
}

/* Requires: the mutex. */
static int64_t earliest(const struct test_clock *test)
{
    int64_t first_ns = WEIR_FOREVER;
    for (struct weir__sleeper *sleeper = test->sleepers; sleeper; sleeper = sleeper->next)
        if (sleeper->asleep && sleeper->until_ns < first_ns)
            first_ns = sleeper->until_ns;
    return first_ns;
}

weir_status weir_test_clock_advance(weir_clock *clock, int64_t by_ns)
{
    if (!is_test_clock(clock) || by_ns < 0)
        return WEIR_EINVAL;
    struct test_clock *test = test_clock_of(clock);
    pthread_mutex_lock(&test->mutex);
    move_to(test, weir__time_add(test->now_ns, by_ns));
    pthread_mutex_unlock(&test->mutex);
    return WEIR_OK;
}

weir_status weir_test_clock_run_for(weir_clock *clock, int64_t by_ns, int64_t timeout_ns)
{
    if (!is_test_clock(clock) || by_ns < 0 || timeout_ns < 0)
        return WEIR_EINVAL;
    int64_t deadline_ns = weir__deadline_after(timeout_ns);
    struct test_clock *test = test_clock_of(clock);
    pthread_mutex_lock(&test->mutex);
    int64_t target_ns = weir__time_add(test->now_ns, by_ns);
    weir_status status = wait_quiet(test, true, deadline_ns);
    for (int64_t next_ns;
         status == WEIR_OK && (next_ns = earliest(test)) <= target_ns && next_ns != WEIR_FOREVER;) {
        move_to(test, next_ns);
        status = wait_quiet(test, true, deadline_ns);
    }
    if (status == WEIR_OK)
        move_to(test, target_ns); /* nothing is due up to there */
    pthread_mutex_unlock(&test->mutex);
    return status;
}

static weir_status wait_on(weir_clock *clock, bool idle, int64_t timeout_ns)
{
    if (!is_test_clock(clock) || timeout_ns < 0)
        return WEIR_EINVAL;
    int64_t deadline_ns = weir__deadline_after(timeout_ns);
    struct test_clock *test = test_clock_of(clock);
    pthread_mutex_lock(&test->mutex);
    weir_status status = wait_quiet(test, idle, deadline_ns);
    pthread_mutex_unlock(&test->mutex);
    return status;
}

weir_status weir_test_clock_wait_asleep(weir_clock *clock, int64_t timeout_ns)
{
    return wait_on(clock, false, timeout_ns);
}

weir_status weir_test_clock_wait_idle(weir_clock *clock, int64_t timeout_ns)
{
    return wait_on(clock, true, timeout_ns);
}

int64_t weir_test_clock_next(const weir_clock *clock)
{
    if (!is_test_clock(clock))
        return WEIR_FOREVER;
    struct test_clock *test = test_clock_of(clock);
    pthread_mutex_lock(&test->mutex);
    int64_t next_ns = earliest(test);
    pthread_mutex_unlock(&test->mutex);
    return next_ns;
}
