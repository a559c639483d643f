/* The list of completions and its bell, without an executor: how often it is rung, and who runs which
 * callbacks. */
#include <poll.h>

#include "future/dispatch.h"
#include "sync/bell.h"
#include "unit/future/fixture.h"

enum { MOST = 8 };

int __real_weir__bell_ring(int fd);
int __real_weir__bell_silence(int fd);
int __wrap_weir__bell_ring(int fd);
int __wrap_weir__bell_silence(int fd);

static unsigned rung, silenced;

int __wrap_weir__bell_ring(int fd)
{
    rung++;
    return __real_weir__bell_ring(fd);
}

int __wrap_weir__bell_silence(int fd)
{
    silenced++;
    return __real_weir__bell_silence(fd);
}

static struct weir__slab *slab;
static struct weir__dispatch *dispatch;
static struct weir_future *future[MOST];
static unsigned called[MOST], turn[MOST], turns;
static int number[MOST] = { 0, 1, 2, 3, 4, 5, 6, 7 };

static void note_call(weir_future *ended, void *data)
{
    (void)ended;
    called[*(int *)data]++;
    turn[*(int *)data] = turns++;
}

static int begin(void **state)
{
    (void)state;
    rung = silenced = 0;
    memset(called, 0, sizeof called);
    slab = fixture_slab();
    assert_status(weir__dispatch_create(&dispatch), WEIR_OK);
    weir__slab_set_dispatch(slab, dispatch);
    for (int i = 0; i < MOST; i++)
        future[i] = fixture_running(slab);
    return 0;
}

/* Every slot is back, or a sanitizer sees the leak. */
static int end(void **state)
{
    (void)state;
    for (int i = 0; i < MOST; i++) {
        if (!weir__future_ended(future[i]))
            weir__future_end(future[i], WEIR_OK, NULL);
        weir_future_unref(future[i]);
    }
    weir__dispatch_close(dispatch);
    weir__slab_close(slab);
    return 0;
}

static void end_with_callback(int i)
{
    assert_status(weir_future_on_done(future[i], note_call, &number[i]), WEIR_OK);
    weir__future_end(future[i], WEIR_OK, NULL);
}

static bool readable(void)
{
    struct pollfd fd = { .fd = weir__dispatch_fd(dispatch), .events = POLLIN };
    return poll(&fd, 1, 0) == 1;
}

static size_t run(size_t most)
{
    int error = -1;
    size_t count = weir__dispatch_run(dispatch, most, &error);
    assert_int_equal(error, 0);
    return count;
}

static void bell_is_rung_once_for_many(void **state)
{
    (void)state;
    for (int i = 0; i < MOST; i++)
        end_with_callback(i);
    assert_int_equal(rung, 1);
    assert_int_equal(weir__dispatch_waiting(dispatch), MOST);
    assert_int_equal(run(0), MOST);
    assert_int_equal(rung, 1);
    assert_int_equal(silenced, 1);
    for (int i = 0; i < MOST; i++)
        assert_int_equal(called[i], 1);
}

static void bell_is_heard_while_any_is_left(void **state)
{
    (void)state;
    for (int i = 0; i < MOST; i += 2) {
        assert_false(readable());
        end_with_callback(i);
        assert_true(readable());
        end_with_callback(i + 1);
        assert_int_equal(run(1), 1);
        assert_true(readable());
        assert_int_equal(silenced, (unsigned)i / 2);
        assert_int_equal(run(1), 1);
    }
    assert_false(readable());
}

static void future_without_callbacks_is_nobodys_concern(void **state)
{
    (void)state;
    weir__future_end(future[0], WEIR_OK, NULL);
    assert_status(weir_future_on_end(future[1], note_call, &number[1]), WEIR_OK);
    weir__future_end(future[1], WEIR_OK, NULL);
    assert_int_equal(called[1], 1);
    assert_int_equal(rung, 0);
    assert_int_equal(run(0), 0);
}

/* The dispatcher comes between the end and the ender's coming by: each runs its own. */
static void dispatcher_that_is_first_leaves_the_ender_its_own(void **state)
{
    (void)state;
    assert_status(weir_future_on_end(future[0], note_call, &number[0]), WEIR_OK);
    assert_status(weir_future_on_done(future[0], note_call, &number[1]), WEIR_OK);
    assert_status(weir_future_on_end(future[0], note_call, &number[2]), WEIR_OK);
    assert_true(weir__future_close(future[0], WEIR_OK));
    assert_int_equal(rung, 0);
    assert_status(weir_future_on_done(future[0], note_call, &number[3]), WEIR_OK);
    assert_int_equal(run(0), 1);
    const unsigned by_dispatcher[4] = { 0, 1, 0, 1 };
    assert_memory_equal(called, by_dispatcher, sizeof by_dispatcher);
    weir__future_call_back(future[0]);
    for (int i = 0; i < 4; i++)
        assert_int_equal(called[i], 1);
    assert_int_equal(run(0), 0); /* the ender has queued nothing */
    weir__future_drop(future[0], NULL);
}

static void ender_that_is_first_leaves_the_dispatcher_its_own(void **state)
{
    (void)state;
    assert_status(weir_future_on_done(future[0], note_call, &number[0]), WEIR_OK);
    assert_status(weir_future_on_end(future[0], note_call, &number[1]), WEIR_OK);
    assert_status(weir_future_on_done(future[0], note_call, &number[2]), WEIR_OK);
    weir__future_end(future[0], WEIR_OK, NULL);
    const unsigned by_ender[3] = { 0, 1, 0 };
    assert_memory_equal(called, by_ender, sizeof by_ender);
    assert_status(weir_future_on_done(future[0], note_call, &number[3]), WEIR_OK);
    assert_int_equal(run(SIZE_MAX), 1); /* all in one go */
    for (int i = 0; i < 4; i++)
        assert_int_equal(called[i], 1);
}

static void order_is_kept_when_the_first_was_for_the_ender(void **state)
{
    (void)state;
    assert_status(weir_future_on_end(future[0], note_call, &number[0]), WEIR_OK);
    assert_status(weir_future_on_done(future[0], note_call, &number[1]), WEIR_OK);
    weir__future_end(future[0], WEIR_OK, NULL);
    assert_status(weir_future_on_done(future[0], note_call, &number[2]), WEIR_OK);
    assert_int_equal(run(0), 1);
    assert_true(turn[1] < turn[2]);
}

static void closed_one_takes_nothing_and_says_so(void **state)
{
    (void)state;
    end_with_callback(0);
    assert_status(weir_future_on_done(future[1], note_call, &number[1]), WEIR_OK);
    weir__dispatch_close(dispatch);
    assert_int_equal(called[0], 1); /* what waited has run */
    assert_int_equal(called[1], 0);
    assert_false(weir__dispatch_push(dispatch, future[0]));
    weir__future_end(future[1], WEIR_OK, NULL); /* nobody dispatches: it runs here */
    assert_int_equal(called[1], 1);
    assert_int_equal(rung, 1);
    weir__dispatch_close(dispatch);
    assert_int_equal(run(0), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bell_is_rung_once_for_many),
        TEST(bell_is_heard_while_any_is_left),
        TEST(future_without_callbacks_is_nobodys_concern),
        TEST(dispatcher_that_is_first_leaves_the_ender_its_own),
        TEST(ender_that_is_first_leaves_the_dispatcher_its_own),
        TEST(order_is_kept_when_the_first_was_for_the_ender),
        TEST(closed_one_takes_nothing_and_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
