/* Schedules of what threads meet at: the lock, the parker. */
#include <stdlib.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "sync/lock.h"
#include "sync/parker.h"
#include "sync/spin.h"
#include "unit/schedule/scenario.h"

enum { THREADS = 3, TURNS = 4 };

static struct weir__lock lock;
static unsigned inside, sum;

static void take_turns(void *data)
{
    (void)data;
    for (int i = 0; i < TURNS; i++) {
        weir__lock_take(&lock);
        schedule_check(inside++ == 0);
        for (unsigned steps = schedule_choose(100); steps; steps--) /* longer than others spin */
            schedule_step();
        sum++;
        schedule_check(--inside == 0);
        weir__lock_release(&lock);
    }
}

/* One at a time; nobody sleeps on once it is free. */
static void lock_of_three(void)
{
    pthread_t actor[THREADS];
    lock = (struct weir__lock){ 0 };
    inside = sum = 0;
    for (int i = 0; i < THREADS; i++)
        actor[i] = actor_start(take_turns, NULL);
    for (int i = 0; i < THREADS; i++)
        actor_join(actor[i]);
    schedule_check(sum == THREADS * TURNS);
    schedule_check(atomic_load(&lock.word) == 0);
}

static struct weir__parker ping, pong;
static unsigned ball;

static void return_ball(void *data)
{
    (void)data;
    /* Sometimes it looks for a while before it sleeps. */
    struct weir__spin spin = { .most_ns = schedule_choose(2) ? 5000 : 0, .cost_ns = 1000 };
    for (unsigned i = 0; i < TURNS; i++) {
        schedule_check(weir__park_warm(&ping, WEIR_FOREVER, &spin));
        schedule_check(ball == 2 * i + 1);
        ball++;
        weir__unpark(&pong);
    }
}

/* A token is neither lost nor taken twice. */
static void parker_to_and_fro(void)
{
    ping = pong = (struct weir__parker){ 0 };
    ball = 0;
    pthread_t actor = actor_start(return_ball, NULL);
    for (unsigned i = 0; i < TURNS; i++) {
        ball++;
        weir__unpark(&ping);
        while (!weir__park(&pong, weir__deadline_after(1 + schedule_choose(500))))
            ;
        schedule_check(ball == 2 * i + 2);
    }
    actor_join(actor);
    schedule_check(atomic_load(&ping.token) == 0 && atomic_load(&pong.token) == 0);
}

/* Whoever decides under the lock that another one is owed a token, leaves one; whoever finds under
 * the lock that it is owed one takes it, whatever its time-out said. */
struct debt {
    struct weir__lock lock;
    struct weir__parker parker;
    bool owed, left;
};

static void settle(void *data)
{
    struct debt *debt = data;
    weir__lock_take(&debt->lock);
    bool wake = !debt->left;
    debt->owed = wake;
    weir__lock_release(&debt->lock);
    if (wake)
        weir__unpark(&debt->parker); /* on memory that is freed once the token was taken */
}

static void parker_with_a_debt(void)
{
    struct debt *debt = calloc(1, sizeof *debt);
    pthread_t actor = actor_start(settle, debt);
    bool told = weir__park(&debt->parker, weir__deadline_after(1 + schedule_choose(1000)));
    if (!told) {
        weir__lock_take(&debt->lock);
        told = debt->owed;
        debt->left = !told;
        weir__lock_release(&debt->lock);
        if (told)
            schedule_check(weir__park(&debt->parker, WEIR_FOREVER));
    }
    schedule_check(atomic_load(&debt->parker.token) == 0);
    if (told) /* its last look at our memory was before it left the token */
        free(debt);
    actor_join(actor);
    if (!told)
        free(debt);
}

SCENARIO(lock_of_three)
SCENARIO(parker_to_and_fro)
SCENARIO(parker_with_a_debt)

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lock_of_three_is_sound),
        cmocka_unit_test(parker_to_and_fro_is_sound),
        cmocka_unit_test(parker_with_a_debt_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
