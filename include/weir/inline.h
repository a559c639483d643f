/** @file
 *  The inline executor: runs every task in the thread that submits it, before the submission
 *  returns. For tests, for debugging, and as the smallest example of an executor. */
#ifndef WEIR_INLINE_H
#define WEIR_INLINE_H

#include <stdbool.h>
#include <stddef.h>

#include "weir/executor.h"

WEIR_BEGIN_DECLS

/** Options. Zero members mean their default. */
typedef struct weir_inline_options {
    const char *name;    /**< copied, cut to 63 bytes; NULL: "weir" */
    weir_policy policy;  /**< its functions are asked, if they are asked at every submission */
    size_t arg_bytes;    /**< inline argument size; 0: WEIR_INLINE_DEFAULT; at most WEIR_INLINE_MAX */
    size_t result_bytes; /**< inline result size, likewise */
    bool dispatch; /**< done-callbacks run in weir_executor_dispatch(), see there */
} weir_inline_options;

/** Create an inline executor.
 *
 *  @param out      receives it; to be given to weir_executor_destroy(). Untouched on failure.
 *  @param options  NULL: defaults.
 *  @return WEIR_OK | WEIR_EINVAL | WEIR_ENOMEM | WEIR_ESYS: dispatch is set, and there is no descriptor to
 *          be had
 *  @threads any. @blocks never. @since 0.1 */
static inline weir_status weir_inline_executor_create(weir_executor **out,
                                                      const weir_inline_options *options);

/** weir_inline_executor_create() for callers from other languages. @since 0.1 */
WEIR_API weir_status weir_inline_executor_create_sized(weir_executor **out,
                                                       const weir_inline_options *options,
                                                       size_t size);

static inline weir_status weir_inline_executor_create(weir_executor **out,
                                                      const weir_inline_options *options)
{
    return weir_inline_executor_create_sized(out, options, sizeof *options);
}

/** Make an inline executor that was shut down accept work again, with all statistics at zero.
 *
 *  @return WEIR_OK | WEIR_EINVAL: NULL, of another kind, or not shut down with all work ended |
 *          WEIR_EFORKED
 *  @threads one, with no other call on the executor under way. @since 0.1 */
WEIR_API weir_status weir_inline_executor_restart(weir_executor *executor);

WEIR_END_DECLS

#endif
