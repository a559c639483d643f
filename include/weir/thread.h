/** @file
 *  The thread executor: a pool of threads of fixed or varying size, with a bounded backlog.
 *
 *  Its threads block all signals but those of faults (SIGSEGV, SIGBUS, SIGFPE, SIGILL), cannot be
 *  cancelled with pthread_cancel(), and are named "name/0", "name/1", … (cut to 15 bytes). */
#ifndef WEIR_THREAD_H
#define WEIR_THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/executor.h"

WEIR_BEGIN_DECLS

/** Called in each worker thread as it starts, before its first task.
 *  @param data    the pointer of the options.
 *  @param worker  index of the worker, as weir_task_worker() gives it.
 *  @return anything but WEIR_OK breaks the executor: tasks in its backlog end WEIR_EBROKEN,
 *          submissions are refused with WEIR_EBROKEN, running tasks end as usual. */
typedef weir_status weir_worker_init_fn(void *data, size_t worker);

/** Called in each worker thread as it ends, if its init (or no init) succeeded. */
typedef void weir_worker_fini_fn(void *data, size_t worker);

/** Options. Zero members mean their default. */
typedef struct weir_thread_options {
    size_t workers;       /**< most threads. 0: the number in the environment variable WEIR_WORKERS
                               if it is set and in range, else as many as there are CPUs in the
                               affinity mask, but no more than the cgroup's CPU quota, rounded up.
                               At most WEIR_WORKERS_MAX */
    size_t limit;         /**< of the backlog. 0: WEIR_LIMIT_DEFAULT, or the policy's; WEIR_ZERO: no
                               backlog at all; at most WEIR_LIMIT_MAX */
    weir_policy policy;   /**< at the limit; zero: weir_reject_when_reached(limit) */
    const char *name;     /**< copied, cut to 63 bytes; NULL: "weir" */
    size_t stack_bytes;   /**< of each thread; 0: the system's default */
    size_t min_workers;   /**< threads that are always there. 0: as many as workers, a pool of fixed
                               size; WEIR_ZERO: none. Below workers, a thread starts when a task
                               comes and none is idle, and ends when it was idle for a while */
    int64_t idle_ns;      /**< how long a thread above min_workers stays idle before it ends; 0:
                               60 s; WEIR_FOREVER: for ever */
    double grow_threshold;   /**< both zero: grow and shrink as said above. Else sizing by */
    double shrink_threshold; /**< futurist's rule, see weir_thread_executor_maintain() */
    weir_worker_init_fn *worker_init; /**< may be NULL */
    void *init_data;                  /**< passed to it */
    weir_worker_fini_fn *worker_fini; /**< may be NULL */
    void *fini_data;                  /**< passed to it */
    size_t arg_bytes;    /**< inline argument size; 0: WEIR_INLINE_DEFAULT; at most WEIR_INLINE_MAX */
    size_t result_bytes; /**< inline result size, likewise */
    bool dispatch; /**< done-callbacks run in weir_executor_dispatch(), see there */
    int64_t spin_ns; /**< how long, at the most, an idle worker may look for a task, and whoever waits
                          for a future for its end, before they sleep. 0: WEIR_SPIN_DEFAULT;
                          WEIR_NO_SPIN: not at all. Nobody looks for more than four times as long as
                          being woken up takes on the machine, nor often in vain: where tasks are
                          far apart, one sleep in 64 begins with a look. Looking takes processor
                          time, of which a cgroup may give little */
} weir_thread_options;

/** Create a thread executor and start min_workers threads.
 *
 *  If only some threads can be started, the executor works with those (weir_stats.workers) and
 *  tries again when a task finds none idle.
 *
 *  @param out      receives it; to be given to weir_executor_destroy(). Untouched on failure.
 *  @param options  NULL: defaults.
 *  @return WEIR_OK | WEIR_EINVAL: an option out of range, min_workers above workers, thresholds
 *          other than 0 < grow <= 1 and 0 <= shrink < grow, a policy with more than two functions
 *          or a NULL one | WEIR_ENOMEM | WEIR_ESYS: not one of the threads could be started, or
 *          dispatch is set and there is no descriptor to be had
 *  @threads any. @blocks for the start of the threads, not for worker_init. @since 0.1 */
static inline weir_status weir_thread_executor_create(weir_executor **out,
                                                      const weir_thread_options *options);

/** weir_thread_executor_create() for callers from other languages. @since 0.1 */
WEIR_API weir_status weir_thread_executor_create_sized(weir_executor **out,
                                                       const weir_thread_options *options,
                                                       size_t size);

static inline weir_status weir_thread_executor_create(weir_executor **out,
                                                      const weir_thread_options *options)
{
    return weir_thread_executor_create_sized(out, options, sizeof *options);
}

/** Change the size of a pool. More workers than before start when tasks need them (up to
 *  @p min_workers at once); surplus ones end as soon as they are idle. Nothing accepted is lost:
 *  after a decrease, the backlog may be above its limit until it has drained.
 *
 *  @param executor     a thread executor.
 *  @param min_workers  as in the options, but 0 is a real zero.
 *  @param workers      most threads; 1 to WEIR_WORKERS_MAX, not below min_workers.
 *  @return WEIR_OK | WEIR_EINVAL | WEIR_ENOMEM | WEIR_ESYS: some threads could not be started; the
 *          new bounds hold all the same | WEIR_ESHUTDOWN | WEIR_EBROKEN | WEIR_EFORKED
 *  @threads any. @blocks for the start of threads. @since 0.1 */
WEIR_API weir_status weir_thread_executor_resize(weir_executor *executor, size_t min_workers,
                                                 size_t workers);

/** Apply the sizing rule until nothing changes, as futurist's maintain() does. With thresholds:
 *  below min_workers, start one; else with busy = (workers - idle + backlog) / workers: at or above
 *  grow_threshold start one, at or below shrink_threshold end an idle one above min_workers. (At
 *  each submission, the same rule is applied once.) Without thresholds: end all idle workers above
 *  min_workers, whatever their idle time.
 *
 *  @param executor  a thread executor.
 *  @param workers   receives how many workers there are then; may be NULL.
 *  @return WEIR_OK | WEIR_EINVAL | WEIR_ESYS: a thread could not be started | WEIR_ESHUTDOWN |
 *          WEIR_EBROKEN | WEIR_EFORKED
 *  @threads any. @blocks for the start of threads. @since 0.1 */
WEIR_API weir_status weir_thread_executor_maintain(weir_executor *executor, size_t *workers);

WEIR_END_DECLS

#endif
