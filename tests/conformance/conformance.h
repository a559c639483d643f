/* The conformance suite: what every executor promises, whatever runs its tasks. Each part takes a
 * factory and gives the number of failed tests; run_conformance() runs them all.
 *
 * A test gets the factory as its state. A test for which the executor lacks a trait skips itself,
 * so the suite is the same list for every kind. */
#ifndef WEIR_TESTS_CONFORMANCE_H
#define WEIR_TESTS_CONFORMANCE_H

#include "support/factory.h"
#include "support/parked.h"
#include "support/snapshot.h"
#include "support/submit.h"
#include "support/tasks.h"

typedef int suite_fn(const struct executor_factory *factory);

suite_fn suite_submit, suite_result, suite_failure, suite_cancel, suite_callbacks, suite_wait_all,
    suite_wait_any, suite_as_completed, suite_shutdown, suite_shutdown_modes, suite_admission,
    suite_verdicts, suite_check, suite_block, suite_stats, suite_nested, suite_input_calls,
    suite_input_options, suite_fork, suite_init, suite_threads, suite_dynamic, suite_restart,
    suite_defects, suite_promises_tasks, suite_promises_bound, suite_promises_host,
    suite_map, suite_schedule, suite_dispatch, suite_dispatch_ends;

/* Run every suite, or those named on the command line; the program's exit status. */
int run_conformance(const struct executor_factory *factory, int argc, char **argv);

/* An entry of a list of tests. */
#define ON(factory, test) cmocka_unit_test_prestate(test, (void *)(factory))

#endif
