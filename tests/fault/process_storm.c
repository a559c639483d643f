/* A storm over the workers of a process executor: random SIGKILL, SIGSTOP and SIGCONT from outside,
 * tasks that segfault, abort and exit from inside; all the while tasks are submitted and waited for.
 *
 * Every task has its number, a count of its starts in shared memory, and a result that only it can
 * have. What must hold: each future ends, once; OK means the right value; a task that was not declared
 * retryable starts once at the most, and one that ended OK exactly once; a poison task ends as its
 * death says. WEIR_STORM_DEATHS sets how many deaths there have to be. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "support/check.h"
#include "support/shared.h"
#include "support/system.h"
#include "support/victims.h"

enum { WORKERS = 4, WINDOW = 256, COUNTS = 1 << 16 };

enum deed { PLAIN, SEGFAULT, ABORT, EXIT, DEEDS };

struct order {
    _Atomic uint32_t *starts; /* of this task, in shared memory */
    uint64_t number;
    enum deed deed;
    uint32_t burn_ns;
};

struct flight {
    weir_future *future;
    struct order order;
    uint32_t retries;
    _Atomic uint32_t called; /* of its callback */
};

struct storm {
    weir_executor *executor;
    _Atomic uint32_t *starts;
    struct flight flight[WINDOW];
    uint64_t number, random;
    uint64_t ended, ok, crashed, poisoned, wrong, twice, missing, stopped;
    _Atomic bool over;
    _Atomic uint64_t signals;
};

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static uint64_t value_of(uint64_t number)
{
    return number * 0x9e3779b97f4a7c15u + 1;
}

static weir_status stormy_task(weir_task *task, void *arg)
{
    struct order *order = arg;
    atomic_fetch_add(order->starts, 1);
    int64_t end_ns = now_ns() + order->burn_ns;
    while (now_ns() < end_ns)
        ;
    switch (order->deed) {
    case SEGFAULT:
        raise(SIGSEGV);
        break;
    case ABORT:
        abort();
    case EXIT:
        _exit(3);
    default:
        break;
    }
    uint64_t value = value_of(order->number);
    return weir_task_return(task, &value, sizeof value);
}

static void count_call(weir_future *future, void *data)
{
    (void)future;
    atomic_fetch_add((_Atomic uint32_t *)data, 1);
}

static void launch(struct storm *storm, struct flight *flight, bool poison)
{
    uint64_t number = storm->number++;
    uint64_t dice = next_random(&storm->random);
    flight->order = (struct order){
        .starts = &storm->starts[number % COUNTS],
        .number = number,
        .deed = poison && dice % 64 == 0 ? (enum deed)(1 + (dice >> 8) % (DEEDS - 1)) : PLAIN,
        .burn_ns = (uint32_t)((dice >> 16) % 10000),
    };
    flight->retries = (dice >> 40) % 4 == 0 ? 3 : 0;
    atomic_store(flight->order.starts, 0);
    atomic_store(&flight->called, 0);
    weir_submission submission = { .fn = stormy_task,
                                   .arg = &flight->order,
                                   .arg_size = sizeof flight->order,
                                   .retries = flight->retries };
    assert_status(weir_submit_with(storm->executor, &submission, &flight->future), WEIR_OK);
    assert_status(weir_future_on_done(flight->future, count_call, &flight->called), WEIR_OK);
}

/* Wait for a task and look at what became of it. */
static void land(struct storm *storm, struct flight *flight)
{
    if (weir_future_wait(flight->future, 2 * WATCHDOG_NS) != WEIR_OK)
        fail_msg("task %llu of %llu never ended", (unsigned long long)flight->order.number,
                 (unsigned long long)storm->number);
    while (atomic_load(&flight->called) == 0)
        sched_yield();
    uint32_t starts = atomic_load(flight->order.starts);
    uint64_t value = 0;
    storm->ended++;
    storm->twice += atomic_load(&flight->called) != 1 || starts > 1 + flight->retries;
    weir_status status = weir_future_result(flight->future, &value, sizeof value, 0);
    if (status == WEIR_OK) {
        storm->ok++;
        storm->wrong += value != value_of(flight->order.number);
        storm->missing += starts == 0 || flight->order.deed != PLAIN;
    } else {
        weir_crash_info info;
        storm->wrong += status != WEIR_ECRASHED;
        storm->wrong += weir_future_crash(flight->future, &info) != WEIR_OK || !info.known;
        storm->crashed++;
        storm->poisoned += flight->order.deed != PLAIN;
        if (flight->order.deed == PLAIN) /* only we kill, and only so */
            storm->wrong += info.signal != SIGKILL;
    }
    weir_future_unref(flight->future);
    flight->future = NULL;
}

/* The storm itself, until it is over: a signal each millisecond or so. */
static void *blow(void *data)
{
    struct storm *storm = data;
    uint64_t random = 88172645463325252u;
    int stopped = 0;
    while (!atomic_load(&storm->over)) {
        int pids[WORKERS];
        uint64_t dice = next_random(&random);
        size_t count = victims_find(storm->executor, pids, WORKERS);
        struct timespec pause = { .tv_sec = 0, .tv_nsec = (long)((dice >> 20) % 2000000) };
        nanosleep(&pause, NULL);
        if (stopped) {
            victims_signal(stopped, SIGCONT);
            stopped = 0;
            continue;
        }
        int pid = count ? pids[dice % count] : 0;
        if ((dice >> 8) % 8 == 0) {
            if (victims_signal(pid, SIGSTOP))
                stopped = pid;
        } else if (victims_signal(pid, SIGKILL)) {
            atomic_fetch_add(&storm->signals, 1);
        }
    }
    if (stopped)
        victims_signal(stopped, SIGCONT);
    return NULL;
}

static uint64_t deaths_of(struct storm *storm)
{
    weir_stats stats;
    assert_status(weir_executor_stats(storm->executor, &stats), WEIR_OK);
    assert_int_equal(stats.submitted, stats.rejected + stats.discarded + stats.cancelled +
                                          stats.expired + stats.completed + stats.running +
                                          stats.backlog);
    return stats.respawned;
}

static uint64_t wanted_deaths(uint64_t usual)
{
    const char *text = getenv("WEIR_STORM_DEATHS");
    return text ? strtoull(text, NULL, 10) / 2 : ROUNDS(usual);
}

static void fly_through(const char *name, weir_start start, bool poison, uint64_t deaths)
{
    struct storm *storm = calloc(1, sizeof *storm);
    pthread_t wind;
    storm->random = 0x2545f4914f6cdd1du;
    storm->starts = shared_alloc(COUNTS * sizeof *storm->starts);
    weir_process_options options = { .workers = WORKERS,
                                     .limit = 2 * WINDOW,
                                     .name = "storm",
                                     .start = start,
                                     .allow_threads = true,
                                     .deaths_max = 100000 };
    assert_status(weir_process_executor_create(&storm->executor, &options), WEIR_OK);
    for (int i = 0; i < WINDOW; i++)
        launch(storm, &storm->flight[i], poison);
    pthread_create(&wind, NULL, blow, storm);
    for (size_t i = 0; deaths_of(storm) < deaths; i++) {
        land(storm, &storm->flight[i % WINDOW]);
        launch(storm, &storm->flight[i % WINDOW], poison);
    }
    atomic_store(&storm->over, true);
    pthread_join(wind, NULL);
    for (int i = 0; i < WINDOW; i++)
        land(storm, &storm->flight[i]);
    uint64_t died = deaths_of(storm);
    assert_status(weir_executor_shutdown(storm->executor, NULL), WEIR_OK);
    weir_stats stats;
    assert_status(weir_executor_stats(storm->executor, &stats), WEIR_OK);
    fprintf(stderr,
            "%s: %llu worker deaths, %llu tasks, %llu ok, %llu crashed (%llu by themselves), wrong "
            "%llu, twice %llu, missing %llu\n",
            name, (unsigned long long)died, (unsigned long long)storm->ended,
            (unsigned long long)storm->ok, (unsigned long long)storm->crashed,
            (unsigned long long)storm->poisoned, (unsigned long long)storm->wrong,
            (unsigned long long)storm->twice, (unsigned long long)storm->missing);
    assert_int_equal(storm->ended, storm->number);
    assert_int_equal(stats.completed, storm->number);
    assert_int_equal(stats.crashed, storm->crashed);
    assert_int_equal(storm->wrong, 0);
    assert_int_equal(storm->twice, 0);
    assert_int_equal(storm->missing, 0);
    weir_executor_destroy(storm->executor);
    shared_free(storm->starts, COUNTS * sizeof *storm->starts);
    free(storm);
}

static void storm_from_outside_costs_only_what_was_running(void **state)
{
    (void)state;
    needs_system(SYSTEM_PIDFD);
    fly_through("killed", WEIR_START_ZYGOTE, false, wanted_deaths(1200));
}

static void storm_with_poison_tasks_hurts_nobody_else(void **state)
{
    (void)state;
    needs_system(SYSTEM_PIDFD);
    fly_through("poisoned", WEIR_START_ZYGOTE, true, wanted_deaths(1000));
}

static void storm_over_directly_forked_workers(void **state)
{
    (void)state;
    needs_system(SYSTEM_PIDFD);
    fly_through("forked", WEIR_START_FORK, true, ROUNDS(300));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(storm_from_outside_costs_only_what_was_running),
        cmocka_unit_test(storm_with_poison_tasks_hurts_nobody_else),
        cmocka_unit_test(storm_over_directly_forked_workers),
    };
    return cmocka_run_group_tests_name("process_storm", tests, NULL, NULL);
}
