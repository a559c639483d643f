/* The processes around a worker: the host is killed, ignores or reaps its children, has no
 * descriptors left; the zygote is killed, or stopped. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/check.h"
#include "support/child.h"
#include "support/gate.h"
#include "support/shared.h"
#include "support/tasks.h"
#include "support/system.h"
#include "support/victims.h"

enum { WORKERS = 3 };

static bool exists(int pid)
{
    char path[64], status = 'Z';
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    if (fscanf(file, "%*d (%*[^)]) %c", &status) != 1)
        status = 'Z';
    fclose(file);
    return status != 'Z' && status != 'X';
}

static int parent_of(int pid)
{
    char path[64];
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    if (fscanf(file, "%*d (%*[^)]) %*c %d", &parent) != 1)
        parent = 0;
    fclose(file);
    return parent;
}

static weir_status spin_task(weir_task *task, void *gate)
{
    gate_let(gate, 0);
    atomic_fetch_add(&((struct gate *)gate)->entered, 1);
    int64_t end_ns = now_ns() + 6 * WATCHDOG_NS;
    while (now_ns() < end_ns && !weir_task_cancel_requested(task))
        ;
    return WEIR_OK;
}

struct household {
    _Atomic int pid[WORKERS + 1]; /* the zygote last */
    struct gate *gate;
    weir_start start;
};

static void host(struct household *home)
{
    weir_executor *executor = NULL;
    int pids[WORKERS];
    size_t count = 0;
    weir_process_options options = { .workers = WORKERS,
                                     .start = home->start,
                                     .allow_threads = true };
    if (weir_process_executor_create(&executor, &options) != WEIR_OK)
        _exit(1);
    /* One is busy, one waits in a task, one sleeps. */
    weir_submit(executor, spin_task, home->gate, 0, NULL);
    weir_submit(executor, gate_task, home->gate, 0, NULL);
    if (!gate_wait_entered(home->gate, 2))
        _exit(2);
    do
        weir_process_executor_pids(executor, pids, WORKERS, &count);
    while (!pids[0] || !pids[1] || !pids[2]);
    for (int i = 0; i < WORKERS; i++)
        atomic_store(&home->pid[i], pids[i]);
    atomic_store(&home->pid[WORKERS], parent_of(pids[0]));
    pause();
}

/* Returns how long that took. */
static int64_t killed_host_leaves_nobody(weir_start start)
{
    struct household *home = shared_alloc(sizeof *home);
    home->gate = gate_create();
    home->start = start;
    pid_t pid = fork();
    if (pid == 0)
        host(home);
    assert_eventually(atomic_load(&home->pid[WORKERS]) != 0);
    int64_t start_ns = now_ns();
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    for (int i = 0; i <= WORKERS; i++)
        if (home->pid[i] != pid)
            assert_eventually(!exists(home->pid[i]));
    int64_t took_ns = now_ns() - start_ns;
    gate_destroy(home->gate);
    shared_free(home, sizeof *home);
    return took_ns;
}

/* On a busy machine a process that has been killed may have to wait for a processor to die on: then
 * tries go on for a while. Who waits for something else takes long every time. */
static void killed_host_leaves_nobody_soon(weir_start start)
{
    int64_t took_ns = INT64_MAX, end_ns = now_ns() + WATCHDOG_NS;
    for (int i = 0; i < 5 || now_ns() < end_ns; i++) {
        took_ns = killed_host_leaves_nobody(start);
        if (took_ns < PROMPT_NS(WEIR_SECOND))
            break;
    }
    assert_true(took_ns < PROMPT_NS(WEIR_SECOND));
}

static void host_killed_its_workers_are_gone_within_a_second(void **state)
{
    (void)state;
    needs_system(SYSTEM_PROC);
    killed_host_leaves_nobody_soon(WEIR_START_ZYGOTE);
}

static void host_killed_directly_forked_workers_are_gone(void **state)
{
    (void)state;
    needs_system(SYSTEM_PROC);
    killed_host_leaves_nobody_soon(WEIR_START_FORK);
}

static weir_status die_task(weir_task *task, void *arg)
{
    (void)task;
    (void)arg;
    raise(SIGSEGV);
    return WEIR_OK;
}

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return __LINE__ % 200 + 1;                                                             \
    } while (0)

/* In a child, whose disposition of SIGCHLD is its own. */
static int die_and_recover(weir_start start, bool tells_why)
{
    weir_process_options options = { .workers = 2, .start = start, .allow_threads = true };
    weir_executor *executor;
    EXPECT(weir_process_executor_create(&executor, &options) == WEIR_OK);
    for (int i = 0; i < 5; i++) {
        weir_future *future;
        weir_crash_info info;
        int number = 4, twice = 0;
        EXPECT(weir_submit(executor, die_task, NULL, 0, &future) == WEIR_OK);
        EXPECT(weir_future_wait(future, WATCHDOG_NS) == WEIR_OK);
        EXPECT(weir_future_status(future) == WEIR_ECRASHED);
        EXPECT(weir_future_crash(future, &info) == WEIR_OK);
        EXPECT(!tells_why || (info.known && info.signal == SIGSEGV));
        weir_future_unref(future);
        EXPECT(weir_submit(executor, double_task, &number, sizeof number, &future) == WEIR_OK);
        EXPECT(weir_future_result(future, &twice, sizeof twice, WATCHDOG_NS) == WEIR_OK);
        EXPECT(twice == 8);
        weir_future_unref(future);
    }
    weir_executor_destroy(executor);
    return 0;
}

static int ignore_and_die(void *start)
{
    signal(SIGCHLD, SIG_IGN);
    return die_and_recover(*(weir_start *)start, *(weir_start *)start == WEIR_START_ZYGOTE);
}

static void *reap_everybody(void *over)
{
    struct timespec moment = { .tv_sec = 0, .tv_nsec = 20000 };
    while (!atomic_load((_Atomic bool *)over)) {
        waitpid(-1, NULL, WNOHANG);
        nanosleep(&moment, NULL);
    }
    return NULL;
}

static int reap_and_die(void *start)
{
    _Atomic bool over = false;
    pthread_t reaper;
    EXPECT(pthread_create(&reaper, NULL, reap_everybody, &over) == 0);
    int result = die_and_recover(*(weir_start *)start, *(weir_start *)start == WEIR_START_ZYGOTE);
    atomic_store(&over, true);
    pthread_join(reaper, NULL);
    return result;
}

static void host_that_ignores_sigchld_is_served(void **state)
{
    (void)state;
    for (weir_start start = WEIR_START_ZYGOTE; start <= WEIR_START_FORK; start++)
        assert_int_equal(run_in_child(ignore_and_die, &start), 0);
}

static void host_that_reaps_everybody_is_served(void **state)
{
    (void)state;
    for (weir_start start = WEIR_START_ZYGOTE; start <= WEIR_START_FORK; start++)
        assert_int_equal(run_in_child(reap_and_die, &start), 0);
}

static weir_executor *with_zygote(int *zygote, int *worker)
{
    weir_executor *executor = NULL;
    int pids[2] = { 0, 0 };
    weir_process_options options = { .workers = 2, .allow_threads = true };
    assert_status(weir_process_executor_create(&executor, &options), WEIR_OK);
    assert_eventually((victims_find(executor, pids, 2), pids[0] && pids[1]));
    *worker = pids[0];
    *zygote = parent_of(pids[0]);
    assert_true(*zygote > 0 && *zygote != getpid());
    return executor;
}

static void zygote_killed_breaks_the_executor_and_ends_all(void **state)
{
    (void)state;
    needs_system(SYSTEM_PROC);
    struct gate *gate = gate_create();
    int zygote, worker, crashed = 0, broken = 0;
    weir_executor *executor = with_zygote(&zygote, &worker);
    weir_future *future[10];
    for (int i = 0; i < 10; i++)
        assert_status(weir_submit(executor, gate_task, gate, 0, &future[i]), WEIR_OK);
    assert_true(gate_wait_entered(gate, 2));
    kill(zygote, SIGKILL);
    for (int i = 0; i < 10; i++) {
        assert_status(weir_future_wait(future[i], WATCHDOG_NS), WEIR_OK);
        crashed += weir_future_status(future[i]) == WEIR_ECRASHED;
        broken += weir_future_status(future[i]) == WEIR_EBROKEN;
        weir_future_unref(future[i]);
    }
    assert_int_equal(crashed, 2);
    assert_int_equal(broken, 8);
    assert_status(weir_submit(executor, noop_task, NULL, 0, NULL), WEIR_EBROKEN);
    weir_executor_destroy(executor);
    gate_destroy(gate);
}

static void zygote_stopped_does_not_hang_the_executor(void **state)
{
    (void)state;
    needs_system(SYSTEM_PROC);
    struct gate *gate = gate_create();
    int zygote, worker;
    weir_future *future;
    weir_executor *executor = with_zygote(&zygote, &worker);
    assert_status(weir_submit(executor, gate_task, gate, 0, &future), WEIR_OK);
    assert_true(gate_wait_entered(gate, 1));
    kill(zygote, SIGSTOP);
    kill(worker, SIGKILL); /* it, or the one that sleeps: nobody is told */
    gate_open(gate);
    assert_status(weir_future_wait(future, 2 * WATCHDOG_NS), WEIR_OK); /* it has 5 s to come back */
    weir_future_unref(future);
    weir_executor_destroy(executor);
    gate_destroy(gate);
}

/* With so many descriptors left. */
static int create_with_few(void *data)
{
    struct rlimit files;
    int next = open("/dev/null", O_RDONLY | O_CLOEXEC), left = *(int *)data;
    close(next);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = (rlim_t)(next + left);
    setrlimit(RLIMIT_NOFILE, &files);
    weir_executor *executor = NULL;
    weir_process_options options = { .workers = 2, .allow_threads = true };
    errno = 0;
    weir_status status = weir_process_executor_create(&executor, &options);
    EXPECT(status == WEIR_OK || status == WEIR_ESYS);
    if (status != WEIR_OK) {
        EXPECT(executor == NULL && errno == EMFILE);
        int again = open("/dev/null", O_RDONLY | O_CLOEXEC);
        EXPECT(left == 0 || again == next); /* nothing is left behind */
        return 0;
    }
    int number = 3, twice = 0;
    weir_future *future;
    EXPECT(weir_submit(executor, double_task, &number, sizeof number, &future) == WEIR_OK);
    EXPECT(weir_future_result(future, &twice, sizeof twice, WATCHDOG_NS) == WEIR_OK);
    EXPECT(twice == 6);
    EXPECT(weir_submit(executor, die_task, NULL, 0, NULL) == WEIR_OK);
    EXPECT(weir_submit(executor, double_task, &number, sizeof number, &future) == WEIR_OK);
    EXPECT(weir_future_result(future, &twice, sizeof twice, WATCHDOG_NS) == WEIR_OK);
    weir_executor_destroy(executor);
    return 0;
}

static void descriptors_exhausted_create_fails_or_works(void **state)
{
    (void)state;
    for (int left = 0; left < 12; left++)
        assert_int_equal(run_in_child(create_with_few, &left), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_killed_its_workers_are_gone_within_a_second),
        cmocka_unit_test(host_killed_directly_forked_workers_are_gone),
        cmocka_unit_test(host_that_ignores_sigchld_is_served),
        cmocka_unit_test(host_that_reaps_everybody_is_served),
        cmocka_unit_test(zygote_killed_breaks_the_executor_and_ends_all),
        cmocka_unit_test(zygote_stopped_does_not_hang_the_executor),
        cmocka_unit_test(descriptors_exhausted_create_fails_or_works),
    };
    return cmocka_run_group_tests_name("process_family", tests, NULL, NULL);
}
