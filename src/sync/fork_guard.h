/* Knowing, at the cost of a load, that this process is a forked child of the one that made an
 * object: a page that the kernel hands to the child zeroed (MADV_WIPEONFORK). Where the kernel
 * cannot (before Linux 4.14), the process id is compared, at the cost of a system call. */
#ifndef WEIR_SYNC_FORK_GUARD_H
#define WEIR_SYNC_FORK_GUARD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct weir__fork_guard {
    const volatile uint32_t *page; /* immutable after init; 1 in the parent, 0 in a child */
    pid_t pid;                     /* immutable; 0 if the page tells */
};

bool weir__fork_guard_init(struct weir__fork_guard *guard); /* false: out of memory */
void weir__fork_guard_fini(struct weir__fork_guard *guard);
bool weir__fork_guard_other_pid(const struct weir__fork_guard *guard);

/* Whether the process forked since init, and this is the child. */
static inline bool weir__forked(const struct weir__fork_guard *guard)
{
    return *guard->page == 0 || (guard->pid && weir__fork_guard_other_pid(guard));
}

#endif
