#include "support/factory.h"

weir_executor *factory_create(const struct executor_factory *factory,
                              const struct factory_options *options)
{
    weir_executor *executor = NULL;
    assert_status(factory->create(&executor, options), WEIR_OK);
    assert_non_null(executor);
    return executor;
}

bool factory_has(const struct executor_factory *factory, unsigned traits)
{
    return (factory->traits & traits) == traits;
}
