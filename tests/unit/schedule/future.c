/* Schedules of single futures, without an executor: who claims, who ends, who waits, who is told.
 * The host of these futures does no more than end what was cancelled. */
#include <stdlib.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "future/future_impl.h"
#include "future/gather.h"
#include "unit/schedule/scenario.h"

enum { MOST = 4 };

static struct weir__slab *slab;
static weir_future *future[MOST];
static uint64_t hint[MOST];
static unsigned runs[MOST], withdrawals[MOST], calls[MOST];

static unsigned number_of(const weir_future *given)
{
    for (unsigned i = 0; i < MOST; i++)
        if (future[i] == given)
            return i;
    schedule_failed("an unknown future", __FILE__, __LINE__);
}

static bool withdraw(void *owner, weir_future *given)
{
    (void)owner;
    withdrawals[number_of(given)]++;
    weir__future_end(given, WEIR_ECANCELLED, NULL);
    return true;
}

static enum weir__help help(void *owner, weir_future *given)
{
    (void)owner;
    (void)given;
    return WEIR__HELP_NO;
}

/* handles: of each future, for the scenario to give up. */
static void publish(unsigned n, uint32_t handles)
{
    static const struct weir__future_host host = { .withdraw = withdraw, .help = help };
    memset(runs, 0, sizeof runs);
    memset(withdrawals, 0, sizeof withdrawals);
    memset(calls, 0, sizeof calls);
    memset(future, 0, sizeof future);
    slab = weir__slab_create(&host, NULL, 16, 16, false);
    schedule_check(slab != NULL);
    for (unsigned i = 0; i < n; i++) {
        future[i] = weir__slab_take(slab, NULL);
        future[i]->flags = 0;
        hint[i] = weir__future_publish(future[i], handles + 1);
    }
}

/* Every slot must be back: the slab is freed, or the scheduler finds a leak. */
static void finish(void)
{
    weir__slab_close(slab);
}

static void check_ended_once(unsigned i)
{
    weir_status status = weir_future_status(future[i]);
    schedule_check(runs[i] + withdrawals[i] == 1);
    schedule_check(status == (withdrawals[i] ? WEIR_ECANCELLED : WEIR_OK));
}

static void run_by_hint(unsigned i, uint64_t by)
{
    if (!weir__future_claim_hint(future[i], by, WEIR__RUNNING))
        return;
    runs[i]++;
    weir__future_end(future[i], WEIR_OK, NULL);
}

static void run_first(void *data)
{
    (void)data;
    run_by_hint(0, hint[0]);
}

static void run_all(void *data)
{
    (void)data;
    for (unsigned i = 0; i < MOST && future[i]; i++)
        run_by_hint(i, hint[i]);
}

static void cancel_first(void *data)
{
    (void)data;
    bool cancelled = weir_future_cancel(future[0]);
    schedule_check(cancelled == (withdrawals[0] == 1));
    schedule_check(!cancelled || weir_future_status(future[0]) == WEIR_ECANCELLED);
}

static void wait_for_first(void *data)
{
    (void)data;
    schedule_check(weir_future_wait(future[0], WEIR_FOREVER) == WEIR_OK);
    check_ended_once(0);
}

static void join_all(const pthread_t *actor, int n)
{
    for (int i = 0; i < n; i++)
        actor_join(actor[i]);
}

/* Two workers with the same hint, two who cancel, one who waits. */
static void claimed_by_one(void)
{
    publish(1, 1);
    pthread_t actor[] = { actor_start(run_first, NULL), actor_start(cancel_first, NULL),
                          actor_start(run_first, NULL), actor_start(cancel_first, NULL),
                          actor_start(wait_for_first, NULL) };
    join_all(actor, 5);
    check_ended_once(0);
    weir_future_unref(future[0]);
    finish();
}

static void renew_and_run(void *data)
{
    (void)data;
    uint64_t renewed = hint[0] + (UINT64_C(1) << 32);
    bool moved = weir__future_renew(future[0], hint[0]);
    if (moved)
        run_by_hint(0, renewed);
}

/* The hint is renewed under the feet of those who claim: none is left out, and no two get it. */
static void claimed_while_renewed(void)
{
    publish(1, 1);
    pthread_t actor[] = { actor_start(renew_and_run, NULL), actor_start(run_first, NULL),
                          actor_start(cancel_first, NULL) };
    join_all(actor, 3);
    check_ended_once(0);
    weir_future_unref(future[0]);
    finish();
}

static void note_call(weir_future *given, void *data)
{
    unsigned i = number_of(given);
    check_ended_once(i);
    *(unsigned *)data += 1;
    calls[i]++;
}

static void register_two(void *data)
{
    static unsigned told; /* any: only calls[] is looked at */
    (void)data;
    schedule_check(weir_future_on_done(future[0], note_call, &told) == WEIR_OK);
    schedule_check(weir_future_on_done(future[0], note_call, &told) == WEIR_OK);
}

/* Callbacks and waiters come while it ends: each is told, once. */
static void observed_while_it_ends(void)
{
    publish(1, 1);
    pthread_t actor[] = { actor_start(register_two, NULL), actor_start(wait_for_first, NULL),
                          actor_start(run_first, NULL), actor_start(register_two, NULL) };
    join_all(actor, 4);
    schedule_check(calls[0] == 4);
    weir_future_unref(future[0]);
    finish();
}

static void cancel_and_give_up(void *data)
{
    (void)data;
    weir_future_cancel(future[0]);
    weir_future_unref(future[0]);
}

static void register_and_give_up(void *data)
{
    static unsigned told;
    (void)data;
    schedule_check(weir_future_on_done(future[0], note_call, &told) == WEIR_OK);
    weir_future_unref(future[0]);
}

/* Nobody keeps it: the last of the enders, the told and the holders frees it. */
static void given_up_while_it_ends(void)
{
    publish(1, 3);
    pthread_t actor[] = { actor_start(register_and_give_up, NULL), actor_start(run_first, NULL),
                          actor_start(cancel_and_give_up, NULL) };
    weir_future_unref(weir_future_ref(future[0]));
    weir_future_unref(future[0]);
    join_all(actor, 3);
    schedule_check(calls[0] == 1);
    schedule_check(runs[0] + withdrawals[0] == 1);
    finish();
}

/* Waits whose time runs out: on memory of their own each, so that one who is told too late writes
 * to what has been freed. */
static void wait_in_short_turns(void *data)
{
    bool ended = false;
    (void)data;
    while (!ended) {
        struct weir__gather *gather = malloc(sizeof *gather);
        struct weir__member *members = malloc(MOST * sizeof *members);
        weir__gather_init(gather, members, future, MOST);
        int64_t deadline_ns = weir__deadline_after(1 + schedule_choose(2000));
        ended = weir__gather_wait(gather, MOST, false, deadline_ns);
        schedule_check(!ended || gather->ended == MOST);
        weir__gather_fini(gather);
        free(members);
        free(gather);
    }
}

static void unobserved_while_told(void)
{
    publish(MOST, 1);
    pthread_t actor[] = { actor_start(wait_in_short_turns, NULL), actor_start(run_all, NULL),
                          actor_start(wait_in_short_turns, NULL),
                          actor_start(cancel_first, NULL) };
    join_all(actor, 4);
    for (unsigned i = 0; i < MOST; i++) {
        check_ended_once(i);
        weir_future_unref(future[i]);
    }
    finish();
}

/* One wait after the other on the same gather, as the iterator does: each for one more. */
static void waited_for_one_by_one(void)
{
    publish(MOST, 1);
    struct weir__gather *gather = malloc(sizeof *gather);
    struct weir__member *members = malloc(MOST * sizeof *members);
    pthread_t a = actor_start(run_all, NULL), b = actor_start(cancel_first, NULL);
    weir__gather_init(gather, members, future, MOST);
    for (size_t n = 1; n <= MOST; n++) {
        while (!weir__gather_wait(gather, n, false,
                                  schedule_choose(2) ? WEIR_FOREVER : weir__deadline_after(500)))
            ;
        schedule_check(gather->ended >= n);
        schedule_check(weir__gather_take(gather) != NULL);
    }
    schedule_check(weir__gather_take(gather) == NULL);
    weir__gather_fini(gather);
    free(members);
    free(gather);
    actor_join(a);
    actor_join(b);
    for (unsigned i = 0; i < MOST; i++)
        weir_future_unref(future[i]);
    finish();
}

/* Whoever iterates gets each index once, also with waits that are too short. */
static void iterate(void *data)
{
    bool seen[MOST] = { false };
    weir_as_completed *iterator;
    size_t index, most = schedule_choose(MOST + 1);
    (void)data;
    schedule_check(weir_as_completed_create(&iterator, future, MOST) == WEIR_OK);
    while (weir_as_completed_remaining(iterator) > most) {
        int64_t timeout_ns = schedule_choose(2) ? WEIR_FOREVER : schedule_choose(1000);
        weir_status status = weir_as_completed_next(iterator, timeout_ns, &index);
        if (status == WEIR_ETIMEDOUT && timeout_ns != WEIR_FOREVER)
            continue;
        schedule_check(status == WEIR_OK);
        schedule_check(!seen[index]);
        schedule_check(weir_future_status(future[index]) != WEIR_EPENDING);
        seen[index] = true;
    }
    weir_as_completed_destroy(iterator);
}

static void iterated_while_they_end(void)
{
    publish(MOST, 1);
    pthread_t actor[] = { actor_start(iterate, NULL), actor_start(run_all, NULL),
                          actor_start(cancel_first, NULL), actor_start(iterate, NULL) };
    join_all(actor, 4);
    for (unsigned i = 0; i < MOST; i++) {
        check_ended_once(i);
        weir_future_unref(future[i]);
    }
    finish();
}

static void wait_for_any(void *data)
{
    size_t index = MOST, done = 0;
    (void)data;
    schedule_check(weir_wait_any(future, MOST, WEIR_FOREVER, &index) == WEIR_OK);
    schedule_check(index < MOST && weir_future_status(future[index]) != WEIR_EPENDING);
    schedule_check(weir_wait_all(future, MOST, WEIR_FOREVER, &done) == WEIR_OK);
    schedule_check(done == MOST);
}

/* The last one fails, so that all others may have ended before. */
static void run_all_and_fail(void *data)
{
    (void)data;
    for (unsigned i = 0; i < MOST; i++)
        if (weir__future_claim_hint(future[i], hint[i], WEIR__RUNNING)) {
            runs[i]++;
            weir__future_end(future[i], i == MOST - 1 ? WEIR_EFAILED : WEIR_OK, NULL);
        }
}

static void wait_for_failure(void *data)
{
    size_t index = 0;
    (void)data;
    schedule_check(weir_wait_first_failure(future, MOST, WEIR_FOREVER, &index) == WEIR_OK);
    schedule_check(index == MOST - 1);
}

static void waited_for_together(void)
{
    publish(MOST, 1);
    pthread_t actor[] = { actor_start(wait_for_any, NULL), actor_start(run_all_and_fail, NULL),
                          actor_start(wait_for_failure, NULL), actor_start(cancel_first, NULL) };
    join_all(actor, 4);
    for (unsigned i = 0; i < MOST; i++)
        weir_future_unref(future[i]);
    finish();
}

SCENARIO(claimed_by_one)
SCENARIO(claimed_while_renewed)
SCENARIO(observed_while_it_ends)
SCENARIO(given_up_while_it_ends)
SCENARIO(unobserved_while_told)
SCENARIO(waited_for_one_by_one)
SCENARIO(iterated_while_they_end)
SCENARIO(waited_for_together)

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(claimed_by_one_is_sound),
        cmocka_unit_test(claimed_while_renewed_is_sound),
        cmocka_unit_test(observed_while_it_ends_is_sound),
        cmocka_unit_test(given_up_while_it_ends_is_sound),
        cmocka_unit_test(unobserved_while_told_is_sound),
        cmocka_unit_test(waited_for_one_by_one_is_sound),
        cmocka_unit_test(iterated_while_they_end_is_sound),
        cmocka_unit_test(waited_for_together_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
