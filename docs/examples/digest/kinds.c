/* The kinds of executors and the policies that digest can be told to use. */
#include <limits.h>

#include "digest/options.h"

/* Most paths fit, and so submitting a file allocates nothing. */
enum { PATH_BYTES_INLINE = 256 };

static weir_status create_inline(weir_executor **out, const struct settings *settings)
{
    return weir_inline_executor_create(out, &(weir_inline_options){
        .name = "digest",
        .policy = settings->policy,
        .arg_bytes = PATH_BYTES_INLINE,
    });
}

static weir_status create_thread(weir_executor **out, const struct settings *settings)
{
    return weir_thread_executor_create(out, &(weir_thread_options){
        .name = "digest",
        .workers = settings->workers,
        .limit = settings->limit,
        .policy = settings->policy,
        .arg_bytes = PATH_BYTES_INLINE,
    });
}

/* A path that is longer than the system takes is refused here, and then by the system. */
static weir_status create_process(weir_executor **out, const struct settings *settings)
{
    return weir_process_executor_create(out, &(weir_process_options){
        .name = "digest",
        .workers = settings->workers,
        .limit = settings->limit,
        .policy = settings->policy,
        .arg_bytes = PATH_BYTES_INLINE,
        .payload_bytes = PATH_MAX,
    });
}

const struct executor_kind executor_kinds[] = {
    {"inline", "one file after the other, in the thread that submits it", create_inline},
    {"thread", "on a pool of threads", create_thread},
    {"process", "in processes; the death of one costs the file it was reading", create_process},
    {NULL, NULL, NULL},
};

static weir_policy make_reject(size_t limit)
{
    return weir_reject_when_reached(limit);
}

static weir_policy make_block(size_t limit)
{
    (void)limit;
    return weir_block(WEIR_FOREVER);
}

static weir_policy make_caller_runs(size_t limit)
{
    (void)limit;
    return weir_caller_runs();
}

static weir_policy make_discard(size_t limit)
{
    (void)limit;
    return weir_discard();
}

static weir_policy make_discard_oldest(size_t limit)
{
    (void)limit;
    return weir_discard_oldest();
}

/* Refuses a file that would wait too long, going by how long files took so far. */
static weir_verdict refuse_long_wait(const weir_admission *admission, void *data)
{
    const uint64_t *longest_ns = data;
    uint64_t workers = admission->workers > 0 ? admission->workers : 1;
    uint64_t wait_ns = admission->backlog * admission->mean_run_ns / workers;

    return wait_ns > *longest_ns ? WEIR_REJECT : WEIR_ADMIT;
}

static weir_policy make_check(size_t limit)
{
    static uint64_t longest_ns = 10 * WEIR_MILLISECOND;

    (void)limit;
    return weir_check_and_reject(refuse_long_wait, &longest_ns);
}

const struct policy_kind policy_kinds[] = {
    {"block", "submitting waits for a place", make_block},
    {"reject", "refused; tried again when a file has ended", make_reject},
    {"caller-runs", "the submitter does the file itself", make_caller_runs},
    {"discard", "thrown away; the submitter does it when its turn comes", make_discard},
    {"discard-oldest", "the oldest of the backlog is thrown away; likewise", make_discard_oldest},
    {"check", "a function refuses what would wait over 10 ms; tried again", make_check},
    {NULL, NULL, NULL},
};
