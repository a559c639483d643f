/* The suite over a process executor. */
#include "conformance/conformance.h"

static weir_status create_process(weir_executor **out, const struct factory_options *options)
{
    return weir_process_executor_create(out, &(weir_process_options){
                                                 .workers = options->workers,
                                                 .limit = options->limit,
                                                 .policy = options->policy,
                                                 .name = options->name,
                                                 .worker_init = options->worker_init,
                                                 .init_data = options->init_data,
                                                 .worker_fini = options->worker_fini,
                                                 .fini_data = options->fini_data,
                                                 .arg_bytes = options->arg_bytes,
                                                 .result_bytes = options->result_bytes,
                                                 .dispatch = options->dispatch,
                                                 /* A test's own, or the thread sanitizer's. */
                                                 .allow_threads = true,
                                             });
}

int main(int argc, char **argv)
{
    const struct executor_factory factory = {
        .name = "process",
        .create = create_process,
        .traits = TRAIT_CONCURRENT | TRAIT_PROCESSES,
    };
    return run_conformance(&factory, argc, argv);
}
