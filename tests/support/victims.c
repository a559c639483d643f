#include "support/victims.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "support/check.h"

size_t victims_find(const weir_executor *executor, int *pids, size_t n)
{
    size_t count = 0;
    if (weir_process_executor_pids(executor, pids, n, &count) != WEIR_OK)
        return 0;
    return count < n ? count : n;
}

bool victims_signal(int pid, int signal)
{
    /* By a pidfd: the number of a worker that died a moment ago may be somebody else's. It is not,
     * if the process is in a group of its own, as workers are. */
    int fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (fd < 0)
        return false;
    bool sent = getpgid(pid) == pid && syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0) == 0;
    close(fd);
    return sent;
}
