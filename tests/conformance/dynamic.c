/* The suite over a thread executor that starts with no thread at all, and lets each go after a
 * moment of idleness: every promise must hold while workers come and go. */
#include "conformance/conformance.h"

static weir_status create_dynamic(weir_executor **out, const struct factory_options *options)
{
    return weir_thread_executor_create(out, &(weir_thread_options){
                                                .workers = options->workers,
                                                .min_workers = WEIR_ZERO,
                                                .idle_ns = 2 * WEIR_MILLISECOND,
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
                                            });
}

int main(int argc, char **argv)
{
    const struct executor_factory factory = {
        .name = "dynamic",
        .create = create_dynamic,
        .traits = TRAIT_CONCURRENT | TRAIT_SHARES_MEMORY | TRAIT_DYNAMIC | TRAIT_THREADS,
    };
    return run_conformance(&factory, argc, argv);
}
