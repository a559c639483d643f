/* How many workers if nobody says: the environment, the affinity mask, the quota of the cgroup.
 *
 * The files in which the system tells the quota are made up here. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/snapshot.h"
#include "executor/cpus.h"

static const struct file {
    const char *path, *text;
} no_files[] = { { NULL, NULL } };

static const struct file *files = no_files;
static int mask_cpus; /* 0: as it is; negative: it cannot be read */

FILE *__wrap_fopen(const char *path, const char *mode);
int __real_sched_getaffinity(pid_t, size_t, cpu_set_t *);
int __wrap_sched_getaffinity(pid_t, size_t, cpu_set_t *);

FILE *__wrap_fopen(const char *path, const char *mode)
{
    (void)mode;
    for (const struct file *file = files; file->path; file++)
        if (strcmp(path, file->path) == 0)
            return fmemopen((void *)(uintptr_t)file->text, strlen(file->text), "r");
    return NULL;
}

int __wrap_sched_getaffinity(pid_t pid, size_t bytes, cpu_set_t *set)
{
    if (mask_cpus == 0)
        return __real_sched_getaffinity(pid, bytes, set);
    if (mask_cpus < 0)
        return -1;
    CPU_ZERO_S(bytes, set);
    for (int i = 0; i < mask_cpus; i++)
        CPU_SET_S(2 * (size_t)i, bytes, set);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    files = no_files;
    mask_cpus = 0;
    return unsetenv("WEIR_WORKERS");
}

static void environment_in_range_is_taken(void **state)
{
    (void)state;
    mask_cpus = 3;
    const struct {
        const char *text;
        size_t workers;
    } cases[] = { { "1", 1 }, { "7", 7 }, { "4096", 4096 }, { "0012", 12 } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        setenv("WEIR_WORKERS", cases[i].text, 1);
        assert_int_equal(weir__default_workers(), cases[i].workers);
    }
}

static void environment_of_garbage_is_ignored(void **state)
{
    (void)state;
    const char *garbage[] = { "",
                              "0",
                              "-1",
                              "+2",
                              " 2",
                              "2 ",
                              "2x",
                              "x",
                              "0x10",
                              "1e1",
                              "1.5",
                              "4097",
                              "18446744073709551617",
                              "99999999999999999999999999" };
    mask_cpus = 3;
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
        setenv("WEIR_WORKERS", garbage[i], 1);
        assert_int_equal(weir__default_workers(), 3);
    }
}

static void environment_counts_only_if_options_say_nothing(void **state)
{
    (void)state;
    weir_executor *executor;
    setenv("WEIR_WORKERS", "3", 1);
    assert_status(weir_thread_executor_create(&executor, NULL), WEIR_OK);
    assert_int_equal(stats_of(executor).workers, 3);
    weir_executor_destroy(executor);
    assert_status(weir_thread_executor_create(&executor, &(weir_thread_options){ .workers = 2 }),
                  WEIR_OK);
    assert_int_equal(stats_of(executor).workers, 2);
    weir_executor_destroy(executor);
}

static void affinity_mask_of_the_process_is_counted(void **state)
{
    (void)state;
    cpu_set_t all, one;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    assert_int_equal(weir__default_workers(), CPU_COUNT(&all));
    size_t cpu = 0;
    while (!CPU_ISSET(cpu, &all))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    size_t workers = weir__default_workers();
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
    assert_int_equal(workers, 1);
}

static void affinity_mask_that_cannot_be_read_still_gives_workers(void **state)
{
    (void)state;
    mask_cpus = -1;
    assert_true(weir__default_workers() >= 1);
}

static size_t workers_with(const struct file *given)
{
    files = given;
    return weir__default_workers();
}

static void quota_of_version_2_is_rounded_up(void **state)
{
    (void)state;
    mask_cpus = 8;
    assert_int_equal(
        workers_with((struct file[]){ { "/proc/self/cgroup", "0::/a\n" },
                                      { "/sys/fs/cgroup/a/cpu.max", "150000 100000\n" },
                                      { NULL, NULL } }),
        2);
    assert_int_equal(workers_with((struct file[]){ { "/proc/self/cgroup", "0::/a\n" },
                                                   { "/sys/fs/cgroup/a/cpu.max", "1000 100000\n" },
                                                   { NULL, NULL } }),
                     1);
    assert_int_equal(
        workers_with((struct file[]){ { "/proc/self/cgroup", "0::/a\n" },
                                      { "/sys/fs/cgroup/a/cpu.max", "300000 100000\n" },
                                      { NULL, NULL } }),
        3);
}

static void quota_above_the_mask_or_none_leaves_the_mask(void **state)
{
    (void)state;
    mask_cpus = 4;
    assert_int_equal(
        workers_with((struct file[]){ { "/proc/self/cgroup", "0::/a\n" },
                                      { "/sys/fs/cgroup/a/cpu.max", "900000 100000\n" },
                                      { NULL, NULL } }),
        4);
    assert_int_equal(workers_with((struct file[]){ { "/proc/self/cgroup", "0::/a\n" },
                                                   { "/sys/fs/cgroup/a/cpu.max", "max 100000\n" },
                                                   { NULL, NULL } }),
                     4);
    assert_int_equal(workers_with(no_files), 4);
}

static void quota_of_a_group_above_counts_too(void **state)
{
    (void)state;
    mask_cpus = 8;
    assert_int_equal(
        workers_with((struct file[]){ { "/proc/self/cgroup", "0::/a/b/c\n" },
                                      { "/sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n" },
                                      { "/sys/fs/cgroup/a/b/cpu.max", "500000 100000\n" },
                                      { "/sys/fs/cgroup/a/cpu.max", "200000 100000\n" },
                                      { NULL, NULL } }),
        2);
    assert_int_equal(workers_with((struct file[]){ { "/proc/self/cgroup", "0::/\n" },
                                                   { "/sys/fs/cgroup/cpu.max", "100000 100000\n" },
                                                   { NULL, NULL } }),
                     1);
}

static void quota_of_version_1_is_found_by_its_controller(void **state)
{
    (void)state;
    static const struct file version_1[] = {
        { "/proc/self/cgroup", "7:cpuset:/x\n3:cpu,cpuacct:/a\n1:name=systemd:/y\n" },
        { "/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "100000\n" }, /* not of the cpu controller */
        { "/sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n" },
        { "/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "250000\n" },
        { "/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n" },
        { "/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n" },
        { "/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n" },
        { NULL, NULL },
    };
    mask_cpus = 8;
    assert_int_equal(workers_with(version_1), 3);
}

static void quota_of_garbage_is_ignored(void **state)
{
    (void)state;
    const char *cgroups[] = { "garbage\n", "0\n", "::\n", "0::\n", "0::/a", "\n" };
    const char *quotas[] = { "garbage\n", "100000\n", "0 0\n", "-5 100000\n", "5 -1\n", "\n" };
    mask_cpus = 5;
    for (size_t i = 0; i < sizeof cgroups / sizeof cgroups[0]; i++)
        for (size_t j = 0; j < sizeof quotas / sizeof quotas[0]; j++)
            assert_int_equal(
                workers_with((struct file[]){ { "/proc/self/cgroup", cgroups[i] },
                                              { "/sys/fs/cgroup/a/cpu.max", quotas[j] },
                                              { "/sys/fs/cgroup/cpu.max", quotas[j] },
                                              { NULL, NULL } }),
                5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(environment_in_range_is_taken, begin),
        cmocka_unit_test_setup(environment_of_garbage_is_ignored, begin),
        cmocka_unit_test_setup(environment_counts_only_if_options_say_nothing, begin),
        cmocka_unit_test_setup(affinity_mask_of_the_process_is_counted, begin),
        cmocka_unit_test_setup(affinity_mask_that_cannot_be_read_still_gives_workers, begin),
        cmocka_unit_test_setup(quota_of_version_2_is_rounded_up, begin),
        cmocka_unit_test_setup(quota_above_the_mask_or_none_leaves_the_mask, begin),
        cmocka_unit_test_setup(quota_of_a_group_above_counts_too, begin),
        cmocka_unit_test_setup(quota_of_version_1_is_found_by_its_controller, begin),
        cmocka_unit_test_setup(quota_of_garbage_is_ignored, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
