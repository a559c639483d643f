/* Where workers sleep while there is nothing to do, and what wakes them. See idle.c. */
#ifndef WEIR_PROCESS_IDLE_H
#define WEIR_PROCESS_IDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "process/segment.h"
#include "sync/spin.h"

/* A worker: the next hint, which may be stale; sleeps until there is one, after a look for as long as
 * spin says. False: told to leave. */
bool weir__idle_next(const struct weir__segment *, size_t worker, struct weir__spin *spin,
                     uint64_t *hint);

/* Whoever has pushed a hint: wake a worker that sleeps, or is about to, if there is one. */
void weir__idle_wake_one(const struct weir__segment *);

/* The parent: wake every worker that sleeps, whatever its word says. */
void weir__idle_wake_all(const struct weir__segment *);

#endif
