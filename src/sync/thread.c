#include "sync/thread.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

enum { KERNEL_NAME_BYTES = 16 };

/* Signals that a thread's own instruction raises. Blocking them is undefined: the kernel kills the
 * process past the handler that the host, its language runtime or its crash reporter relies on. */
static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};

weir_status weir__thread_start(pthread_t *thread, size_t stack_bytes, void *(*body)(void *),
                               void *arg)
{
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error) {
        errno = error;
        return WEIR_ESYS;
    }
    if (stack_bytes)
        error = pthread_attr_setstacksize(&attributes, stack_bytes);
    if (error == 0) {
        /* A thread inherits the signal mask of its creator: block everything around the call, so
         * that there is no moment at which it could take a signal of the host. */
        sigset_t all, before;
        sigfillset(&all);
        for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
            sigdelset(&all, faults[i]);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        error = pthread_create(thread, &attributes, body, arg);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    pthread_attr_destroy(&attributes);
    if (error == 0)
        return WEIR_OK;
    errno = error;
    return WEIR_ESYS;
}

void weir__thread_name(const char *name, size_t index)
{
    char number[8], full[KERNEL_NAME_BYTES];
    int digits = snprintf(number, sizeof number, "/%u", (unsigned)(index % 100000));
    int room = KERNEL_NAME_BYTES - 1 - digits;
    snprintf(full, sizeof full, "%.*s%.7s", room, name, number);
    pthread_setname_np(pthread_self(), full);
}
