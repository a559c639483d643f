#include "digest/line.h"

#include <stdbool.h>
#include <string.h>

/* The letter that stands for a byte after a backslash, or 0 if the byte stands for itself. */
static char escape_letter(char byte)
{
    switch (byte) {
    case '\\':
        return '\\';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    default:
        return 0;
    }
}

void print_line(FILE *out, const unsigned char digest[DIGEST_BYTES], const char *path)
{
    if (strpbrk(path, "\\\n\r") != NULL)
        putc('\\', out);
    for (int i = 0; i < DIGEST_BYTES; i++)
        fprintf(out, "%02x", digest[i]);
    fputs("  ", out);
    for (; *path != '\0'; path++) {
        char letter = escape_letter(*path);
        if (letter != 0)
            putc('\\', out);
        putc(letter != 0 ? letter : *path, out);
    }
    putc('\n', out);
}

static bool is_printable(char byte)
{
    return byte >= ' ' && byte <= '~';
}

/* Writes the bytes from *path on that have no printable form; returns the first that has one. */
static const char *print_unprintable(FILE *out, const char *path)
{
    fputs("'$'", out);
    for (; *path != '\0' && !is_printable(*path); path++) {
        if (*path == '\n' || *path == '\r' || *path == '\t')
            fprintf(out, "\\%c", *path == '\n' ? 'n' : *path == '\r' ? 'r' : 't');
        else
            fprintf(out, "\\%03o", (unsigned)(unsigned char)*path);
    }
    putc('\'', out);
    if (*path != '\0')
        putc('\'', out);
    return path;
}

void print_quoted(FILE *out, const char *path)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "%+,-./@_";
    bool open = true;

    if (*path != '\0' && path[strspn(path, plain)] == '\0') {
        fputs(path, out);
        return;
    }
    putc('\'', out);
    while (*path != '\0') {
        if (!is_printable(*path)) {
            path = print_unprintable(out, path);
            open = *path != '\0';
        } else if (*path == '\'') {
            fputs("'\\''", out);
            path++;
        } else {
            putc(*path++, out);
        }
    }
    if (open)
        putc('\'', out);
}
