/* Two that wait for each other, with nothing between them but a word each: what waking somebody up
 * costs, or having somebody who waits awake. Built for threads and for processes (BENCH_PROCESSES),
 * sleeping on a futex or spinning (BENCH_SPINNING). */
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

enum { SPINS_BEFORE_YIELD = 20000 };

enum { NOTHING, CALLED, OVER };

struct side {
    BENCH_OWN_LINE uint32_t word; /* atomic */
};

static struct {
    struct side worker, submitter;
} *sides;

static void call(struct side *side, uint32_t what)
{
    __atomic_store_n(&side->word, what, __ATOMIC_RELEASE);
    if (!BENCH_SPINNING)
        syscall(SYS_futex, &side->word, BENCH_PROCESSES ? FUTEX_WAKE : FUTEX_WAKE_PRIVATE, 1, NULL,
                NULL, 0);
}

static void wait_a_little(struct side *side, unsigned *spins)
{
    if (!BENCH_SPINNING)
        syscall(SYS_futex, &side->word, BENCH_PROCESSES ? FUTEX_WAIT : FUTEX_WAIT_PRIVATE, NOTHING,
                NULL, NULL, 0);
    else if (++*spins % SPINS_BEFORE_YIELD == 0)
        sched_yield();
    else
        __builtin_ia32_pause();
}

static uint32_t wait_for_call(struct side *side)
{
    unsigned spins = 0;
    uint32_t what;
    while ((what = __atomic_load_n(&side->word, __ATOMIC_ACQUIRE)) == NOTHING)
        wait_a_little(side, &spins);
    __atomic_store_n(&side->word, NOTHING, __ATOMIC_RELAXED);
    return what;
}

static void *answer(void *unused)
{
    while (wait_for_call(&sides->worker) == CALLED)
        call(&sides->submitter, CALLED);
    return unused;
}

static pid_t process;
static pthread_t thread;

static void start(size_t workers, bool refuses)
{
    (void)workers;
    (void)refuses;
    sides = mmap(NULL, sizeof *sides, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (sides == MAP_FAILED)
        bench_die("no shared memory");
    if (!BENCH_PROCESSES) {
        if (pthread_create(&thread, NULL, answer, NULL) != 0)
            bench_die("cannot start a thread");
        return;
    }
    process = fork();
    if (process < 0)
        bench_die("cannot fork");
    if (process == 0) {
        answer(NULL);
        _exit(0);
    }
}

static void stop(void)
{
    call(&sides->worker, OVER);
    if (BENCH_PROCESSES)
        waitpid(process, NULL, 0);
    else
        pthread_join(thread, NULL);
    munmap(sides, sizeof *sides);
}

static void round_trip(void)
{
    call(&sides->worker, CALLED);
    wait_for_call(&sides->submitter);
}

int main(int argc, char **argv)
{
    static const struct bench_contender pingpong = {
        .name = BENCH_NAME,
        .start = start,
        .stop = stop,
        .round_trip = round_trip,
        .single_worker = true,
        .processes = BENCH_PROCESSES,
    };
    return bench_main(argc, argv, &pingpong);
}
