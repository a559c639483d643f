/* Why the order is that of the sorted paths: among the names of one folder, that of a subfolder is
 * compared with a '/' at its end, as it will stand in the paths of the files below it. So "a-b"
 * comes before everything in the folder "a", and "a0" after it, since '-' < '/' < '0'; and no
 * comparison of two paths looks beyond the first name in which they differ. */
#include "digest/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Names of files, and of folders with a '/' at the end. */
struct listing {
    char **names;
    size_t count;
    size_t room;
};

static bool walk_folder(const char *path, const struct walk_visitor *visitor);

static void tell_failure(const struct walk_visitor *visitor, const char *path, int error)
{
    if (visitor->failure != NULL)
        visitor->failure(visitor->data, path, strerror(error));
}

static char *join(const char *head, const char *separator, const char *tail)
{
    size_t size = strlen(head) + strlen(separator) + strlen(tail) + 1;
    char *text = malloc(size);

    if (text != NULL)
        snprintf(text, size, "%s%s%s", head, separator, tail);
    return text;
}

static int append(struct listing *listing, const char *name, const char *ending)
{
    if (listing->count == listing->room) {
        size_t room = listing->room == 0 ? 64 : listing->room * 2;
        char **names = realloc(listing->names, room * sizeof *names);
        if (names == NULL)
            return ENOMEM;
        listing->names = names;
        listing->room = room;
    }
    char *copy = join(name, ending, "");
    if (copy == NULL)
        return ENOMEM;
    listing->names[listing->count++] = copy;
    return 0;
}

/* Adds the entry if it is a file or a folder. One that has gone meanwhile never was. */
static int append_entry(struct listing *listing, DIR *folder, const char *name)
{
    struct stat about;

    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return 0;
    if (fstatat(dirfd(folder), name, &about, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? 0 : errno;
    if (S_ISREG(about.st_mode))
        return append(listing, name, "");
    if (S_ISDIR(about.st_mode))
        return append(listing, name, "/");
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Returns 0 or an errno; what could be read is in the listing, in order, either way. */
static int list_folder(const char *path, struct listing *listing)
{
    int error = 0;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno;
    DIR *folder = fdopendir(fd);
    if (folder == NULL) {
        error = errno;
        close(fd);
        return error;
    }
    while (error == 0) {
        errno = 0;
        struct dirent *entry = readdir(folder);
        if (entry == NULL) {
            error = errno;
            break;
        }
        error = append_entry(listing, folder, entry->d_name);
    }
    closedir(folder);
    if (listing->count > 0)
        qsort(listing->names, listing->count, sizeof *listing->names, compare_names);
    return error;
}

static bool visit(const char *folder, char *name, const struct walk_visitor *visitor)
{
    size_t length = strlen(name);
    bool is_folder = name[length - 1] == '/';
    const char *separator = folder[strlen(folder) - 1] == '/' ? "" : "/";

    if (is_folder)
        name[length - 1] = '\0';
    char *path = join(folder, separator, name);
    if (path == NULL) {
        tell_failure(visitor, folder, ENOMEM);
        return true;
    }
    bool go_on = is_folder ? walk_folder(path, visitor) : visitor->file(visitor->data, path);
    free(path);
    return go_on;
}

static bool walk_folder(const char *path, const struct walk_visitor *visitor)
{
    struct listing listing = {0};
    bool go_on = true;
    int error = list_folder(path, &listing);

    if (error != 0)
        tell_failure(visitor, path, error);
    for (size_t i = 0; i < listing.count; i++) {
        go_on = go_on && visit(path, listing.names[i], visitor);
        free(listing.names[i]);
    }
    free(listing.names);
    return go_on;
}

bool walk(const char *root, const struct walk_visitor *visitor)
{
    struct stat about;

    if (lstat(root, &about) != 0) {
        tell_failure(visitor, root, errno);
        return true;
    }
    if (S_ISDIR(about.st_mode))
        return walk_folder(root, visitor);
    return !S_ISREG(about.st_mode) || visitor->file(visitor->data, root);
}
