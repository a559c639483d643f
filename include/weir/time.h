/** @file
 *  Time: int64_t nanoseconds, on the monotonic clock. */
#ifndef WEIR_TIME_H
#define WEIR_TIME_H

#include <stdint.h>

/** A timeout that never ends. Negative timeouts are WEIR_EINVAL unless a call says
 *  otherwise. */
#define WEIR_FOREVER INT64_MAX

#define WEIR_MICROSECOND INT64_C(1000)    /**< a microsecond in nanoseconds */
#define WEIR_MILLISECOND INT64_C(1000000) /**< a millisecond in nanoseconds */
#define WEIR_SECOND INT64_C(1000000000)   /**< a second in nanoseconds */

/** In an option where 0 stands for the default: a real zero. */
#define WEIR_ZERO SIZE_MAX

#endif
