#include "support/child.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/check.h"

int run_in_child(int (*fn)(void *data), void *data)
{
    int64_t end_ns = now_ns() + WATCHDOG_NS;
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int result = fn(data);
        /* Not _exit(): a sanitizer would hold an account of the parent's threads there, and report
         * those that the child has inherited unjoined. */
        syscall(SYS_exit_group, result);
        _exit(result);
    }
    while (waitpid(child, &status, WNOHANG) == 0) {
        if (now_ns() > end_ns) {
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
            break;
        }
        sched_yield();
    }
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}
