/* The task: one file, hashed. */
#ifndef DIGEST_TASK_H
#define DIGEST_TASK_H

#include "weir/weir.h"

enum { DIGEST_BYTES = 32 };

/* The argument is a copy of a path with its terminator, the result the DIGEST_BYTES of its SHA-256,
 * the code of a failure an errno. It shares nothing with the program, so that any kind of executor
 * can run it. A symbolic link that took the file's place after it was listed is not followed. */
weir_status digest_file(weir_task *task, void *arg);

#endif
