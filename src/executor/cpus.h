/* How many workers, if nobody says. */
#ifndef WEIR_EXECUTOR_CPUS_H
#define WEIR_EXECUTOR_CPUS_H

#include <stddef.h>

size_t weir__default_workers(void);

#endif
