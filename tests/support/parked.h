/* An executor whose workers are all parked at a gate: what is submitted to it now stays in the
 * backlog until the gate opens. */
#ifndef WEIR_TESTS_SUPPORT_PARKED_H
#define WEIR_TESTS_SUPPORT_PARKED_H

#include "support/factory.h"
#include "support/gate.h"

struct parked {
    weir_executor *executor;
    struct gate *gate;
    size_t workers;
};

/* Make one with options.workers workers (given, at least 1) and wait until each is at the gate. */
#define park(state, ...) park_workers(*(state), &(struct factory_options){ __VA_ARGS__ })
struct parked park_workers(const struct executor_factory *factory,
                           const struct factory_options *options);

/* Submit tasks that stop at the gate, one for each of n workers, and wait until they are there. */
void saturate(weir_executor *executor, struct gate *gate, size_t n);

/* Open the gate, destroy the executor (which drains it), destroy the gate. */
void unpark(struct parked *parked);

#endif
