/** @file
 *  What every fallible call returns. */
#ifndef WEIR_STATUS_H
#define WEIR_STATUS_H

#include "weir/export.h"

/** Every status: X(name, value, sentence). New ones are appended; values never change. */
#define WEIR_STATUS_MAP(X)                                                                         \
    X(WEIR_OK, 0, "success")                                                                       \
    X(WEIR_EINVAL, 1, "an argument is not allowed")                                                \
    X(WEIR_ENOMEM, 2, "out of memory")                                                             \
    X(WEIR_ESYS, 3, "the operating system refused; errno says why")                                \
    X(WEIR_EREJECTED, 4, "the policy refused the submission")                                      \
    X(WEIR_ESHUTDOWN, 5, "the executor has been shut down")                                        \
    X(WEIR_ETIMEDOUT, 6, "the caller's time ran out; the task goes on")                            \
    X(WEIR_ECANCELLED, 7, "the task was cancelled before it started")                              \
    X(WEIR_EFAILED, 8, "the task failed")                                                          \
    X(WEIR_ECRASHED, 9, "the process that ran the task died")                                      \
    X(WEIR_EEXPIRED, 10, "the task was not started in time")                                       \
    X(WEIR_EDEADLOCK, 11, "the call would wait for itself")                                        \
    X(WEIR_ETOOBIG, 12, "too large for the place it was to go")                                    \
    X(WEIR_EFORKED, 13, "the executor belongs to the parent of this process")                      \
    X(WEIR_EDISCARDED, 14, "the policy discarded the task")                                        \
    X(WEIR_EPENDING, 15, "the task has not ended yet")                                             \
    X(WEIR_EBROKEN, 16, "the executor is broken: it has no worker that could run the task")        \
    X(WEIR_NEVER_AGAIN, 17, "the callback wants no further run")                                   \
    X(WEIR_EOVERRUN, 18, "the task ran longer than it was allowed")

/** Outcome of a call, or of a task. */
typedef enum weir_status {
/** Its enumerators; undefined again below. */
#define WEIR_STATUS_ENUM(name, value, sentence) name = value,
    WEIR_STATUS_MAP(WEIR_STATUS_ENUM)
#undef WEIR_STATUS_ENUM
} weir_status;

WEIR_BEGIN_DECLS

/** The name of a status, "WEIR_EINVAL"; "WEIR_UNKNOWN" for a value that is none.
 *
 *  @return a string that lives for ever, never NULL.
 *  @threads any. @blocks never. @since 0.1 */
WEIR_API const char *weir_status_name(weir_status status);

/** One sentence that says what a status means, without a full stop.
 *
 *  @return a string that lives for ever, never NULL.
 *  @threads any. @blocks never. @since 0.1 */
WEIR_API const char *weir_status_text(weir_status status);

WEIR_END_DECLS

#endif
