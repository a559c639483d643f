/* Work over time on a small pool, at random: delayed tasks that are cancelled and waited for, periodic
 * callbacks that come and go, maps; and shutdowns in the middle of it. */
#include "weir/watcher.h"

#include <stdlib.h>

#include "stress/support.h"
#include "support/crew.h"
#include "support/snapshot.h"

enum {
    DELAYERS = 2,
    DELAYED = 60, /* tasks of each */
    PERIODICS = 2,
    CALLBACKS = 8, /* of each */
    MAPS = 4,
    ITEMS = 40
};

/* A delayed task, and what became of it. */
struct delayed {
    weir_future *future; /* NULL: refused */
    _Atomic unsigned ran, called;
};

/* A periodic callback. */
struct periodic {
    uint64_t id;      /* 0: refused, or removed */
    struct dice dice; /* of the run that there is */
    _Atomic unsigned inside;
    _Atomic uint64_t ran, failed;
};

static struct world {
    weir_executor *executor;
    weir_scheduler *scheduler;
    weir_periodic_worker *worker;
    unsigned round;
    struct delayed delayed[DELAYERS][DELAYED];
    struct periodic periodic[PERIODICS][CALLBACKS];
} world;

static weir_status run_delayed(weir_task *task, void *arg)
{
    struct delayed *own = arg;
    (void)task;
    must(atomic_fetch_add(&own->ran, 1) == 0);
    return WEIR_OK;
}

static void delayed_ended(weir_future *future, void *data)
{
    struct delayed *own = data;
    must(weir_future_status(future) != WEIR_EPENDING);
    must(atomic_fetch_add(&own->called, 1) == 0);
}

static void delay_one(struct dice *dice, struct delayed *own)
{
    int64_t delay_ns = throw_dice(dice, 4) ? throw_dice(dice, 300000) : 0;
    weir_status status =
        weir_scheduler_submit_after(world.scheduler, delay_ns, run_delayed, own, 0, &own->future);
    must(status == WEIR_OK || status == WEIR_ESHUTDOWN || status == WEIR_EREJECTED);
    if (status != WEIR_OK)
        return;
    must(weir_future_on_done(own->future, delayed_ended, own) == WEIR_OK);
    switch (throw_dice(dice, 6)) {
    case 0:
        if (weir_future_cancel(own->future))
            must(weir_future_status(own->future) == WEIR_ECANCELLED);
        break;
    case 1:
        weir_future_wait(own->future, throw_dice(dice, 200000));
        break;
    case 2:
        weir_future_state(own->future);
        break;
    default:
        break;
    }
}

/* Each is ended once, and has run exactly if it says so. */
static void check_delayed(struct delayed *own)
{
    if (!own->future)
        return;
    weir_status status = weir_future_status(own->future);
    must(status == WEIR_OK || status == WEIR_ECANCELLED || status == WEIR_EREJECTED ||
         status == WEIR_EDISCARDED || status == WEIR_ESHUTDOWN);
    must(atomic_load(&own->ran) == (status == WEIR_OK));
    must(atomic_load(&own->called) == 1);
    weir_future_unref(own->future);
}

static weir_status run_periodic(weir_task *task, void *arg)
{
    struct periodic *own = arg;
    must(atomic_exchange(&own->inside, 1) == 0);
    unsigned chance = throw_dice(&own->dice, 20);
    atomic_fetch_add(&own->ran, 1);
    atomic_fetch_add(&own->failed, chance == 0);
    must(atomic_exchange(&own->inside, 0) == 1);
    return chance == 0   ? weir_task_fail(task, 1, "chance")
           : chance == 1 ? WEIR_NEVER_AGAIN
                         : WEIR_OK;
}

static void look_at_periodic(struct dice *dice, struct periodic *own)
{
    weir_watcher watcher;
    char table[200];
    if (weir_watch(world.worker, own->id, &watcher) == WEIR_OK)
        must(watcher.runs == watcher.successes + watcher.failures);
    else
        must(own->id == 0);
    if (throw_dice(dice, 4) == 0)
        must(weir_watchers_format(world.worker, NULL, 0, table, sizeof table, NULL) == WEIR_OK);
    if (own->id && throw_dice(dice, 4) == 0) {
        must(weir_periodic_remove(world.worker, own->id) == WEIR_OK);
        own->id = 0;
    }
}

static void add_periodic(struct dice *dice, struct periodic *own)
{
    weir_status status =
        weir_periodic_add(world.worker,
                          &(weir_periodic){ .fn = run_periodic,
                                            .arg = own,
                                            .spacing_ns = 1 + throw_dice(dice, 200000),
                                            .run_immediately = throw_dice(dice, 2),
                                            .has_strategy = true,
                                            .strategy = weir_with_jitter(weir_last_finished(), 0.1),
                                            .missed = (weir_missed)throw_dice(dice, 2) },
                          &own->id);
    must(status == WEIR_OK || status == WEIR_ESHUTDOWN);
}

/* After the stop: those that are still there have counted all their runs. */
static void check_periodic(const struct periodic *own)
{
    weir_watcher watcher;
    if (!own->id)
        return;
    must(weir_watch(world.worker, own->id, &watcher) == WEIR_OK);
    must(watcher.runs == own->ran);
    must(watcher.failures == own->failed);
    must(!watcher.running);
}

static weir_status double_item(weir_task *task, void *arg)
{
    uint32_t twice = 2 * *(uint32_t *)arg;
    return weir_task_return(task, &twice, sizeof twice);
}

static void map_some(struct dice *dice)
{
    uint32_t items[ITEMS], results[ITEMS];
    for (uint32_t i = 0; i < ITEMS; i++)
        items[i] = i;
    weir_map_options options = { .chunk = throw_dice(dice, 8), .in_flight = throw_dice(dice, 4) };
    weir_status status = weir_map(world.executor, double_item, items, ITEMS, sizeof *items, results,
                                  sizeof *results, &options);
    must(status == WEIR_OK || status == WEIR_EREJECTED || status == WEIR_EDISCARDED ||
         status == WEIR_ESHUTDOWN || status == WEIR_ECANCELLED);
    for (uint32_t i = 0; status == WEIR_OK && i < ITEMS; i++)
        must(results[i] == 2 * i);
}

static void act(void *shared, size_t index)
{
    struct dice dice = dice_of(world.round * 8 + index);
    (void)shared;
    if (index < DELAYERS) {
        for (unsigned i = 0; i < DELAYED; i++)
            delay_one(&dice, &world.delayed[index][i]);
    } else if (index < DELAYERS + PERIODICS) {
        for (unsigned i = 0; i < CALLBACKS; i++) {
            add_periodic(&dice, &world.periodic[index - DELAYERS][i]);
            look_at_periodic(&dice, &world.periodic[index - DELAYERS][throw_dice(&dice, i + 1)]);
        }
    } else {
        for (unsigned i = 0; i < MAPS; i++)
            map_some(&dice);
    }
}

static weir_policy any_policy(struct dice *dice)
{
    switch (throw_dice(dice, 5)) {
    case 0:
        return weir_caller_runs();
    case 1:
        return weir_discard_oldest();
    case 2:
        return weir_discard();
    case 3:
        return weir_block(WEIR_FOREVER);
    default:
        return weir_reject_when_reached(4);
    }
}

static void begin(struct dice *dice, unsigned round)
{
    memset(&world, 0, sizeof world);
    world.round = round;
    for (unsigned i = 0; i < PERIODICS * CALLBACKS; i++)
        world.periodic[i / CALLBACKS][i % CALLBACKS].dice = dice_of(round * 100 + i);
    assert_status(weir_thread_executor_create(
                      &world.executor, &(weir_thread_options){ .workers = 1 + throw_dice(dice, 3),
                                                               .limit = 1 + throw_dice(dice, 8),
                                                               .policy = any_policy(dice) }),
                  WEIR_OK);
    assert_status(weir_scheduler_create(&world.scheduler, world.executor, NULL), WEIR_OK);
    assert_status(
        weir_periodic_worker_create(&world.worker,
                                    &(weir_periodic_worker_options){
                                        .executor = throw_dice(dice, 4) ? world.executor : NULL,
                                        .allow_empty = true,
                                        .retry_least_ns = 1000,
                                        .retry_most_ns = 50000 }),
        WEIR_OK);
    assert_status(weir_periodic_start(world.worker), WEIR_OK);
}

static void shut_down_some(struct dice *dice)
{
    weir_shutdown_options options = { .mode = (weir_shutdown_mode)throw_dice(dice, 2),
                                      .timeout_ns = throw_dice(dice, 2) ? -1 : 0 };
    switch (throw_dice(dice, 4)) {
    case 0:
        weir_scheduler_shutdown(world.scheduler, &options);
        break;
    case 1:
        weir_periodic_stop(world.worker);
        break;
    case 2:
        weir_executor_shutdown(world.executor, &options);
        break;
    default:
        break;
    }
}

static void finish(void)
{
    weir_scheduler_counts counts;
    assert_status(weir_scheduler_shutdown(world.scheduler, NULL), WEIR_OK);
    assert_status(weir_scheduler_stats(world.scheduler, &counts), WEIR_OK);
    assert_int_equal(counts.submitted, counts.cancelled + counts.refused + counts.ended);
    assert_status(weir_periodic_stop(world.worker), WEIR_OK);
    assert_status(weir_periodic_wait(world.worker, WATCHDOG_NS), WEIR_OK);
    for (unsigned i = 0; i < PERIODICS * CALLBACKS; i++)
        check_periodic(&world.periodic[i / CALLBACKS][i % CALLBACKS]);
    weir_scheduler_destroy(world.scheduler);
    weir_periodic_worker_destroy(world.worker);
    assert_status(weir_executor_shutdown(world.executor, NULL), WEIR_OK);
    /* A shutdown of the scheduler does not wait for the callbacks of others: this one did. */
    for (unsigned i = 0; i < DELAYERS * DELAYED; i++)
        check_delayed(&world.delayed[i / DELAYED][i % DELAYED]);
    assert_all_ended(world.executor);
    weir_executor_destroy(world.executor);
}

static void all_ends_and_counts_whatever_happens(void **state)
{
    (void)state;
    for (unsigned round = 0; round < rounds(1500); round++) {
        struct dice dice = dice_of(round);
        begin(&dice, round);
        struct crew *crew = crew_start(DELAYERS + PERIODICS + 1, act, NULL);
        shut_down_some(&dice);
        crew_join(crew);
        finish();
        assert_nothing_wrong();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_ends_and_counts_whatever_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
