/* What is printed. */
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "harness.h"

void bench_die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

uint64_t bench_number(const char *text, uint64_t least, uint64_t most)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || value < least || value > most) {
        fprintf(stderr, "%s: not a number from %llu to %llu\n", text, (unsigned long long)least,
                (unsigned long long)most);
        exit(2);
    }
    return value;
}

void *bench_memory(size_t count, size_t element_bytes)
{
    void *memory = calloc(count, element_bytes);
    if (!memory)
        bench_die("no memory for %zu times %zu bytes", count, element_bytes);
    memset(memory, 1, count * element_bytes); /* no page faults later */
    return memory;
}

long bench_resident_bytes(void)
{
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld %ld", &pages, &resident) != 2)
        bench_die("no /proc/self/statm");
    fclose(file);
    return resident * sysconf(_SC_PAGESIZE);
}

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

struct bench_usage bench_usage_now(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (struct bench_usage){.cpu_s = seconds(usage.ru_utime) + seconds(usage.ru_stime),
                                .switches = usage.ru_nvcsw + usage.ru_nivcsw};
}

void bench_print(const char *name, const struct bench_result *result)
{
    struct bench_usage after = bench_usage_now();
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double operations = (double)result->operations, elapsed_s = (double)result->elapsed_ns / 1e9;
    printf("peer=%s workload=%s workers=%zu producers=%zu n=%llu seconds=%.6f ops_per_s=%.0f%s"
           " cpu_ns_per_op=%.0f csw_per_op=%.3f maxrss_mb=%ld\n",
           name, result->workload, result->workers, result->producers,
           (unsigned long long)result->operations, elapsed_s, operations / elapsed_s, result->extra,
           (after.cpu_s - result->before.cpu_s) * 1e9 / operations,
           (double)(after.switches - result->before.switches) / operations,
           usage.ru_maxrss / 1024);
}

static int by_value(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* All of them, by thousandths, into the file that the environment names. */
static void write_quantiles(const int64_t *samples, size_t count)
{
    const char *name = getenv("BENCH_QUANTILES");
    FILE *file = name ? fopen(name, "we") : NULL;
    if (!file)
        return;
    for (size_t i = 0; i < 1000; i++)
        fprintf(file, "%.3f %lld\n", (double)i / 1000, (long long)samples[count * i / 1000]);
    fclose(file);
}

void bench_percentiles(int64_t *samples, size_t count, char *out, size_t size)
{
    qsort(samples, count, sizeof *samples, by_value);
    write_quantiles(samples, count);
    snprintf(out, size, " p50_ns=%lld p99_ns=%lld p999_ns=%lld",
             (long long)samples[count / 2], (long long)samples[count * 99 / 100],
             (long long)samples[count * 999 / 1000]);
}

static void cpu_model(char *out, size_t size)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "re");
    snprintf(out, size, "unknown");
    while (file && fgets(line, sizeof line, file)) {
        char *value = strncmp(line, "model name", 10) == 0 ? strchr(line, ':') : NULL;
        if (value) {
            line[strcspn(line, "\n")] = '\0';
            snprintf(out, size, "%s", value + 2);
            break;
        }
    }
    if (file)
        fclose(file);
}

void bench_print_machine(void)
{
    cpu_set_t set;
    struct utsname name;
    char model[128];
    int cpus = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
    cpu_model(model, sizeof model);
    uname(&name);
    printf("machine: %d x %s, %s %s %s, gcc-compatible compiler %s\n", cpus, model, name.sysname,
           name.release, name.machine, __VERSION__);
}
