/* Completions on their way to the thread that dispatches. See dispatch.c. */
#ifndef WEIR_FUTURE_DISPATCH_H
#define WEIR_FUTURE_DISPATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "weir/status.h"

struct weir_future;
struct weir__dispatch;

/* WEIR_OK | WEIR_ENOMEM | WEIR_ESYS: no descriptor, errno says why */
weir_status weir__dispatch_create(struct weir__dispatch **out);
/* Requires: closed, or never used. NULL is allowed. */
void weir__dispatch_free(struct weir__dispatch *dispatch);

/* Readable while something waits. Requires: open. */
int weir__dispatch_fd(const struct weir__dispatch *dispatch);
/* How many wait; a gauge. */
size_t weir__dispatch_waiting(const struct weir__dispatch *dispatch);

/* Append a future that has ended, with the reference that is to be dropped after its callbacks. False:
 * it is closed, and the caller keeps both. Any thread. */
bool weir__dispatch_push(struct weir__dispatch *dispatch, struct weir_future *future);

/* Run the callbacks of up to most futures; 0: of as many as wait now. Returns of how many; *error: 0, or
 * why the descriptor does not work. Any thread, from callbacks, too. The last thing it touches may be the
 * last reference to a slot, and so to the dispatch itself. */
size_t weir__dispatch_run(struct weir__dispatch *dispatch, size_t most, int *error);

/* Run all that waits, until nothing does, then refuse what comes and close the descriptor. Again:
 * nothing. */
void weir__dispatch_close(struct weir__dispatch *dispatch);

#endif
