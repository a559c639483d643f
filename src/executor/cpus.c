/* How many workers if nobody says: the CPUs this process may use. */
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "executor/cpus.h"
#include "weir/executor.h"

enum { PATH_BYTES = 4096 };

static size_t cpus_in_affinity_mask(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return (size_t)CPU_COUNT(&set);
    long online = sysconf(_SC_NPROCESSORS_ONLN); /* more than 1024 CPUs do not fit the set */
    return online > 0 ? (size_t)online : 1;
}

/* Read one line of a small file. */
static bool read_line(const char *path, char *line, size_t size)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    bool found = fgets(line, (int)size, file) != NULL;
    fclose(file);
    return found;
}

static size_t quota_to_cpus(long long quota, long long period)
{
    if (quota <= 0 || period <= 0)
        return SIZE_MAX;
    return (size_t)((quota + period - 1) / period);
}

/* The quota of one cgroup directory, in either version of the interface. */
static size_t quota_in(const char *directory)
{
    char path[PATH_BYTES + 32], line[64];
    long long quota, period;
    snprintf(path, sizeof path, "%s/cpu.max", directory);
    if (read_line(path, line, sizeof line))
        return sscanf(line, "%lld %lld", &quota, &period) == 2 ? quota_to_cpus(quota, period)
                                                                : SIZE_MAX; /* "max …" */
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", directory);
    if (!read_line(path, line, sizeof line) || sscanf(line, "%lld", &quota) != 1)
        return SIZE_MAX;
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", directory);
    if (!read_line(path, line, sizeof line) || sscanf(line, "%lld", &period) != 1)
        return SIZE_MAX;
    return quota_to_cpus(quota, period);
}

/* The least quota of a cgroup and all above it, below its mount point. */
static size_t quota_up_from(const char *mount, const char *group)
{
    char directory[PATH_BYTES];
    size_t least = SIZE_MAX, root = strlen(mount);
    if (snprintf(directory, sizeof directory, "%s%s", mount, group) >= (int)sizeof directory)
        return SIZE_MAX;
    for (;;) {
        size_t here = quota_in(directory);
        if (here < least)
            least = here;
        char *slash = strrchr(directory, '/');
        if (!slash || (size_t)(slash - directory) < root)
            return least;
        *slash = '\0';
    }
}

/* Whether a comma-separated list of controllers has "cpu". */
static bool has_cpu(const char *list)
{
    for (const char *word = list; word; word = strchr(word, ',') ? strchr(word, ',') + 1 : NULL)
        if (strncmp(word, "cpu", 3) == 0 && (word[3] == ',' || word[3] == '\0'))
            return true;
    return false;
}

/* Each line of /proc/self/cgroup is "number:controllers:path", with no controllers in version 2. */
static size_t cpus_in_cgroup_quota(void)
{
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (!file)
        return SIZE_MAX;
    size_t least = SIZE_MAX;
    char line[PATH_BYTES];
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group)
            continue;
        *controllers++ = '\0';
        *group++ = '\0';
        size_t quota = SIZE_MAX;
        if (*controllers == '\0')
            quota = quota_up_from("/sys/fs/cgroup", group);
        else if (has_cpu(controllers))
            quota = quota_up_from("/sys/fs/cgroup/cpu", group);
        if (quota < least)
            least = quota;
    }
    fclose(file);
    return least;
}

/* The environment's word; 0: none, or none that is in range. */
static size_t workers_in_environment(void)
{
    const char *text = getenv("WEIR_WORKERS");
    if (!text || *text < '0' || *text > '9')
        return 0;
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    return errno || *end || value > WEIR_WORKERS_MAX ? 0 : value;
}

size_t weir__default_workers(void)
{
    size_t workers = workers_in_environment();
    if (workers)
        return workers;
    workers = cpus_in_affinity_mask();
    size_t quota = cpus_in_cgroup_quota();
    if (quota < workers)
        workers = quota;
    if (workers == 0)
        workers = 1;
    return workers < WEIR_WORKERS_MAX ? workers : WEIR_WORKERS_MAX;
}
