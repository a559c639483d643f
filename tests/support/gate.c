#include "support/gate.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "support/check.h"
#include "support/shared.h"

#define GATE_OPEN UINT32_MAX

/* Without FUTEX_PRIVATE_FLAG: those who meet here may be different processes. The time limit only
 * makes the loop around it look at the watchdog. */
static void word_wait(_Atomic uint32_t *word, uint32_t seen)
{
    struct timespec limit = { .tv_sec = 1, .tv_nsec = 0 };
    syscall(SYS_futex, word, FUTEX_WAIT, seen, &limit, NULL, 0);
}

static void word_wake(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

struct gate *gate_create(void)
{
    return shared_alloc(sizeof(struct gate));
}

void gate_destroy(struct gate *gate)
{
    shared_free(gate, sizeof *gate);
}

static bool take_ticket(struct gate *gate)
{
    uint32_t left = atomic_load(&gate->tickets);
    while (left > 0)
        if (left == GATE_OPEN || atomic_compare_exchange_weak(&gate->tickets, &left, left - 1))
            return true;
    return false;
}

bool gate_pass(struct gate *gate)
{
    /* A parked task is held for as long as its test takes, so it is given longer than the test's
     * own waits: the test reports the failure, not the task. */
    int64_t end_ns = now_ns() + 6 * WATCHDOG_NS;
    atomic_fetch_add(&gate->entered, 1);
    word_wake(&gate->entered);
    while (!take_ticket(gate)) {
        if (now_ns() > end_ns)
            return false;
        word_wait(&gate->tickets, 0);
    }
    atomic_fetch_add(&gate->passed, 1);
    return true;
}

weir_status gate_task(weir_task *task, void *gate)
{
    return gate_pass(gate) ? WEIR_OK : weir_task_fail(task, 1, "the gate was never opened");
}

bool gate_wait_entered(struct gate *gate, uint32_t n)
{
    int64_t end_ns = now_ns() + WATCHDOG_NS;
    for (;;) {
        uint32_t seen = atomic_load(&gate->entered);
        if (seen >= n)
            return true;
        if (now_ns() > end_ns)
            return false;
        word_wait(&gate->entered, seen);
    }
}

void gate_let(struct gate *gate, uint32_t n)
{
    atomic_fetch_add(&gate->tickets, n);
    word_wake(&gate->tickets);
}

void gate_open(struct gate *gate)
{
    atomic_store(&gate->tickets, GATE_OPEN);
    word_wake(&gate->tickets);
}

void gate_reset(struct gate *gate)
{
    atomic_store(&gate->entered, 0);
    atomic_store(&gate->tickets, 0);
    atomic_store(&gate->passed, 0);
}
