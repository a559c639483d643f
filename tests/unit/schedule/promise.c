/* Schedules of promises: they follow each other, or what others end, while they are cancelled, asked
 * and waited for. */
#include "weir/promise.h"

#include "unit/schedule/scenario.h"

enum {
    MOST = 3
};

static weir_promise_pool *promises;
static weir_promise *promise[MOST];
static weir_future *future[MOST];
static weir_status followed[MOST];

static void begin(void)
{
    schedule_check(weir_promise_pool_create(&promises) == WEIR_OK);
    for (unsigned i = 0; i < MOST; i++)
        schedule_check(weir_promise_create(promises, NULL, &promise[i], &future[i]) == WEIR_OK);
}

/* All have ended; none of the memory is lost. */
static void finish(void)
{
    for (unsigned i = 0; i < MOST; i++) {
        weir_promise_destroy(promise[i]);
        schedule_check(weir_future_status(future[i]) != WEIR_EPENDING);
        weir_future_unref(future[i]);
    }
    weir_promise_pool_destroy(promises);
}

/* The next of the circle. */
static void follow_next(void *data)
{
    unsigned i = *(unsigned *)data;
    schedule_check(weir_promise_hold(promise[i]) == WEIR_OK);
    followed[i] = weir_promise_follow(promise[i], future[(i + 1) % MOST]);
    schedule_check(followed[i] == WEIR_OK || followed[i] == WEIR_EDEADLOCK);
}

static void look_and_wait(void *data)
{
    (void)data;
    for (unsigned i = 0; i < 2 * MOST; i++) {
        schedule_check(weir_future_state(future[i % MOST]) == WEIR_PENDING);
        schedule_check(weir_future_wait(future[i % MOST], 100) == WEIR_ETIMEDOUT);
    }
}

/* Not all of them can. */
static void circle_of_promises(void)
{
    static unsigned index[MOST] = { 0, 1, 2 };
    pthread_t actor[MOST + 1];
    unsigned refused = 0;
    begin();
    for (unsigned i = 0; i < MOST; i++)
        actor[i] = actor_start(follow_next, &index[i]);
    actor[MOST] = actor_start(look_and_wait, NULL);
    for (unsigned i = 0; i <= MOST; i++)
        actor_join(actor[i]);
    for (unsigned i = 0; i < MOST; i++)
        if (followed[i] == WEIR_EDEADLOCK) {
            refused++;
            schedule_check(weir_promise_fail(promise[i], WEIR_EFAILED, 7, NULL) == WEIR_OK);
        }
    schedule_check(refused > 0);
    for (unsigned i = 0; i < MOST; i++)
        schedule_check(weir_future_status(future[i]) == WEIR_EFAILED);
    finish();
}

static void hold_and_follow(void *data)
{
    unsigned i = *(unsigned *)data;
    followed[i] = weir_promise_hold(promise[i]);
    if (followed[i] == WEIR_OK)
        schedule_check(weir_promise_follow(promise[i], future[i - 1]) == WEIR_OK);
}

static bool asked, cancelled;

/* Whoever works on it, and looks whether it is to stop. */
static void start_and_return(void *data)
{
    (void)data;
    if (weir_promise_start(promise[0]) != WEIR_OK)
        return;
    for (unsigned steps = schedule_choose(40); steps; steps--)
        schedule_step();
    asked = weir_promise_cancel_requested(promise[0]);
    schedule_check(weir_promise_return(promise[0], "done", 5) == WEIR_OK);
}

static void cancel_last(void *data)
{
    (void)data;
    cancelled = weir_future_cancel(future[MOST - 1]);
    weir_future_wait(future[MOST - 1], WEIR_FOREVER);
    schedule_check(!cancelled || weir_future_status(future[MOST - 1]) == WEIR_ECANCELLED);
}

/* A row of followers, cancelled at its end: each ends once, as what it follows, or cancelled before it
 * followed anything. */
static void row_of_promises(void)
{
    static unsigned index[MOST] = { 0, 1, 2 };
    asked = cancelled = false;
    begin();
    pthread_t actor[] = { actor_start(hold_and_follow, &index[1]),
                          actor_start(hold_and_follow, &index[2]),
                          actor_start(start_and_return, NULL), actor_start(cancel_last, NULL) };
    for (unsigned i = 0; i < sizeof actor / sizeof *actor; i++)
        actor_join(actor[i]);
    for (unsigned i = 0; i < MOST; i++) {
        weir_status status = weir_future_status(future[i]);
        schedule_check(status == WEIR_OK || status == WEIR_ECANCELLED);
        schedule_check(i == 0 ||
                       status == (followed[i] == WEIR_OK ? weir_future_status(future[i - 1])
                                                         : WEIR_ECANCELLED));
    }
    schedule_check(!asked || !cancelled);
    finish();
}

SCENARIO(circle_of_promises)
SCENARIO(row_of_promises)

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(circle_of_promises_is_sound),
        cmocka_unit_test(row_of_promises_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
