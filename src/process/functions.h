/* Which functions the workers can know: those whose code was mapped when the zygote was forked. */
#ifndef WEIR_PROCESS_FUNCTIONS_H
#define WEIR_PROCESS_FUNCTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct weir__range {
    uintptr_t begin, end;
};

struct weir__functions {
    struct weir__range *range; /* sorted; NULL: it cannot be told */
    size_t count;
};

/* False: out of memory. Where there is no /proc, everything is taken for known. */
bool weir__functions_init(struct weir__functions *);
void weir__functions_fini(struct weir__functions *);
bool weir__functions_known(const struct weir__functions *, uintptr_t address);

#endif
