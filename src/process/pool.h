/* The process executor in the parent: what its files share.
 *
 * queue.c gives tasks to workers and takes them back; collector.c is the thread that ends tasks;
 * death.c is what happens when a worker is gone; limits.c is about time; pool.c creates, closes,
 * destroys. buffers.c holds large arguments, functions.c knows what was loaded at creation.
 *
 * The lock is the executor's. No user code runs under it. */
#ifndef WEIR_PROCESS_POOL_H
#define WEIR_PROCESS_POOL_H

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "executor/executor_impl.h"
#include "executor/places.h"
#include "future/future_impl.h"
#include "process/buffers.h"
#include "process/functions.h"
#include "process/hints.h"
#include "process/plan.h"
#include "process/spawn.h"
#include "sync/spin.h"

/* Why a task was taken for its end. */
enum weir__end {
    WEIR__END_DONE,      /* its worker says so: the slot has the outcome */
    WEIR__END_CRASHED,   /* its worker died: the future has the story already */
    WEIR__END_OVERRUN,   /* likewise, since it ran too long */
    WEIR__END_KILLED,    /* likewise, since it was cancelled by force */
    WEIR__END_STRANDED   /* nobody will run it, or tell how it went */
};

/* What the parent knows of a slot. Index + 1 where another record is meant; 0: none. */
struct weir__record {
    struct weir_future *future; /* protected by: lock until taken; NULL: the slot is free */
    uint32_t generation;        /* protected by: lock; of the slot's word */
    uint32_t next, previous;    /* protected by: lock; open tasks by age; then only next: free ones,
                                   or (collector-private) those that are taken */
    bool open;                  /* protected by: lock; not taken yet */
    bool killable, kill;        /* protected by: lock; WEIR_KILL_ON_CANCEL; and it was asked for */
    uint32_t reruns;            /* protected by: lock; left */
    int64_t run_within_ns;      /* protected by: lock; 0: no limit */
    int64_t seen_ns;            /* protected by: lock; when it was first seen running; 0: not yet */
    enum weir__end end;         /* collector, once taken */
    size_t worker;              /* collector, once taken */
    enum weir__end verdict;     /* protected by: lock; what it is condemned for */
};

enum weir__post_state {
    WEIR__POST_VACANT, /* there is no process; one is to be started at spawn_ns */
    WEIR__POST_ASKED,  /* the zygote was asked for one */
    WEIR__POST_MANNED  /* there is a process */
};

/* What the parent knows of a worker. All but the atomic ones are the collector's. */
struct weir__post {
    enum weir__post_state state;
    _Atomic int pid;    /* relaxed: for statistics; 0: none */
    int pidfd;          /* -1: none */
    bool leaving;       /* it was killed, or told to leave: its death is no surprise */
    bool replaced;      /* there has been one here that died */
    int64_t seen_dead_ns; /* since its pidfd is readable, and the zygote has said nothing; 0: it has */
    int64_t asked_ns;   /* when the zygote was asked for one */
    int64_t spawn_ns;   /* when to start one */
    int64_t kill_ns;    /* when to send SIGKILL; WEIR_FOREVER: not */
    uint64_t done_head; /* our end of its completion ring */
    uint32_t collected; /* large results copied */
    struct weir__cell *cell; /* immutable */
    _Alignas(WEIR__CACHE_LINE) struct weir__run_counters counters; /* collector writes, all read */
    weir__counter busy_ns;
};

enum { WEIR__FREED_MOST = 64 };

struct weir__process_pool {
    weir_executor base;
    struct weir__places places;
    struct weir__plan plan; /* immutable; the segment is in there */

    /* Immutable. */
    struct weir__functions functions;
    int64_t kill_grace_ns, deaths_within_ns;
    size_t deaths_max;
    int timer_fd;
    weir_start start;
    pthread_t collector;

    /* Protected by: the lock. */
    _Alignas(WEIR__CACHE_LINE) struct weir__hint_tail hints;
    struct weir__record *record; /* one for each slot */
    uint32_t oldest, newest;     /* open tasks; index + 1 */
    uint32_t free;               /* index + 1 */
    size_t open;                 /* tasks */
    bool armed;                  /* the timer will wake the collector, which looks around */
    int64_t look_ns;             /* how long the timer was set for */
    bool kills;                  /* some record says kill */
    bool spoilt;                 /* shared memory makes no sense: it is not read any more */
    int64_t next_look_ns;        /* when the collector wakes up at the latest, but for the timer */
    bool gone;                   /* the collector has nothing left to do */

    struct weir__buffers buffers; /* has a lock of its own */

    /* The collector's own. */
    _Alignas(WEIR__CACHE_LINE) struct weir__spawner spawner;
    struct weir__post *post;
    size_t manned;               /* posts that are not VACANT */
    bool lost;                   /* the zygote */
    int64_t watched_ns;          /* for how long the zygote was watched, ever: the clock of asked_ns,
                                    seen_dead_ns and news_ns, which stands still while nobody looks */
    int64_t watched_until_ns;
    int64_t news_ns;             /* when the zygote last said anything */
    bool nonsense;               /* a completion ring makes no sense */
    bool broken;                 /* no worker is started any more */
    bool lived;                  /* a worker has been started, once */
    int spawn_error;             /* why there was no first worker; published by started [X7] */
    bool leaving;                /* the workers have been told to leave */
    uint32_t first_taken, last_taken; /* index + 1 */
    uint32_t freed[WEIR__FREED_MOST]; /* slots to be given back */
    size_t freed_count;
    uint64_t ended;              /* tasks, ever */
    weir__counter settled;       /* of these, done with, their callbacks too; atomic [E2] */
    uint64_t ended_at_look;
    int64_t *deaths;             /* when; deaths_max entries, used in a circle */
    size_t deaths_count;         /* since a task ended by itself */
    unsigned failures;           /* of fork, in a row */
    struct pollfd *poll;
    struct weir__spin spin;      /* for completions */
    _Atomic uint32_t called;     /* relaxed, any thread: somebody has rung since it was last cleared */

    _Atomic uint32_t started;    /* futex: 0 not yet, 1 a worker runs, 2 none could be started */
};

static inline struct weir__process_pool *weir__process_pool_of(weir_executor *executor)
{
    return WEIR__CONTAINER_OF(executor, struct weir__process_pool, base);
}

static inline struct weir__segment *weir__pool_segment(struct weir__process_pool *pool)
{
    return &pool->plan.segment;
}

/* queue.c */

extern const struct weir__places_ops weir__process_places_ops;
bool weir__process_withdraw(weir_executor *, struct weir_future *);
void weir__process_refresh(weir_executor *, struct weir_future *);
void weir__process_request(weir_executor *, struct weir_future *);
/* Make every hint stale, and give out new ones to all that is queued, in order. Requires: lock. */
void weir__process_rebuild_locked(struct weir__process_pool *);
/* An open task is now the caller's to end: its future is RUNNING. Requires: lock. */
void weir__process_take_locked(struct weir__process_pool *, uint32_t slot);
/* The slot of a task that was taken may be used again. Requires: lock. */
void weir__process_give_slot_locked(struct weir__process_pool *, uint32_t slot);
/* Wake the collector. Any thread. */
void weir__process_ring(struct weir__process_pool *);

/* collector.c */

void *weir__collector_main(void *pool);
/* Whoever creates the executor waits for this: there is a worker (0), or why there is none (an errno). The
 * first call counts. */
void weir__process_say_started(struct weir__process_pool *, int error);
/* The collector waits for a future: go on collecting until it has ended. */
bool weir__process_run_here(weir_executor *, void *worker, struct weir_future *);
/* Take a task, for this end. Requires: lock; collector. */
void weir__process_end_locked(struct weir__process_pool *, uint32_t slot, enum weir__end);
/* Take a task whose slot says DONE, if what it says makes sense. Requires: lock; collector. */
void weir__process_done_locked(struct weir__process_pool *, uint32_t slot, size_t worker);
/* Take what is in a worker's completion ring, up to most. Requires: lock; collector. */
size_t weir__process_drain_locked(struct weir__process_pool *, size_t worker, size_t most);

/* death.c; all: collector */

void weir__process_news(struct weir__process_pool *, const struct weir__news *);
/* Nobody can run anything any more: refuse, end what is queued. spoilt: do not even read the
 * segment again, end everything. */
void weir__process_break(struct weir__process_pool *, bool spoilt);
/* Start a worker. Requires: VACANT, and all that were taken from the last one have been ended. */
void weir__process_man_post(struct weir__process_pool *, size_t worker, int64_t now_ns);
/* Tell a worker to end: SIGTERM now, SIGKILL after the grace period. */
void weir__process_end_worker(struct weir__process_pool *, size_t worker, int64_t now_ns);

/* limits.c; collector, but for: */

/* Have the timer wake the collector. Any thread. Requires: lock. */
void weir__process_arm_locked(struct weir__process_pool *, int64_t after_ns);

/* Do what is due; returns when to come again. */
int64_t weir__process_timers(struct weir__process_pool *);
/* Look around for what went wrong without a death. */
void weir__process_look(struct weir__process_pool *);

#endif
