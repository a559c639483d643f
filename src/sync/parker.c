#include "sync/parker.h"

#include "base/atomic.h"
#include "sync/futex.h"

bool weir__park(struct weir__parker *parker, int64_t deadline_ns)
{
    bool in_time = true;
    for (;;) {
        uint32_t left = 1;
        /* acquire [P1]: what the unparking thread did before is visible */
        if (weir__cas_acquire(&parker->token, &left, 0u))
            return true;
        if (!in_time)
            return false;
        in_time = weir__futex_wait(&parker->token, 0, deadline_ns);
    }
}

void weir__unpark(struct weir__parker *parker)
{
    weir__store_release(&parker->token, 1u); /* release [P1] */
    weir__futex_wake(&parker->token, 1);
}
