#include "process/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/atomic.h"
#include "sync/futex.h"

enum { SIGNAL_GROUP = 4 }; /* PIDFD_SIGNAL_PROCESS_GROUP, since Linux 6.9 */

static weir_status fork_zygote(struct weir__spawner *spawner)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return WEIR_ESYS;
    pid_t self = getpid(), pid = fork();
    if (pid == 0)
        weir__zygote_main(spawner->plan, ends[1], self);
    int error = errno;
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        errno = error;
        return WEIR_ESYS;
    }
    spawner->socket = ends[0];
    spawner->zygote = pid;
    /* It waits for orders, so its number is its own, even if the host ignores SIGCHLD. */
    spawner->zygote_pidfd = weir__pidfd_open(pid);
    return WEIR_OK;
}

weir_status weir__spawner_open(struct weir__spawner *spawner, const struct weir__plan *plan,
                               weir_start start)
{
    *spawner = (struct weir__spawner){
        .plan = plan, .start = start, .socket = -1, .zygote_pidfd = -1};
    return start == WEIR_START_ZYGOTE ? fork_zygote(spawner) : WEIR_OK;
}

void weir__spawner_close(struct weir__spawner *spawner)
{
    if (spawner->socket >= 0)
        close(spawner->socket); /* the zygote reads its end, and ends */
    spawner->socket = -1;
    if (spawner->zygote) {
        /* A zygote that is stopped reads nothing. */
        struct pollfd ended = {.fd = spawner->zygote_pidfd, .events = POLLIN};
        if (ended.fd >= 0 && poll(&ended, 1, 1000) == 0)
            syscall(SYS_pidfd_send_signal, ended.fd, SIGKILL, NULL, 0);
        while (waitpid(spawner->zygote, NULL, 0) < 0 && errno == EINTR)
            ; /* ECHILD: the host has taken its status away, but it is gone as well */
    }
    if (spawner->zygote_pidfd >= 0)
        close(spawner->zygote_pidfd);
    spawner->zygote = 0;
    spawner->zygote_pidfd = -1;
}

static bool fork_worker(struct weir__spawner *spawner, size_t worker, struct weir__news *news)
{
    _Atomic uint32_t *go = &weir__segment_station(&spawner->plan->segment, worker)->go;
    weir__store_relaxed(go, 0u); /* the fork orders */
    pid_t self = getpid(), pid = fork();
    if (pid == 0) {
        /* Where the host ignores SIGCHLD, a child that ends is forgotten at once, and its number
         * may be somebody else's: stay until the parent has the pidfd. */
        weir__child_follow(self);
        while (weir__load_acquire(go) == 0)
            weir__futex_wait_shared(go, 0);
        weir__process_worker_main(spawner->plan, worker, self);
    }
    *news = (struct weir__news){
        .kind = WEIR__NEWS_SPAWNED, .worker = worker, .pid = pid, .pidfd = -1};
    if (pid > 0) {
        setpgid(pid, pid);
        news->pidfd = weir__pidfd_open(pid);
        if (news->pidfd >= 0) {
            weir__store_release(go, 1u);
            weir__futex_wake_shared(go, 1);
            return true;
        }
        news->error = errno;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    } else {
        news->error = errno;
    }
    news->kind = WEIR__NEWS_FAILED;
    return true;
}

bool weir__spawner_spawn(struct weir__spawner *spawner, size_t worker, struct weir__news *news,
                         bool *asked)
{
    *asked = true;
    if (spawner->start == WEIR_START_FORK)
        return fork_worker(spawner, worker, news);
    struct weir__order order = {.kind = WEIR__ORDER_SPAWN, .worker = (uint32_t)worker};
    *asked = send(spawner->socket, &order, sizeof order, MSG_DONTWAIT | MSG_NOSIGNAL) ==
             sizeof order;
    return false;
}

/* The descriptor that came with a message, or -1. */
static int received_fd(struct msghdr *message)
{
    int fd = -1;
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof fd))
        memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}

bool weir__spawner_next(struct weir__spawner *spawner, struct weir__news *news)
{
    if (spawner->socket < 0)
        return false;
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct weir__notice notice;
    struct iovec data = {.iov_base = &notice, .iov_len = sizeof notice};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t got;
    do
        got = recvmsg(spawner->socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0 && (errno == EAGAIN || errno == ENOMEM))
        return false;
    if (got != sizeof notice || notice.worker >= spawner->plan->segment.workers) {
        *news = (struct weir__news){.kind = WEIR__NEWS_LOST, .pidfd = -1};
        if (got >= 0 || errno != EBADF) /* else the host has closed it */
            close(spawner->socket);
        spawner->socket = -1;
        return true;
    }
    *news = (struct weir__news){.kind = (enum weir__news_kind)notice.kind,
                                .worker = notice.worker,
                                .pid = notice.pid,
                                .pidfd = received_fd(&message),
                                .error = notice.error,
                                .status = notice.status,
                                .known = true,
                                .usage = notice.usage};
    return true;
}

static bool is_dead(pid_t pid, int pidfd)
{
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    siginfo_t info = {.si_pid = 0};
    if (pidfd >= 0 && (poll(&ended, 1, 0) <= 0 || ended.revents & POLLIN))
        return ended.revents & POLLIN;
    /* There is none, or the host has closed it. */
    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
        return info.si_pid == pid;
    return kill(pid, 0) != 0 && errno == ESRCH;
}

bool weir__spawner_reap(struct weir__spawner *spawner, size_t worker, pid_t pid, int pidfd,
                        struct weir__news *news)
{
    if (!is_dead(pid, pidfd))
        return false;
    *news = (struct weir__news){
        .kind = WEIR__NEWS_DIED, .worker = worker, .pid = pid, .pidfd = -1};
    /* What it left behind; by the pidfd, since the number may be another one's already. */
    if (pidfd >= 0)
        syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, SIGNAL_GROUP);
    if (spawner->start == WEIR_START_FORK)
        news->known = wait4(pid, &news->status, WNOHANG, &news->usage) == pid;
    return true;
}

void weir__spawner_kill(struct weir__spawner *spawner, size_t worker, pid_t pid, int pidfd,
                        int signal)
{
    struct weir__order order = {.kind = WEIR__ORDER_KILL,
                                .worker = (uint32_t)worker,
                                .pid = pid,
                                .signal = signal};
    if (spawner->socket >= 0 && send(spawner->socket, &order, sizeof order,
                                     MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof order)
        return;
    if (pidfd < 0)
        return;
    syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, SIGNAL_GROUP);
    if (syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) != 0 && errno == EBADF) {
        kill(-pid, signal); /* the host has closed it: the number has to do */
        kill(pid, signal);
    }
}

void weir__spawner_abandon(struct weir__spawner *spawner)
{
    if (spawner->zygote_pidfd >= 0)
        syscall(SYS_pidfd_send_signal, spawner->zygote_pidfd, SIGKILL, NULL, 0);
    else if (spawner->socket >= 0)
        shutdown(spawner->socket, SHUT_RDWR);
}
