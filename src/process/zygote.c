/* The zygote: a process with one thread that does nothing but fork workers and wait for them.
 *
 * It is forked when the executor is created, so whatever the host does afterwards (threads, locks,
 * a gigabyte of memory) is not in it, nor in the workers. It sleeps in poll() on the socket and on a
 * pidfd for each worker: no signal handler, no wait for just any child. When a worker is dead, what
 * is left of its process group is killed before the worker is waited for: until then its number
 * cannot mean anybody else.
 *
 * If the parent dies, the zygote is killed by the kernel (weir__child_follow), or reads the end of
 * the socket and kills the workers; they follow the zygote in the same way. If the zygote dies, the
 * parent reads the end of the socket: no worker has a copy of either end. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "executor/task_impl.h"
#include "process/spawn.h"
#include "sync/thread.h"

struct child {
    pid_t pid; /* 0: none */
};

struct zygote {
    const struct weir__plan *plan;
    int socket;
    pid_t self;
    struct child child[WEIR_PROCESS_WORKERS_MAX];
    struct pollfd poll[WEIR_PROCESS_WORKERS_MAX + 1]; /* the socket last; fd -1: no child */
};

int weir__pidfd_open(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* Send, with a descriptor if it is not -1. The parent always reads; if it is gone, so are we. */
static void tell(struct zygote *zygote, const struct weir__notice *notice, int fd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec data = {.iov_base = (void *)(uintptr_t)notice, .iov_len = sizeof *notice};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
    if (fd >= 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    while (sendmsg(zygote->socket, &message, MSG_NOSIGNAL) < 0 && errno == EINTR)
        ;
}

static void tell_failure(struct zygote *zygote, size_t worker, int error)
{
    struct weir__notice notice = {
        .kind = WEIR__NEWS_FAILED, .worker = (uint32_t)worker, .error = error};
    tell(zygote, &notice, -1);
}

static void spawn(struct zygote *zygote, size_t worker)
{
    pid_t pid = fork();
    if (pid == 0)
        weir__process_worker_main(zygote->plan, worker, zygote->self);
    if (pid < 0) {
        tell_failure(zygote, worker, errno);
        return;
    }
    setpgid(pid, pid); /* the child does, too: whoever is first */
    int fd = weir__pidfd_open(pid);
    if (fd < 0) {
        int error = errno;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        tell_failure(zygote, worker, error);
        return;
    }
    zygote->child[worker].pid = pid;
    zygote->poll[worker] = (struct pollfd){.fd = fd, .events = POLLIN};
    struct weir__notice notice = {
        .kind = WEIR__NEWS_SPAWNED, .worker = (uint32_t)worker, .pid = pid};
    tell(zygote, &notice, fd);
}

static void signal_child(struct zygote *zygote, const struct weir__order *order)
{
    struct child *child = &zygote->child[order->worker];
    if (!child->pid || child->pid != order->pid)
        return; /* it has been waited for: the parent is about to read so */
    kill(-child->pid, order->signal);
    kill(child->pid, order->signal); /* if it has left its group */
}

static void bury(struct zygote *zygote, size_t worker)
{
    pid_t pid = zygote->child[worker].pid;
    struct weir__notice notice = {
        .kind = WEIR__NEWS_DIED, .worker = (uint32_t)worker, .pid = pid};
    kill(-pid, SIGKILL); /* what it left behind */
    while (wait4(pid, &notice.status, 0, &notice.usage) < 0 && errno == EINTR)
        ;
    close(zygote->poll[worker].fd);
    zygote->poll[worker].fd = -1;
    zygote->child[worker].pid = 0;
    tell(zygote, &notice, -1);
}

_Noreturn static void end(struct zygote *zygote)
{
    for (size_t i = 0; i < zygote->plan->segment.workers; i++)
        if (zygote->child[i].pid) {
            kill(-zygote->child[i].pid, SIGKILL);
            kill(zygote->child[i].pid, SIGKILL);
        }
    _exit(0);
}

static void obey(struct zygote *zygote)
{
    struct weir__order order;
    ssize_t got = recv(zygote->socket, &order, sizeof order, 0);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (got != sizeof order || order.worker >= zygote->plan->segment.workers)
        end(zygote);
    if (order.kind == WEIR__ORDER_SPAWN && !zygote->child[order.worker].pid)
        spawn(zygote, order.worker);
    else if (order.kind == WEIR__ORDER_KILL)
        signal_child(zygote, &order);
}

_Noreturn void weir__zygote_main(const struct weir__plan *plan, int socket, pid_t parent)
{
    int keep[WEIR__KEEP_FDS_MAX + 2];
    size_t workers = plan->segment.workers;
    memcpy(keep, plan->keep_fds, plan->keep_fds_count * sizeof keep[0]);
    keep[plan->keep_fds_count] = plan->doorbell_fd;
    keep[plan->keep_fds_count + 1] = socket;
    weir__child_follow(parent);
    weir__child_clean(keep, plan->keep_fds_count + 2);
    weir__thread_is_worker(NULL, NULL);
    weir__thread_name(plan->name, workers);

    static struct zygote zygote; /* one process, one zygote */
    zygote.plan = plan;
    zygote.socket = socket;
    zygote.self = getpid();
    for (size_t i = 0; i < workers; i++)
        zygote.poll[i].fd = -1;
    zygote.poll[workers] = (struct pollfd){.fd = socket, .events = POLLIN};
    for (;;) {
        if (poll(zygote.poll, workers + 1, -1) < 0)
            continue; /* EINTR, ENOMEM */
        for (size_t i = 0; i < workers; i++)
            if (zygote.poll[i].fd >= 0 && zygote.poll[i].revents)
                bury(&zygote, i);
        if (zygote.poll[workers].revents)
            obey(&zygote);
    }
}
