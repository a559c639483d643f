/** @file
 *  The version: the one place where it is written. */
#ifndef WEIR_VERSION_H
#define WEIR_VERSION_H

#include "weir/export.h"

#define WEIR_VERSION_MAJOR 0        /**< changes with the interface; 0: not settled yet */
#define WEIR_VERSION_MINOR 1        /**< changes with additions to it */
#define WEIR_VERSION_PATCH 0        /**< changes with everything else */
#define WEIR_VERSION_STRING "0.1.0" /**< the three together */

WEIR_BEGIN_DECLS

/** The version of the library that is linked, which may be newer than these headers.
 *
 *  @return a string such as "0.1.0"; lives for ever, never NULL.
 *  @threads any. @blocks never. @since 0.1 */
WEIR_API const char *weir_version(void);

WEIR_END_DECLS

#endif
