/* An executor whose only worker is parked, for tests in which memory is scarce. */
#ifndef WEIR_TESTS_FAULT_SCARCE_STAGE_H
#define WEIR_TESTS_FAULT_SCARCE_STAGE_H

#include "fault/scarcity.h"
#include "support/gate.h"
#include "support/submit.h"
#include "support/tasks.h"

static inline weir_executor *pool(const weir_thread_options *options)
{
    weir_executor *executor = NULL;
    assert_status(weir_thread_executor_create(&executor, options), WEIR_OK);
    return executor;
}

/* Everything is at hand but memory. */
struct stage {
    weir_executor *executor;
    struct gate *gate;
    long held; /* before it was set up */
};

static inline struct stage set_up(weir_policy policy)
{
    struct stage stage = { .gate = gate_create(), .held = allocations_held() };
    stage.executor = pool(&(weir_thread_options){ .workers = 1, .limit = 2000, .policy = policy });
    assert_status(weir_submit(stage.executor, gate_task, stage.gate, 0, NULL), WEIR_OK);
    assert_true(gate_wait_entered(stage.gate, 1));
    return stage;
}

/* From here on there is neither memory nor a free slot: all have gone to callbacks of this future, of
 * whose number it says how many. */
static inline int use_up(weir_future *future, weir_done_fn *done, void *data)
{
    int added = 0;
    fail_all();
    while (added < 1000 && weir_future_on_done(future, done, data) == WEIR_OK)
        added++;
    return added;
}

static inline void tear_down(struct stage *stage)
{
    gate_open(stage->gate);
    assert_status(end_and_unref(submit_ok(stage->executor, noop_task, NULL, 0)), WEIR_OK);
    weir_executor_destroy(stage->executor);
    assert_int_equal(allocations_held(), stage->held);
    gate_destroy(stage->gate);
}

#endif
