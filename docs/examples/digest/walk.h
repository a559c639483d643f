/* A walk over the regular files under a folder, in the byte order of their paths. */
#ifndef DIGEST_WALK_H
#define DIGEST_WALK_H

#include <stdbool.h>

struct walk_visitor {
    bool (*file)(void *data, const char *path);                      /* false ends the walk */
    void (*failure)(void *data, const char *path, const char *why); /* NULL: failures are ignored */
    void *data;                                                      /* passed to both */
};

/* Visits what `find ROOT -type f` finds, in the order of `LC_ALL=C sort`, holding in memory no more
 * than the names in the folders between the root and the current file. Symbolic links are not
 * followed. A folder that cannot be read, also since its path is too long for the system, is told
 * to `failure`, and the walk goes on.
 * Returns false if `file` ended it. */
bool walk(const char *root, const struct walk_visitor *visitor);

#endif
