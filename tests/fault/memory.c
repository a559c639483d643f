/* Memory that cannot be had: in every scenario the first allocation fails, then the second, and so
 * on, until the scenario needs no more than there is. Each time it says WEIR_ENOMEM, changes nothing,
 * leaks nothing, and works when it is tried again. */
#include <stdlib.h>
#include <sys/mman.h>

#include "support/gate.h"
#include "support/snapshot.h"
#include "support/submit.h"
#include "support/tasks.h"

/* The allocation that fails, counted from the one to come; 0: none. */
static _Atomic long failing;
static _Atomic bool failed; /* it has come to that */
static _Atomic long held;   /* allocations that were not given back */

static bool fails(void)
{
    long left = atomic_load(&failing);
    while (left > 0)
        if (atomic_compare_exchange_weak(&failing, &left, left - 1))
            break;
    if (left != 1) {
        atomic_fetch_add(&held, 1);
        return false;
    }
    atomic_store(&failed, true);
    return true;
}

void *__real_malloc(size_t);
void *__wrap_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__wrap_calloc(size_t, size_t);
void *__real_aligned_alloc(size_t, size_t);
void *__wrap_aligned_alloc(size_t, size_t);
void __real_free(void *);
void __wrap_free(void *);
void *__real_mmap(void *, size_t, int, int, int, off_t);
void *__wrap_mmap(void *, size_t, int, int, int, off_t);
int __real_munmap(void *, size_t);
int __wrap_munmap(void *, size_t);

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return fails() ? NULL : __real_aligned_alloc(alignment, size);
}

void __wrap_free(void *memory)
{
    if (memory)
        atomic_fetch_sub(&held, 1);
    __real_free(memory);
}

void *__wrap_mmap(void *address, size_t bytes, int protection, int flags, int file, off_t offset)
{
    return fails() ? MAP_FAILED : __real_mmap(address, bytes, protection, flags, file, offset);
}

int __wrap_munmap(void *address, size_t bytes)
{
    atomic_fetch_sub(&held, 1);
    return __real_munmap(address, bytes);
}

static void fail_the(long n)
{
    atomic_store(&failed, false);
    atomic_store(&failing, n);
}

static int restore(void **state)
{
    (void)state;
    fail_the(0);
    return 0;
}

/* Call it with the first allocation failing, then the second, … It has to say WEIR_ENOMEM and leave
 * nothing behind, as often as it comes to that; at least `least` times. */
#define fail_each(call, least)                                                                     \
    do {                                                                                           \
        long n_ = 0;                                                                               \
        for (;;) {                                                                                 \
            long before_ = atomic_load(&held);                                                     \
            fail_the(++n_);                                                                        \
            weir_status status_ = (call);                                                          \
            atomic_store(&failing, 0);                                                             \
            if (!atomic_load(&failed)) {                                                           \
                assert_status(status_, WEIR_OK);                                                   \
                break;                                                                             \
            }                                                                                      \
            assert_status(status_, WEIR_ENOMEM);                                                   \
            assert_int_equal(atomic_load(&held), before_);                                         \
        }                                                                                          \
        assert_true(n_ > (least));                                                                 \
    } while (0)

static weir_executor *pool(const weir_thread_options *options)
{
    weir_executor *executor = NULL;
    assert_status(weir_thread_executor_create(&executor, options), WEIR_OK);
    return executor;
}

static void create_inline_without_memory_leaves_nothing(void **state)
{
    (void)state;
    weir_executor *executor = NULL;
    long before = atomic_load(&held);
    fail_each(weir_inline_executor_create(&executor, NULL), 3);
    weir_executor_destroy(executor);
    assert_int_equal(atomic_load(&held), before);
}

static void create_threads_without_memory_leaves_nothing(void **state)
{
    (void)state;
    weir_executor *executor = NULL;
    long before = atomic_load(&held);
    fail_each(weir_thread_executor_create(&executor, &(weir_thread_options){ .workers = 1 }), 6);
    assert_status(end_and_unref(submit_ok(executor, noop_task, NULL, 0)), WEIR_OK);
    weir_executor_destroy(executor);
    assert_int_equal(atomic_load(&held), before);
}

static void create_threads_without_memory_for_all_works_with_some(void **state)
{
    (void)state;
    long before = atomic_load(&held);
    size_t smaller = 0;
    for (long n = 1;; n++) {
        weir_executor *executor = NULL;
        fail_the(n);
        weir_status status =
            weir_thread_executor_create(&executor, &(weir_thread_options){ .workers = 3 });
        atomic_store(&failing, 0);
        if (status == WEIR_OK) {
            size_t workers = stats_of(executor).workers;
            assert_true(workers >= 1 && workers <= 3);
            smaller += workers < 3;
            assert_status(end_and_unref(submit_ok(executor, noop_task, NULL, 0)), WEIR_OK);
        } else {
            assert_status(status, WEIR_ENOMEM);
            assert_null(executor);
        }
        weir_executor_destroy(executor);
        assert_int_equal(atomic_load(&held), before);
        if (!atomic_load(&failed))
            break;
    }
    assert_int_equal(smaller, 2);
}

/* Everything is at hand but memory. */
struct stage {
    weir_executor *executor;
    struct gate *gate;
    long held; /* before it was set up */
};

static struct stage set_up(weir_policy policy)
{
    struct stage stage = { .gate = gate_create(), .held = atomic_load(&held) };
    stage.executor =
        pool(&(weir_thread_options){ .workers = 1, .limit = 2000, .policy = policy });
    assert_status(weir_submit(stage.executor, gate_task, stage.gate, 0, NULL), WEIR_OK);
    assert_true(gate_wait_entered(stage.gate, 1));
    return stage;
}

static void tear_down(struct stage *stage)
{
    gate_open(stage->gate);
    assert_status(end_and_unref(submit_ok(stage->executor, noop_task, NULL, 0)), WEIR_OK);
    weir_executor_destroy(stage->executor);
    assert_int_equal(atomic_load(&held), stage->held);
    gate_destroy(stage->gate);
}

/* Submissions until one needs memory for its slot. What was refused is nowhere to be seen. */
static void submit_without_slots_changes_nothing(void **state)
{
    (void)state;
    struct stage stage = set_up((weir_policy){ 0 });
    int met = 0;
    for (int i = 0; i < 500; i++) {
        weir_future *future = NULL;
        weir_stats before = stats_of(stage.executor);
        fail_the(1);
        weir_status status = weir_submit(stage.executor, noop_task, NULL, 0, &future);
        atomic_store(&failing, 0);
        if (atomic_load(&failed)) {
            weir_stats after = stats_of(stage.executor);
            met++;
            assert_status(status, WEIR_ENOMEM);
            assert_null(future);
            assert_int_equal(after.submitted, before.submitted);
            assert_int_equal(after.backlog, before.backlog);
            status = weir_submit(stage.executor, noop_task, NULL, 0, &future);
        }
        assert_status(status, WEIR_OK);
        weir_future_unref(future);
    }
    assert_true(met >= 2);
    tear_down(&stage);
}

static void submit_of_a_large_argument_without_memory_changes_nothing(void **state)
{
    (void)state;
    struct stage stage = set_up((weir_policy){ 0 });
    char large[500] = { 0 };
    weir_future *future = NULL;
    weir_stats before = stats_of(stage.executor);
    fail_each(weir_submit(stage.executor, noop_task, large, sizeof large, &future), 1);
    assert_int_equal(stats_of(stage.executor).submitted, before.submitted + 1);
    weir_future_unref(future);
    tear_down(&stage);
}

/* The copy is made first: if there is no slot for it then, it has to go. */
static void submit_of_a_large_argument_without_slots_leaks_nothing(void **state)
{
    (void)state;
    struct stage stage = set_up((weir_policy){ 0 });
    char large[500] = { 0 };
    int met = 0;
    for (int i = 0; i < 300; i++) {
        long before = atomic_load(&held);
        fail_the(2);
        weir_status status = weir_submit(stage.executor, noop_task, large, sizeof large, NULL);
        atomic_store(&failing, 0);
        if (!atomic_load(&failed))
            continue;
        met++;
        assert_status(status, WEIR_ENOMEM);
        assert_int_equal(atomic_load(&held), before);
        assert_status(weir_submit(stage.executor, noop_task, large, sizeof large, NULL), WEIR_OK);
    }
    assert_true(met >= 2);
    tear_down(&stage);
}

static weir_verdict say(const weir_admission *admission, void *verdict)
{
    (void)admission;
    return *(weir_verdict *)verdict;
}

static void submit_that_runs_or_discards_without_slots_changes_nothing(void **state)
{
    (void)state;
    static weir_verdict verdict;
    const weir_verdict verdicts[] = { WEIR_RUN_IN_CALLER, WEIR_DISCARD };
    for (size_t v = 0; v < 2; v++) {
        enum { N = 200 };
        weir_future *future[N] = { NULL };
        struct stage stage = set_up(weir_check_and_reject(say, &verdict));
        int met = 0;
        verdict = verdicts[v];
        for (int i = 0; i < N; i++) {
            weir_stats before = stats_of(stage.executor);
            fail_the(1);
            weir_status status = weir_submit(stage.executor, noop_task, NULL, 0, &future[i]);
            atomic_store(&failing, 0);
            if (!atomic_load(&failed))
                continue;
            met++;
            assert_status(status, WEIR_ENOMEM);
            assert_null(future[i]);
            assert_int_equal(stats_of(stage.executor).submitted, before.submitted);
        }
        assert_true(met >= 1);
        for (int i = 0; i < N; i++)
            weir_future_unref(future[i]);
        verdict = WEIR_ADMIT;
        tear_down(&stage);
    }
}

static void submit_that_waits_without_slots_is_not_in_the_way(void **state)
{
    (void)state;
    enum { N = 64 };
    weir_future *future[N] = { NULL };
    weir_future *waiting = NULL;
    struct stage stage = { .gate = gate_create(), .held = atomic_load(&held) };
    stage.executor = pool(&(weir_thread_options){
        .workers = 1, .limit = WEIR_ZERO, .policy = weir_block(WEIR_MILLISECOND) });
    assert_status(weir_submit(stage.executor, gate_task, stage.gate, 0, NULL), WEIR_OK);
    assert_true(gate_wait_entered(stage.gate, 1));
    /* Use slots up, until there is none left for one that would wait. */
    size_t count = 0;
    bool met = false;
    for (; count < N && !met; count++) { /* must-admit has room for 64 */
        fail_the(1);
        weir_status status = weir_submit(stage.executor, noop_task, NULL, 0, &waiting);
        atomic_store(&failing, 0);
        met = atomic_load(&failed);
        assert_status(status, met ? WEIR_ENOMEM : WEIR_ETIMEDOUT);
        assert_int_equal(stats_of(stage.executor).blocked, 0);
        weir_submission must = { .fn = noop_task, .flags = WEIR_MUST_ADMIT };
        if (!met && weir_submit_with(stage.executor, &must, &future[count]) != WEIR_OK)
            break;
    }
    assert_true(met);
    gate_open(stage.gate);
    for (size_t i = 0; i < count; i++)
        if (future[i])
            assert_status(end_and_unref(future[i]), WEIR_OK);
    weir_executor_destroy(stage.executor);
    assert_int_equal(atomic_load(&held), stage.held);
    gate_destroy(stage.gate);
}

/* In the task: the first result stays when the second cannot be stored. */
static weir_status return_without_memory(weir_task *task, void *arg)
{
    char large[500] = "large";
    weir_status *seen = arg;
    if (weir_task_return(task, "small", 6) != WEIR_OK)
        return WEIR_EINVAL;
    fail_the(1);
    *seen = weir_task_return(task, large, sizeof large);
    atomic_store(&failing, 0);
    return WEIR_OK;
}

static void large_result_without_memory_leaves_the_earlier_one(void **state)
{
    (void)state;
    struct stage stage = set_up((weir_policy){ 0 });
    weir_status seen = WEIR_OK;
    size_t size = 0;
    gate_open(stage.gate);
    weir_future *future = submit_ok(stage.executor, return_without_memory, &seen, 0);
    assert_status(end_of(future), WEIR_OK);
    assert_status(seen, WEIR_ENOMEM);
    assert_string_equal(weir_future_value(future, &size), "small");
    assert_int_equal(size, 6);
    weir_future_unref(future);
    tear_down(&stage);
}

static weir_status fail_without_memory(weir_task *task, void *arg)
{
    fail_the(1);
    weir_task_fail(task, 3, "%s", (const char *)arg);
    atomic_store(&failing, 0);
    return WEIR_OK;
}

static void long_message_without_memory_is_cut(void **state)
{
    (void)state;
    struct stage stage = set_up((weir_policy){ 0 });
    static char text[301];
    const char *message = NULL;
    memset(text, 'm', sizeof text - 1);
    gate_open(stage.gate);
    weir_future *future = submit_ok(stage.executor, fail_without_memory, text, 0);
    assert_status(end_of(future), WEIR_EFAILED);
    assert_int_equal(weir_future_error(future, &message), 3);
    assert_int_equal(strlen(message), WEIR_INLINE_DEFAULT - 1);
    assert_int_equal(strspn(message, "m"), WEIR_INLINE_DEFAULT - 1);
    weir_future_unref(future);
    tear_down(&stage);
}

static void count_call(weir_future *future, void *data)
{
    (void)future;
    ++*(int *)data;
}

static void second_callback_without_memory_is_never_called(void **state)
{
    (void)state;
    struct stage stage = set_up((weir_policy){ 0 });
    int first = 0, second = 0, third = 0;
    weir_future *future = submit_ok(stage.executor, noop_task, NULL, 0);
    fail_the(1);
    assert_status(weir_future_on_done(future, count_call, &first), WEIR_OK);
    assert_status(weir_future_on_done(future, count_call, &second), WEIR_ENOMEM);
    atomic_store(&failing, 0);
    assert_status(weir_future_on_done(future, count_call, &third), WEIR_OK);
    assert_true(weir_future_cancel(future));
    assert_int_equal(first, 1);
    assert_int_equal(second, 0);
    assert_int_equal(third, 1);
    weir_future_unref(future);
    tear_down(&stage);
}

enum { FEW = 16, MANY = 17 };

static weir_status poll_as_status(weir_status status)
{
    return status == WEIR_ETIMEDOUT ? WEIR_OK : status;
}

static void waits_on_many_without_memory_say_so(void **state)
{
    (void)state;
    struct stage stage = set_up((weir_policy){ 0 });
    weir_future *future[MANY];
    size_t done = 77, index = 77;
    const int64_t short_ns = WEIR_MILLISECOND;
    for (int i = 0; i < MANY; i++)
        future[i] = submit_ok(stage.executor, noop_task, NULL, 0);

    fail_the(1);
    assert_status(weir_wait_all(future, MANY, short_ns, &done), WEIR_ENOMEM);
    fail_the(1);
    assert_status(weir_wait_any(future, MANY, short_ns, &index), WEIR_ENOMEM);
    fail_the(1);
    assert_status(weir_wait_first_failure(future, MANY, short_ns, &index), WEIR_ENOMEM);
    assert_int_equal(done, 77);
    assert_int_equal(index, 77);

    /* A poll, few of them, and those that have ended need none. */
    fail_the(1);
    assert_status(weir_wait_all(future, MANY, 0, NULL), WEIR_ETIMEDOUT);
    assert_status(weir_wait_all(future, FEW, short_ns, NULL), WEIR_ETIMEDOUT);
    assert_status(weir_future_wait(future[0], short_ns), WEIR_ETIMEDOUT);
    assert_false(atomic_load(&failed));
    atomic_store(&failing, 0);
    gate_open(stage.gate);
    fail_each(poll_as_status(weir_wait_all(future, MANY, WATCHDOG_NS, NULL)), 0);
    end_all(future, MANY);
    tear_down(&stage);
}

static void as_completed_without_memory_leaves_nothing(void **state)
{
    (void)state;
    struct stage stage = set_up((weir_policy){ 0 });
    weir_future *future[3];
    weir_as_completed *it = NULL;
    size_t index = 77;
    for (int i = 0; i < 3; i++)
        future[i] = submit_ok(stage.executor, noop_task, NULL, 0);
    fail_each(weir_as_completed_create(&it, future, 3), 4);
    /* From here on it needs none. */
    fail_the(1);
    gate_open(stage.gate);
    for (size_t i = 0; i < 3; i++) {
        assert_status(weir_as_completed_next(it, WATCHDOG_NS, &index), WEIR_OK);
        assert_int_equal(index, i);
    }
    assert_false(atomic_load(&failed));
    atomic_store(&failing, 0);
    weir_as_completed_destroy(it);
    end_all(future, 3);
    tear_down(&stage);
}

static void resize_without_memory_says_so_and_can_be_repeated(void **state)
{
    (void)state;
    struct stage stage = set_up((weir_policy){ 0 });
    for (long n = 1;; n++) {
        fail_the(n);
        weir_status status = weir_thread_executor_resize(stage.executor, 3, 3000);
        atomic_store(&failing, 0);
        if (!atomic_load(&failed)) {
            assert_status(status, WEIR_OK);
            assert_true(n > 2);
            break;
        }
        assert_status(status, WEIR_ENOMEM);
    }
    assert_true(stats_of(stage.executor).workers >= 3);
    tear_down(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(create_inline_without_memory_leaves_nothing, restore),
        cmocka_unit_test_teardown(create_threads_without_memory_leaves_nothing, restore),
        cmocka_unit_test_teardown(create_threads_without_memory_for_all_works_with_some, restore),
        cmocka_unit_test_teardown(submit_without_slots_changes_nothing, restore),
        cmocka_unit_test_teardown(submit_of_a_large_argument_without_memory_changes_nothing,
                                  restore),
        cmocka_unit_test_teardown(submit_of_a_large_argument_without_slots_leaks_nothing, restore),
        cmocka_unit_test_teardown(submit_that_runs_or_discards_without_slots_changes_nothing,
                                  restore),
        cmocka_unit_test_teardown(submit_that_waits_without_slots_is_not_in_the_way, restore),
        cmocka_unit_test_teardown(large_result_without_memory_leaves_the_earlier_one, restore),
        cmocka_unit_test_teardown(long_message_without_memory_is_cut, restore),
        cmocka_unit_test_teardown(second_callback_without_memory_is_never_called, restore),
        cmocka_unit_test_teardown(waits_on_many_without_memory_say_so, restore),
        cmocka_unit_test_teardown(as_completed_without_memory_leaves_nothing, restore),
        cmocka_unit_test_teardown(resize_without_memory_says_so_and_can_be_repeated, restore),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
