#include "support/parked.h"

void saturate(weir_executor *executor, struct gate *gate, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_status(weir_submit(executor, gate_task, gate, 0, NULL), WEIR_OK);
    assert_true(gate_wait_entered(gate, (uint32_t)n));
}

struct parked park_workers(const struct executor_factory *factory,
                           const struct factory_options *options)
{
    struct parked parked = { .gate = gate_create(), .workers = options->workers };
    parked.executor = factory_create(factory, options);
    saturate(parked.executor, parked.gate, parked.workers);
    return parked;
}

void unpark(struct parked *parked)
{
    gate_open(parked->gate);
    weir_executor_destroy(parked->executor);
    gate_destroy(parked->gate);
}
