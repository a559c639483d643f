#include "sync/bell.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

int weir__bell_create(void)
{
    return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

/* EAGAIN is no error: it is as loud, or as silent, as can be. */
static int error_of(ssize_t done, int saved)
{
    int error = done < 0 && errno != EAGAIN ? errno : 0;
    errno = saved;
    return error;
}

int weir__bell_ring(int fd)
{
    int saved = errno;
    uint64_t one = 1;
    return error_of(write(fd, &one, sizeof one), saved);
}

int weir__bell_silence(int fd)
{
    int saved = errno;
    uint64_t count;
    return error_of(read(fd, &count, sizeof count), saved);
}
