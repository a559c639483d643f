/* The window: files submitted whose results have not been printed yet, oldest first.
 *
 * It bounds what the program holds in memory, as the executor's limit bounds the backlog; and it
 * loses no file, whatever the executor's policy does with one. */
#ifndef DIGEST_WINDOW_H
#define DIGEST_WINDOW_H

#include <stdbool.h>
#include <stddef.h>

#include "digest/progress.h"
#include "weir/weir.h"

struct window_entry {
    char *path;
    weir_future *future;
};

struct window {
    weir_executor *executor;      /* runs the files */
    weir_executor *caller;        /* inline: runs those that the other one turned away */
    struct window_entry *entries; /* a ring */
    size_t size;                  /* of the ring */
    size_t oldest;                /* index of the next one to print */
    size_t count;                 /* entries in use */
    size_t turned_away;           /* files that `caller` has run */
    bool failed;                  /* something could not be read */
    int write_error;              /* errno of the first failure to write; nothing is printed then */
    struct progress progress;
};

/* Takes the executor over, also if it fails. */
weir_status window_init(struct window *window, weir_executor *executor);

/* Submits a file; prints what has become due. Returns false once writing has failed. */
bool window_add(struct window *window, const char *path);

/* Prints the rest, in order. If writing has failed, stops it instead. The executor is then shut
 * down, but still there. */
void window_finish(struct window *window);

/* Says on stderr what is wrong with a file or a folder, as sha256sum does. */
void window_report(struct window *window, const char *path, const char *why);

void window_fini(struct window *window);

#endif
