/* every_one: a periodic worker with a callback that runs every second and one that prints what has
 * been done so far every four.
 *
 * It runs on a test clock, so its ten seconds are over at once and it prints the same every time.
 * Leave .clock away, and weir_periodic_run() in place of the last lines, and it runs in real time. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "weir/weir.h"

struct program {
    weir_clock *clock;
    weir_periodic_worker *worker;
    int64_t started_ns;
};

static weir_status every_one(weir_task *task, void *arg)
{
    struct program *program = arg;
    int64_t age_ns = weir_clock_now(program->clock) - program->started_ns;
    (void)task;
    printf("1: %.1f\n", (double)age_ns / WEIR_SECOND);
    return WEIR_OK;
}

static weir_status print_stats(weir_task *task, void *arg)
{
    struct program *program = arg;
    const weir_column columns[] = { WEIR_COLUMN_NAME, WEIR_COLUMN_PERIODICITY, WEIR_COLUMN_RUNS,
                                    WEIR_COLUMN_FAILURES, WEIR_COLUMN_RUNS_IN };
    char table[1024];
    if (weir_watchers_format(program->worker, columns, sizeof columns / sizeof columns[0], table,
                             sizeof table, NULL) != WEIR_OK)
        return weir_task_fail(task, 1, "no table");
    printf("%s", table);
    return WEIR_OK;
}

/* Two are enough for this one. */
static weir_status every_three(weir_task *task, void *arg)
{
    int *runs = arg;
    (void)task;
    printf("3: run %d\n", ++*runs);
    return *runs == 2 ? WEIR_NEVER_AGAIN : WEIR_OK;
}

int main(void)
{
    struct program program = { .worker = NULL };
    int runs = 0;
    if (weir_test_clock_create(&program.clock, 0) != WEIR_OK ||
        weir_periodic_worker_create(
            &program.worker, &(weir_periodic_worker_options){ .clock = program.clock }) != WEIR_OK)
        return EXIT_FAILURE;
    program.started_ns = weir_clock_now(program.clock);

    const weir_periodic callbacks[] = {
        { .name = "every_one", .fn = every_one, .arg = &program, .spacing_ns = WEIR_SECOND },
        { .name = "every_three", .fn = every_three, .arg = &runs, .spacing_ns = 3 * WEIR_SECOND },
        { .name = "print_stats",
          .fn = print_stats,
          .arg = &program,
          .spacing_ns = 4 * WEIR_SECOND },
    };
    for (size_t i = 0; i < sizeof callbacks / sizeof callbacks[0]; i++)
        if (weir_periodic_add(program.worker, &callbacks[i], NULL) != WEIR_OK)
            return EXIT_FAILURE;

    if (weir_periodic_start(program.worker) != WEIR_OK ||
        weir_test_clock_run_for(program.clock, 10 * WEIR_SECOND, WEIR_FOREVER) != WEIR_OK)
        return EXIT_FAILURE;
    weir_periodic_worker_destroy(program.worker);
    weir_test_clock_destroy(program.clock);
    return EXIT_SUCCESS;
}
