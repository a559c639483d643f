/* Submitting and waiting, for tests that are about something else. */
#ifndef WEIR_TESTS_SUPPORT_SUBMIT_H
#define WEIR_TESTS_SUPPORT_SUBMIT_H

#include <pthread.h>
#include <stdatomic.h>

#include "support/check.h"

/* Submit, expecting it to be accepted. */
weir_future *submit_ok(weir_executor *executor, weir_task_fn *fn, const void *arg, size_t arg_size);

/* Wait for the end and give its status. */
weir_status end_of(weir_future *future);
/* The same, and give the reference up. */
weir_status end_and_unref(weir_future *future);
/* Wait for all n, give all references up. Entries may be NULL. */
void end_all(weir_future **futures, size_t n);

/* Have n futures at once, so that from then on there are slots for as many. */
void make_slots(weir_executor *executor, size_t n);

/* Submission with a name. */
weir_status submit_named(weir_executor *executor, const char *name, weir_task_fn *fn,
                         const void *arg, size_t arg_size, weir_future **out);

/* A thread that makes one submission, which may block. */
struct submitter {
    weir_executor *executor;
    weir_task_fn *fn;
    const void *arg;
    size_t arg_size;
    pthread_t thread;     /* of this submitter */
    weir_status status;   /* what the submission returned; read after the join */
    weir_future *future;  /* its future, or NULL */
    _Atomic bool returned; /* the submission has returned */
};
void submitter_start(struct submitter *submitter);
weir_status submitter_join(struct submitter *submitter);

#endif
