# The conformance suite, once for every kind of executor: a program is the suite and a factory.
# (Included from tests/CMakeLists.txt, to which the paths are relative.)

add_library(weir_conformance STATIC EXCLUDE_FROM_ALL
    conformance/conformance.c
    conformance/suite_admission.c
    conformance/suite_as_completed.c
    conformance/suite_block.c
    conformance/suite_callbacks.c
    conformance/suite_cancel.c
    conformance/suite_check.c
    conformance/suite_defects.c
    conformance/suite_dispatch.c
    conformance/suite_dispatch_ends.c
    conformance/suite_dynamic.c
    conformance/suite_failure.c
    conformance/suite_fork.c
    conformance/suite_init.c
    conformance/suite_input_calls.c
    conformance/suite_input_options.c
    conformance/suite_map.c
    conformance/suite_nested.c
    conformance/suite_promises_bound.c
    conformance/suite_promises_host.c
    conformance/suite_promises_tasks.c
    conformance/suite_restart.c
    conformance/suite_result.c
    conformance/suite_schedule.c
    conformance/suite_shutdown.c
    conformance/suite_shutdown_modes.c
    conformance/suite_stats.c
    conformance/suite_submit.c
    conformance/suite_threads.c
    conformance/suite_verdicts.c
    conformance/suite_wait_all.c
    conformance/suite_wait_any.c)
weir_test_target(weir_conformance)

weir_add_test(conformance/inline.c LIBRARIES weir_conformance TIMEOUT 240)
weir_add_test(conformance/thread.c LIBRARIES weir_conformance TIMEOUT 360)
weir_add_test(conformance/dynamic.c LIBRARIES weir_conformance TIMEOUT 360)
weir_add_test(conformance/process.c LIBRARIES weir_conformance TIMEOUT 600)
