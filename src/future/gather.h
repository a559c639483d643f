/* Waiting on a number of futures: what wait_all, wait_any, wait_first_failure and as_completed have
 * in common. See gather.c. */
#ifndef WEIR_FUTURE_GATHER_H
#define WEIR_FUTURE_GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "future/future_impl.h"
#include "sync/parker.h"

struct weir__gather;

/* One future that is waited on. */
struct weir__member {
    struct weir__observer observer;
    struct weir__gather *gather;    /* immutable */
    struct weir_future *future;     /* immutable; NULL: passed over */
    struct weir__member *next_done; /* protected by: gather's lock */
    size_t index;                   /* immutable; in the caller's array */
    bool registered;                /* the waiter's; the observer was linked */
};

struct weir__gather {
    struct weir__member *members; /* immutable; count of them */
    size_t count;                 /* immutable */
    bool has_promises;            /* immutable after init; some may come to stand for a task */
    struct weir__spin *spin;      /* the waiter's; of one that it has a reference to, or NULL */
    struct weir__lock lock;       /* protects what follows */
    struct weir__member *done;    /* ended, in that order, not yet taken */
    struct weir__member **done_end;
    size_t ended;   /* how many have ended */
    size_t failed;  /* index of the first that failed, or SIZE_MAX */
    size_t wake_at; /* wake the waiter when so many have ended */
    bool wake_on_failure;
    bool told; /* the waiter was woken, or need not be */
    struct weir__parker parker;
};

/* Register with all futures; those that have ended already, and NULL ones, are counted. members:
 * room for count, the caller's, until weir__gather_fini(). */
void weir__gather_init(struct weir__gather *gather, struct weir__member *members,
                       weir_future *const *futures, size_t count);
/* Unregister. On return nobody touches the memory any more. */
void weir__gather_fini(struct weir__gather *gather);
/* Unregister one member. */
void weir__gather_forget(struct weir__member *member);
/* Sleep until wake_at have ended (or, if wished, one has failed). False: the deadline passed, or the
 * only member turned out to be the caller's own task. */
bool weir__gather_wait(struct weir__gather *gather, size_t wake_at, bool wake_on_failure,
                       int64_t deadline_ns);
/* The next that has ended, or NULL. */
struct weir__member *weir__gather_take(struct weir__gather *gather);

/* Ask the future's executor whether to run it here. */
enum weir__help weir__help_along(struct weir_future *future);
/* Whether the calling process is a forked child of the one the future belongs to. */
bool weir__future_forked(const struct weir_future *future);

#endif
