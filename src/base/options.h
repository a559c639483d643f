/* Options travel with the size that their caller knew. */
#ifndef WEIR_BASE_OPTIONS_H
#define WEIR_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Copy a caller's struct of size bytes into ours of own_size bytes; what the caller does not know
 * is zero, the default. False if the caller set something that we do not know. */
static inline bool weir__options_copy(void *own, size_t own_size, const void *given, size_t size)
{
    memset(own, 0, own_size);
    if (!given)
        return true;
    memcpy(own, given, size < own_size ? size : own_size);
    for (size_t i = own_size; i < size; i++)
        if (((const unsigned char *)given)[i])
            return false;
    return true;
}

#endif
