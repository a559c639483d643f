/* Waiting for tasks that an executor has, through their futures. */
#ifndef WEIR_SCHEDULE_FLIGHTS_H
#define WEIR_SCHEDULE_FLIGHTS_H

#include <stddef.h>
#include <stdint.h>

#include "weir/future.h"

/* Wait for all of them, as weir_wait_all() does, until deadline_ns (monotonic), then give up the
 * references and the array, which came from malloc(). If memory is out, WEIR_OK may also say that only
 * some have ended. Requires: no lock; count is not 0. */
weir_status weir__wait_for_flights(weir_future **futures, size_t count, int64_t deadline_ns);

#endif
