/* Futures without an executor: a slab whose host is the test. */
#ifndef WEIR_TESTS_UNIT_FUTURE_FIXTURE_H
#define WEIR_TESTS_UNIT_FUTURE_FIXTURE_H

#include "future/future_impl.h"
#include "support/check.h"

static inline bool fixture_withdraw(void *owner, struct weir_future *future)
{
    (void)owner;
    weir__future_end(future, WEIR_ECANCELLED, NULL);
    return true;
}

static inline enum weir__help fixture_help(void *owner, struct weir_future *future)
{
    (void)owner;
    (void)future;
    return WEIR__HELP_NO;
}

static const struct weir__future_host fixture_host = {
    .withdraw = fixture_withdraw,
    .help = fixture_help,
};

static inline struct weir__slab *fixture_slab(void)
{
    struct weir__slab *slab = weir__slab_create(&fixture_host, NULL, 48, 48, false);
    assert_non_null(slab);
    return slab;
}

/* A future that runs, with a handle for the test besides the runner's. */
static inline struct weir_future *fixture_running(struct weir__slab *slab)
{
    struct weir_future *future = weir__slab_take(slab, NULL);
    assert_non_null(future);
    future->flags = 0;
    weir__future_adopt(future, 2, WEIR__RUNNING);
    return future;
}

#endif
