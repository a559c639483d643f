/* What a worker is held to: run times, cancelling by force, its number of tasks, resources; and what
 * it has of the host. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "support/check.h"
#include "support/child.h"
#include "support/gate.h"
#include "support/tasks.h"
#include "support/system.h"
#include "support/victims.h"

static weir_executor *create(weir_process_options options)
{
    weir_executor *executor = NULL;
    options.allow_threads = true;
    assert_status(weir_process_executor_create(&executor, &options), WEIR_OK);
    return executor;
}

static weir_future *submit(weir_executor *executor, weir_submission submission)
{
    weir_future *future = NULL;
    assert_status(weir_submit_with(executor, &submission, &future), WEIR_OK);
    return future;
}

static weir_status end_and_drop(weir_future *future)
{
    assert_status(weir_future_wait(future, WATCHDOG_NS), WEIR_OK);
    weir_status status = weir_future_status(future);
    weir_future_unref(future);
    return status;
}

/* As an init: before there is a task whose time could be over. */
static weir_status ignore_sigterm(void *data, size_t worker)
{
    (void)data;
    (void)worker;
    return signal(SIGTERM, SIG_IGN) == SIG_ERR ? WEIR_EFAILED : WEIR_OK;
}

static weir_status never_end_task(weir_task *task, void *gate)
{
    (void)task;
    atomic_fetch_add(&((struct gate *)gate)->entered, 1);
    for (;;)
        pause();
    return WEIR_OK;
}

static void run_time_over_kills_the_worker_that_ignores_sigterm(void **state)
{
    (void)state;
    struct gate *gate = gate_create();
    weir_crash_info info;
    weir_executor *executor =
        create((weir_process_options){ .workers = 1, .worker_init = ignore_sigterm });
    weir_future *future = submit(executor, (weir_submission){ .fn = never_end_task,
                                                              .arg = gate,
                                                              .retries = 5,
                                                              .run_within_ns =
                                                                  50 * WEIR_MILLISECOND });
    weir_future *next = submit(executor, (weir_submission){ .fn = noop_task });
    assert_status(weir_future_wait(future, WATCHDOG_NS), WEIR_OK);
    assert_status(weir_future_status(future), WEIR_EOVERRUN);
    assert_status(weir_future_crash(future, &info), WEIR_OK);
    assert_int_equal(info.signal, SIGKILL);
    assert_true(info.run_ns >= 50 * WEIR_MILLISECOND);
    assert_status(end_and_drop(next), WEIR_OK);
    /* What ran too long is not run again. (On a busy machine it may not have come to its gate.) */
    assert_true(atomic_load(&gate->entered) <= 1);
    weir_future_unref(future);
    weir_stats stats;
    assert_status(weir_executor_stats(executor, &stats), WEIR_OK);
    assert_int_equal(stats.crashed, 0);
    assert_int_equal(stats.failed, 1);
    weir_executor_destroy(executor);
    gate_destroy(gate);
}

static void run_time_limits_hit_only_their_own_tasks(void **state)
{
    (void)state;
    enum { TASKS = 300 };
    weir_executor *executor = create((weir_process_options){ .workers = 2 });
    weir_future *future[TASKS];
    int overrun = 0;
    for (int i = 0; i < TASKS; i++) {
        /* Every third task runs for about as long as it is allowed; the first for much longer. */
        int64_t burn_ns = i == 0 ? WATCHDOG_NS : i % 3 == 0 ? WEIR_MILLISECOND : 50000;
        future[i] = submit(executor,
                           (weir_submission){ .fn = burn_task,
                                              .arg = &burn_ns,
                                              .arg_size = sizeof burn_ns,
                                              .run_within_ns = i % 3 == 0 ? WEIR_MILLISECOND : 0 });
    }
    for (int i = 0; i < TASKS; i++) {
        weir_status status = end_and_drop(future[i]);
        assert_true(status == WEIR_OK || (i % 3 == 0 && status == WEIR_EOVERRUN));
        overrun += status == WEIR_EOVERRUN;
    }
    assert_true(overrun > 0);
    weir_executor_destroy(executor);
}

static void cancel_by_force_kills_only_if_it_was_declared(void **state)
{
    (void)state;
    struct gate *gate = gate_create();
    weir_executor *executor = create((weir_process_options){ .workers = 2 });
    weir_future *killable = submit(
        executor,
        (weir_submission){ .fn = never_end_task, .arg = gate, .flags = WEIR_KILL_ON_CANCEL });
    weir_future *asked = submit(executor, (weir_submission){ .fn = until_cancelled_task });
    assert_true(gate_wait_entered(gate, 1));
    assert_eventually(weir_future_state(asked) == WEIR_RUNNING);
    assert_false(weir_future_cancel(killable));
    assert_status(weir_future_wait(killable, WATCHDOG_NS), WEIR_OK);
    assert_status(weir_future_status(killable), WEIR_ECANCELLED);
    assert_int_equal(weir_future_state(killable), WEIR_CANCELLED);
    assert_false(weir_future_cancel(asked));
    bool told = false;
    assert_status(weir_future_result(asked, &told, sizeof told, WATCHDOG_NS), WEIR_OK);
    assert_true(told);
    weir_future_unref(killable);
    weir_future_unref(asked);
    weir_executor_destroy(executor);
    gate_destroy(gate);
}

static void promise_follows_a_task_that_is_killed(void **state)
{
    (void)state;
    struct gate *gate = gate_create();
    weir_executor *executor = create((weir_process_options){ .workers = 1 });
    weir_promise_pool *pool;
    weir_promise *promise;
    weir_future *promised;
    assert_status(weir_promise_pool_create(&pool), WEIR_OK);
    assert_status(weir_promise_create(pool, NULL, &promise, &promised), WEIR_OK);
    assert_status(weir_promise_hold(promise), WEIR_OK);
    weir_future *killable = submit(
        executor,
        (weir_submission){ .fn = never_end_task, .arg = gate, .flags = WEIR_KILL_ON_CANCEL });
    assert_int_equal(weir_future_state(promised), WEIR_PENDING);
    assert_status(weir_promise_follow(promise, killable), WEIR_OK);
    weir_promise_destroy(promise);
    /* That it runs is known in its process only, until somebody asks. */
    assert_true(gate_wait_entered(gate, 1));
    assert_int_equal(weir_future_state(promised), WEIR_RUNNING);
    assert_false(weir_future_cancel(promised));
    assert_status(end_and_drop(promised), WEIR_ECANCELLED);
    assert_status(end_and_drop(killable), WEIR_ECANCELLED);
    weir_promise_pool_destroy(pool);
    weir_executor_destroy(executor);
    gate_destroy(gate);
}

/* The thread that ends tasks waits for a promise that comes to stand for one of them. */
struct later {
    weir_executor *executor;
    weir_future *promised;
    _Atomic int status; /* of the wait */
};

static void wait_for_promise(weir_future *future, void *data)
{
    struct later *later = data;
    (void)future;
    atomic_store(&later->status, (int)weir_future_wait(later->promised, WATCHDOG_NS));
}

static void callback_waits_for_a_promise_that_follows_later(void **state)
{
    (void)state;
    struct gate *gate = gate_create();
    for (int round = 0; round < (int)ROUNDS(100); round++) {
        weir_executor *executor = create((weir_process_options){ .workers = 1 });
        struct later later = { .executor = executor, .status = -1 };
        weir_promise_pool *pool;
        weir_promise *promise;
        assert_status(weir_promise_pool_create(&pool), WEIR_OK);
        assert_status(weir_promise_create(pool, NULL, &promise, &later.promised), WEIR_OK);
        assert_status(weir_promise_hold(promise), WEIR_OK);
        /* It ends after its callback is there: else that would run here, and nobody would follow. */
        weir_future *first = submit(executor, (weir_submission){ .fn = gate_task, .arg = gate });
        assert_status(weir_future_on_done(first, wait_for_promise, &later), WEIR_OK);
        gate_let(gate, 1);
        weir_future *second = submit(executor, (weir_submission){ .fn = noop_task });
        assert_status(weir_promise_follow(promise, second), WEIR_OK);
        weir_promise_destroy(promise);
        assert_status(end_and_drop(second), WEIR_OK);
        assert_eventually(atomic_load(&later.status) != -1);
        assert_status((weir_status)atomic_load(&later.status), WEIR_OK);
        assert_status(end_and_drop(later.promised), WEIR_OK);
        assert_status(end_and_drop(first), WEIR_OK);
        weir_promise_pool_destroy(pool);
        weir_executor_destroy(executor);
    }
    gate_destroy(gate);
}

/* Returns the how many-th task of its worker it is. (Not whose: process ids come again.) */
static weir_status nth_task(weir_task *task, void *arg)
{
    static int nth; /* in the host for ever 0, and so in each new worker */
    (void)arg;
    nth++;
    return weir_task_return(task, &nth, sizeof nth);
}

static void worker_is_replaced_after_its_number_of_tasks(void **state)
{
    (void)state;
    enum { TASKS = 60, EACH = 3 };
    for (size_t workers = 1; workers <= 2; workers++) {
        weir_executor *executor =
            create((weir_process_options){ .workers = workers, .tasks_per_worker = EACH });
        weir_future *future[TASKS];
        int count[EACH + 1] = { 0 }; /* of first tasks, second ones, ... */
        for (int i = 0; i < TASKS; i++)
            future[i] = submit(executor, (weir_submission){ .fn = nth_task });
        for (int i = 0; i < TASKS; i++) {
            int nth = 0;
            assert_status(weir_future_result(future[i], &nth, sizeof nth, WATCHDOG_NS), WEIR_OK);
            assert_in_range(nth, 1, EACH);
            count[nth]++;
            weir_future_unref(future[i]);
        }
        for (int nth = 2; nth <= EACH; nth++)
            assert_true(count[nth] <= count[nth - 1]);
        assert_true(count[1] >= TASKS / EACH);
        weir_stats stats;
        assert_status(weir_executor_stats(executor, &stats), WEIR_OK);
        assert_int_equal(stats.crashed, 0);
        weir_executor_destroy(executor);
    }
}

struct sight {
    size_t open_files;
    struct rlimit address, core, files;
    int no_new_privs, oom_score_adj, descriptors;
    bool allocated, kept;
};

static weir_status look_task(weir_task *task, void *arg)
{
    struct sight sight;
    memset(&sight, 0, sizeof sight);
    sight.kept = fcntl(*(int *)arg, F_GETFD) >= 0;
    getrlimit(RLIMIT_AS, &sight.address);
    getrlimit(RLIMIT_CORE, &sight.core);
    getrlimit(RLIMIT_NOFILE, &sight.files);
    sight.no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
    for (int fd = 0; fd < 256; fd++)
        sight.descriptors += fcntl(fd, F_GETFD) >= 0;
    FILE *file = fopen("/proc/self/oom_score_adj", "re");
    if (file) {
        if (fscanf(file, "%d", &sight.oom_score_adj) != 1)
            sight.oom_score_adj = -1;
        fclose(file);
    }
    void *memory = mmap(NULL, (size_t)8 << 30, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    sight.allocated = memory != MAP_FAILED;
    return weir_task_return(task, &sight, sizeof sight);
}

static void worker_is_held_to_its_limits(void **state)
{
    (void)state;
    needs_system(SYSTEM_PROC);
    struct sight sight;
    int kept[1] = { open("/dev/null", O_RDONLY | O_CLOEXEC) };
    int dropped = open("/dev/null", O_RDONLY);
    size_t address = SANITIZED ? 0 : (size_t)7 << 30; /* sanitizers need more than there is */
    weir_executor *executor = create((weir_process_options){
        .workers = 1,
        .payload_bytes = WEIR_ZERO,
        .result_bytes = sizeof sight,
        .keep_fds = kept,
        .keep_fds_count = 1,
        .limits = { .address_bytes = address,
                    .open_files = 32,
                    .no_new_privs = true,
                    .oom_score_adj = 500 } });
    weir_future *future = submit(
        executor, (weir_submission){ .fn = look_task, .arg = kept, .arg_size = sizeof kept });
    assert_status(weir_future_result(future, &sight, sizeof sight, WATCHDOG_NS), WEIR_OK);
    assert_int_equal(sight.core.rlim_cur, 0);
    assert_int_equal(sight.files.rlim_max, 32);
    assert_int_equal(sight.no_new_privs, 1);
    assert_int_equal(sight.oom_score_adj, 500);
    assert_true(sight.kept);
    assert_true(sight.descriptors <= 5); /* 0, 1, 2, the kept one, the doorbell */
    if (address) {
        assert_int_equal(sight.address.rlim_max, address);
        assert_false(sight.allocated);
    }
    weir_future_unref(future);
    weir_executor_destroy(executor);
    close(kept[0]);
    close(dropped);
}

static weir_status burn_for_ever_task(weir_task *task, void *arg)
{
    (void)task;
    for (;;)
        ++*(volatile int *)arg;
    return WEIR_OK;
}

/* What the only worker has used so far. */
static int64_t processor_time_of(const weir_executor *executor)
{
    int pid = 0;
    clockid_t clock;
    struct timespec used;
    if (victims_find(executor, &pid, 1) != 1 || clock_getcpuclockid(pid, &clock) != 0 ||
        clock_gettime(clock, &used) != 0)
        return 0; /* it is not there at the moment */
    return used.tv_sec * WEIR_SECOND + used.tv_nsec;
}

static void processor_time_over_is_a_death_by_sigxcpu(void **state)
{
    (void)state;
    int number = 0;
    weir_crash_info info;
    weir_executor *executor =
        create((weir_process_options){ .workers = 1, .limits = { .cpu_seconds = 1 } });
    weir_future *future = submit(executor, (weir_submission){ .fn = burn_for_ever_task,
                                                              .arg = &number,
                                                              .arg_size = sizeof number });
    /* A second of processor time is a long time where many others want it. */
    while (weir_future_wait(future, WEIR_SECOND) == WEIR_ETIMEDOUT)
        assert_true(processor_time_of(executor) < 20 * WEIR_SECOND);
    assert_status(weir_future_crash(future, &info), WEIR_OK);
    assert_true(info.signal == SIGXCPU || info.signal == SIGKILL);
    assert_true(info.user_ns + info.system_ns > 500 * WEIR_MILLISECOND);
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

static void host_output_is_not_written_twice(void **state)
{
    (void)state;
    int ends[2];
    char text[64];
    assert_int_equal(pipe(ends), 0);
    int saved = dup(STDOUT_FILENO);
    fflush(stdout);
    dup2(ends[1], STDOUT_FILENO);
    printf("once"); /* stays in the buffer while workers are forked */
    weir_executor *executor = create((weir_process_options){ .workers = 3 });
    assert_status(end_and_drop(submit(executor, (weir_submission){ .fn = noop_task })), WEIR_OK);
    weir_executor_destroy(executor);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(ends[1]);
    assert_int_equal(read(ends[0], text, sizeof text), 4);
    assert_int_equal(read(ends[0], text, sizeof text), 0);
    close(ends[0]);
    close(saved);
}

static void *wait_in_thread(void *gate)
{
    gate_pass(gate);
    return NULL;
}

/* In a child, which has but one thread: the thread sanitizer's own count, so not there. */
static int create_with_threads(void *gate)
{
    weir_executor *executor = NULL;
    pthread_t thread;
    if (weir_process_executor_create(&executor, NULL) != WEIR_OK)
        return 1;
    weir_executor_destroy(executor);
    executor = NULL;
    if (pthread_create(&thread, NULL, wait_in_thread, gate) != 0)
        return 2;
    if (weir_process_executor_create(&executor, NULL) != WEIR_EINVAL || executor)
        return 3;
    gate_open(gate);
    pthread_join(thread, NULL);
    return 0;
}

static void host_with_threads_is_refused_unless_it_insists(void **state)
{
    (void)state;
#if defined(__SANITIZE_THREAD__)
    fprintf(stderr, "skipped: the thread sanitizer has a thread of its own\n");
    skip();
#endif
    needs_system(SYSTEM_PROC);
    struct gate *gate = gate_create();
    assert_int_equal(run_in_child(create_with_threads, gate), 0);
    gate_destroy(gate);
}

static void function_outside_of_any_code_is_refused(void **state)
{
    (void)state;
    needs_system(SYSTEM_PROC);
    static int data;
    weir_future *future = NULL;
    weir_executor *executor = create((weir_process_options){ .workers = 1 });
    weir_task_fn *nowhere = (weir_task_fn *)(uintptr_t)4096;
    weir_task_fn *not_code = (weir_task_fn *)(uintptr_t)&data;
    assert_status(weir_submit(executor, nowhere, NULL, 0, &future), WEIR_EINVAL);
    assert_status(weir_submit(executor, not_code, NULL, 0, &future), WEIR_EINVAL);
    assert_null(future);
    weir_executor_destroy(executor);
}

static weir_executor *ancestral; /* what a task finds in its copy of the host's memory */

static weir_status submit_task(weir_task *task, void *arg)
{
    (void)arg;
    weir_executor *executor = NULL;
    memcpy(&executor, arg, sizeof executor);
    weir_status status = weir_submit(executor, noop_task, NULL, 0, NULL);
    return weir_task_return(task, &status, sizeof status);
}

static void submission_from_a_worker_is_refused(void **state)
{
    (void)state;
    weir_status status = WEIR_OK;
    ancestral = create((weir_process_options){ .workers = 1 });
    weir_future *future = submit(ancestral, (weir_submission){ .fn = submit_task,
                                                               .arg = &ancestral,
                                                               .arg_size = sizeof ancestral });
    assert_status(weir_future_result(future, &status, sizeof status, WATCHDOG_NS), WEIR_OK);
    assert_status(status, WEIR_EFORKED);
    weir_future_unref(future);
    weir_executor_destroy(ancestral);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_time_over_kills_the_worker_that_ignores_sigterm),
        cmocka_unit_test(run_time_limits_hit_only_their_own_tasks),
        cmocka_unit_test(cancel_by_force_kills_only_if_it_was_declared),
        cmocka_unit_test(promise_follows_a_task_that_is_killed),
        cmocka_unit_test(callback_waits_for_a_promise_that_follows_later),
        cmocka_unit_test(worker_is_replaced_after_its_number_of_tasks),
        cmocka_unit_test(worker_is_held_to_its_limits),
        cmocka_unit_test(processor_time_over_is_a_death_by_sigxcpu),
        cmocka_unit_test(host_output_is_not_written_twice),
        cmocka_unit_test(host_with_threads_is_refused_unless_it_insists),
        cmocka_unit_test(function_outside_of_any_code_is_refused),
        cmocka_unit_test(submission_from_a_worker_is_refused),
    };
    return cmocka_run_group_tests_name("process_limits", tests, NULL, NULL);
}
