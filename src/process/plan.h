/* What a worker process has to know. It is copied into it by the fork, as all private memory. */
#ifndef WEIR_PROCESS_PLAN_H
#define WEIR_PROCESS_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "process/segment.h"
#include "weir/process.h"

enum { WEIR__KEEP_FDS_MAX = 64 };

struct weir__plan {
    /* All immutable once the first process is forked. */
    struct weir__segment segment;
    const char *name;           /* the executor's */
    int doorbell_fd;            /* eventfd */
    weir_process_limits limits;
    weir_worker_init_fn *worker_init;
    void *init_data;
    weir_worker_fini_fn *worker_fini;
    void *fini_data;
    size_t tasks_per_worker; /* 0: no limit */
    int64_t spin_ns;         /* how long an idle worker looks for a task before it sleeps */
    int keep_fds[WEIR__KEEP_FDS_MAX];
    size_t keep_fds_count;
};

/* worker.c: the life of a worker process, in that process. parent: who must be alive. */
_Noreturn void weir__process_worker_main(const struct weir__plan *plan, size_t index, pid_t parent);
/* The part of it that could as well be lived in a thread: what tests of schedules start. */
_Noreturn void weir__process_worker_serve(const struct weir__plan *plan, size_t index);

/* child.c: what every child of ours does first. */

/* Die with the parent process; _exit if it is dead already. */
void weir__child_follow(pid_t parent);
/* Drop what is the host's: output that it has not written yet, signal handlers and mask, and every
 * descriptor but 0, 1, 2 and these. May sort the array. */
void weir__child_clean(int *keep, size_t count);
/* False: a limit could not be set. */
bool weir__child_limit(const weir_process_limits *limits);

#endif
