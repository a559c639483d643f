/* The suite over a thread executor of fixed size. */
#include "conformance/conformance.h"

static weir_status create_thread(weir_executor **out, const struct factory_options *options)
{
    return weir_thread_executor_create(out, &(weir_thread_options){
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
                                            });
}

int main(int argc, char **argv)
{
    const struct executor_factory factory = {
        .name = "thread",
        .create = create_thread,
        .traits = TRAIT_CONCURRENT | TRAIT_SHARES_MEMORY | TRAIT_THREADS,
    };
    return run_conformance(&factory, argc, argv);
}
