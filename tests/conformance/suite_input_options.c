/* Options that are not allowed: no executor is made of them. */
#include "conformance/conformance.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>

#include "support/child.h"

static weir_verdict admit(const weir_admission *admission, void *data)
{
    (void)admission;
    (void)data;
    return WEIR_ADMIT;
}

static weir_policy three_functions(void)
{
    weir_policy one = weir_check_and_reject(admit, NULL);
    return weir_policy_chain(one, weir_policy_chain(one, one));
}

static void check_refused(void **state, struct factory_options options)
{
    const struct executor_factory *factory = *state;
    weir_executor *executor = NULL;
    weir_status status = factory->create(&executor, &options);
    if (status == WEIR_OK)
        weir_executor_destroy(executor);
    assert_status(status, WEIR_EINVAL);
    assert_null(executor);
}

static void options_that_every_kind_has_are_checked(void **state)
{
    weir_policy unknown = { .at_limit = (weir_verdict)17 };
    weir_policy reserved = { .reserved = 1 };
    weir_policy many = { .steps = 3 };
    check_refused(state, (struct factory_options){ .arg_bytes = WEIR_INLINE_MAX + 1 });
    check_refused(state, (struct factory_options){ .result_bytes = WEIR_INLINE_MAX + 1 });
    check_refused(state, (struct factory_options){ .arg_bytes = SIZE_MAX });
    check_refused(state, (struct factory_options){ .policy = weir_check_and_reject(NULL, NULL) });
    check_refused(state, (struct factory_options){ .policy = weir_check_at_limit(NULL, NULL) });
    check_refused(state, (struct factory_options){ .policy = three_functions() });
    check_refused(state, (struct factory_options){ .policy = many });
    check_refused(state, (struct factory_options){ .policy = unknown });
    check_refused(state, (struct factory_options){ .policy = reserved });
}

static weir_verdict nonsense(const weir_admission *admission, void *data)
{
    (void)admission;
    (void)data;
    return (weir_verdict)17;
}

static void verdict_that_does_not_exist_rejects(void **state)
{
    weir_executor *executor = new_executor(state, .policy = weir_check_and_reject(nonsense, NULL));
    assert_status(weir_submit(executor, noop_task, NULL, 0, NULL), WEIR_EREJECTED);
    assert_int_equal(stats_of(executor).rejected_check, 1);
    assert_int_equal(stats_of(executor).submitted, 1);
    weir_executor_destroy(executor);
}

static void options_of_size_are_checked(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    check_refused(state, (struct factory_options){ .workers = WEIR_WORKERS_MAX + 1 });
    check_refused(state, (struct factory_options){ .workers = SIZE_MAX });
    check_refused(state, (struct factory_options){ .workers = 1, .limit = WEIR_LIMIT_MAX + 1 });
    check_refused(state, (struct factory_options){ .workers = 1, .limit = SIZE_MAX - 1 });
    check_refused(state, (struct factory_options){
                             .workers = 1,
                             .policy = weir_reject_when_reached(WEIR_LIMIT_MAX + 1) });
}

static void options_of_threads_are_checked(void **state)
{
    needs(state, TRAIT_THREADS);
    const weir_thread_options bad[] = {
        { .workers = 2, .min_workers = 3 },
        { .workers = 2, .idle_ns = -1 },
        { .workers = 2, .spin_ns = -2 },
        { .workers = 2, .stack_bytes = 1 },
        { .workers = 2, .grow_threshold = 1.5, .shrink_threshold = 0.4 },
        { .workers = 2, .grow_threshold = -0.5, .shrink_threshold = 0.4 },
        { .workers = 2, .grow_threshold = 0.4, .shrink_threshold = 0.4 },
        { .workers = 2, .grow_threshold = 0.4, .shrink_threshold = 0.8 },
        { .workers = 2, .grow_threshold = 0.8, .shrink_threshold = -0.1 },
        { .workers = 2, .shrink_threshold = 0.4 },
        { .workers = 2, .grow_threshold = (double)NAN, .shrink_threshold = 0.4 },
        { .workers = 2, .grow_threshold = 0.8, .shrink_threshold = (double)NAN },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        weir_executor *executor = NULL;
        if (weir_thread_executor_create(&executor, &bad[i]) != WEIR_EINVAL || executor != NULL)
            fail_msg("options %zu were accepted", i);
    }
    assert_status(weir_thread_executor_create(NULL, NULL), WEIR_EINVAL);
}

static void options_of_resize_are_checked(void **state)
{
    needs(state, TRAIT_THREADS);
    weir_executor *executor = new_executor(state, .workers = 2);
    weir_executor *plain = NULL;
    assert_status(weir_inline_executor_create(&plain, NULL), WEIR_OK);
    assert_status(weir_thread_executor_resize(executor, 0, 0), WEIR_EINVAL);
    assert_status(weir_thread_executor_resize(executor, 3, 2), WEIR_EINVAL);
    assert_status(weir_thread_executor_resize(executor, 1, WEIR_WORKERS_MAX + 1), WEIR_EINVAL);
    assert_status(weir_thread_executor_resize(NULL, 1, 2), WEIR_EINVAL);
    assert_status(weir_thread_executor_resize(plain, 1, 2), WEIR_EINVAL);
    assert_status(weir_thread_executor_maintain(NULL, NULL), WEIR_EINVAL);
    assert_status(weir_thread_executor_maintain(plain, NULL), WEIR_EINVAL);
    assert_status(weir_inline_executor_restart(executor), WEIR_EINVAL);
    assert_status(end_and_unref(submit_ok(executor, noop_task, NULL, 0)), WEIR_OK);
    weir_executor_destroy(plain);
    weir_executor_destroy(executor);
}

static void options_none_are_the_defaults(void **state)
{
    const struct executor_factory *factory = *state;
    weir_executor *executor = NULL;
    if (factory_has(factory, TRAIT_THREADS))
        assert_status(weir_thread_executor_create(&executor, NULL), WEIR_OK);
    else
        assert_status(weir_inline_executor_create(&executor, NULL), WEIR_OK);
    assert_string_equal(weir_executor_name(executor), "weir");
    assert_status(end_and_unref(submit_ok(executor, noop_task, NULL, 0)), WEIR_OK);
    weir_executor_destroy(executor);
    assert_status(weir_inline_executor_create(NULL, NULL), WEIR_EINVAL);
}

/* A program compiled when the struct ended after the first member. */
static void options_of_an_older_caller_are_read_as_far_as_they_go(void **state)
{
    needs(state, TRAIT_THREADS);
    weir_thread_options options;
    weir_executor *executor = NULL;
    memset(&options, 0xee, sizeof options);
    options.workers = 3;
    assert_status(weir_thread_executor_create_sized(&executor, &options, sizeof options.workers),
                  WEIR_OK);
    assert_int_equal(stats_of(executor).limit, WEIR_LIMIT_DEFAULT);
    assert_int_equal(stats_of(executor).workers, 3);
    assert_string_equal(weir_executor_name(executor), "weir");
    weir_executor_destroy(executor);
}

static void options_long_name_is_cut(void **state)
{
    char name[101];
    memset(name, 'n', sizeof name);
    name[100] = '\0';
    weir_executor *executor = new_executor(state, .workers = 1, .name = name);
    assert_int_equal(strlen(weir_executor_name(executor)), 63);
    assert_memory_equal(weir_executor_name(executor), name, 63);
    weir_executor_destroy(executor);
}

static weir_status destroy_task(weir_task *task, void *arg)
{
    (void)task;
    weir_executor_destroy(arg);
    return WEIR_OK;
}

static int destroy_from_own_worker(void *data)
{
    weir_executor *executor = NULL;
    weir_future *future = NULL;
    (void)data;
    setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
    if (weir_thread_executor_create(&executor, &(weir_thread_options){ .workers = 1 }) != WEIR_OK ||
        weir_submit(executor, destroy_task, executor, 0, &future) != WEIR_OK)
        return 1;
    return weir_future_wait(future, WATCHDOG_NS) == WEIR_OK ? 0 : 2;
}

static void destroy_from_own_worker_asserts_in_debug_builds_else_shuts_down(void **state)
{
    needs(state, TRAIT_THREADS);
#ifdef NDEBUG
    weir_executor *executor = new_executor(state, .workers = 1);
    (void)destroy_from_own_worker;
    assert_status(end_and_unref(submit_ok(executor, destroy_task, executor, 0)), WEIR_OK);
    assert_false(weir_executor_alive(executor));
    weir_executor_destroy(executor);
#else
    assert_int_equal(run_in_child(destroy_from_own_worker, NULL), -SIGABRT);
#endif
}

int suite_input_options(const struct executor_factory *factory)
{
    const struct CMUnitTest tests[] = {
        ON(factory, options_that_every_kind_has_are_checked),
        ON(factory, verdict_that_does_not_exist_rejects),
        ON(factory, options_of_size_are_checked),
        ON(factory, options_of_threads_are_checked),
        ON(factory, options_of_resize_are_checked),
        ON(factory, options_none_are_the_defaults),
        ON(factory, options_of_an_older_caller_are_read_as_far_as_they_go),
        ON(factory, options_long_name_is_cut),
        ON(factory, destroy_from_own_worker_asserts_in_debug_builds_else_shuts_down),
    };
    return cmocka_run_group_tests_name("input_options", tests, NULL, NULL);
}
