/* Arguments and results of all sizes, what is too large, and a task that writes over everything. */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "support/check.h"
#include "support/rounds.h"
#include "support/system.h"
#include "support/tasks.h"

enum { PAYLOAD = 1 << 20 };

static weir_executor *create(weir_process_options options)
{
    weir_executor *executor = NULL;
    options.allow_threads = true;
    assert_status(weir_process_executor_create(&executor, &options), WEIR_OK);
    return executor;
}

struct parcel {
    size_t size;   /* of the whole */
    uint32_t seed;
    bool dies;
    unsigned char bytes[];
};

static unsigned char byte_of(uint32_t seed, size_t i)
{
    return (unsigned char)((i * 31 + seed) >> 3);
}

static struct parcel *wrap(size_t size, uint32_t seed)
{
    struct parcel *parcel = malloc(size);
    parcel->size = size;
    parcel->seed = seed;
    parcel->dies = false;
    for (size_t i = 0; i < size - sizeof *parcel; i++)
        parcel->bytes[i] = byte_of(seed, i);
    return parcel;
}

/* Checks what came, and sends it back, every byte turned over. */
static weir_status turn_task(weir_task *task, void *arg)
{
    struct parcel *parcel = arg;
    for (size_t i = 0; i < parcel->size - sizeof *parcel; i++) {
        if (parcel->bytes[i] != byte_of(parcel->seed, i))
            return weir_task_fail(task, 1, "byte %zu is wrong", i);
        parcel->bytes[i] = (unsigned char)~parcel->bytes[i];
    }
    if (parcel->dies)
        raise(SIGKILL);
    return weir_task_return(task, parcel, parcel->size);
}

static void check_turned(weir_future *future, size_t size, uint32_t seed)
{
    size_t got;
    const struct parcel *back = weir_future_value(future, &got);
    assert_int_equal(got, size);
    for (size_t i = 0; i < size - sizeof *back; i++)
        if (back->bytes[i] != (unsigned char)~byte_of(seed, i))
            fail_msg("byte %zu of %zu came back wrong", i, size);
}

static void every_size_goes_there_and_back(void **state)
{
    (void)state;
    static const size_t sizes[] = { 16,   17,   48,    49,    64,     4095,    4096,
                                    4097, 5000, 65536, 99999, 999999, PAYLOAD };
    weir_executor *executor = create((weir_process_options){ .workers = 2 });
    for (uint32_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct parcel *parcel = wrap(sizes[i], i);
        weir_future *future;
        assert_status(weir_submit(executor, turn_task, parcel, sizes[i], &future), WEIR_OK);
        memset(parcel, 0, sizes[i]);
        free(parcel);
        assert_status(weir_future_wait(future, WATCHDOG_NS), WEIR_OK);
        assert_status(weir_future_status(future), WEIR_OK);
        check_turned(future, sizes[i], i);
        weir_future_unref(future);
    }
    weir_executor_destroy(executor);
}

static void many_large_ones_at_once_do_not_mix(void **state)
{
    (void)state;
    enum { MANY = 60 };
    weir_future *future[MANY];
    weir_executor *executor = create((weir_process_options){ .workers = 2, .limit = MANY });
    for (int round = 0; round < (int)wished_rounds("WEIR_PAYLOAD_ROUNDS", 8); round++) {
        for (uint32_t i = 0; i < MANY; i++) {
            struct parcel *parcel = wrap(50000 + i * 15000, i);
            parcel->dies = i % 20 == 7;
            assert_status(weir_submit(executor, turn_task, parcel, parcel->size, &future[i]),
                          WEIR_OK);
            free(parcel);
        }
        for (uint32_t i = 0; i < MANY; i++) {
            assert_status(weir_future_wait(future[i], WATCHDOG_NS), WEIR_OK);
            assert_status(weir_future_status(future[i]), i % 20 == 7 ? WEIR_ECRASHED : WEIR_OK);
            if (i % 20 != 7)
                check_turned(future[i], 50000 + i * 15000, i);
            weir_future_unref(future[i]);
        }
    }
    weir_executor_destroy(executor);
}

static weir_status return_task(weir_task *task, void *arg)
{
    size_t size;
    memcpy(&size, arg, sizeof size);
    void *bytes = calloc(1, size + 1);
    weir_status status = weir_task_return(task, bytes, size);
    free(bytes);
    return status;
}

static weir_status complain_task(weir_task *task, void *arg)
{
    (void)arg;
    return weir_task_fail(task, 5, "%0900d", 7);
}

static void what_is_too_large_is_refused_not_cut(void **state)
{
    (void)state;
    static const size_t payloads[] = { WEIR_ZERO, 8192 };
    for (int i = 0; i < 2; i++) {
        size_t most = i ? 8192 : 48;
        weir_executor *executor =
            create((weir_process_options){ .workers = 1, .payload_bytes = payloads[i] });
        char *bytes = calloc(1, 10000);
        weir_future *future = NULL;
        weir_stats stats;
        assert_status(weir_submit(executor, noop_task, bytes, most + 1, &future), WEIR_ETOOBIG);
        assert_null(future);
        assert_status(weir_executor_stats(executor, &stats), WEIR_OK);
        assert_int_equal(stats.submitted, 0);
        for (size_t size = most; size <= most + 1; size++) {
            assert_status(weir_submit(executor, return_task, &size, sizeof size, &future), WEIR_OK);
            assert_status(weir_future_wait(future, WATCHDOG_NS), WEIR_OK);
            assert_status(weir_future_status(future), size == most ? WEIR_OK : WEIR_ETOOBIG);
            assert_true((weir_future_value(future, NULL) != NULL) == (size == most));
            weir_future_unref(future);
        }
        /* A message may be cut: it says less then, but nothing that is not so. */
        const char *message;
        assert_status(weir_submit(executor, complain_task, NULL, 0, &future), WEIR_OK);
        assert_status(weir_future_wait(future, WATCHDOG_NS), WEIR_OK);
        assert_int_equal(weir_future_error(future, &message), 5);
        assert_int_equal(strlen(message), i ? 900 : 47);
        weir_future_unref(future);
        weir_executor_destroy(executor);
        free(bytes);
    }
}

/* Where the segment is, as anybody can see it: the largest shared mapping. */
static weir_status scribble_task(weir_task *task, void *arg)
{
    static uintptr_t begin, end; /* of this worker */
    (void)arg;
    if (!begin) {
        FILE *maps = fopen("/proc/self/maps", "re");
        char line[256];
        while (maps && fgets(line, sizeof line, maps)) {
            unsigned long from, to;
            char mode[5];
            if (sscanf(line, "%lx-%lx %4s", &from, &to, mode) == 3 && mode[3] == 's' &&
                to - from > end - begin) {
                begin = from;
                end = to;
            }
        }
        if (maps)
            fclose(maps);
    }
    uint64_t random = (uint64_t)now_ns() | 1;
    /* The first megabyte: the counters, the hints, the stations, the slots. */
    size_t span = end - begin < PAYLOAD ? end - begin : PAYLOAD;
    for (int i = 0; i < 3000 && span; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        *(volatile uint64_t *)(begin + (random >> 20) % (span / 8) * 8) = random;
    }
    return weir_task_return(task, &random, sizeof random);
}

static void scribbler_cannot_hurt_the_host(void **state)
{
    (void)state;
    needs_system(SYSTEM_PROC);
    enum { TASKS = 200 };
    int broken = 0;
    for (int round = 0; round < (int)wished_rounds("WEIR_PAYLOAD_ROUNDS", 12); round++) {
        weir_executor *executor = create((weir_process_options){ .workers = 2 });
        weir_future *future[TASKS];
        int accepted = 0;
        for (; accepted < TASKS; accepted++) {
            weir_task_fn *fn = accepted % 10 == 5 ? scribble_task : noop_task;
            if (weir_submit(executor, fn, NULL, 0, &future[accepted]) != WEIR_OK)
                break;
        }
        for (int i = 0; i < accepted; i++) {
            assert_status(weir_future_wait(future[i], 2 * WATCHDOG_NS), WEIR_OK);
            weir_future_unref(future[i]);
        }
        broken += !weir_executor_alive(executor);
        weir_executor_destroy(executor);
    }
    assert_true(broken > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_goes_there_and_back),
        cmocka_unit_test(many_large_ones_at_once_do_not_mix),
        cmocka_unit_test(what_is_too_large_is_refused_not_cut),
        cmocka_unit_test(scribbler_cannot_hurt_the_host),
    };
    return cmocka_run_group_tests_name("process_payload", tests, NULL, NULL);
}
