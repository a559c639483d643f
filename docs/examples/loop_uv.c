/* loop_uv: an executor in a loop of libuv's.
 *
 * The tasks run in processes, and one of them dies in its own. The loop hears of every end by one
 * descriptor, of which libuv only wants to know whether it is readable. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#include "weir/weir.h"

enum { TASKS = 6, DEADLY = 3 };

/* The loop's own. */
static weir_executor *executor;
static uv_poll_t watcher;
static int under_way;
static char line[TASKS][80];

static weir_status square(weir_task *task, void *arg)
{
    int n = *(int *)arg, result = n * n;
    if (n == DEADLY)
        kill(getpid(), SIGKILL);
    return weir_task_return(task, &result, sizeof result);
}

/* Called by weir_executor_dispatch(), in the loop. */
static void note(weir_future *future, void *data)
{
    int n = (int)(size_t)data;
    const int *result = weir_future_value(future, NULL);

    if (result)
        snprintf(line[n], sizeof line[n], "%d squared is %d", n, *result);
    else
        snprintf(line[n], sizeof line[n], "%d squared: %s", n,
                 weir_status_text(weir_future_status(future)));
    weir_future_unref(future);
    if (--under_way == 0) { /* nothing is left to wait for: the loop may end */
        uv_poll_stop(&watcher);
        uv_close((uv_handle_t *)&watcher, NULL);
    }
}

static void dispatch(uv_poll_t *handle, int status, int events)
{
    (void)events;
    if (status == 0)
        weir_executor_dispatch(handle->data, 0, NULL);
}

int main(void)
{
    weir_process_options options = {.workers = 2, .dispatch = true};
    uv_loop_t loop;

    if (weir_process_executor_create(&executor, &options) != WEIR_OK || uv_loop_init(&loop) != 0 ||
        uv_poll_init(&loop, &watcher, weir_executor_fd(executor)) != 0)
        return EXIT_FAILURE;
    watcher.data = executor;
    uv_poll_start(&watcher, UV_READABLE, dispatch);

    for (int n = 0; n < TASKS; n++) {
        weir_future *future;
        if (weir_submit(executor, square, &n, sizeof n, &future) != WEIR_OK)
            return EXIT_FAILURE;
        under_way++;
        weir_future_on_done(future, note, (void *)(size_t)n);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);

    for (int n = 0; n < TASKS; n++)
        puts(line[n]);
    weir_executor_destroy(executor); /* after the loop has let go of its descriptor */
    return EXIT_SUCCESS;
}
