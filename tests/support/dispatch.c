#include "support/dispatch.h"

#include <poll.h>

#include "support/submit.h"
#include "support/tasks.h"

bool readable(weir_executor *executor)
{
    struct pollfd fd = { .fd = weir_executor_fd(executor), .events = POLLIN };
    return poll(&fd, 1, 0) == 1;
}

size_t dispatch(weir_executor *executor, size_t most)
{
    size_t count = SIZE_MAX;
    assert_status(weir_executor_dispatch(executor, most, &count), WEIR_OK);
    return count;
}

weir_future *ended_task(weir_executor *executor)
{
    weir_future *future = submit_ok(executor, noop_task, NULL, 0);
    end_of(future);
    return future;
}
