/* The shared vector under workers that die: at each instruction of an append, and at random while
 * they append.
 *
 * For the first, a process is single-stepped with ptrace into an append and killed after n steps, for
 * each n until the append is over (every WEIR_STEP_STRIDE-th of them, if that is set, and not each
 * under a sanitizer). Nobody but the dead one's own element may be hurt; and that is whole or not
 * there. */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/check.h"
#include "support/gate.h"
#include "support/rounds.h"
#include "support/shared.h"
#include "support/system.h"
#include "support/victims.h"

enum { WORDS = 25 };

struct finding {
    uint64_t finder, sequence, words[WORDS];
};

static struct finding find(uint64_t finder, uint64_t sequence)
{
    struct finding finding = { finder, sequence, { 0 } };
    for (uint64_t i = 0; i < WORDS; i++)
        finding.words[i] = finder << 32 ^ (sequence + 1) * 77 ^ i;
    return finding;
}

static bool is_whole(const struct finding *finding)
{
    struct finding right = find(finding->finder, finding->sequence);
    return memcmp(finding, &right, sizeof right) == 0;
}

static weir_shared_vector *create_vector(size_t capacity)
{
    weir_shared_vector *vector = NULL;
    assert_status(weir_shared_vector_create(&vector, sizeof(struct finding), capacity), WEIR_OK);
    return vector;
}

static weir_executor *create_executor(size_t workers)
{
    weir_executor *executor = NULL;
    weir_process_options options = { .workers = workers,
                                     .allow_threads = true,
                                     .deaths_max = 100000 };
    assert_status(weir_process_executor_create(&executor, &options), WEIR_OK);
    return executor;
}

/* A death at each instruction. */

/* A child that stops before it appends, traced by us. */
static pid_t start_appender(weir_shared_vector *vector, uint64_t sequence, _Atomic uint32_t *over)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        struct finding finding = find(1, sequence);
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        weir_shared_vector_append(vector, &finding, sizeof finding, NULL);
        atomic_store(over, 1);
        for (;;)
            pause();
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSTOPPED(status));
    return pid;
}

/* False: the append was over before. */
static bool step_on(pid_t pid, uint64_t steps, _Atomic uint32_t *over)
{
    int status;
    for (uint64_t i = 0; i < steps; i++) {
        if (atomic_load(over))
            return false;
        assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, 0, 0), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSTOPPED(status));
    }
    return true;
}

static void kill_and_wait(pid_t pid)
{
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
        ;
}

enum progress { NOT_THERE, RESERVED, PUBLISHED };

/* What became of the element that would have the next index. */
static enum progress look_at(weir_shared_vector *vector, size_t index, uint64_t sequence)
{
    struct finding finding;
    size_t count = weir_shared_vector_count(vector);
    weir_status status = weir_shared_vector_read(vector, index, &finding, sizeof finding);
    assert_true(count == index || count == index + 1);
    if (status == WEIR_EPENDING)
        return count == index ? NOT_THERE : RESERVED;
    assert_status(status, WEIR_OK);
    assert_true(count == index + 1 && is_whole(&finding));
    assert_true(finding.finder == 1 && finding.sequence == sequence);
    return PUBLISHED;
}

static void append_in_spite_of_it(weir_shared_vector *vector, size_t expected, uint64_t sequence)
{
    struct finding finding = find(2, sequence), back;
    size_t index = 0;
    assert_status(weir_shared_vector_append(vector, &finding, sizeof finding, &index), WEIR_OK);
    assert_int_equal(index, expected);
    assert_status(weir_shared_vector_read(vector, index, &back, sizeof back), WEIR_OK);
    assert_memory_equal(&finding, &back, sizeof back);
}

static void appender_killed_at_each_instruction_loses_its_own_element_only(void **state)
{
    (void)state;
    needs_system(SYSTEM_PTRACE);
    enum { POINTS_MAX = 100000 };
    weir_shared_vector *vector = create_vector(2 * POINTS_MAX);
    _Atomic uint32_t *over = shared_alloc(sizeof *over);
    const char *wish = getenv("WEIR_STEP_STRIDE");
    /* A sanitizer makes some thousand instructions of an append, and it takes the square of them. */
    uint64_t usual = WEIR_STRESS_SCALE * (SANITIZED ? 20 : 1);
    uint64_t stride = wish ? strtoull(wish, NULL, 10) : usual;
    uint64_t points[PUBLISHED + 1] = { 0 }, total = 0;
    enum progress before = NOT_THERE;
    bool alive = true;
    for (uint64_t steps = 0; alive && total < POINTS_MAX; steps += stride, total++) {
        size_t index = weir_shared_vector_count(vector);
        atomic_store(over, 0);
        pid_t pid = start_appender(vector, steps, over);
        alive = step_on(pid, steps, over);
        kill_and_wait(pid);
        enum progress now = look_at(vector, index, steps);
        /* The same instructions each time, one more of them; but a sanitizer has its own. */
        assert_true(SANITIZED || now >= before);
        before = now;
        points[now]++;
        append_in_spite_of_it(vector, index + (now != NOT_THERE), steps);
        assert_int_equal(weir_shared_vector_missing(vector), points[RESERVED]);
    }
    fprintf(stderr, "%llu kill points: %llu before, %llu within, %llu after\n",
            (unsigned long long)total, (unsigned long long)points[NOT_THERE],
            (unsigned long long)points[RESERVED], (unsigned long long)points[PUBLISHED]);
    assert_false(alive);
    for (int i = 0; i <= PUBLISHED; i++)
        assert_true(points[i] > 0);
    shared_free(over, sizeof *over);
    weir_shared_vector_destroy(vector);
}

/* Through an executor. */

struct order {
    weir_shared_vector *vector;
    uint64_t finder, count;
};

static weir_status append_task(weir_task *task, void *arg)
{
    struct order *order = arg;
    for (uint64_t i = 0; i < order->count; i++) {
        struct finding finding = find(order->finder, i);
        weir_status status =
            weir_shared_vector_append(order->vector, &finding, sizeof finding, NULL);
        if (status != WEIR_OK)
            return weir_task_fail(task, (int)status, "not appended");
    }
    return WEIR_OK;
}

/* The vector itself is the argument. Destroying it is not for a worker to do: the next task of this
 * one still has it. */
static weir_status append_one_task(weir_task *task, void *arg)
{
    weir_shared_vector *vector = arg;
    struct finding finding = find(9, weir_shared_vector_count(vector));
    weir_status status = weir_shared_vector_append(vector, &finding, sizeof finding, NULL);
    weir_shared_vector_destroy(vector);
    return status == WEIR_OK ? WEIR_OK : weir_task_fail(task, (int)status, "not appended");
}

static weir_status end_of(weir_future *future)
{
    assert_status(weir_future_wait(future, WATCHDOG_NS), WEIR_OK);
    weir_status status = weir_future_status(future);
    weir_future_unref(future);
    return status;
}

static void tasks_get_at_it_by_pointer_and_within_bytes(void **state)
{
    (void)state;
    enum { TASKS = 8, CAPACITY = TASKS + TASKS * 100 };
    weir_shared_vector *vector = create_vector(CAPACITY);
    weir_executor *executor = create_executor(2);
    weir_future *future[2 * TASKS];
    struct finding finding;
    for (uint64_t i = 0; i < TASKS; i++) {
        struct order order = { vector, 100 + i, 100 };
        assert_status(weir_submit(executor, append_one_task, vector, 0, &future[2 * i]), WEIR_OK);
        assert_status(
            weir_submit(executor, append_task, &order, sizeof order, &future[2 * i + 1]), WEIR_OK);
    }
    for (int i = 0; i < 2 * TASKS; i++)
        assert_status(end_of(future[i]), WEIR_OK);
    assert_int_equal(weir_shared_vector_count(vector), CAPACITY);
    for (size_t i = 0; i < CAPACITY; i++) {
        assert_status(weir_shared_vector_read(vector, i, &finding, sizeof finding), WEIR_OK);
        assert_true(is_whole(&finding));
    }
    assert_status(weir_submit(executor, append_one_task, vector, 0, &future[0]), WEIR_OK);
    assert_status(weir_future_wait(future[0], WATCHDOG_NS), WEIR_OK);
    assert_int_equal(weir_future_error(future[0], NULL), WEIR_ETOOBIG);
    weir_future_unref(future[0]);
    weir_executor_destroy(executor);
    weir_shared_vector_destroy(vector);
}

struct late_order {
    weir_shared_vector *vector;
    struct gate *gate;
};

static weir_status append_late_task(weir_task *task, void *arg)
{
    struct late_order *order = arg;
    if (!gate_pass(order->gate))
        return weir_task_fail(task, 1, "the gate stayed closed");
    return append_one_task(task, order->vector);
}

static void vector_may_go_before_tasks_that_append(void **state)
{
    (void)state;
    struct gate *gate = gate_create();
    struct late_order order = { create_vector(10), gate };
    weir_executor *executor = create_executor(1);
    weir_future *future;
    assert_status(weir_submit(executor, append_late_task, &order, sizeof order, &future), WEIR_OK);
    assert_true(gate_wait_entered(gate, 1));
    weir_shared_vector_destroy(order.vector);
    gate_open(gate);
    assert_status(end_of(future), WEIR_OK); /* the worker has the memory still */
    weir_executor_destroy(executor);
    gate_destroy(gate);
}

/* A storm: tasks append until the vector is full, and meanwhile all their workers but one are killed.
 * The elements are large, so that most of the time somebody is copying one. */

enum { STORM_WORKERS = 3, BOULDER_WORDS = 1024, BOULDERS = 400 };

struct boulder {
    uint64_t finder, sequence, words[BOULDER_WORDS];
};

struct storm {
    uint64_t kills, crashed, lost, elements, random;
};

static void carve(struct boulder *boulder, uint64_t finder, uint64_t sequence)
{
    boulder->finder = finder;
    boulder->sequence = sequence;
    for (uint64_t i = 0; i < BOULDER_WORDS; i++)
        boulder->words[i] = finder << 32 ^ (sequence + 1) * 77 ^ i;
}

static bool is_unbroken(const struct boulder *boulder)
{
    for (uint64_t i = 0; i < BOULDER_WORDS; i++)
        if (boulder->words[i] != (boulder->finder << 32 ^ (boulder->sequence + 1) * 77 ^ i))
            return false;
    return true;
}

/* Returns how many it has appended. */
static weir_status fill_task(weir_task *task, void *arg)
{
    static struct boulder boulder;
    struct order *order = arg;
    uint64_t count = 0;
    weir_status status;
    do {
        carve(&boulder, order->finder, count);
        status = weir_shared_vector_append(order->vector, &boulder, sizeof boulder, NULL);
        count += status == WEIR_OK;
    } while (status == WEIR_OK);
    if (status != WEIR_ETOOBIG)
        return weir_task_fail(task, (int)status, "not appended");
    return weir_task_return(task, &count, sizeof count);
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Each finder's elements are there from the first on, in order, once. */
static void count_boulders(struct storm *storm, weir_shared_vector *vector,
                           uint64_t seen[STORM_WORKERS + 1])
{
    static struct boulder boulder;
    size_t missing = 0, count = weir_shared_vector_count(vector);
    for (size_t i = 0; i < count; i++) {
        weir_status status = weir_shared_vector_read(vector, i, &boulder, sizeof boulder);
        if (status == WEIR_EPENDING) {
            missing++;
            continue;
        }
        assert_status(status, WEIR_OK);
        assert_true(is_unbroken(&boulder) && boulder.finder <= STORM_WORKERS);
        assert_int_equal(boulder.sequence, seen[boulder.finder]++);
    }
    assert_int_equal(missing, weir_shared_vector_missing(vector));
    storm->lost += missing;
    storm->elements += count;
}

/* Kill workers, one after the other, each when the vector has got a random number of elements. */
static void kill_all_but_one(struct storm *storm, weir_executor *executor,
                             const weir_shared_vector *vector)
{
    int pids[STORM_WORKERS];
    size_t moment = 0;
    for (size_t victim = 0; victim < STORM_WORKERS - 1; victim++) {
        moment += 1 + next_random(&storm->random) % (BOULDERS / STORM_WORKERS);
        assert_eventually(weir_shared_vector_count(vector) >= moment);
        assert_int_equal(victims_find(executor, pids, STORM_WORKERS), STORM_WORKERS);
        storm->kills += victims_signal(pids[victim], SIGKILL);
    }
}

static void blow_once(struct storm *storm)
{
    static struct boulder own;
    weir_shared_vector *vector = NULL;
    weir_future *future[STORM_WORKERS];
    uint64_t seen[STORM_WORKERS + 1] = { 0 };
    assert_status(weir_shared_vector_create(&vector, sizeof own, BOULDERS), WEIR_OK);
    weir_executor *executor = create_executor(STORM_WORKERS);
    carve(&own, STORM_WORKERS, 0); /* the host appends, too */
    assert_status(weir_shared_vector_append(vector, &own, sizeof own, NULL), WEIR_OK);
    for (uint64_t i = 0; i < STORM_WORKERS; i++) {
        struct order order = { vector, i, 0 };
        assert_status(weir_submit(executor, fill_task, &order, sizeof order, &future[i]), WEIR_OK);
    }
    kill_all_but_one(storm, executor, vector);
    for (int i = 0; i < STORM_WORKERS; i++)
        assert_status(weir_future_wait(future[i], WATCHDOG_NS), WEIR_OK);
    count_boulders(storm, vector, seen); /* all who append have ended */
    assert_int_equal(seen[STORM_WORKERS], 1);
    for (int i = 0; i < STORM_WORKERS; i++) {
        uint64_t appended = 0;
        weir_status status = weir_future_result(future[i], &appended, sizeof appended, 0);
        if (status == WEIR_OK)
            assert_int_equal(appended, seen[i]);
        else
            assert_status(status, WEIR_ECRASHED);
        storm->crashed += status == WEIR_ECRASHED;
        weir_future_unref(future[i]);
    }
    weir_executor_destroy(executor);
    weir_shared_vector_destroy(vector);
}

static void storm_of_deaths_loses_one_element_each_at_most(void **state)
{
    (void)state;
    needs_system(SYSTEM_PIDFD);
    struct storm storm = { .random = 4711 };
    for (uint64_t rounds = wished_rounds("WEIR_VECTOR_ROUNDS", 150); rounds; rounds--)
        blow_once(&storm);
    fprintf(stderr, "%llu workers killed, %llu tasks crashed, %llu of %llu elements lost\n",
            (unsigned long long)storm.kills, (unsigned long long)storm.crashed,
            (unsigned long long)storm.lost, (unsigned long long)storm.elements);
    assert_true(storm.lost <= storm.crashed && storm.crashed <= storm.kills);
    assert_true(storm.crashed > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appender_killed_at_each_instruction_loses_its_own_element_only),
        cmocka_unit_test(tasks_get_at_it_by_pointer_and_within_bytes),
        cmocka_unit_test(vector_may_go_before_tasks_that_append),
        cmocka_unit_test(storm_of_deaths_loses_one_element_each_at_most),
    };
    return cmocka_run_group_tests_name("shared_vector", tests, NULL, NULL);
}
