/* The suite over the inline executor, which has no workers, no backlog and no limit. */
#include "conformance/conformance.h"

static weir_status create_inline(weir_executor **out, const struct factory_options *options)
{
    return weir_inline_executor_create(out, &(weir_inline_options){
                                                .name = options->name,
                                                .policy = options->policy,
                                                .arg_bytes = options->arg_bytes,
                                                .result_bytes = options->result_bytes,
                                                .dispatch = options->dispatch,
                                            });
}

int main(int argc, char **argv)
{
    const struct executor_factory factory = {
        .name = "inline",
        .create = create_inline,
        .traits = TRAIT_SHARES_MEMORY,
    };
    return run_conformance(&factory, argc, argv);
}
