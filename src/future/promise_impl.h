/* What promise.c and promise_follow.c share. The phases are drawn in promise.c. */
#ifndef WEIR_FUTURE_PROMISE_IMPL_H
#define WEIR_FUTURE_PROMISE_IMPL_H

#include <pthread.h>

#include "future/future_impl.h"
#include "weir/promise.h"

enum weir__phase {
    WEIR__PROMISED,
    WEIR__STARTED,
    WEIR__HELD,
    WEIR__LINKING,
    WEIR__FOLLOWING
};

/* In the inline argument of its future. */
struct weir_promise {
    struct weir_future *future; /* immutable */
    struct weir_future *other;  /* protected by: the future's lock; referenced, or NULL */
    enum weir__phase phase;     /* protected by: the future's lock */
    bool has_submitter;         /* likewise; a wait in the following thread cannot end while held */
    pthread_t submitter;        /* likewise */
    struct weir__callback ended; /* the other future's, once it follows it */
};

static inline struct weir_promise *weir__promise_of(struct weir_future *future)
{
    return weir__future_inline_arg(future);
}

/* promise_follow.c: what cancel, help and the like mean for a promised future. */
extern const struct weir__future_host weir__promise_host;

/* promise_follow.c: the calling thread holds the promise, and submits what it is to follow: until then
 * it cannot wait for the future. */
void weir__promise_submits_here(struct weir_promise *promise);

/* promise.c: code and message. Requires: the right to end it. */
void weir__promise_store_error(struct weir_future *future, int code, const char *message);

#endif
