#include "support/system.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static bool readable(const char *path)
{
    char byte;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool is = fd >= 0 && read(fd, &byte, 1) == 1;
    if (fd >= 0)
        close(fd);
    return is;
}

static bool has_proc(void)
{
    return readable("/proc/self/stat") && readable("/proc/self/maps") &&
           access("/proc/self/task", R_OK) == 0;
}

static bool has_pidfd(void)
{
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    bool has = fd >= 0 && syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) == 0;
    if (fd >= 0)
        close(fd);
    return has;
}

/* One step of a child. */
static bool has_ptrace(void)
{
    char path[64];
    int status;
    pid_t pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    if (pid < 0)
        return false;
    snprintf(path, sizeof path, "/proc/%d/syscall", (int)pid);
    bool has = ptrace(PTRACE_SEIZE, pid, 0, 0) == 0 && ptrace(PTRACE_INTERRUPT, pid, 0, 0) == 0 &&
               waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status) &&
               ptrace(PTRACE_SINGLESTEP, pid, 0, 0) == 0 && readable(path);
    kill(pid, SIGKILL);
    /* It may have stopped once more before it died. */
    while (waitpid(pid, &status, __WALL) == pid && !WIFEXITED(status) && !WIFSIGNALED(status))
        ;
    return has;
}

const char *system_lacks(unsigned parts)
{
    if (parts & SYSTEM_PROC && !has_proc())
        return "there is no /proc here";
    if (parts & SYSTEM_PIDFD && !has_pidfd())
        return "there are no pidfds here";
    if (parts & SYSTEM_PTRACE && !has_ptrace())
        return "a child cannot be stepped with ptrace, or /proc/<pid>/syscall not be read, here";
    return NULL;
}
