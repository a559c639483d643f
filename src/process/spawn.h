/* Where worker processes come from, and who tells that they are dead: the parent's side.
 *
 * WEIR_START_ZYGOTE: the zygote (zygote.c) forks them, waits for each by its pid, and tells over a
 * socket of packets. It has one thread and nobody else's children, so it is not disturbed by what the
 * host does with SIGCHLD or wait().
 * WEIR_START_FORK: this file forks them in the thread that calls, and waits for each by its pid.
 *
 * All functions are called by one thread, the collector, which lives as long as the executor: a
 * child's parent-death signal comes when the thread that forked it ends. */
#ifndef WEIR_PROCESS_SPAWN_H
#define WEIR_PROCESS_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "process/plan.h"
#include "weir/process.h"
#include "weir/status.h"

struct weir__spawner {
    const struct weir__plan *plan; /* immutable */
    weir_start start;              /* immutable */
    int socket;                    /* to the zygote; -1: there is none */
    pid_t zygote;                  /* 0: there is none */
    int zygote_pidfd;              /* -1: there is none */
};

enum weir__news_kind {
    WEIR__NEWS_SPAWNED, /* pid, pidfd (the receiver's; -1: none could be had) */
    WEIR__NEWS_FAILED,  /* error: of fork */
    WEIR__NEWS_DIED,    /* pid, status, known, usage */
    WEIR__NEWS_LOST     /* the zygote is gone */
};

struct weir__news {
    enum weir__news_kind kind;
    size_t worker;
    pid_t pid;
    int pidfd;
    int error;
    int status;  /* as of wait() */
    bool known;  /* status and usage are */
    struct rusage usage;
};

/* WEIR_OK | WEIR_ESYS, with errno */
weir_status weir__spawner_open(struct weir__spawner *, const struct weir__plan *, weir_start);
/* Ends the zygote, and with it what is left of the workers it forked. */
void weir__spawner_close(struct weir__spawner *);

/* Have worker started. The zygote tells later: false, nothing in *news. Directly: true, with the
 * news. *asked: whether it was asked for at all; if not, try again later. */
bool weir__spawner_spawn(struct weir__spawner *, size_t worker, struct weir__news *news,
                         bool *asked);
/* The next of what the zygote has to tell; false: nothing now. */
bool weir__spawner_next(struct weir__spawner *, struct weir__news *news);
/* Whether the worker is dead; what it died of, if that can be known. For workers that no zygote
 * waits for any more, or ever did. */
bool weir__spawner_reap(struct weir__spawner *, size_t worker, pid_t pid, int pidfd,
                        struct weir__news *news);
/* The zygote does not do its work: kill it. Its end will be news. */
void weir__spawner_abandon(struct weir__spawner *);
/* Send a signal to the worker and its process group. */
void weir__spawner_kill(struct weir__spawner *, size_t worker, pid_t pid, int pidfd, int signal);

/* zygote.c */

enum weir__order_kind { WEIR__ORDER_SPAWN, WEIR__ORDER_KILL };

/* parent to zygote */
struct weir__order {
    uint32_t kind, worker;
    int32_t pid, signal;
};

/* zygote to parent; with WEIR__NEWS_SPAWNED comes the pidfd */
struct weir__notice {
    uint32_t kind, worker;
    int32_t pid, error, status;
    struct rusage usage;
};

_Noreturn void weir__zygote_main(const struct weir__plan *plan, int socket, pid_t parent);

/* A process of ours that was forked a moment ago and not waited for: its pidfd, or -1 with errno. */
int weir__pidfd_open(pid_t pid);

#endif
