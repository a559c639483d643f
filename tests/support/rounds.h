/* How often a test repeats what it does to provoke a race. */
#ifndef WEIR_TESTS_SUPPORT_ROUNDS_H
#define WEIR_TESTS_SUPPORT_ROUNDS_H

#include <stdint.h>
#include <stdlib.h>

#include "support/scale.h"

/* As the environment wishes; else as usual, for this build. */
static inline uint64_t wished_rounds(const char *variable, uint64_t usual)
{
    const char *text = getenv(variable);
    return text ? strtoull(text, NULL, 10) : ROUNDS(usual);
}

#endif
