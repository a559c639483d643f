#include "schedule/flights.h"

#include <stdlib.h>

#include "base/clock.h"
#include "weir/wait.h"

weir_status weir__wait_for_flights(weir_future **futures, size_t count, int64_t deadline_ns)
{
    int64_t left_ns = WEIR_FOREVER;
    if (deadline_ns != WEIR_FOREVER) {
        left_ns = deadline_ns - weir__now_ns();
        left_ns = left_ns > 0 ? left_ns : 0;
    }
    weir_status status = weir_wait_all(futures, count, left_ns, NULL);
    if (status == WEIR_ENOMEM) /* then for one of them: that needs none, and is no busy loop */
        status = weir_future_wait(futures[0], left_ns);
    for (size_t i = 0; i < count; i++)
        weir_future_unref(futures[i]);
    free(futures);
    return status;
}
