#include "support/proc.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef uint64_t read_fn(const char *thread_id);

static uint64_t read_one(const char *thread_id)
{
    (void)thread_id;
    return 1;
}

static uint64_t read_switches(const char *thread_id)
{
    char path[300];
    char line[256];
    unsigned long long switches = 0;
    snprintf(path, sizeof path, "/proc/self/task/%s/status", thread_id);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    while (fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "voluntary_ctxt_switches: %llu", &switches) == 1)
            break;
    fclose(file);
    return switches;
}

/* The line of numbers of a thread, behind its name; "" if it is not there any more. */
static const char *read_stat(const char *thread_id, char *text, size_t size)
{
    char path[300];
    snprintf(path, sizeof path, "/proc/self/task/%s/stat", thread_id);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return "";
    size_t length = fread(text, 1, size - 1, file);
    fclose(file);
    text[length] = '\0';
    /* The second field, a name in brackets, may contain anything: go on behind its end. */
    const char *rest = strrchr(text, ')');
    return rest != NULL ? rest : "";
}

static uint64_t read_asleep(const char *thread_id)
{
    char text[1024];
    char status = '?';
    return sscanf(read_stat(thread_id, text, sizeof text), ") %c", &status) == 1 && status == 'S';
}

static uint64_t read_ticks(const char *thread_id)
{
    char text[1024];
    unsigned long long user = 0;
    unsigned long long system = 0;
    const char *rest = read_stat(thread_id, text, sizeof text);
    if (*rest != '\0')
        sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system);
    return user + system;
}

static int is_named(const char *thread_id, const char *prefix)
{
    char path[300];
    char name[32] = "";
    snprintf(path, sizeof path, "/proc/self/task/%s/comm", thread_id);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    char *found = fgets(name, sizeof name, file);
    fclose(file);
    return found != NULL && strncmp(name, prefix, strlen(prefix)) == 0;
}

static uint64_t sum_over(const char *prefix, read_fn *read)
{
    uint64_t sum = 0;
    DIR *tasks = opendir("/proc/self/task");
    if (tasks == NULL)
        return 0;
    for (struct dirent *entry = readdir(tasks); entry != NULL; entry = readdir(tasks))
        if (entry->d_name[0] != '.' && is_named(entry->d_name, prefix))
            sum += read(entry->d_name);
    closedir(tasks);
    return sum;
}

size_t proc_threads_named(const char *prefix)
{
    return (size_t)sum_over(prefix, read_one);
}

size_t proc_threads_asleep(const char *prefix)
{
    return (size_t)sum_over(prefix, read_asleep);
}

uint64_t proc_switches_of(const char *prefix)
{
    return sum_over(prefix, read_switches);
}

uint64_t proc_ticks_of(const char *prefix)
{
    return sum_over(prefix, read_ticks);
}

size_t proc_resident_bytes(void)
{
    unsigned long resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%*u %lu", &resident) != 1)
        resident = 0;
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}
