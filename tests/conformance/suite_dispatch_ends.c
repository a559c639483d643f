/* Callbacks that are dispatched, at the end of things: shutdown, destroy, a fork, a host that takes
 * liberties with the descriptor. */
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "conformance/conformance.h"
#include "support/child.h"
#include "support/crew.h"
#include "support/dispatch.h"

struct sight {
    _Atomic uint32_t called;
    pthread_t thread;
};

static void look(weir_future *future, void *data)
{
    struct sight *sight = data;
    (void)future;
    sight->thread = pthread_self();
    atomic_fetch_add(&sight->called, 1);
}

/* A task that has ended, whose callback waits; its future is given up. */
static void leave_waiting(weir_executor *executor, weir_done_fn *done, void *data)
{
    weir_future *future = ended_task(executor);
    assert_status(weir_future_on_done(future, done, data), WEIR_OK);
    weir_future_unref(future);
}

static void check_called_here(const struct sight *sight)
{
    assert_int_equal(sight->called, 1);
    assert_true(pthread_equal(sight->thread, pthread_self()));
}

static void shutdown_by_the_dispatcher_does_not_wait_for_itself(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 2, .dispatch = true);
    struct sight sight[3] = { 0 };
    for (int i = 0; i < 3; i++) {
        weir_future *future = submit_ok(executor, noop_task, NULL, 0);
        assert_status(weir_future_on_done(future, look, &sight[i]), WEIR_OK);
        weir_future_unref(future);
    }
    assert_status(weir_executor_shutdown(executor, NULL), WEIR_OK);
    assert_int_equal(stats_of(executor).completed, 3);
    assert_int_equal(stats_of(executor).undispatched, 3);
    assert_true(readable(executor)); /* what has ended can still be dispatched */
    assert_int_equal(dispatch(executor, 2), 2);
    weir_executor_destroy(executor);
    for (int i = 0; i < 3; i++)
        check_called_here(&sight[i]);
}

static void shutdown_cancelling_leaves_its_callbacks_to_the_dispatcher(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 1, .dispatch = true);
    struct sight sight = { 0 };
    weir_future *future = submit_ok(parked.executor, noop_task, NULL, 0);
    assert_status(weir_future_on_done(future, look, &sight), WEIR_OK);
    assert_status(weir_executor_shutdown(
                      parked.executor,
                      &(weir_shutdown_options){ .mode = WEIR_CANCEL_QUEUED, .timeout_ns = -1 }),
                  WEIR_ETIMEDOUT);
    assert_status(end_and_unref(future), WEIR_ECANCELLED);
    assert_int_equal(sight.called, 0);
    assert_int_equal(dispatch(parked.executor, 0), 1);
    check_called_here(&sight);
    unpark(&parked);
}

/* What a callback did while its executor came to its end. */
struct last_deed {
    weir_executor *executor;
    struct sight added;
    weir_status submitted, statistics, shut_down;
    uint32_t called;
};

static void act_at_the_end(weir_future *future, void *data)
{
    struct last_deed *deed = data;
    weir_stats stats;
    deed->called++;
    deed->shut_down = weir_executor_shutdown(deed->executor, NULL);
    deed->submitted = weir_submit(deed->executor, noop_task, NULL, 0, NULL);
    deed->statistics = weir_executor_stats(deed->executor, &stats);
    weir_future_on_done(future, look, &deed->added);
}

static void destroy_runs_what_was_not_dispatched(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 2, .dispatch = true);
    struct last_deed deed = { .executor = executor };
    struct sight sight[3] = { 0 };
    leave_waiting(executor, look, &sight[0]);
    leave_waiting(executor, act_at_the_end, &deed);
    leave_waiting(executor, look, &sight[1]);
    /* One that has not ended yet, perhaps. */
    weir_future *future = submit_ok(executor, noop_task, NULL, 0);
    assert_status(weir_future_on_done(future, look, &sight[2]), WEIR_OK);
    weir_executor_destroy(executor);
    for (int i = 0; i < 3; i++)
        check_called_here(&sight[i]);
    assert_int_equal(deed.called, 1);
    assert_status(deed.shut_down, WEIR_OK);
    assert_status(deed.submitted, WEIR_ESHUTDOWN);
    assert_status(deed.statistics, WEIR_OK);
    check_called_here(&deed.added); /* what is added is not forgotten */
    weir_future_unref(future);
}

static void shut_down_in_callback(weir_future *future, void *data)
{
    struct last_deed *deed = data;
    (void)future;
    deed->called++;
    deed->shut_down = weir_executor_shutdown(deed->executor, NULL);
}

static void shutdown_from_a_dispatched_callback_waits_for_the_tasks(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1, .dispatch = true);
    struct last_deed deed = { .executor = executor };
    struct sight sight = { 0 };
    leave_waiting(executor, shut_down_in_callback, &deed);
    weir_future *future = submit_ok(executor, noop_task, NULL, 0);
    assert_status(weir_future_on_done(future, look, &sight), WEIR_OK);
    assert_int_equal(dispatch(executor, 1), 1);
    assert_status(deed.shut_down, WEIR_OK);
    assert_status(weir_future_status(future), WEIR_OK); /* it has ended; its callback waits */
    assert_int_equal(sight.called, 0);
    assert_int_equal(dispatch(executor, 0), 1);
    check_called_here(&sight);
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

static void destroy_in_callback(weir_future *future, void *data)
{
    struct last_deed *deed = data;
    (void)future;
    deed->called++;
    weir_executor_destroy(deed->executor);
}

static void destroy_from_a_dispatched_callback_runs_the_rest(void **state)
{
    for (int held = 0; held < 2; held++) {
        weir_executor *executor = new_executor(state, .workers = 2, .dispatch = true);
        struct last_deed deed = { .executor = executor };
        struct sight sight[3] = { 0 };
        size_t count = 0;
        weir_future *kept = held ? ended_task(executor) : NULL;
        leave_waiting(executor, look, &sight[0]);
        leave_waiting(executor, destroy_in_callback, &deed);
        leave_waiting(executor, look, &sight[1]);
        leave_waiting(executor, look, &sight[2]);
        assert_status(weir_executor_dispatch(executor, SIZE_MAX, &count), WEIR_OK);
        assert_int_equal(count, 2); /* the others ran in destroy */
        assert_int_equal(deed.called, 1);
        for (int i = 0; i < 3; i++)
            check_called_here(&sight[i]);
        weir_future_unref(kept);
    }
}

static void callback_after_the_executor_is_gone_runs_at_once(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1, .dispatch = true);
    struct sight sight[2] = { 0 };
    weir_future *future = ended_task(executor);
    weir_executor_destroy(executor);
    for (int i = 0; i < 2; i++) {
        assert_status(weir_future_on_done(future, look, &sight[i]), WEIR_OK);
        check_called_here(&sight[i]);
    }
    weir_future_unref(future);
}

struct latecomers {
    weir_future *future;
    struct sight sight[3];
    _Atomic uint32_t odd;
};

static void come_late(void *shared, size_t index)
{
    struct latecomers *latecomers = shared;
    if (weir_future_on_done(latecomers->future, look, &latecomers->sight[index]) != WEIR_OK)
        atomic_fetch_add(&latecomers->odd, 1);
}

static void callbacks_added_while_it_is_destroyed_run_once_each(void **state)
{
    for (uint64_t i = 0; i < ROUNDS(200); i++) {
        weir_executor *executor = new_executor(state, .workers = 1, .dispatch = true);
        struct latecomers latecomers = { .future = ended_task(executor) };
        struct crew *crew = crew_start(3, come_late, &latecomers);
        weir_executor_destroy(executor);
        crew_join(crew);
        assert_int_equal(latecomers.odd, 0);
        for (int k = 0; k < 3; k++)
            assert_int_equal(latecomers.sight[k].called, 1);
        weir_future_unref(latecomers.future);
    }
}

static void dispatch_of_an_executor_that_does_not_is_refused(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    size_t count = 77;
    assert_int_equal(weir_executor_fd(executor), -1);
    assert_status(weir_executor_dispatch(executor, 0, &count), WEIR_EINVAL);
    assert_int_equal(weir_executor_fd(NULL), -1);
    assert_status(weir_executor_dispatch(NULL, 0, &count), WEIR_EINVAL);
    assert_int_equal(count, 77);
    assert_int_equal(stats_of(executor).undispatched, 0);
    weir_executor_destroy(executor);
}

struct inheritance {
    weir_executor *executor;
    weir_future *ended;
    struct sight sight;
};

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return __LINE__ % 200 + 1;                                                             \
    } while (0)

static int dispatch_in_child(void *data)
{
    struct inheritance *in = data;
    size_t count = 77;
    EXPECT(weir_executor_fd(in->executor) == -1);
    EXPECT(weir_executor_dispatch(in->executor, 0, &count) == WEIR_EFORKED);
    EXPECT(weir_future_on_done(in->ended, look, &in->sight) == WEIR_EFORKED);
    EXPECT(count == 77 && in->sight.called == 0);
    EXPECT(weir_future_on_end(in->ended, look, &in->sight) == WEIR_OK); /* as ever */
    EXPECT(in->sight.called == 1);
    weir_executor_destroy(in->executor);
    EXPECT(in->sight.called == 1);
    return 0;
}

static void fork_child_dispatches_nothing_and_takes_nothing(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1, .dispatch = true);
    struct inheritance in = { .executor = executor, .ended = ended_task(executor) };
    struct sight sight = { 0 };
    assert_int_equal(run_in_child(dispatch_in_child, &in), 0);
    assert_false(readable(executor)); /* the descriptor is shared, and was left alone */
    assert_status(weir_future_on_done(in.ended, look, &sight), WEIR_OK);
    assert_int_equal(run_in_child(dispatch_in_child, &in), 0);
    assert_true(readable(executor));
    assert_int_equal(dispatch(executor, 0), 1);
    check_called_here(&sight);
    weir_future_unref(in.ended);
    weir_executor_destroy(executor);
}

static void descriptor_that_was_read_is_readable_after_the_next_dispatch(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1, .dispatch = true);
    struct sight sight[4] = { 0 };
    uint64_t count;
    for (int i = 0; i < 3; i++)
        leave_waiting(executor, look, &sight[i]);
    assert_int_equal(read(weir_executor_fd(executor), &count, sizeof count), sizeof count);
    assert_int_equal(dispatch(executor, 1), 1);
    assert_true(readable(executor)); /* for the two that are left */
    assert_int_equal(read(weir_executor_fd(executor), &count, sizeof count), sizeof count);
    assert_int_equal(dispatch(executor, 0), 2);
    assert_false(readable(executor));
    leave_waiting(executor, look, &sight[3]);
    assert_true(readable(executor));
    weir_executor_destroy(executor);
    for (int i = 0; i < 4; i++)
        check_called_here(&sight[i]);
}

static void descriptor_that_was_written_wakes_once(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1, .dispatch = true);
    struct sight sight = { 0 };
    uint64_t count = 5;
    assert_int_equal(write(weir_executor_fd(executor), &count, sizeof count), sizeof count);
    assert_true(readable(executor));
    assert_int_equal(dispatch(executor, 0), 0);
    assert_false(readable(executor));
    count = UINT64_MAX - 1; /* as much as there can be */
    assert_int_equal(write(weir_executor_fd(executor), &count, sizeof count), sizeof count);
    leave_waiting(executor, look, &sight);
    assert_int_equal(dispatch(executor, 0), 1);
    assert_false(readable(executor));
    weir_executor_destroy(executor);
}

static void descriptor_that_was_closed_is_reported_and_callbacks_run(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1, .dispatch = true);
    struct sight sight[2] = { 0 };
    size_t count = 0;
    int fd = weir_executor_fd(executor);
    weir_future *future = ended_task(executor);
    close(fd);
    assert_status(weir_future_on_done(future, look, &sight[0]), WEIR_OK);
    errno = 0;
    assert_status(weir_executor_dispatch(executor, 0, &count), WEIR_ESYS);
    assert_int_equal(errno, EBADF);
    assert_int_equal(count, 1);
    check_called_here(&sight[0]);
    assert_status(weir_future_on_done(future, look, &sight[1]), WEIR_OK);
    weir_future_unref(future);
    weir_executor_destroy(executor);
    check_called_here(&sight[1]);
}

/* With no descriptor left. */
static int create_without_descriptors(void *data)
{
    const struct executor_factory *factory = data;
    struct rlimit files;
    int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(next);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = (rlim_t)next;
    setrlimit(RLIMIT_NOFILE, &files);
    weir_executor *executor = NULL;
    errno = 0;
    EXPECT(factory->create(&executor, &(struct factory_options){ .workers = 1, .dispatch = true }) ==
           WEIR_ESYS);
    EXPECT(errno == EMFILE && executor == NULL);
    return 0;
}

static void dispatch_without_a_descriptor_is_not_created(void **state)
{
    assert_int_equal(run_in_child(create_without_descriptors, *state), 0);
}

int suite_dispatch_ends(const struct executor_factory *factory)
{
    const struct CMUnitTest tests[] = {
        ON(factory, shutdown_by_the_dispatcher_does_not_wait_for_itself),
        ON(factory, shutdown_cancelling_leaves_its_callbacks_to_the_dispatcher),
        ON(factory, destroy_runs_what_was_not_dispatched),
        ON(factory, shutdown_from_a_dispatched_callback_waits_for_the_tasks),
        ON(factory, destroy_from_a_dispatched_callback_runs_the_rest),
        ON(factory, callback_after_the_executor_is_gone_runs_at_once),
        ON(factory, callbacks_added_while_it_is_destroyed_run_once_each),
        ON(factory, dispatch_of_an_executor_that_does_not_is_refused),
        ON(factory, fork_child_dispatches_nothing_and_takes_nothing),
        ON(factory, descriptor_that_was_read_is_readable_after_the_next_dispatch),
        ON(factory, descriptor_that_was_written_wakes_once),
        ON(factory, descriptor_that_was_closed_is_reported_and_callbacks_run),
        ON(factory, dispatch_without_a_descriptor_is_not_created),
    };
    return cmocka_run_group_tests_name("dispatch_ends", tests, NULL, NULL);
}
