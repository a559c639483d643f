/* Processes forked, each of which answers a byte, and waited for: what starting workers costs at
 * least, in a process with so much memory. Nothing is shared, nobody looks after them. */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

struct child {
    pid_t pid;
    int there, back; /* our ends */
};

static struct child *children;
static size_t count;

static void answer_all(int in, int out)
{
    char byte;
    while (read(in, &byte, 1) == 1)
        if (write(out, &byte, 1) != 1)
            return;
}

static void fork_one(size_t index)
{
    int there[2], back[2];
    if (pipe(there) != 0 || pipe(back) != 0)
        bench_die("no pipes");
    pid_t pid = fork();
    if (pid < 0)
        bench_die("cannot fork");
    if (pid == 0) {
        for (size_t i = 0; i < index; i++)
            close(children[i].there); /* else they would not see that it is closed */
        close(there[1]);
        answer_all(there[0], back[1]);
        _exit(0);
    }
    close(there[0]);
    close(back[1]);
    children[index] = (struct child){pid, there[1], back[0]};
}

static void start(size_t workers, bool refuses)
{
    (void)refuses;
    count = workers;
    children = bench_memory(workers, sizeof *children);
    for (size_t i = 0; i < workers; i++)
        fork_one(i);
}

static void stop(void)
{
    for (size_t i = 0; i < count; i++)
        close(children[i].there);
    for (size_t i = 0; i < count; i++) {
        waitpid(children[i].pid, NULL, 0);
        close(children[i].back);
    }
    free(children);
}

static void round_trip(void)
{
    char byte = 1;
    if (write(children[0].there, &byte, 1) != 1 || read(children[0].back, &byte, 1) != 1)
        bench_die("a child is gone");
}

int main(int argc, char **argv)
{
    static const struct bench_contender forked = {
        .name = "limit-fork-procs",
        .start = start,
        .stop = stop,
        .round_trip = round_trip,
        .processes = true,
    };
    return bench_main(argc, argv, &forked);
}
