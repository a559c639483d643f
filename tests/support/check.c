#include "support/check.h"

#include <time.h>

int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * WEIR_SECOND + now.tv_nsec;
}

void check_status(weir_status actual, weir_status expected, const char *call, const char *file,
                  int line)
{
    if (actual == expected)
        return;
    print_error("%s is %s, not %s\n", call, weir_status_name(actual), weir_status_name(expected));
    _fail(file, line);
}
