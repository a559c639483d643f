#include "unit/schedule/processes.h"

static void create_with(weir_process_options options, unsigned kills, bool never_looks)
{
    memset(&ran, 0, sizeof ran);
    processes_doom(kills, 100); /* the steps that a few tasks take */
    schedule_prepare();
    options.deaths_max = 1000;
    options.kill_grace_ns = 1000 * WEIR_SECOND; /* time flies in schedules */
    pool = processes_create(&options, never_looks);
    schedule_race();
}

void create_processes(weir_process_options options)
{
    create_with(options, 0, true);
}

void create_doomed(weir_process_options options, unsigned kills)
{
    create_with(options, kills, true);
}

void create_looked_after(weir_process_options options)
{
    create_with(options, 0, false);
}

struct weir__segment *segment(void)
{
    return &weir__process_pool_of(pool)->plan.segment;
}

void let_all_sleep(void)
{
    schedule_prepare();
    for (size_t i = 0; i < segment()->workers; i++)
        while (weir__load_relaxed(&weir__segment_station(segment(), i)->sleep) == 0)
            ;
    schedule_race();
}

weir_future *hold_worker(struct weir__parker *latch)
{
    weir_future *held = NULL;
    schedule_prepare();
    schedule_check(weir_submit(pool, latch_task, latch, 0, &held) == WEIR_OK);
    while (weir_future_state(held) != WEIR_RUNNING)
        schedule_step();
    return held;
}

weir_future *submit_number(weir_task_fn *fn, unsigned number)
{
    weir_future *future = NULL;
    schedule_check(weir_submit(pool, fn, &number, sizeof number, &future) == WEIR_OK);
    return future;
}

weir_status end_and_drop(weir_future *future)
{
    schedule_check(weir_future_wait(future, WEIR_FOREVER) == WEIR_OK);
    weir_status status = weir_future_status(future);
    weir_future_unref(future);
    return status;
}

void check_ran_once(unsigned tasks)
{
    for (unsigned i = 0; i < tasks; i++)
        schedule_check(ran.started[i] == 1);
}

static struct weir__parker meeting[2];

weir_status meet_task(weir_task *task, void *arg)
{
    unsigned number = *(unsigned *)arg;
    (void)task;
    weir__unpark(&meeting[1 - number]);
    weir__park(&meeting[number], WEIR_FOREVER);
    return WEIR_OK;
}

void begin_meeting(void)
{
    memset(meeting, 0, sizeof meeting);
}

void finish_processes(size_t workers)
{
    schedule_check(weir_executor_shutdown(pool, NULL) == WEIR_OK);
    weir_executor_destroy(pool);
    schedule_check(processes_signals() == 0);
    schedule_check(processes_left() == workers);
}

void finish_doomed(void)
{
    schedule_check(weir_executor_shutdown(pool, NULL) == WEIR_OK);
    check_sums();
    weir_executor_destroy(pool);
    schedule_check(processes_signals() == 0);
}
