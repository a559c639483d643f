/* Bytes to another process and back, by three ways (BENCH_NAME says which):
 *
 *   limit-arena              memory that both have mapped: in by one copy, across by one more, and
 *                            looked at where it is
 *   limit-pipe               two pipes
 *   limit-process-vm-readv   each reads the memory of the other; addresses go through shared memory
 *
 * Calls and answers go by a futex, or are the bytes in the pipe. */
#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

enum { NOTHING, CALLED, OVER };

#define MOST ((size_t)64 << 20)

/* One direction of shared memory. */
struct half {
    BENCH_OWN_LINE uint32_t word; /* atomic: publishes the rest */
    const void *address;          /* in the memory of the one who calls */
    size_t size;
    BENCH_OWN_LINE unsigned char arena[MOST];
};

static struct {
    struct half there, back;
} *shared;

static pid_t parent, child;
static int pipe_there[2], pipe_back[2];
static void *own; /* where bytes are received: each process has its own */

static void call(struct half *half, uint32_t what)
{
    __atomic_store_n(&half->word, what, __ATOMIC_RELEASE);
    syscall(SYS_futex, &half->word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static uint32_t wait_for_call(struct half *half)
{
    uint32_t what;
    while ((what = __atomic_load_n(&half->word, __ATOMIC_ACQUIRE)) == NOTHING)
        syscall(SYS_futex, &half->word, FUTEX_WAIT, NOTHING, NULL, NULL, 0);
    __atomic_store_n(&half->word, NOTHING, __ATOMIC_RELAXED);
    return what;
}

/* A way of sending and receiving; receive() returns NULL when it is over. */
struct way {
    const char *name;
    void (*send)(bool there, const struct bench_bytes *bytes);
    const struct bench_bytes *(*receive)(bool there);
    void (*end)(void);
};

static struct half *half_of(bool there)
{
    return there ? &shared->there : &shared->back;
}

static void end_by_word(void)
{
    call(&shared->there, OVER);
}

static void send_by_arena(bool there, const struct bench_bytes *bytes)
{
    struct half *half = half_of(there);
    memcpy(half->arena, bytes, bytes->size);
    call(half, CALLED);
}

static const struct bench_bytes *receive_by_arena(bool there)
{
    struct half *half = half_of(there);
    return wait_for_call(half) == CALLED ? (const void *)half->arena : NULL;
}

static void send_by_reading(bool there, const struct bench_bytes *bytes)
{
    struct half *half = half_of(there);
    half->address = bytes;
    half->size = bytes->size;
    call(half, CALLED);
}

static const struct bench_bytes *receive_by_reading(bool there)
{
    struct half *half = half_of(there);
    if (wait_for_call(half) != CALLED)
        return NULL;
    struct iovec from = {(void *)half->address, half->size}, to = {own, half->size};
    if (process_vm_readv(there ? parent : child, &to, 1, &from, 1, 0) != (ssize_t)half->size)
        bench_die("process_vm_readv: %s", strerror(errno));
    return own;
}

static void send_by_pipe(bool there, const struct bench_bytes *bytes)
{
    int fd = there ? pipe_there[1] : pipe_back[1];
    for (size_t sent = 0; sent < bytes->size;) {
        ssize_t part = write(fd, (const char *)bytes + sent, bytes->size - sent);
        if (part < 0)
            bench_die("pipe: %s", strerror(errno));
        sent += (size_t)part;
    }
}

static bool read_all(int fd, void *to, size_t size)
{
    for (size_t got = 0; got < size;) {
        ssize_t part = read(fd, (char *)to + got, size - got);
        if (part <= 0)
            return false;
        got += (size_t)part;
    }
    return true;
}

static const struct bench_bytes *receive_by_pipe(bool there)
{
    int fd = there ? pipe_there[0] : pipe_back[0];
    struct bench_bytes *bytes = own;
    size_t head = sizeof(struct bench_bytes);
    if (!read_all(fd, bytes, head) || bytes->size < head || bytes->size > MOST ||
        !read_all(fd, (char *)own + head, bytes->size - head))
        return NULL;
    return bytes;
}

static void end_by_pipe(void)
{
    close(pipe_there[1]);
}

static const struct way ways[] = {
    {"limit-arena", send_by_arena, receive_by_arena, end_by_word},
    {"limit-pipe", send_by_pipe, receive_by_pipe, end_by_pipe},
    {"limit-process-vm-readv", send_by_reading, receive_by_reading, end_by_word},
};

static const struct way *way;

static void answer_all(void)
{
    const struct bench_bytes *bytes;
    close(pipe_there[1]);
    while ((bytes = way->receive(true)))
        way->send(false, bytes);
}

static void start(size_t workers, bool refuses)
{
    (void)workers;
    (void)refuses;
    parent = getpid();
    /* Where only descendants may be read, the child has to be let in. */
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    own = mmap(NULL, MOST, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (shared == MAP_FAILED || own == MAP_FAILED || pipe(pipe_there) != 0 || pipe(pipe_back) != 0)
        bench_die("no memory, or no pipes");
    child = fork();
    if (child < 0)
        bench_die("cannot fork");
    if (child == 0) {
        answer_all();
        _exit(0);
    }
    close(pipe_there[0]);
}

static void stop(void)
{
    way->end();
    waitpid(child, NULL, 0);
}

static const struct bench_bytes *echo(const struct bench_bytes *bytes)
{
    way->send(true, bytes);
    return way->receive(false);
}

int main(int argc, char **argv)
{
    static const struct bench_contender transfer = {
        .name = BENCH_NAME,
        .start = start,
        .stop = stop,
        .echo = echo,
        .single_worker = true,
        .processes = true,
    };
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        if (strcmp(ways[i].name, BENCH_NAME) == 0)
            way = &ways[i];
    return bench_main(argc, argv, &transfer);
}
