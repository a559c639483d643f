/* What the conformance suite knows of the executor it is run on: how to make one, and what it can
 * do. A test that needs a trait which the executor lacks is skipped. */
#ifndef WEIR_TESTS_SUPPORT_FACTORY_H
#define WEIR_TESTS_SUPPORT_FACTORY_H

#include "support/check.h"

enum executor_trait {
    /* Has workers of its own: a submission returns before its task has run, and there is a
     * backlog. */
    TRAIT_CONCURRENT = 1u << 0,
    /* Tasks see the test's memory and handles: they may submit, wait and cancel, and pointers to
     * ordinary memory may be given to them. (Memory from shared_alloc() may always.) */
    TRAIT_SHARES_MEMORY = 1u << 1,
    /* Workers come and go with the work. */
    TRAIT_DYNAMIC = 1u << 2,
    /* Workers are threads of this process, made by the thread executor. */
    TRAIT_THREADS = 1u << 3,
    /* Workers are processes, made by the process executor. */
    TRAIT_PROCESSES = 1u << 4
};

/* Options that every kind understands, or ignores where they have no meaning for it. Zero members
 * mean the kind's default. */
struct factory_options {
    size_t workers;
    size_t limit;
    weir_policy policy;
    const char *name;
    size_t arg_bytes;
    size_t result_bytes;
    weir_worker_init_fn *worker_init;
    void *init_data;
    weir_worker_fini_fn *worker_fini;
    void *fini_data;
    bool dispatch;
};

struct executor_factory {
    const char *name;
    weir_status (*create)(weir_executor **out, const struct factory_options *options);
    unsigned traits;
};

/* An executor, or a failed test. Pass the test's state, and members of struct factory_options. */
#define new_executor(state, ...)                                                                   \
    factory_create(*(state), &(struct factory_options){ __VA_ARGS__ })
weir_executor *factory_create(const struct executor_factory *factory,
                              const struct factory_options *options);

/* Skip the test unless the executor has all these traits. */
#define needs(state, wanted)                                                                       \
    do {                                                                                           \
        if (!factory_has(*(state), (wanted)))                                                      \
            skip();                                                                                \
    } while (0)
bool factory_has(const struct executor_factory *factory, unsigned traits);

#endif
