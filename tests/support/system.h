/* What of the system a test needs that not every machine or container has. */
#ifndef WEIR_TESTS_SUPPORT_SYSTEM_H
#define WEIR_TESTS_SUPPORT_SYSTEM_H

#include <stdio.h>

#include "support/check.h"

enum system_part {
    SYSTEM_PROC = 1u << 0,  /* /proc, with the maps and the threads of a process, and who forked it */
    SYSTEM_PIDFD = 1u << 1, /* pidfd_open(), pidfd_send_signal(): to hit the right process */
    SYSTEM_PTRACE = 1u << 2 /* single steps of a child, and /proc/<pid>/syscall of it */
};

/* The first of these parts that is missing, in words, or NULL. */
const char *system_lacks(unsigned parts);

/* Skip the test, and say why, unless the system has all these parts. */
#define needs_system(parts)                                                                        \
    do {                                                                                           \
        const char *lacking_ = system_lacks(parts);                                                \
        if (lacking_) {                                                                            \
            fprintf(stderr, "skipped: %s\n", lacking_);                                            \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

#endif
