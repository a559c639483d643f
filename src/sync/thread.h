/* Starting threads that take nothing of the host: all signals blocked but those of faults, named. */
#ifndef WEIR_SYNC_THREAD_H
#define WEIR_SYNC_THREAD_H

#include <pthread.h>
#include <stddef.h>

#include "weir/status.h"

/* WEIR_OK | WEIR_ESYS with errno set (EAGAIN: no thread to be had; EINVAL: stack size) */
weir_status weir__thread_start(pthread_t *thread, size_t stack_bytes, void *(*body)(void *),
                               void *arg);

/* Name the calling thread "name/index", cut in front of the slash to what the kernel keeps. */
void weir__thread_name(const char *name, size_t index);

#endif
