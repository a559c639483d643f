/* digest: the SHA-256 of every regular file under some folders, one task a file.
 *
 *     digest [--executor KIND] [--workers N] [--limit N] [--policy NAME] [--quiet] [FOLDER...]
 *
 * Standard output is, byte for byte, that of
 *
 *     find FOLDER -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum
 *
 * for each folder in turn, so `sha256sum -c` accepts it. Where to look:
 *
 *     digest/task.c      the task, which any kind of executor can run
 *     digest/kinds.c     the executors and policies to choose from: how each is made
 *     digest/window.c    submitting, waiting in order, and what to do with a file that the policy
 *                        turned away; memory is bounded here
 *     digest/walk.c      the files of a folder, in order
 *     digest/options.c   the command line
 *     digest/line.c      sha256sum's format
 *     digest/progress.c  the bar */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "digest/options.h"
#include "digest/walk.h"
#include "digest/window.h"
#include "weir/weir.h"

static bool add_file(void *window, const char *path)
{
    return window_add(window, path);
}

static void report_folder(void *window, const char *path, const char *why)
{
    window_report(window, path, why);
}

static bool count_file(void *total, const char *path)
{
    (void)path;
    ++*(size_t *)total;
    return true;
}

static void walk_all(char *const *folders, const struct walk_visitor *visitor)
{
    while (*folders != NULL && walk(*folders, visitor))
        folders++;
}

/* The bar goes to stderr, where it disturbs nobody: stdout may well be a file or a pipe while
 * somebody looks at stderr, and if that is no terminal, there is nobody to see a bar. Only the bar
 * needs a total, and only for it are the folders walked twice. */
static void show_progress(struct progress *progress, const struct options *options)
{
    size_t total = 0;

    if (options->quiet || !isatty(STDERR_FILENO))
        return;
    walk_all(options->folders, &(struct walk_visitor){.file = count_file, .data = &total});
    progress_show(progress, total);
}

static void print_statistics(const struct window *window, const struct options *options)
{
    char table[4096];
    weir_stats stats;

    if (options->quiet || weir_executor_stats(window->executor, &stats) != WEIR_OK)
        return;
    weir_stats_format(&stats, table, sizeof table);
    fprintf(stderr, "executor %s, policy %s, turned away and run by the submitter: %zu\n%s",
            options->kind->name, options->policy->name, window->turned_away, table);
}

static int report_trouble(weir_status status)
{
    fprintf(stderr, "digest: cannot start: %s\n", weir_status_text(status));
    return EXIT_TROUBLE;
}

static int digest_folders(struct window *window, const struct options *options)
{
    show_progress(&window->progress, options);
    walk_all(options->folders, &(struct walk_visitor){
        .file = add_file, .failure = report_folder, .data = window});
    window_finish(window);
    if (window->write_error != 0)
        fprintf(stderr, "digest: write error: %s\n", strerror(window->write_error));
    print_statistics(window, options);
    return window->failed || window->write_error != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct options options;
    struct window window;
    weir_executor *executor;

    if (!options_parse(&options, argc, argv))
        return options.exit_status;

    weir_status status = options.kind->create(&executor, &options.settings);
    if (status != WEIR_OK)
        return report_trouble(status);
    status = window_init(&window, executor);
    int exit_status =
        status == WEIR_OK ? digest_folders(&window, &options) : report_trouble(status);
    window_fini(&window);
    return exit_status;
}
