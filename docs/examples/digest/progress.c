#include "digest/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * WEIR_SECOND + now.tv_nsec;
}

void progress_show(struct progress *progress, size_t total)
{
    progress->shown = true;
    progress->shares = isatty(STDOUT_FILENO);
    progress->total = total;
}

void progress_step(struct progress *progress, const weir_executor *executor)
{
    progress->done++;
    if (progress->shown && now_ns() >= progress->next_ns)
        progress_draw(progress, executor);
}

void progress_draw(struct progress *progress, const weir_executor *executor)
{
    static const char full[] = "##############################";
    static const char rest[] = "..............................";
    const size_t width = sizeof full - 1;
    weir_stats stats = {0};

    if (!progress->shown)
        return;
    if (progress->total < progress->done) /* the tree has grown since it was counted */
        progress->total = progress->done;
    size_t filled = progress->total == 0 ? width : progress->done * width / progress->total;

    weir_executor_stats(executor, &stats);
    if (progress->shares)
        fflush(stdout);
    fprintf(stderr, "\r\033[K[%.*s%.*s] %zu/%zu, %llu running, %llu waiting", (int)filled, full,
            (int)(width - filled), rest, progress->done, progress->total,
            (unsigned long long)stats.running, (unsigned long long)stats.backlog);
    progress->on_screen = true;
    progress->next_ns = now_ns() + PROGRESS_INTERVAL_NS;
}

void progress_erase(struct progress *progress)
{
    if (progress->on_screen)
        fputs("\r\033[K", stderr);
    progress->on_screen = false;
}

void progress_erase_for_output(struct progress *progress)
{
    if (progress->shares)
        progress_erase(progress);
}
