/** @file
 *  The process executor: tasks run in worker processes, and the death of one costs the task that it
 *  was running, nothing else.
 *
 *  Task functions are the same as on threads, with the limits that a process sets:
 *  - an argument submitted without a size is an address. It means the same in a worker only if what
 *    it points at was there before the executor was created; what a task writes there stays in its
 *    worker, unless the memory is mapped shared;
 *  - the function must have been loaded before the executor was created;
 *  - a task cannot submit to, wait on or cancel anything of the host (WEIR_EFORKED);
 *  - the argument, if it has a size, and the result may be as large as payload_bytes says;
 *  - weir_task_name() gives at most 63 bytes.
 *
 *  Done-callbacks run in a thread of the library in the host, as do ends of tasks (but for an executor
 *  that dispatches, see weir_executor_dispatch()); it is named like the executor and blocks all signals. A callback there that waits for another task of the same
 *  executor works: meanwhile the thread goes on ending tasks.
 *
 *  The submitter's own process runs a task only where the policy says WEIR_RUN_IN_CALLER, or where a
 *  callback of the executor submits against a policy that would have it wait. */
#ifndef WEIR_PROCESS_H
#define WEIR_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include "weir/executor.h"
#include "weir/thread.h"

WEIR_BEGIN_DECLS

/** The largest argument or result if nothing else is said, in bytes. */
#define WEIR_PAYLOAD_DEFAULT ((size_t)1 << 20)
/** The most worker processes. */
#define WEIR_PROCESS_WORKERS_MAX ((size_t)1024)

/** How worker processes come into being. */
typedef enum weir_start {
    WEIR_START_ZYGOTE = 0, /**< a process with one thread is forked at creation; it forks the workers
                                and their successors, whatever the host does meanwhile */
    WEIR_START_FORK = 1    /**< a thread of the library in the host forks them. What the host has
                                locked at such a moment stays locked in the worker for ever; a host
                                that ignores SIGCHLD or waits for any child hides why a worker died */
} weir_start;

/** Limits of the system on each worker process. Zero members: as the host has them. */
typedef struct weir_process_limits {
    size_t address_bytes; /**< RLIMIT_AS */
    size_t cpu_seconds;   /**< RLIMIT_CPU, of the worker, not of a task */
    size_t open_files;    /**< RLIMIT_NOFILE */
    bool core_dumps;      /**< leave RLIMIT_CORE as the host has it; else it is 0 */
    bool no_new_privs;    /**< PR_SET_NO_NEW_PRIVS */
    int oom_score_adj;    /**< -1000 to 1000, written to /proc/self/oom_score_adj if not 0. Above the
                               host's, the workers die first when memory is out. Failing to write it
                               is not an error */
} weir_process_limits;

/** Options. Zero members mean their default. */
typedef struct weir_process_options {
    size_t workers;      /**< processes; 0: as for the thread executor; at most
                              WEIR_PROCESS_WORKERS_MAX */
    size_t limit;        /**< of the backlog. 0: WEIR_LIMIT_DEFAULT, or the policy's; WEIR_ZERO: no
                              backlog at all; at most WEIR_LIMIT_MAX */
    weir_policy policy;  /**< at the limit; zero: weir_reject_when_reached(limit) */
    const char *name;    /**< copied, cut to 63 bytes; NULL: "weir" */
    size_t arg_bytes;    /**< inline argument size; 0: WEIR_INLINE_DEFAULT; at most WEIR_INLINE_MAX */
    size_t result_bytes; /**< inline result size, likewise */
    size_t payload_bytes; /**< most of an argument or a result that is not inline. 0:
                               WEIR_PAYLOAD_DEFAULT; WEIR_ZERO: all are inline. Address space for it
                               is reserved, for each place in the backlog once and each worker four
                               times; memory is used by what travels */
    weir_worker_init_fn *worker_init; /**< called in each worker process, under all its limits,
                                           before its first task: the place for a seccomp filter. Its
                                           failure breaks the executor. May be NULL */
    void *init_data;                  /**< passed to it */
    weir_worker_fini_fn *worker_fini; /**< called in a worker that leaves in good order; may be NULL */
    void *fini_data;                  /**< passed to it */
    weir_start start;                 /**< how workers come into being */
    bool allow_threads;  /**< create even if the host has threads already, of which some might hold
                              a lock at that moment that the workers would never get. (Unknown where
                              there is no /proc: then it is taken for one thread. A thread that was
                              joined may be listed for a moment, so a refusal takes 20 ms.) */
    weir_process_limits limits;       /**< of each worker */
    const int *keep_fds; /**< descriptors that workers keep, beside 0, 1 and 2; borrowed for the
                              call; all others are closed in them */
    size_t keep_fds_count;    /**< entries in keep_fds, at most 64 */
    size_t tasks_per_worker;  /**< a worker is replaced after that many; 0: never */
    int64_t kill_grace_ns;    /**< between SIGTERM and SIGKILL, for workers that are ended because of
                                   a task, or do not leave when told to; 0: 100 ms */
    size_t deaths_max;        /**< so many deaths of workers ... 0: 5 + twice the workers */
    int64_t deaths_within_ns; /**< ... in that time, without one task that ended by itself, break the
                                   executor; 0: 10 s */
    bool dispatch; /**< done-callbacks run in weir_executor_dispatch(), see there */
    int64_t spin_ns; /**< as for the thread executor; also for the thread that ends tasks. Workers with
                          limits.cpu_seconds do not look */
} weir_process_options;

/** Create a process executor and start its workers.
 *
 *  @param out      receives it; to be given to weir_executor_destroy(). Untouched on failure.
 *  @param options  NULL: defaults.
 *  @return WEIR_OK | WEIR_EINVAL: an option out of range, or the host has threads and allow_threads
 *          is not set | WEIR_ENOMEM: also too little address space | WEIR_ESYS: no process, thread or
 *          descriptor to be had; nothing is left behind
 *  @threads one that holds no lock which a task may need. @blocks until the first worker process has
 *  been forked, not for worker_init. @since 0.1 */
static inline weir_status weir_process_executor_create(weir_executor **out,
                                                       const weir_process_options *options);

/** weir_process_executor_create() for callers from other languages. @since 0.1 */
WEIR_API weir_status weir_process_executor_create_sized(weir_executor **out,
                                                        const weir_process_options *options,
                                                        size_t size);

static inline weir_status weir_process_executor_create(weir_executor **out,
                                                       const weir_process_options *options)
{
    return weir_process_executor_create_sized(out, options, sizeof *options);
}

/** The process ids of the workers, by index; 0 for one that is not there at the moment.
 *
 *  @param executor  a process executor.
 *  @param out       array of @p n; may be NULL with n = 0.
 *  @param n         entries in @p out.
 *  @param count     receives how many workers there are numbers for; required.
 *  @return WEIR_OK | WEIR_EINVAL (NULL, of another kind) | WEIR_EFORKED
 *  @threads any. @blocks never. @since 0.1 */
WEIR_API weir_status weir_process_executor_pids(const weir_executor *executor, int *out, size_t n,
                                                size_t *count);

/** How a worker died, and what it had used: of a future that ended WEIR_ECRASHED or WEIR_EOVERRUN,
 *  or was cancelled by force. Grows at its end only. */
typedef struct weir_crash_info {
    int pid;             /**< of the worker */
    int signal;          /**< that ended it; 0: none */
    int exit_code;       /**< if it exited; -1 if it did not, or nobody knows */
    bool core_dumped;    /**< there is a core */
    bool known;          /**< signal and exit_code are; false if the host took the status away */
    uint64_t run_ns;     /**< how long the task had run */
    uint64_t user_ns;    /**< processor time of the worker, over its life */
    uint64_t system_ns;  /**< likewise, in the kernel */
    uint64_t max_rss_bytes; /**< the most memory it had resident */
} weir_crash_info;

/** What is known of the death that ended a task. weir_future_error() has it as a sentence.
 *
 *  @param future  the future.
 *  @param out     filled; members beyond what the library knows are zero.
 *  @return WEIR_OK | WEIR_EINVAL: NULL, or it did not end by a death | WEIR_EPENDING
 *  @threads any. @blocks never. @since 0.1 */
static inline weir_status weir_future_crash(const weir_future *future, weir_crash_info *out);

/** weir_future_crash() for callers from other languages. @since 0.1 */
WEIR_API weir_status weir_future_crash_sized(const weir_future *future, weir_crash_info *out,
                                             size_t size);

static inline weir_status weir_future_crash(const weir_future *future, weir_crash_info *out)
{
    return weir_future_crash_sized(future, out, sizeof *out);
}

WEIR_END_DECLS

#endif
