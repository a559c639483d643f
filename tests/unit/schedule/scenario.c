#include "unit/schedule/scenario.h"

struct ran ran;
weir_executor *pool;

weir_status note_task(weir_task *task, void *arg)
{
    unsigned number = *(unsigned *)arg;
    ran.started[number]++;
    if (ran.count < TASKS)
        ran.order[ran.count++] = number;
    return weir_task_return(task, &number, sizeof number);
}

weir_status submit_note(unsigned number, weir_future **future)
{
    return weir_submit(pool, note_task, &number, sizeof number, future);
}

weir_status latch_task(weir_task *task, void *arg)
{
    (void)task;
    weir__park(arg, WEIR_FOREVER);
    return WEIR_OK;
}

void create_pool(const weir_thread_options *options)
{
    memset(&ran, 0, sizeof ran);
    schedule_check(weir_thread_executor_create(&pool, options) == WEIR_OK);
}

void check_sums(void)
{
    weir_stats stats;
    schedule_check(weir_executor_stats(pool, &stats) == WEIR_OK);
    schedule_check(stats_add_up(&stats));
    schedule_check(stats.running == 0);
    schedule_check(stats.backlog == 0);
    schedule_check(stats.blocked == 0);
}

void finish_pool(void)
{
    schedule_check(weir_executor_shutdown(pool, NULL) == WEIR_OK);
    check_sums();
    weir_executor_destroy(pool);
}

void check_ran_in_order(unsigned first, unsigned last)
{
    unsigned next = first;
    for (unsigned i = 0; i < ran.count; i++)
        if (ran.order[i] >= first && ran.order[i] <= last)
            schedule_check(ran.order[i] == next++);
    schedule_check(next == last + 1);
}

void attempt_one(void *data)
{
    struct attempt *attempt = data;
    attempt->status = submit_note(attempt->number, &attempt->future);
}

void attempt_and_cancel(void *data)
{
    struct attempt *attempt = data;
    attempt_one(data);
    if (attempt->status == WEIR_OK)
        weir_future_cancel(attempt->future);
}

void check_attempt(struct attempt *attempt)
{
    unsigned times = ran.started[attempt->number];
    if (attempt->status != WEIR_OK) {
        schedule_check(times == 0);
        return;
    }
    weir_status end = weir_future_status(attempt->future);
    schedule_check(end != WEIR_EPENDING);
    schedule_check(times == (end == WEIR_OK));
    weir_future_unref(attempt->future);
}
