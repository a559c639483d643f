/* What the executor needs of the system is not there: processes, buffers, /proc, descriptors of its own. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "process/pool.h"
#include "support/check.h"
#include "support/child.h"
#include "support/crew.h"
#include "support/gate.h"
#include "support/shared.h"
#include "support/system.h"
#include "support/tasks.h"

/* Shared with the zygote. The first `passing` forks succeed, then `failing` fail. */
static struct forks {
    _Atomic uint32_t passing, failing;
} *forks;

static bool no_proc; /* set before the processes are forked that are to find none */

pid_t __real_fork(void);
pid_t __wrap_fork(void);
FILE *__real_fopen(const char *, const char *);
FILE *__wrap_fopen(const char *, const char *);
DIR *__real_opendir(const char *);
DIR *__wrap_opendir(const char *);
int __real_open(const char *, int, ...);
int __wrap_open(const char *, int, ...);

static bool take_one(_Atomic uint32_t *count)
{
    uint32_t left = atomic_load(count);
    while (left)
        if (atomic_compare_exchange_weak(count, &left, left - 1))
            return true;
    return false;
}

pid_t __wrap_fork(void)
{
    if (!take_one(&forks->passing) && take_one(&forks->failing)) {
        errno = EAGAIN;
        return -1;
    }
    return __real_fork();
}

static bool is_missing(const char *path)
{
    if (!no_proc || strncmp(path, "/proc/", 6) != 0)
        return false;
    errno = ENOENT;
    return true;
}

FILE *__wrap_fopen(const char *path, const char *mode)
{
    return is_missing(path) ? NULL : __real_fopen(path, mode);
}

DIR *__wrap_opendir(const char *path)
{
    return is_missing(path) ? NULL : __real_opendir(path);
}

int __wrap_open(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return is_missing(path) ? -1 : __real_open(path, flags, mode);
}

static weir_executor *create(weir_process_options options)
{
    weir_executor *executor = NULL;
    options.allow_threads = true;
    assert_status(weir_process_executor_create(&executor, &options), WEIR_OK);
    return executor;
}

static weir_future *submit(weir_executor *executor, weir_task_fn *fn, void *arg)
{
    weir_future *future = NULL;
    assert_status(weir_submit(executor, fn, arg, 0, &future), WEIR_OK);
    return future;
}

static weir_status end_and_drop(weir_future *future)
{
    assert_status(weir_future_wait(future, WATCHDOG_NS), WEIR_OK);
    weir_status status = weir_future_status(future);
    weir_future_unref(future);
    return status;
}

static weir_stats stats_of(weir_executor *executor)
{
    weir_stats stats;
    assert_status(weir_executor_stats(executor, &stats), WEIR_OK);
    return stats;
}

static weir_status die_task(weir_task *task, void *arg)
{
    (void)task;
    (void)arg;
    raise(SIGKILL);
    return WEIR_OK;
}

static weir_status die_at_gate_task(weir_task *task, void *gate)
{
    gate_pass(gate);
    return die_task(task, NULL);
}

static void fork_failing_at_creation_is_told(void **state)
{
    (void)state;
    for (weir_start start = WEIR_START_ZYGOTE; start <= WEIR_START_FORK; start++)
        for (uint32_t passing = 0; passing < 2; passing++) {
            weir_process_options options = { .workers = 1, .start = start, .allow_threads = true };
            weir_executor *executor = NULL;
            if (start == WEIR_START_FORK && passing)
                continue; /* there is no zygote, so there is but one */
            atomic_store(&forks->passing, passing);
            atomic_store(&forks->failing, UINT32_MAX);
            errno = 0;
            assert_status(weir_process_executor_create(&executor, &options), WEIR_ESYS);
            assert_int_equal(errno, EAGAIN);
            assert_null(executor);
            atomic_store(&forks->failing, 0);
        }
}

static void fork_failing_on_respawn_is_tried_again(void **state)
{
    (void)state;
    for (weir_start start = WEIR_START_ZYGOTE; start <= WEIR_START_FORK; start++) {
        weir_executor *executor = create((weir_process_options){ .workers = 1, .start = start });
        atomic_store(&forks->failing, 3);
        assert_status(end_and_drop(submit(executor, die_task, NULL)), WEIR_ECRASHED);
        assert_status(end_and_drop(submit(executor, noop_task, NULL)), WEIR_OK);
        assert_int_equal(atomic_load(&forks->failing), 0);
        assert_int_equal(stats_of(executor).spawn_failures, 3);
        assert_eventually(stats_of(executor).respawned == 1);
        weir_executor_destroy(executor);
    }
}

static void fork_failing_for_ever_breaks_the_executor_that_has_no_worker(void **state)
{
    (void)state;
    enum { MANY = 5 };
    for (weir_start start = WEIR_START_ZYGOTE; start <= WEIR_START_FORK; start++) {
        weir_future *future[MANY];
        struct gate *gate = gate_create();
        weir_executor *executor = create((weir_process_options){
            .workers = 1, .start = start, .deaths_max = 4, .deaths_within_ns = 3600 * WEIR_SECOND });
        atomic_store(&forks->failing, UINT32_MAX);
        /* It dies once the others are there: they would be refused when the executor is broken. */
        weir_future *crashed = submit(executor, die_at_gate_task, gate);
        for (int i = 0; i < MANY; i++)
            future[i] = submit(executor, noop_task, NULL);
        gate_open(gate);
        assert_status(end_and_drop(crashed), WEIR_ECRASHED);
        for (int i = 0; i < MANY; i++)
            assert_status(end_and_drop(future[i]), WEIR_EBROKEN);
        assert_status(weir_submit(executor, noop_task, NULL, 0, NULL), WEIR_EBROKEN);
        assert_int_equal(stats_of(executor).spawn_failures, 3); /* and the death before */
        weir_executor_destroy(executor);
        atomic_store(&forks->failing, 0);
        gate_destroy(gate);
    }
}

static void fork_failing_for_one_worker_leaves_the_tasks_to_the_other(void **state)
{
    (void)state;
    for (weir_start start = WEIR_START_ZYGOTE; start <= WEIR_START_FORK; start++) {
        weir_executor *executor = create((weir_process_options){ .workers = 2, .start = start });
        struct weir__process_pool *pool = weir__process_pool_of(executor);
        assert_eventually(atomic_load(&pool->post[0].pid) && atomic_load(&pool->post[1].pid));
        atomic_store(&forks->failing, UINT32_MAX);
        assert_status(end_and_drop(submit(executor, die_task, NULL)), WEIR_ECRASHED);
        assert_eventually(stats_of(executor).spawn_failures >= 3);
        for (int i = 0; i < 20; i++)
            assert_status(end_and_drop(submit(executor, noop_task, NULL)), WEIR_OK);
        assert_true(weir_executor_alive(executor));
        atomic_store(&forks->failing, 0);
        assert_eventually(stats_of(executor).respawned == 1);
        weir_executor_destroy(executor);
    }
}

/* Each large argument of a submitter that waits has a buffer, up to a number. */
struct crowd {
    weir_executor *executor;
    char *bytes;
    size_t size;
    _Atomic uint32_t ok, no_memory, other;
};

static void submit_large(void *data, size_t index)
{
    struct crowd *crowd = data;
    (void)index;
    weir_status status = weir_submit(crowd->executor, noop_task, crowd->bytes, crowd->size, NULL);
    atomic_fetch_add(status == WEIR_OK       ? &crowd->ok
                     : status == WEIR_ENOMEM ? &crowd->no_memory
                                             : &crowd->other,
                     1);
}

static void buffers_used_up_is_out_of_memory(void **state)
{
    (void)state;
    enum { SIZE = 4096, MORE = 3 };
    struct gate *gate = gate_create();
    weir_executor *executor = create((weir_process_options){ .workers = 1,
                                                             .limit = 1,
                                                             .payload_bytes = SIZE,
                                                             .policy = weir_block(WEIR_FOREVER) });
    struct crowd crowd = { .executor = executor, .bytes = calloc(1, SIZE), .size = SIZE };
    uint32_t buffers = (uint32_t)weir__process_pool_of(executor)->plan.segment.buffers;
    weir_future *held = submit(executor, gate_task, gate);
    assert_true(gate_wait_entered(gate, 1));
    /* One of them is accepted, the others wait, but for those for whom there is no buffer. */
    struct crew *crew = crew_start(buffers + MORE, submit_large, &crowd);
    assert_eventually(atomic_load(&crowd.no_memory) == MORE);
    assert_eventually(stats_of(executor).blocked == buffers - 1);
    /* What needs none is served as before. */
    assert_int_equal(atomic_load(&crowd.other), 0);
    gate_open(gate);
    crew_join(crew);
    assert_int_equal(atomic_load(&crowd.ok), buffers);
    assert_int_equal(atomic_load(&crowd.no_memory), MORE);
    assert_status(end_and_drop(held), WEIR_OK);
    assert_status(weir_executor_shutdown(executor, NULL), WEIR_OK);
    weir_executor_destroy(executor);
    free(crowd.bytes);
    gate_destroy(gate);
}

/* Which one of ours the host closes: the newest of its kind, as the system names it. The collector may
 * change its own record of it at any time, so that is not asked. */
enum { DOORBELL, TIMER, SOCKET, PIDFD, EVERYTHING, VICTIMS };
enum { FIRST_FD = 3, FDS = 100 };

static int fd_of(int victim)
{
    static const char *const kind[] = {
        "anon_inode:[eventfd]", "anon_inode:[timerfd]", "socket:", "anon_inode:[pidfd]"
    };
    for (int fd = FDS; fd-- > FIRST_FD;) {
        char link[32], target[64] = "";
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        if (readlink(link, target, sizeof target - 1) > 0 &&
            strncmp(target, kind[victim], strlen(kind[victim])) == 0)
            return fd;
    }
    return -1;
}

struct robbery {
    int victim;
    weir_start start;
    bool busy; /* tasks are submitted until they are refused */
};

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return __LINE__ % 250 + 1;                                                             \
    } while (0)

static bool is_gone(struct weir__process_pool *pool)
{
    weir__lock_take(&pool->base.lock);
    bool gone = pool->gone;
    weir__lock_release(&pool->base.lock);
    return gone;
}

/* In a child, whose descriptors are its own. It opens none after the robbery, which would get the numbers
 * of those that were closed. */
static int rob_and_destroy(void *data)
{
    const struct robbery *robbery = data;
    weir_executor *executor = NULL;
    weir_process_options options = {
        .workers = 1, .start = robbery->start, .allow_threads = true
    };
    EXPECT(weir_process_executor_create(&executor, &options) == WEIR_OK);
    struct weir__process_pool *pool = weir__process_pool_of(executor);
    while (atomic_load(&pool->post[0].pid) == 0)
        sched_yield();
    if (robbery->victim == EVERYTHING)
        for (int fd = FIRST_FD; fd < FDS; fd++)
            close(fd);
    else
        EXPECT(close(fd_of(robbery->victim)) == 0);
    weir_status status = WEIR_OK;
    bool breaks = !(robbery->victim == PIDFD && robbery->start == WEIR_START_ZYGOTE);
    int64_t end_ns = now_ns() + WATCHDOG_NS / 2;
    while (robbery->busy && breaks && status == WEIR_OK && now_ns() < end_ns) {
        weir_future *future = NULL;
        status = weir_submit(executor, noop_task, NULL, 0, &future);
        if (status != WEIR_OK)
            break;
        EXPECT(weir_future_wait(future, WATCHDOG_NS / 2) == WEIR_OK);
        weir_status end = weir_future_status(future);
        EXPECT(end == WEIR_OK || end == WEIR_EBROKEN || end == WEIR_ECRASHED);
        weir_future_unref(future);
    }
    EXPECT(!robbery->busy || !breaks || status == WEIR_EBROKEN);
    /* There is nothing left for the collector to do, so it is gone: it does not turn around. */
    while (robbery->busy && breaks && !is_gone(pool) && now_ns() < end_ns)
        sched_yield();
    EXPECT(!robbery->busy || !breaks || is_gone(pool));
    weir_executor_destroy(executor);
    return 0;
}

static void descriptor_closed_by_the_host_breaks_the_executor(void **state)
{
    (void)state;
    needs_system(SYSTEM_PROC | SYSTEM_PIDFD);
    for (int start = WEIR_START_ZYGOTE; start <= WEIR_START_FORK; start++)
        for (int victim = 0; victim < VICTIMS; victim++)
            for (int busy = 0; busy < 2; busy++) {
                struct robbery robbery = {
                    .victim = victim, .start = (weir_start)start, .busy = busy
                };
                if (victim == SOCKET && start == WEIR_START_FORK)
                    continue; /* there is none */
                int line = run_in_child(rob_and_destroy, &robbery);
                if (line)
                    fail_msg("start %d, descriptor %d, busy %d: %d", start, victim, busy, line);
            }
}

static void *wait_in_thread(void *gate)
{
    gate_pass(gate);
    return NULL;
}

/* Nothing can be told there, so nothing is refused. */
static void host_without_proc_is_served(void **state)
{
    (void)state;
    pthread_t thread;
    struct gate *gate = gate_create();
    weir_executor *executor = NULL;
    weir_process_options options = { .workers = 1, .limits = { .oom_score_adj = 500 } };
    int number = 21, twice = 0;
    assert_int_equal(pthread_create(&thread, NULL, wait_in_thread, gate), 0);
    no_proc = true;
    assert_status(weir_process_executor_create(&executor, &options), WEIR_OK);
    weir_future *future = NULL;
    assert_status(weir_submit(executor, double_task, &number, sizeof number, &future), WEIR_OK);
    assert_status(weir_future_result(future, &twice, sizeof twice, WATCHDOG_NS), WEIR_OK);
    assert_int_equal(twice, 42);
    weir_future_unref(future);
    /* A function that nobody knows costs its own task. */
    weir_task_fn *nowhere = (weir_task_fn *)(uintptr_t)4096;
    assert_status(weir_submit(executor, nowhere, NULL, 0, &future), WEIR_OK);
    assert_status(end_and_drop(future), WEIR_ECRASHED);
    assert_status(end_and_drop(submit(executor, noop_task, NULL)), WEIR_OK);
    weir_executor_destroy(executor);
    no_proc = false;
    gate_open(gate);
    pthread_join(thread, NULL);
    gate_destroy(gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fork_failing_at_creation_is_told),
        cmocka_unit_test(fork_failing_on_respawn_is_tried_again),
        cmocka_unit_test(fork_failing_for_ever_breaks_the_executor_that_has_no_worker),
        cmocka_unit_test(fork_failing_for_one_worker_leaves_the_tasks_to_the_other),
        cmocka_unit_test(buffers_used_up_is_out_of_memory),
        cmocka_unit_test(descriptor_closed_by_the_host_breaks_the_executor),
        cmocka_unit_test(host_without_proc_is_served),
    };
    forks = shared_alloc(sizeof *forks);
    return cmocka_run_group_tests_name("process_scarce", tests, NULL, NULL);
}
