/* map_tree: count the lines and words of every file of a tree, on a pool of threads.
 *
 * usage: map_tree FOLDER
 *
 * However many files there are, no more than eight are in the executor's hands at a time. The counts
 * come back in the order of the paths. */
#define _XOPEN_SOURCE 700
#include <ctype.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/weir.h"

struct counts {
    size_t lines, words;
};

static char **paths; /* nftw() has no pointer of ours to pass on */
static size_t path_count, path_room;

static int note_path(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    (void)where;
    if (kind != FTW_F)
        return 0;
    if (path_count == path_room) {
        path_room = path_room ? 2 * path_room : 64;
        paths = realloc(paths, path_room * sizeof(*paths));
        if (!paths)
            return -1;
    }
    paths[path_count] = strdup(path);
    return paths[path_count++] ? 0 : -1;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The task: gets a path, returns its counts. */
static weir_status count_file(weir_task *task, void *arg)
{
    const char *path = arg;
    struct counts counts = { 0, 0 };
    int in_word = 0;
    FILE *file = fopen(path, "r");
    if (!file)
        return weir_task_fail(task, errno, "%s: %s", path, strerror(errno));
    for (int c; (c = getc(file)) != EOF;) {
        counts.lines += c == '\n';
        counts.words += !in_word && !isspace(c);
        in_word = !isspace(c);
    }
    fclose(file);
    return weir_task_return(task, &counts, sizeof counts);
}

int main(int argc, char **argv)
{
    weir_executor *pool;
    weir_map_report report;
    if (argc != 2 || nftw(argv[1], note_path, 16, FTW_PHYS) != 0)
        return EXIT_FAILURE;
    qsort(paths, path_count, sizeof(*paths), compare_paths);
    struct counts *counts = calloc(path_count + 1, sizeof *counts);
    if (!counts || weir_thread_executor_create(&pool, NULL) != WEIR_OK)
        return EXIT_FAILURE;

    weir_status status =
        weir_map(pool, count_file, paths, path_count, 0, counts, sizeof *counts,
                 &(weir_map_options){ .chunk = 1, .in_flight = 8, .report = &report });
    if (status != WEIR_OK) {
        fprintf(stderr, "%s\n", report.message[0] ? report.message : weir_status_text(status));
    } else {
        struct counts total = { 0, 0 };
        for (size_t i = 0; i < path_count; i++) {
            printf("%6zu %6zu %s\n", counts[i].lines, counts[i].words,
                   paths[i] + strlen(argv[1]) + 1);
            total.lines += counts[i].lines;
            total.words += counts[i].words;
        }
        printf("%6zu %6zu in %zu files\n", total.lines, total.words, path_count);
    }

    weir_executor_destroy(pool);
    for (size_t i = 0; i < path_count; i++)
        free(paths[i]);
    free(paths);
    free(counts);
    return status == WEIR_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
