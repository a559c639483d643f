#include "digest/window.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "digest/line.h"
#include "digest/task.h"

/* A place for every task that the executor can hold and some to spare, so that the policy gets to
 * act, up to a bound of its own. */
weir_status window_init(struct window *window, weir_executor *executor)
{
    enum { SPARE = 64, LARGEST = 64 * 1024 };
    weir_stats stats;

    *window = (struct window){.executor = executor};
    weir_status status = weir_executor_stats(executor, &stats);
    if (status == WEIR_OK)
        status = weir_inline_executor_create(&window->caller, NULL);
    if (status != WEIR_OK)
        return status;
    window->size = (size_t)(stats.workers + stats.limit + SPARE);
    if (window->size > LARGEST)
        window->size = LARGEST;
    window->entries = calloc(window->size, sizeof *window->entries);
    return window->entries != NULL ? WEIR_OK : WEIR_ENOMEM;
}

void window_report(struct window *window, const char *path, const char *why)
{
    progress_erase(&window->progress);
    fflush(stdout);
    fputs("digest: ", stderr);
    print_quoted(stderr, path);
    fprintf(stderr, ": %s\n", why);
    window->failed = true;
}

/* The codes of digest_file() are errnos. Every other end (its process died, memory is out, and so
 * on) has a sentence of the library for its message. */
static void print_outcome(struct window *window, const char *path, weir_future *future)
{
    const char *message;
    int code = weir_future_error(future, &message);
    const void *digest = weir_future_value(future, NULL);

    if (digest != NULL) {
        print_line(stdout, digest, path);
        if (ferror(stdout) && window->write_error == 0)
            window->write_error = errno;
    } else if (weir_future_status(future) == WEIR_EFAILED) {
        window_report(window, path, strerror(code));
    } else {
        window_report(window, path, message);
    }
}

/* Runs the file here and now. Returns its future, or NULL after saying why there is none. */
static weir_future *run_in_caller(struct window *window, const char *path)
{
    weir_future *future = NULL;
    weir_status status = weir_submit(window->caller, digest_file, path, strlen(path) + 1, &future);

    window->turned_away++;
    if (status != WEIR_OK)
        window_report(window, path, weir_status_text(status));
    return future;
}

/* With a progress bar, the wait is cut into pieces after which the bar is drawn again. */
static void wait_for(struct window *window, weir_future *future)
{
    int64_t piece_ns = window->progress.shown ? PROGRESS_INTERVAL_NS : WEIR_FOREVER;

    while (weir_future_wait(future, piece_ns) == WEIR_ETIMEDOUT)
        progress_draw(&window->progress, window->executor);
}

static struct window_entry take_oldest(struct window *window)
{
    struct window_entry entry = window->entries[window->oldest];

    window->oldest = (window->oldest + 1) % window->size;
    window->count--;
    return entry;
}

/* Waits for the oldest entry and prints it. If the policy discarded its task, at once or later in
 * favour of a newer one, the file is run here. */
static void finish_oldest(struct window *window)
{
    struct window_entry entry = take_oldest(window);

    wait_for(window, entry.future);
    if (weir_future_status(entry.future) == WEIR_EDISCARDED) {
        weir_future_unref(entry.future);
        entry.future = run_in_caller(window, entry.path);
    }
    progress_erase_for_output(&window->progress);
    if (entry.future != NULL)
        print_outcome(window, entry.path, entry.future);
    weir_future_unref(entry.future);
    free(entry.path);
    progress_step(&window->progress, window->executor);
}

/* Submits until the executor takes the file. When it refuses, it is full: wait for the oldest
 * result, which makes room, and try again. With nothing left to wait for, or for any other reason
 * than a full backlog, the file is run here. */
static weir_future *submit_file(struct window *window, const char *path)
{
    for (;;) {
        weir_future *future;
        weir_status status =
            weir_submit(window->executor, digest_file, path, strlen(path) + 1, &future);
        if (status == WEIR_OK)
            return future;
        if (status != WEIR_EREJECTED || window->count == 0)
            return run_in_caller(window, path);
        finish_oldest(window);
    }
}

static bool is_oldest_due(const struct window *window)
{
    return window->count > 0 &&
           (window->count == window->size ||
            weir_future_status(window->entries[window->oldest].future) != WEIR_EPENDING);
}

bool window_add(struct window *window, const char *path)
{
    while (is_oldest_due(window))
        finish_oldest(window);

    char *copy = strdup(path);
    if (copy == NULL) {
        window_report(window, path, strerror(ENOMEM));
        return true;
    }
    weir_future *future = submit_file(window, path);
    if (future == NULL) {
        free(copy);
    } else {
        size_t newest = (window->oldest + window->count) % window->size;
        window->entries[newest] = (struct window_entry){copy, future};
        window->count++;
    }
    return window->write_error == 0;
}

void window_finish(struct window *window)
{
    while (window->count > 0 && window->write_error == 0)
        finish_oldest(window);
    progress_erase(&window->progress);
    if (fflush(stdout) != 0 && window->write_error == 0)
        window->write_error = errno;

    /* What has not started is cancelled, and what runs is asked to stop. Without a write error,
     * there is nothing of either. */
    weir_executor_shutdown(window->executor, &(weir_shutdown_options){
        .mode = WEIR_CANCEL_QUEUED, .cancel_running = true});
}

void window_fini(struct window *window)
{
    while (window->count > 0) {
        struct window_entry entry = take_oldest(window);
        weir_future_unref(entry.future);
        free(entry.path);
    }
    weir_executor_destroy(window->executor);
    weir_executor_destroy(window->caller);
    free(window->entries);
}
