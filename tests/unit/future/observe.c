/* Observers and callbacks: in order, exactly once, whenever they come. */
#include <pthread.h>
#include <stdatomic.h>

#include "support/crew.h"
#include "unit/future/fixture.h"

enum {
    MOST = 16
};

/* Who was told, in which order. */
static struct {
    size_t count;
    int who[MOST];
    weir_status status;
} told;

static void tell(int who)
{
    if (told.count < MOST)
        told.who[told.count] = who;
    told.count++;
}

struct observer {
    struct weir__observer observer;
    int number;
};

static void observer_told(struct weir__observer *observer, weir_status status)
{
    told.status = status;
    tell(WEIR__CONTAINER_OF(observer, struct observer, observer)->number);
}

static int number[MOST] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };

static void callback_told(weir_future *future, void *data)
{
    told.status = weir_future_status(future);
    tell(*(int *)data);
}

static struct weir__slab *slab;
static struct weir_future *future;

static int begin(void **state)
{
    (void)state;
    memset(&told, 0, sizeof told);
    slab = fixture_slab();
    future = fixture_running(slab);
    return 0;
}

static int end(void **state)
{
    (void)state;
    weir_future_unref(future);
    weir__slab_close(slab);
    return 0;
}

static void watch(struct observer *observers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        observers[i] = (struct observer){ .observer.notify = observer_told, .number = (int)i };
        assert_true(weir__future_observe(future, &observers[i].observer));
        assert_true(observers[i].observer.linked);
    }
}

static void assert_told(const int *expected, size_t n)
{
    assert_int_equal(told.count, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(told.who[i], expected[i]);
}

static void observers_are_told_in_the_order_of_registration(void **state)
{
    (void)state;
    struct observer observer[4];
    watch(observer, 4);
    assert_int_equal(told.count, 0);
    weir__future_end(future, WEIR_EFAILED, NULL);
    assert_told(number, 4);
    assert_status(told.status, WEIR_EFAILED);
    for (int i = 0; i < 4; i++)
        assert_false(observer[i].observer.linked);
}

static void observer_after_the_end_is_not_linked(void **state)
{
    (void)state;
    struct observer late = { .observer = { .notify = observer_told, .linked = true } };
    weir__future_end(future, WEIR_OK, NULL);
    assert_false(weir__future_observe(future, &late.observer));
    assert_false(late.observer.linked);
    weir__future_unobserve(future, &late.observer); /* nothing */
    assert_int_equal(told.count, 0);
}

static void observer_told_can_be_unregistered(void **state)
{
    (void)state;
    struct observer observer[2];
    watch(observer, 2);
    weir__future_end(future, WEIR_OK, NULL);
    weir__future_unobserve(future, &observer[0].observer);
    weir__future_unobserve(future, &observer[1].observer);
    assert_told(number, 2);
}

/* Every set of four observers, unregistered from the front and from the back. */
static void observers_unregistered_are_not_told(void **state)
{
    (void)state;
    for (unsigned set = 0; set < 32; set++) {
        struct observer observer[4];
        struct weir_future *each = fixture_running(slab);
        struct weir_future *kept = future;
        int expected[4];
        size_t count = 0;
        memset(&told, 0, sizeof told);
        future = each;
        watch(observer, 4);
        for (size_t i = 0; i < 4; i++) {
            size_t at = set & 16 ? 3 - i : i;
            if (set >> at & 1)
                weir__future_unobserve(each, &observer[at].observer);
            if (set >> at & 1)
                weir__future_unobserve(each, &observer[at].observer); /* twice is once */
            if (!(set >> i & 1))
                expected[count++] = (int)i;
        }
        weir__future_end(each, WEIR_OK, NULL);
        assert_told(expected, count);
        weir_future_unref(each);
        future = kept;
    }
    weir__future_end(future, WEIR_OK, NULL);
}

static void observer_unregistered_last_makes_room_for_another(void **state)
{
    (void)state;
    struct observer observer[3];
    watch(observer, 3);
    weir__future_unobserve(future, &observer[2].observer);
    assert_true(weir__future_observe(future, &observer[2].observer));
    weir__future_unobserve(future, &observer[0].observer);
    assert_true(weir__future_observe(future, &observer[0].observer));
    weir__future_end(future, WEIR_OK, NULL);
    assert_told((int[]){ 1, 2, 0 }, 3);
}

static void callbacks_run_in_order_after_the_observers(void **state)
{
    (void)state;
    struct observer observer[2];
    for (int i = 2; i < 7; i++)
        assert_status(weir_future_on_done(future, callback_told, &number[i]), WEIR_OK);
    watch(observer, 2);
    assert_int_equal(told.count, 0);
    weir__future_end(future, WEIR_ECANCELLED, NULL);
    assert_told(number, 7);
    assert_status(told.status, WEIR_ECANCELLED);
}

static void callback_after_the_end_runs_at_once(void **state)
{
    (void)state;
    weir__future_end(future, WEIR_OK, NULL);
    for (int i = 0; i < 3; i++) {
        assert_status(weir_future_on_done(future, callback_told, &number[i]), WEIR_OK);
        assert_int_equal(told.count, i + 1);
    }
    assert_told(number, 3);
}

static void callback_adding_two(weir_future *ended, void *data)
{
    tell(*(int *)data);
    weir_future_on_done(ended, callback_told, &number[1]);
    weir_future_on_done(ended, callback_told, &number[2]);
}

static void callback_added_by_a_callback_runs_at_once(void **state)
{
    (void)state;
    assert_status(weir_future_on_done(future, callback_adding_two, &number[0]), WEIR_OK);
    assert_status(weir_future_on_done(future, callback_told, &number[3]), WEIR_OK);
    weir__future_end(future, WEIR_OK, NULL);
    assert_told(number, 4);
}

static void callback_letting_go(weir_future *ended, void *data)
{
    tell(*(int *)data);
    weir_future_unref(ended);
}

static void callback_may_give_up_the_last_handle(void **state)
{
    (void)state;
    weir_future_ref(future); /* for the teardown */
    assert_status(weir_future_on_done(future, callback_letting_go, &number[0]), WEIR_OK);
    assert_status(weir_future_on_done(future, callback_told, &number[1]), WEIR_OK);
    weir__future_end(future, WEIR_OK, NULL);
    assert_told(number, 2);
}

static void callback_nobody_is_refused(void **state)
{
    (void)state;
    assert_status(weir_future_on_done(future, NULL, NULL), WEIR_EINVAL);
    assert_status(weir_future_on_done(NULL, callback_told, &number[0]), WEIR_EINVAL);
    weir__future_end(future, WEIR_OK, NULL);
    assert_int_equal(told.count, 0);
}

/* Somebody comes while the future ends. */
struct meeting {
    pthread_barrier_t line;
    size_t rounds;
    struct weir_future *future;
    struct weir__observer observer;
    _Atomic unsigned notified; /* rounds in which the observer or callback was told */
    bool linked;
    _Atomic bool left, late; /* the observer has gone; was told after that */
};

static void meeting_notified(struct weir__observer *observer, weir_status status)
{
    struct meeting *meeting = WEIR__CONTAINER_OF(observer, struct meeting, observer);
    (void)status;
    if (atomic_load(&meeting->left))
        atomic_store(&meeting->late, true);
    atomic_fetch_add(&meeting->notified, 1);
}

static void meeting_called(weir_future *ended, void *data)
{
    (void)ended;
    atomic_fetch_add(&((struct meeting *)data)->notified, 1);
}

static void run_ender(void *shared, size_t index)
{
    struct meeting *meeting = shared;
    (void)index;
    for (size_t i = 0; i < meeting->rounds; i++) {
        pthread_barrier_wait(&meeting->line);
        weir__future_end(meeting->future, WEIR_OK, NULL);
        pthread_barrier_wait(&meeting->line);
    }
}

static struct crew *meet(struct meeting *meeting)
{
    meeting->rounds = ROUNDS(5000);
    meeting->observer.notify = meeting_notified;
    pthread_barrier_init(&meeting->line, NULL, 2);
    return crew_start(1, run_ender, meeting);
}

static void part(struct meeting *meeting, struct crew *crew)
{
    crew_join(crew);
    pthread_barrier_destroy(&meeting->line);
    weir__future_end(future, WEIR_OK, NULL);
}

static void observer_racing_with_the_end_is_told_or_refused(void **state)
{
    (void)state;
    struct meeting meeting = { 0 };
    struct crew *crew = meet(&meeting);
    size_t wrong = 0;
    for (size_t i = 0; i < meeting.rounds; i++) {
        meeting.future = fixture_running(slab);
        atomic_store(&meeting.notified, 0);
        pthread_barrier_wait(&meeting.line);
        bool linked = weir__future_observe(meeting.future, &meeting.observer);
        pthread_barrier_wait(&meeting.line);
        wrong += atomic_load(&meeting.notified) != linked;
        weir_future_unref(meeting.future);
    }
    part(&meeting, crew);
    assert_int_equal(wrong, 0);
}

static void observer_unregistered_while_it_ends_is_not_told_afterwards(void **state)
{
    (void)state;
    struct meeting meeting = { 0 };
    struct crew *crew = meet(&meeting);
    for (size_t i = 0; i < meeting.rounds; i++) {
        meeting.future = fixture_running(slab);
        weir__future_observe(meeting.future, &meeting.observer);
        atomic_store(&meeting.left, false);
        pthread_barrier_wait(&meeting.line);
        weir__future_unobserve(meeting.future, &meeting.observer);
        atomic_store(&meeting.left, true);
        pthread_barrier_wait(&meeting.line);
        weir_future_unref(meeting.future);
    }
    part(&meeting, crew);
    assert_false(atomic_load(&meeting.late));
}

static void callbacks_racing_with_the_end_run_once_each(void **state)
{
    (void)state;
    struct meeting meeting = { 0 };
    struct crew *crew = meet(&meeting);
    size_t wrong = 0;
    for (size_t i = 0; i < meeting.rounds; i++) {
        meeting.future = fixture_running(slab);
        atomic_store(&meeting.notified, 0);
        pthread_barrier_wait(&meeting.line);
        for (int n = 0; n < 3; n++)
            wrong += weir_future_on_done(meeting.future, meeting_called, &meeting) != WEIR_OK;
        pthread_barrier_wait(&meeting.line);
        wrong += atomic_load(&meeting.notified) != 3;
        weir_future_unref(meeting.future);
    }
    part(&meeting, crew);
    assert_int_equal(wrong, 0);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(observers_are_told_in_the_order_of_registration),
        FRESH(observer_after_the_end_is_not_linked),
        FRESH(observer_told_can_be_unregistered),
        FRESH(observers_unregistered_are_not_told),
        FRESH(observer_unregistered_last_makes_room_for_another),
        FRESH(callbacks_run_in_order_after_the_observers),
        FRESH(callback_after_the_end_runs_at_once),
        FRESH(callback_added_by_a_callback_runs_at_once),
        FRESH(callback_may_give_up_the_last_handle),
        FRESH(callback_nobody_is_refused),
        FRESH(observer_racing_with_the_end_is_told_or_refused),
        FRESH(observer_unregistered_while_it_ends_is_not_told_afterwards),
        FRESH(callbacks_racing_with_the_end_run_once_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
