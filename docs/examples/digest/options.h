/* The command line of digest, and the two tables that it chooses from. */
#ifndef DIGEST_OPTIONS_H
#define DIGEST_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "weir/weir.h"

/* Exit status: EXIT_SUCCESS, EXIT_FAILURE if something could not be read or written, and this one
 * if nothing was tried. */
enum { EXIT_TROUBLE = 2 };

/* What an executor is made with, whatever its kind. */
struct settings {
    size_t workers; /* 0: as many as the library thinks right */
    size_t limit;   /* of the backlog; WEIR_ZERO: none at all */
    weir_policy policy;
};

struct executor_kind {
    const char *name;
    const char *about;
    weir_status (*create)(weir_executor **out, const struct settings *settings);
};

struct policy_kind {
    const char *name;
    const char *about;
    weir_policy (*make)(size_t limit);
};

/* To add a kind of executor, or a policy, add a line to these. The last line has no name. */
extern const struct executor_kind executor_kinds[];
extern const struct policy_kind policy_kinds[];

struct options {
    const struct executor_kind *kind;
    const struct policy_kind *policy;
    struct settings settings;
    bool quiet;
    char *const *folders; /* up to a NULL */
    int exit_status;      /* if there is nothing to do */
};

/* Returns false if the program is to end with .exit_status: after --help, and after a mistake. */
bool options_parse(struct options *options, int argc, char **argv);

#endif
