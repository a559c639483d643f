/* Schedules of completions on their way to a loop: each is dispatched, by a loop that sleeps whenever the
 * descriptor is not readable.
 *
 * The descriptor is a real one; beside it, a word says what it would say to poll(), so that a loop can
 * sleep on it where the scheduler sees it. If nothing wakes a loop for a completion, no thread can go
 * on. */
#include "future/dispatch.h"

#include <poll.h>
#include <stdlib.h>

#include "base/atomic.h"
#include "future/future_impl.h"
#include "sync/bell.h"
#include "sync/futex.h"
#include "unit/schedule/scenario.h"

int __real_weir__bell_ring(int fd);
int __real_weir__bell_silence(int fd);
int __wrap_weir__bell_ring(int fd);
int __wrap_weir__bell_silence(int fd);

static _Atomic uint32_t loud; /* the descriptor is readable */
static _Atomic uint32_t news; /* futex: changes whenever there is a reason to wake up */

static void wake_loops(void)
{
    weir__add_seq_cst(&news, 1u);
    weir__futex_wake(&news, INT32_MAX);
}

int __wrap_weir__bell_ring(int fd)
{
    schedule_step();
    int error = __real_weir__bell_ring(fd);
    weir__store_seq_cst(&loud, 1u);
    wake_loops();
    return error;
}

int __wrap_weir__bell_silence(int fd)
{
    schedule_step();
    int error = __real_weir__bell_silence(fd);
    weir__store_seq_cst(&loud, 0u);
    return error;
}

/* Who called what back. */
static unsigned called[TASKS], dispatched;
static _Atomic uint32_t looping; /* loops that have not seen the last one dispatched */
static unsigned awaited;         /* how many are to be dispatched before the loops end */

static void note_call(weir_future *future, void *data)
{
    schedule_check(weir_future_status(future) != WEIR_EPENDING);
    called[*(const unsigned *)data]++;
}

static void note_dispatched(weir_future *future, void *data)
{
    note_call(future, data);
    if (++dispatched == awaited) {
        weir__store_seq_cst(&looping, 0u);
        wake_loops(); /* those beside the one that calls this */
    }
}

static const unsigned number[TASKS] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };

static void on_done(weir_future *future, unsigned i)
{
    schedule_check(weir_future_on_done(future, note_dispatched, (void *)&number[i]) == WEIR_OK);
}

static void on_end(weir_future *future, unsigned i)
{
    schedule_check(weir_future_on_end(future, note_call, (void *)&number[i]) == WEIR_OK);
}

static void begin(unsigned workers, unsigned callbacks)
{
    weir__store_relaxed(&loud, 0u);
    weir__store_relaxed(&looping, 1u);
    memset(called, 0, sizeof called);
    dispatched = 0;
    awaited = callbacks;
    create_pool(&(weir_thread_options){ .workers = workers, .dispatch = true });
}

static void check_each_called_once(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        schedule_check(called[i] == 1);
}

/* To nobody who holds the lock, the descriptor says what the list is like. */
static void check_quiet(void)
{
    struct pollfd fd = { .fd = weir_executor_fd(pool), .events = POLLIN };
    schedule_check(weir__load_relaxed(&loud) == 0);
    schedule_check(poll(&fd, 1, 0) == 0);
}

/* As poll() does: returns at once if the descriptor is readable. */
static void sleep_until_loud(uint32_t seen)
{
    if (!weir__load_seq_cst(&loud))
        weir__futex_wait(&news, seen, WEIR_FOREVER);
}

static void loop(void *data)
{
    (void)data;
    for (;;) {
        uint32_t seen = weir__load_seq_cst(&news);
        if (!weir__load_seq_cst(&looping))
            return;
        sleep_until_loud(seen);
        if (!weir__load_seq_cst(&loud))
            continue;
        size_t most = schedule_choose(3) ? schedule_choose(3) : SIZE_MAX;
        schedule_check(weir_executor_dispatch(pool, most, NULL) == WEIR_OK);
    }
}

static void submit_some(void *data)
{
    unsigned first = *(const unsigned *)data;
    for (unsigned i = first; i < first + 3; i++) {
        weir_future *future;
        schedule_check(submit_note(i, &future) == WEIR_OK);
        on_done(future, i);
        weir_future_unref(future);
    }
}

static void dispatched_while_they_end(void)
{
    begin(2, 6);
    pthread_t actor[] = { actor_start(loop, NULL), actor_start(submit_some, (void *)&number[0]),
                          actor_start(submit_some, (void *)&number[3]) };
    for (int i = 0; i < 3; i++)
        actor_join(actor[i]);
    check_each_called_once(6);
    check_quiet();
    finish_pool();
    check_each_called_once(6);
}

static void dispatched_by_two(void)
{
    begin(1, 3);
    pthread_t actor[] = { actor_start(loop, NULL), actor_start(loop, NULL),
                          actor_start(submit_some, (void *)&number[0]) };
    for (int i = 0; i < 3; i++)
        actor_join(actor[i]);
    check_each_called_once(3);
    check_quiet();
    finish_pool();
}

struct registrar {
    unsigned first, second;
    weir_future *future;
};

static void register_two(void *data)
{
    const struct registrar *registrar = data;
    on_done(registrar->future, registrar->first);
    on_done(registrar->future, registrar->second);
}

/* On one future, before, while and after it ends and is dispatched. */
static void registered_while_it_is_dispatched(void)
{
    weir_future *future;
    begin(1, 6);
    schedule_check(submit_note(0, &future) == WEIR_OK);
    struct registrar a = { 0, 1, future }, b = { 2, 3, future };
    pthread_t actor[] = { actor_start(loop, NULL), actor_start(register_two, &a),
                          actor_start(register_two, &b) };
    on_done(future, 4);
    on_done(future, 5);
    for (int i = 0; i < 3; i++)
        actor_join(actor[i]);
    weir_future_unref(future);
    check_each_called_once(6);
    check_quiet();
    finish_pool();
}

static void register_both_kinds(void *data)
{
    const struct registrar *registrar = data;
    on_end(registrar->future, registrar->first);
    on_done(registrar->future, registrar->second);
}

static void of_both_kinds(void)
{
    weir_future *future;
    begin(1, 2);
    schedule_check(submit_note(0, &future) == WEIR_OK);
    struct registrar a = { 0, 1, future }, b = { 2, 3, future };
    pthread_t actor[] = { actor_start(loop, NULL), actor_start(register_both_kinds, &a),
                          actor_start(register_both_kinds, &b) };
    for (int i = 0; i < 3; i++)
        actor_join(actor[i]);
    check_quiet();
    weir_future_unref(future);
    finish_pool();
    check_each_called_once(4);
}

static void register_four(void *data)
{
    const struct registrar *registrar = data;
    for (unsigned i = 0; i < 4; i++)
        on_done(registrar->future, registrar->first + i);
}

/* Nobody dispatches: destroy does, and those who come later run theirs themselves. */
static void registered_while_it_is_destroyed(void)
{
    weir_future *future[2];
    schedule_prepare();
    begin(1, TASKS);
    schedule_check(submit_note(0, &future[0]) == WEIR_OK);
    schedule_check(submit_note(1, &future[1]) == WEIR_OK);
    if (schedule_choose(4)) /* most of the time, so that destroy has nothing else to do */
        schedule_check(weir_executor_shutdown(pool, NULL) == WEIR_OK);
    struct registrar a = { 0, 0, future[0] }, b = { 4, 0, future[1] };
    pthread_t actor[] = { actor_start(register_four, &a), actor_start(register_four, &b) };
    schedule_race();
    weir_executor_destroy(pool);
    for (int i = 0; i < 2; i++)
        actor_join(actor[i]);
    for (int i = 0; i < 2; i++)
        weir_future_unref(future[i]);
    check_each_called_once(8);
}

static void destroy(weir_future *future, void *data)
{
    (void)future;
    called[*(const unsigned *)data]++;
    weir_executor_destroy(pool);
}

/* The last thing a loop does. No future is held by then but by the list, so that all goes. */
static void destroyed_by_a_callback(void)
{
    unsigned destroyer = schedule_choose(3);
    begin(1, TASKS);
    for (unsigned i = 0; i < 3; i++) {
        weir_future *future;
        schedule_check(submit_note(i, &future) == WEIR_OK);
        schedule_check(weir_future_on_done(future, i == destroyer ? destroy : note_call,
                                           (void *)&number[i]) == WEIR_OK);
        weir_future_unref(future);
    }
    while (called[destroyer] == 0) {
        sleep_until_loud(weir__load_seq_cst(&news));
        if (weir__load_seq_cst(&loud))
            schedule_check(weir_executor_dispatch(pool, 1, NULL) == WEIR_OK);
    }
    check_each_called_once(3);
}

/* Waits and shutdown need nobody who dispatches. */
static void shut_down_by_the_loop(void)
{
    weir_future *future;
    begin(1, TASKS);
    for (unsigned i = 0; i < 3; i++) {
        schedule_check(submit_note(i, &future) == WEIR_OK);
        on_done(future, i);
        if (i < 2)
            weir_future_unref(future);
    }
    schedule_check(weir_future_wait(future, WEIR_FOREVER) == WEIR_OK);
    weir_future_unref(future);
    schedule_check(weir_executor_shutdown(pool, NULL) == WEIR_OK);
    schedule_check(dispatched == 0);
    check_sums();
    size_t count = 0;
    schedule_check(weir_executor_dispatch(pool, 2, &count) == WEIR_OK && count == 2);
    weir_executor_destroy(pool);
    check_each_called_once(3);
}

SCENARIO(dispatched_while_they_end)
SCENARIO(dispatched_by_two)
SCENARIO(registered_while_it_is_dispatched)
SCENARIO(of_both_kinds)
SCENARIO(registered_while_it_is_destroyed)
SCENARIO(destroyed_by_a_callback)
SCENARIO(shut_down_by_the_loop)

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dispatched_while_they_end_is_sound),
        cmocka_unit_test(dispatched_by_two_is_sound),
        cmocka_unit_test(registered_while_it_is_dispatched_is_sound),
        cmocka_unit_test(of_both_kinds_is_sound),
        cmocka_unit_test(registered_while_it_is_destroyed_is_sound),
        cmocka_unit_test(destroyed_by_a_callback_is_sound),
        cmocka_unit_test(shut_down_by_the_loop_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
