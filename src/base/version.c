/* The version of the library that is linked. */
#include "weir/version.h"

const char *weir_version(void)
{
    return WEIR_VERSION_STRING;
}
