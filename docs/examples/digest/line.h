/* The lines that sha256sum writes. */
#ifndef DIGEST_LINE_H
#define DIGEST_LINE_H

#include <stdio.h>

#include "digest/task.h"

/* "digest  path", with backslash, newline and carriage return in the path written as \\, \n and
 * \r; a backslash at the start of the line then says so. (As coreutils 9 does. Versions before 9
 * leave a carriage return as it is.) */
void print_line(FILE *out, const unsigned char digest[DIGEST_BYTES], const char *path);

/* A path in a message: as it is if a shell would take it so, else quoted for a shell, so that no
 * byte of a file name can play tricks on a terminal. */
void print_quoted(FILE *out, const char *path);

#endif
