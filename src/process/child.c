/* What a forked process does before anything else, so that nothing of the host goes on in it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "process/plan.h"

void weir__child_follow(pid_t parent)
{
    /* The signal comes when the *thread* that forked us ends: ours are forked by threads that live
     * as long as the executor. It does not come if the parent was gone before we asked for it. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
}

static void reset_signals(void)
{
    struct sigaction by_default = {.sa_handler = SIG_DFL};
    for (int signal = 1; signal <= SIGRTMAX; signal++)
        sigaction(signal, &by_default, NULL); /* fails for two that nobody can handle */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static int compare_ints(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static void close_range_slowly(unsigned first, unsigned last)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_max == RLIM_INFINITY)
        files.rlim_max = 65536;
    for (unsigned fd = first; fd <= last && fd < files.rlim_max; fd++)
        close((int)fd);
}

static void close_from_to(unsigned first, unsigned last)
{
    if (first > last)
        return;
    if (syscall(SYS_close_range, first, last, 0) != 0) /* before Linux 5.9 */
        close_range_slowly(first, last);
}

static void close_others(int *keep, size_t count)
{
    unsigned first = 3;
    qsort(keep, count, sizeof *keep, compare_ints);
    for (size_t i = 0; i < count; i++) {
        if (keep[i] < (int)first)
            continue;
        close_from_to(first, (unsigned)keep[i] - 1);
        first = (unsigned)keep[i] + 1;
    }
    close_from_to(first, UINT_MAX);
}

void weir__child_clean(int *keep, size_t count)
{
    __fpurge(stdout); /* or what the host has in its buffer would be written once more, by us */
    __fpurge(stderr);
    reset_signals();
    close_others(keep, count);
}

static bool set_limit(int resource, size_t value)
{
    if (!value)
        return true;
    struct rlimit limit = {.rlim_cur = (rlim_t)value, .rlim_max = (rlim_t)value};
    return setrlimit((__rlimit_resource_t)resource, &limit) == 0;
}

static void set_oom_score(int score)
{
    char text[16];
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    int length = snprintf(text, sizeof text, "%d", score);
    if (write(fd, text, (size_t)length) != length)
        errno = 0; /* not allowed, or no such thing here: the worker does its work without */
    close(fd);
}

bool weir__child_limit(const weir_process_limits *limits)
{
    struct rlimit no_core = {0, 0};
    if (limits->oom_score_adj)
        set_oom_score(limits->oom_score_adj);
    if (!limits->core_dumps)
        setrlimit(RLIMIT_CORE, &no_core); /* lowering always works */
    if (limits->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return false;
    return set_limit(RLIMIT_CPU, limits->cpu_seconds) &&
           set_limit(RLIMIT_NOFILE, limits->open_files) &&
           set_limit(RLIMIT_AS, limits->address_bytes);
}
