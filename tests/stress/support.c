#include "stress/support.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/snapshot.h"

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

unsigned rounds(unsigned n)
{
    return (unsigned)(ROUNDS(n) * number_from("WEIR_STRESS_FACTOR", 1));
}

struct dice dice_of(uint64_t number)
{
    uint64_t seed = number_from("WEIR_STRESS_SEED", 1);
    return (struct dice){ (seed * 1000003 + number) * UINT64_C(0x9e3779b97f4a7c15) };
}

unsigned throw_dice(struct dice *dice, unsigned n)
{
    uint64_t z = dice->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (unsigned)((z >> 32) % n);
}

static _Atomic(const char *) wrong_what, wrong_file;
static _Atomic int wrong_line;

void seen_wrong(const char *what, const char *file, int line)
{
    const char *none = NULL;
    if (!atomic_compare_exchange_strong(&wrong_file, &none, file))
        return;
    atomic_store(&wrong_line, line);
    atomic_store(&wrong_what, what);
}

void assert_nothing_wrong(void)
{
    const char *file = atomic_exchange(&wrong_file, NULL), *what = atomic_load(&wrong_what);
    if (file)
        fail_msg("%s:%d: %s", file, atomic_load(&wrong_line), what ? what : "?");
}

static void check_snapshot(const struct reader *reader, const weir_stats *s)
{
    must(stats_add_up(s));
    if (!reader->fixed)
        return;
    must(s->backlog <= s->limit);
    must(s->backlog_peak <= s->limit);
    must(s->running <= s->workers + reader->nested);
}

static void *read_on(void *data)
{
    struct reader *reader = data;
    weir_stats earlier = { 0 }, stats;
    while (!atomic_load(&reader->stop)) {
        must(weir_executor_stats(reader->executor, &stats) == WEIR_OK);
        check_snapshot(reader, &stats);
        must(stats_grew(&earlier, &stats));
        earlier = stats;
        sched_yield();
    }
    return NULL;
}

void reader_start(struct reader *reader)
{
    atomic_store(&reader->stop, false);
    if (pthread_create(&reader->thread, NULL, read_on, reader) != 0)
        abort();
}

void reader_stop(struct reader *reader)
{
    atomic_store(&reader->stop, true);
    pthread_join(reader->thread, NULL);
}

void assert_all_ended(weir_executor *executor)
{
    weir_stats stats = stats_of(executor);
    assert_int_equal(stats.running, 0);
    assert_int_equal(stats.backlog, 0);
    assert_int_equal(stats.blocked, 0);
    assert_nothing_wrong();
}
