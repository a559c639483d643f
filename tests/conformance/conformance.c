#include "conformance/conformance.h"

#include <stdio.h>

static const struct {
    const char *name;
    suite_fn *run;
} suites[] = {
    { "submit", suite_submit },
    { "result", suite_result },
    { "failure", suite_failure },
    { "cancel", suite_cancel },
    { "callbacks", suite_callbacks },
    { "wait_all", suite_wait_all },
    { "wait_any", suite_wait_any },
    { "as_completed", suite_as_completed },
    { "shutdown", suite_shutdown },
    { "shutdown_modes", suite_shutdown_modes },
    { "admission", suite_admission },
    { "verdicts", suite_verdicts },
    { "check", suite_check },
    { "block", suite_block },
    { "stats", suite_stats },
    { "nested", suite_nested },
    { "input_calls", suite_input_calls },
    { "input_options", suite_input_options },
    { "fork", suite_fork },
    { "init", suite_init },
    { "threads", suite_threads },
    { "dynamic", suite_dynamic },
    { "restart", suite_restart },
    { "defects", suite_defects },
    { "promises_tasks", suite_promises_tasks },
    { "promises_bound", suite_promises_bound },
    { "promises_host", suite_promises_host },
    { "map", suite_map },
    { "schedule", suite_schedule },
    { "dispatch", suite_dispatch },
    { "dispatch_ends", suite_dispatch_ends },
};

static bool is_wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return argc < 2;
}

int run_conformance(const struct executor_factory *factory, int argc, char **argv)
{
    int failed = 0;
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        if (!is_wanted(suites[i].name, argc, argv))
            continue;
        int64_t start_ns = now_ns();
        fprintf(stderr, "--- %s: %s\n", factory->name, suites[i].name);
        failed += suites[i].run(factory);
        fprintf(stderr, "--- %s: %s took %lld ms\n", factory->name, suites[i].name,
                (long long)((now_ns() - start_ns) / WEIR_MILLISECOND));
    }
    return failed > 0;
}
