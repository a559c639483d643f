/* Submission: how arguments travel, in which order tasks start, what a task knows of itself. */
#include "conformance/conformance.h"
#include "support/shared.h"

static void submit_task_runs_and_returns_its_value(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 2);
    int number = 21;
    int result = 0;
    weir_future *future = submit_ok(executor, double_task, &number, sizeof number);
    assert_status(weir_future_result(future, &result, sizeof result, WATCHDOG_NS), WEIR_OK);
    assert_int_equal(result, 42);
    assert_int_equal(weir_future_state(future), WEIR_FINISHED);
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

static void submit_without_future_runs_once(void **state)
{
    _Atomic uint64_t *count = shared_alloc(sizeof *count);
    weir_executor *executor = new_executor(state, .workers = 2);
    for (int i = 0; i < 100; i++)
        assert_status(weir_submit(executor, count_task, count, 0, NULL), WEIR_OK);
    assert_status(weir_executor_shutdown(executor, NULL), WEIR_OK);
    assert_int_equal(atomic_load(count), 100);
    weir_executor_destroy(executor);
    shared_free(count, sizeof *count);
}

static void submit_argument_changed_afterwards_task_sees_the_copy(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct parked parked = park(state, .workers = 1);
    int number = 4;
    int result = 0;
    weir_future *future = submit_ok(parked.executor, double_task, &number, sizeof number);
    number = 1000;
    gate_open(parked.gate);
    assert_status(weir_future_result(future, &result, sizeof result, WATCHDOG_NS), WEIR_OK);
    assert_int_equal(result, 8);
    weir_future_unref(future);
    unpark(&parked);
}

static weir_status address_task(weir_task *task, void *arg)
{
    uintptr_t address = (uintptr_t)arg;
    memset(arg, 0xa5, 24); /* the copy is the task's to write to */
    return weir_task_return(task, &address, sizeof address);
}

static void submit_argument_copy_is_aligned_and_writable(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    char bytes[24] = "as it was";
    for (int i = 0; i < 10; i++) {
        uintptr_t address = 1;
        weir_future *future = submit_ok(executor, address_task, bytes, sizeof bytes);
        assert_status(weir_future_result(future, &address, sizeof address, WATCHDOG_NS), WEIR_OK);
        assert_int_equal(address % 16, 0);
        weir_future_unref(future);
    }
    assert_string_equal(bytes, "as it was");
    weir_executor_destroy(executor);
}

/* The first bytes say how many there are; the task gives the sum of the others. */
static weir_status sum_task(weir_task *task, void *arg)
{
    const unsigned char *bytes = arg;
    uint32_t size;
    uint64_t sum = 0;
    memcpy(&size, bytes, sizeof size);
    for (uint32_t i = sizeof size; i < size; i++)
        sum += bytes[i];
    return weir_task_return(task, &sum, sizeof sum);
}

static void submit_arguments_of_any_size_arrive_whole(void **state)
{
    static const uint32_t sizes[] = { 4, 5, 47, 48, 49, 64, 4096, 4097, 1 << 20 };
    static unsigned char bytes[1 << 20];
    weir_executor *executor = new_executor(state, .workers = 2);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint64_t expected = 0;
        uint64_t sum = 0;
        memcpy(bytes, &sizes[i], sizeof sizes[i]);
        for (uint32_t k = sizeof sizes[i]; k < sizes[i]; k++)
            expected += bytes[k] = (unsigned char)(k * 7 + i);
        weir_future *future = submit_ok(executor, sum_task, bytes, sizes[i]);
        memset(bytes, 0, sizes[i]);
        assert_status(weir_future_result(future, &sum, sizeof sum, WATCHDOG_NS), WEIR_OK);
        assert_int_equal(sum, expected);
        weir_future_unref(future);
    }
    weir_executor_destroy(executor);
}

static weir_status pointer_task(weir_task *task, void *arg)
{
    return weir_task_return(task, &arg, sizeof arg);
}

static void submit_without_size_passes_the_pointer(void **state)
{
    int *memory = shared_alloc(sizeof *memory);
    weir_executor *executor = new_executor(state, .workers = 1);
    void *pointers[] = { memory, NULL };
    for (size_t i = 0; i < 2; i++) {
        void *seen = &seen;
        weir_future *future = submit_ok(executor, pointer_task, pointers[i], 0);
        assert_status(weir_future_result(future, &seen, sizeof seen, WATCHDOG_NS), WEIR_OK);
        assert_ptr_equal(seen, pointers[i]);
        weir_future_unref(future);
    }
    weir_executor_destroy(executor);
    shared_free(memory, sizeof *memory);
}

static void submit_one_worker_starts_tasks_in_order(void **state)
{
    struct journal *journal = journal_create();
    weir_executor *executor = new_executor(state, .workers = 1, .limit = 200);
    for (uint32_t i = 0; i < 200; i++) {
        struct note note = { .journal = journal, .value = i };
        assert_status(weir_submit(executor, note_task, &note, sizeof note, NULL), WEIR_OK);
    }
    assert_status(weir_executor_shutdown(executor, NULL), WEIR_OK);
    assert_int_equal(journal->count, 200);
    for (uint32_t i = 0; i < 200; i++)
        assert_int_equal(journal->entry[i], i);
    weir_executor_destroy(executor);
    journal_destroy(journal);
}

static weir_status name_task(weir_task *task, void *arg)
{
    const char *name = weir_task_name(task);
    (void)arg;
    return name == NULL ? WEIR_OK : weir_task_return(task, name, strlen(name) + 1);
}

static void submit_with_name_task_and_future_know_it(void **state)
{
    weir_executor *executor = new_executor(state, .workers = 1);
    char seen[32] = "";
    weir_future *future = NULL;
    assert_status(submit_named(executor, "the millrace", name_task, NULL, 0, &future), WEIR_OK);
    assert_status(weir_future_result(future, seen, sizeof seen, WATCHDOG_NS), WEIR_OK);
    assert_string_equal(seen, "the millrace");
    assert_string_equal(weir_future_name(future), "the millrace");
    weir_future_unref(future);
    future = submit_ok(executor, name_task, NULL, 0);
    assert_status(end_of(future), WEIR_OK);
    assert_null(weir_future_value(future, NULL));
    assert_null(weir_future_name(future));
    weir_future_unref(future);
    weir_executor_destroy(executor);
}

static void submit_task_knows_its_worker(void **state)
{
    bool concurrent = factory_has(*state, TRAIT_CONCURRENT);
    /* One that is started while others are still leaving gets the next index. */
    bool fixed = !factory_has(*state, TRAIT_DYNAMIC);
    weir_executor *executor = new_executor(state, .workers = 3);
    for (int i = 0; i < 20; i++) {
        size_t worker = 77;
        weir_future *future = submit_ok(executor, worker_task, NULL, 0);
        assert_status(weir_future_result(future, &worker, sizeof worker, WATCHDOG_NS), WEIR_OK);
        if (concurrent)
            assert_in_range(worker, 0, fixed ? 2 : WEIR_WORKERS_MAX - 1);
        else
            assert_int_equal(worker, WEIR_ZERO);
        weir_future_unref(future);
    }
    weir_executor_destroy(executor);
}

static void submit_executor_keeps_its_name(void **state)
{
    char name[] = "a mill";
    weir_executor *executor = new_executor(state, .workers = 1, .name = name);
    name[0] = '?';
    assert_string_equal(weir_executor_name(executor), "a mill");
    weir_executor_destroy(executor);
    executor = new_executor(state, .workers = 1);
    assert_string_equal(weir_executor_name(executor), "weir");
    weir_executor_destroy(executor);
}

int suite_submit(const struct executor_factory *factory)
{
    const struct CMUnitTest tests[] = {
        ON(factory, submit_task_runs_and_returns_its_value),
        ON(factory, submit_without_future_runs_once),
        ON(factory, submit_argument_changed_afterwards_task_sees_the_copy),
        ON(factory, submit_argument_copy_is_aligned_and_writable),
        ON(factory, submit_arguments_of_any_size_arrive_whole),
        ON(factory, submit_without_size_passes_the_pointer),
        ON(factory, submit_one_worker_starts_tasks_in_order),
        ON(factory, submit_with_name_task_and_future_know_it),
        ON(factory, submit_task_knows_its_worker),
        ON(factory, submit_executor_keeps_its_name),
    };
    return cmocka_run_group_tests_name("submit", tests, NULL, NULL);
}
