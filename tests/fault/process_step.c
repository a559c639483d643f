/* A worker is killed after each instruction of one round: from its wake-up, through hint, claim,
 * start, function, result and completion, until it sleeps again. Another worker is there to take over.
 *
 * The worker is single-stepped with ptrace, so the points are exact: with WEIR_STEP_STRIDE=1, round n
 * dies after n steps; without it, only every eleventh point is tried. After each death: the task has
 * ended, as its starts say; so has a second one behind it; the executor is well. The test ends when a
 * round gets through alive. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/check.h"
#include "support/shared.h"
#include "support/tasks.h"
#include "support/system.h"
#include "support/victims.h"

struct mark {
    _Atomic uint32_t starts, ends;
};

static weir_status marking_task(weir_task *task, void *arg)
{
    struct mark *mark = arg;
    uint64_t value = 4711;
    atomic_fetch_add(&mark->starts, 1);
    weir_status status = weir_task_return(task, &value, sizeof value);
    atomic_fetch_add(&mark->ends, 1);
    return status;
}

static bool read_proc(int pid, const char *name, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, size - 1);
    if (fd >= 0)
        close(fd);
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

/* In futex(), and not just on its way through. */
static bool asleep(int pid)
{
    char call[128], stat[128];
    if (!read_proc(pid, "syscall", call, sizeof call) || atol(call) != SYS_futex ||
        !read_proc(pid, "stat", stat, sizeof stat))
        return false;
    const char *state = strrchr(stat, ')');
    return state && state[1] && state[2] == 'S';
}

static int only_worker(weir_executor *executor)
{
    int pid = 0;
    assert_eventually((victims_find(executor, &pid, 1), pid != 0 && asleep(pid)));
    return pid;
}

static bool hold(int pid)
{
    int status;
    if (ptrace(PTRACE_SEIZE, pid, 0, 0) != 0)
        return false;
    ptrace(PTRACE_INTERRUPT, pid, 0, 0);
    return waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status);
}

/* One step. False: it went to sleep instead. It may do so once it is done with both tasks, which is
 * some time before the host has ended both. */
static bool step(int pid, weir_future *first, weir_future *second)
{
    int status;
    int64_t start_ns = now_ns();
    if (ptrace(PTRACE_SINGLESTEP, pid, 0, 0) != 0)
        return false;
    while (waitpid(pid, &status, __WALL | WNOHANG) == 0) {
        int64_t took_ns = now_ns() - start_ns;
        if (took_ns > 20 * WEIR_MILLISECOND && weir_future_status(first) != WEIR_EPENDING &&
            weir_future_status(second) != WEIR_EPENDING && asleep(pid))
            return false;
        if (took_ns > WATCHDOG_NS)
            fail_msg("the worker has gone to sleep with a task to do");
        sched_yield();
    }
    return WIFSTOPPED(status);
}

/* Let it make so many steps. False: it was done with both tasks and asleep before. */
static bool step_on(int pid, uint64_t steps, weir_future *first, weir_future *second)
{
    for (uint64_t i = 0; i < steps; i++)
        if (!step(pid, first, second))
            return false;
    return true;
}

static void die(int pid)
{
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
        ;
}

struct tally {
    uint64_t points, crashed, ran;
};

/* One round, with a death after so many steps. True: it was over before. */
static bool die_after(weir_executor *executor, struct mark *mark, uint64_t steps,
                      struct tally *tally)
{
    weir_future *first, *second;
    uint64_t value = 0;
    int pid = only_worker(executor);
    memset(mark, 0, 2 * sizeof *mark);
    assert_true(hold(pid));
    assert_status(weir_submit(executor, marking_task, &mark[0], 0, &first), WEIR_OK);
    assert_status(weir_submit(executor, marking_task, &mark[1], 0, &second), WEIR_OK);
    bool over = !step_on(pid, steps, first, second);
    die(pid);
    assert_status(weir_future_wait(first, WATCHDOG_NS), WEIR_OK);
    assert_status(weir_future_wait(second, WATCHDOG_NS), WEIR_OK);
    for (int i = 0; i < 2; i++) {
        weir_future *future = i ? second : first;
        weir_status status = weir_future_result(future, &value, sizeof value, 0);
        uint32_t starts = atomic_load(&mark[i].starts);
        if (status == WEIR_OK) {
            assert_int_equal(value, 4711);
            assert_int_equal(starts, 1);
            assert_int_equal(atomic_load(&mark[i].ends), 1);
            tally->ran++;
        } else {
            assert_status(status, WEIR_ECRASHED);
            assert_true(starts <= 1); /* killed on the way to its first instruction, or later */
            tally->crashed++;
        }
        weir_future_unref(future);
    }
    tally->points++;
    return over;
}

static void killed_at_each_instruction_nothing_is_lost(void **state)
{
    (void)state;
    needs_system(SYSTEM_PROC | SYSTEM_PTRACE);
    struct mark *mark = shared_alloc(2 * sizeof *mark);
    struct tally tally = { 0, 0, 0 };
    weir_executor *executor = NULL;
    weir_process_options options = { .workers = 1, .allow_threads = true, .deaths_max = 100000 };
    assert_status(weir_process_executor_create(&executor, &options), WEIR_OK);
    const char *wish = getenv("WEIR_STEP_STRIDE");
    uint64_t stride = wish ? strtoull(wish, NULL, 10) : 11 * WEIR_STRESS_SCALE;
    for (uint64_t steps = 0; !die_after(executor, mark, steps, &tally); steps += stride)
        ;
    fprintf(stderr, "%llu kill points: %llu tasks ended OK, %llu crashed\n",
            (unsigned long long)tally.points, (unsigned long long)tally.ran,
            (unsigned long long)tally.crashed);
    assert_true(tally.points > 100 / stride);
    assert_true(tally.crashed > 0);
    weir_executor_destroy(executor);
    shared_free(mark, 2 * sizeof *mark);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_at_each_instruction_nothing_is_lost),
    };
    return cmocka_run_group_tests_name("process_step", tests, NULL, NULL);
}
