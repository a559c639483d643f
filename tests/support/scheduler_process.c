#include "support/scheduler_process.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"

enum { PROCESSES = 48, POSTS = 4, SOCKET = 10000 };

/* A worker process, from its start to the end of the schedule. */
struct process {
    const struct weir__plan *plan;
    size_t worker;
    pthread_t actor;
    pthread_t zygote; /* that part of it which tells of this one's start */
    int end; /* as of wait() */
    bool started, over; /* the zygote has said so; it has ended */
    bool told_start, told_end; /* the collector has heard */
    bool signalled;            /* by it */
};

/* All of it belongs to the holder of the baton. */
static struct {
    struct process process[PROCESSES]; /* pid: index + 1 */
    size_t count;
    int doorbell_fd, timer_fd;
    uint64_t rung;
    int64_t timer_ns;
    unsigned signals, left, killed;
    _Atomic uint32_t events; /* what sleeps in poll is woken by it */
} machine;

static unsigned doomed, doom_steps; /* how many are still to be killed */

weir_status __wrap_weir__spawner_open(struct weir__spawner *, const struct weir__plan *, weir_start);
void __wrap_weir__spawner_close(struct weir__spawner *);
bool __wrap_weir__spawner_spawn(struct weir__spawner *, size_t, struct weir__news *, bool *);
bool __wrap_weir__spawner_next(struct weir__spawner *, struct weir__news *);
bool __wrap_weir__spawner_reap(struct weir__spawner *, size_t, pid_t, int, struct weir__news *);
void __wrap_weir__spawner_abandon(struct weir__spawner *);
void __wrap_weir__spawner_kill(struct weir__spawner *, size_t, pid_t, int, int);
int __real_eventfd(unsigned, int);
int __wrap_eventfd(unsigned, int);
int __real_timerfd_create(int, int);
int __wrap_timerfd_create(int, int);
int __real_timerfd_settime(int, int, const struct itimerspec *, struct itimerspec *);
int __wrap_timerfd_settime(int, int, const struct itimerspec *, struct itimerspec *);
ssize_t __real_read(int, void *, size_t);
ssize_t __wrap_read(int, void *, size_t);
ssize_t __real_write(int, const void *, size_t);
ssize_t __wrap_write(int, const void *, size_t);
int __real_ppoll(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);
int __wrap_ppoll(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);
_Noreturn void __real__exit(int);
_Noreturn void __wrap__exit(int);

static void happen(void)
{
    machine.events++;
    schedule_wake(&machine.events);
}

static void live(void *data)
{
    struct process *process = data;
    process->end = SIGKILL;
    if (doomed) {
        doomed--;
        actor_light_fuse(1 + schedule_choose(doom_steps));
    }
    weir__process_worker_serve(process->plan, process->worker);
}

static void run_process(void *data)
{
    struct process *process = data;
    actor_run_mortal(live, process);
    machine.killed += process->end == SIGKILL && !process->signalled;
    process->over = true;
    happen();
}

/* It may have run long before the zygote comes to say that it is there. */
static void tell_start(void *data)
{
    struct process *process = data;
    schedule_step();
    process->started = true;
    happen();
}

/* A worker ends its process. */
void __wrap__exit(int code)
{
    if (!schedule_is_mortal())
        __real__exit(code);
    for (size_t i = 0; i < machine.count; i++)
        if (pthread_equal(machine.process[i].actor, pthread_self())) {
            machine.process[i].end = code << 8;
            machine.left += code == 0;
        }
    actor_exit();
}

weir_status __wrap_weir__spawner_open(struct weir__spawner *spawner, const struct weir__plan *plan,
                                      weir_start start)
{
    *spawner = (struct weir__spawner){
        .plan = plan, .start = start, .socket = SOCKET, .zygote_pidfd = -1
    };
    return WEIR_OK;
}

void __wrap_weir__spawner_close(struct weir__spawner *spawner)
{
    spawner->socket = -1;
    for (size_t i = 0; i < machine.count; i++) {
        machine.process[i].signalled = true;
        actor_kill(machine.process[i].actor);
        actor_join(machine.process[i].actor);
        actor_join(machine.process[i].zygote);
    }
}

bool __wrap_weir__spawner_spawn(struct weir__spawner *spawner, size_t worker,
                                struct weir__news *news, bool *asked)
{
    (void)news;
    if (machine.count == PROCESSES)
        schedule_failed("too many processes", __FILE__, __LINE__);
    struct process *process = &machine.process[machine.count];
    *process = (struct process){ .plan = spawner->plan, .worker = worker };
    machine.count++;
    process->actor = actor_start(run_process, process);
    process->zygote = actor_start(tell_start, process);
    *asked = true;
    return false;
}

/* What the zygote has to tell of this process, if anything. */
static bool has_news_of(const struct process *process)
{
    return process->started && (!process->told_start || (process->over && !process->told_end));
}

bool __wrap_weir__spawner_next(struct weir__spawner *spawner, struct weir__news *news)
{
    size_t i = 0;
    (void)spawner;
    schedule_step();
    while (i < machine.count && !has_news_of(&machine.process[i]))
        i++;
    if (i == machine.count)
        return false;
    struct process *process = &machine.process[i];
    bool start = !process->told_start;
    *news = (struct weir__news){ .kind = start ? WEIR__NEWS_SPAWNED : WEIR__NEWS_DIED,
                                 .worker = process->worker,
                                 .pid = (pid_t)i + 1,
                                 .pidfd = -1,
                                 .status = process->end,
                                 .known = !start };
    *(start ? &process->told_start : &process->told_end) = true;
    return true;
}

bool __wrap_weir__spawner_reap(struct weir__spawner *spawner, size_t worker, pid_t pid, int pidfd,
                               struct weir__news *news)
{
    (void)spawner, (void)worker, (void)pid, (void)pidfd, (void)news;
    return false;
}

void __wrap_weir__spawner_abandon(struct weir__spawner *spawner)
{
    (void)spawner;
    schedule_failed("the zygote was given up", __FILE__, __LINE__);
}

void __wrap_weir__spawner_kill(struct weir__spawner *spawner, size_t worker, pid_t pid, int pidfd,
                               int signal)
{
    (void)spawner, (void)pidfd, (void)signal;
    struct process *process = &machine.process[pid - 1];
    schedule_check(process->worker == worker);
    machine.signals++;
    process->signalled = true;
    actor_kill(process->actor);
}

void processes_doom(unsigned kills, unsigned steps)
{
    doomed = kills;
    doom_steps = steps;
}

void processes_kill(size_t worker)
{
    for (size_t i = machine.count; i-- > 0;)
        if (machine.process[i].worker == worker && !machine.process[i].over) {
            actor_kill(machine.process[i].actor);
            return;
        }
}

unsigned processes_killed(void)
{
    return machine.killed;
}

unsigned processes_signals(void)
{
    return machine.signals;
}

unsigned processes_left(void)
{
    return machine.left;
}

int __wrap_eventfd(unsigned value, int flags)
{
    int fd = __real_eventfd(value, flags);
    if (schedule_is_mine())
        machine.doorbell_fd = fd;
    return fd;
}

int __wrap_timerfd_create(int clock, int flags)
{
    int fd = __real_timerfd_create(clock, flags);
    if (schedule_is_mine())
        machine.timer_fd = fd;
    return fd;
}

int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *when,
                           struct itimerspec *before)
{
    if (!schedule_is_mine())
        return __real_timerfd_settime(fd, flags, when, before);
    machine.timer_ns =
        schedule_now_ns() + when->it_value.tv_sec * WEIR_SECOND + when->it_value.tv_nsec;
    happen();
    return 0;
}

ssize_t __wrap_write(int fd, const void *data, size_t size)
{
    if (!schedule_is_mine() || fd != machine.doorbell_fd)
        return __real_write(fd, data, size);
    schedule_step();
    machine.rung++;
    happen();
    return (ssize_t)size;
}

static bool timer_is_due(void)
{
    return machine.timer_ns && machine.timer_ns <= schedule_now_ns();
}

ssize_t __wrap_read(int fd, void *data, size_t size)
{
    if (!schedule_is_mine())
        return __real_read(fd, data, size);
    schedule_step();
    if (fd == machine.doorbell_fd)
        machine.rung = 0;
    else
        machine.timer_ns = 0;
    memset(data, 0, size);
    return (ssize_t)size;
}

static bool has_news(void)
{
    bool has = false;
    for (size_t i = 0; i < machine.count; i++)
        has |= has_news_of(&machine.process[i]);
    return has;
}

/* The collector: its doorbell, its timer, its socket. */
int __wrap_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                 const sigset_t *mask)
{
    if (!schedule_is_mine())
        return __real_ppoll(fds, count, timeout, mask);
    int64_t end_ns = timeout ? schedule_now_ns() + timeout->tv_sec * WEIR_SECOND + timeout->tv_nsec
                             : WEIR_FOREVER;
    for (;;) {
        uint32_t seen = machine.events;
        fds[0].revents = machine.rung ? POLLIN : 0;
        fds[1].revents = timer_is_due() ? POLLIN : 0;
        fds[2].revents = has_news() ? POLLIN : 0;
        int ready = (fds[0].revents != 0) + (fds[1].revents != 0) + (fds[2].revents != 0);
        if (ready || schedule_now_ns() >= end_ns)
            return ready;
        int64_t until_ns =
            machine.timer_ns && machine.timer_ns < end_ns ? machine.timer_ns : end_ns;
        schedule_sleep(&machine.events, seen, until_ns);
    }
}

weir_executor *processes_create(const weir_process_options *options, bool never_looks)
{
    weir_executor *executor = NULL;
    memset(&machine, 0, sizeof machine);
    weir_process_options own = *options;
    own.allow_threads = true;
    own.limits.core_dumps = true; /* the limit would be this process's own */
    schedule_check(weir_process_executor_create(&executor, &own) == WEIR_OK);
    weir__lock_take(&executor->lock);
    weir__process_pool_of(executor)->armed = never_looks;
    weir__lock_release(&executor->lock);
    return executor;
}
