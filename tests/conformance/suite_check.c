/* Policies that ask a function of the user's: when it is asked, what it sees, what follows. */
#include "conformance/conformance.h"

/* A check that gives the verdict it was told to, and keeps what it saw last. */
struct checker {
    weir_verdict verdict;
    int64_t wait_ns; /* if not 0, set as the time to wait */
    unsigned asked;
    weir_admission seen;
    weir_submission submission;
};

static weir_verdict check(const weir_admission *admission, void *data)
{
    struct checker *checker = data;
    checker->asked++;
    checker->seen = *admission;
    checker->submission = *admission->submission;
    if (checker->wait_ns != 0)
        *admission->wait_ns = checker->wait_ns;
    return checker->verdict;
}

static void check_always_is_asked_at_every_submission(void **state)
{
    struct checker checker = { .verdict = WEIR_ADMIT };
    weir_executor *executor = new_executor(
        state, .workers = 1, .limit = 30, .policy = weir_check_and_reject(check, &checker));
    for (unsigned i = 1; i <= 20; i++) {
        assert_status(weir_submit(executor, noop_task, NULL, 0, NULL), WEIR_OK);
        assert_int_equal(checker.asked, i);
    }
    checker.verdict = WEIR_REJECT;
    for (unsigned i = 21; i <= 30; i++) {
        assert_status(weir_submit(executor, noop_task, NULL, 0, NULL), WEIR_EREJECTED);
        assert_int_equal(checker.asked, i);
    }
    assert_int_equal(stats_of(executor).rejected_check, 10);
    assert_int_equal(stats_of(executor).rejected, 10);
    weir_executor_destroy(executor);
}

static void check_at_limit_is_asked_only_there(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct checker checker = { .verdict = WEIR_REJECT };
    struct parked parked =
        park(state, .workers = 2, .limit = 3, .policy = weir_check_at_limit(check, &checker));
    for (int i = 0; i < 3; i++)
        assert_status(weir_submit(parked.executor, noop_task, NULL, 0, NULL), WEIR_OK);
    assert_int_equal(checker.asked, 0);
    assert_status(weir_submit(parked.executor, noop_task, NULL, 0, NULL), WEIR_EREJECTED);
    assert_int_equal(checker.asked, 1);
    assert_true(checker.seen.full);
    unpark(&parked);
}

static void check_sees_the_executor_as_it_is(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct checker checker = { .verdict = WEIR_ADMIT };
    struct parked parked =
        park(state, .workers = 2, .limit = 3, .policy = weir_check_and_reject(check, &checker));
    int number = 5;
    assert_status(weir_submit(parked.executor, noop_task, NULL, 0, NULL), WEIR_OK);
    assert_int_equal(checker.seen.backlog, 0);
    assert_false(checker.seen.full);
    assert_status(submit_named(parked.executor, "named", double_task, &number, sizeof number, NULL),
                  WEIR_OK);
    assert_ptr_equal(checker.seen.executor, parked.executor);
    assert_int_equal(checker.seen.backlog, 1);
    assert_int_equal(checker.seen.limit, 3);
    assert_int_equal(checker.seen.workers, 2);
    assert_int_equal(checker.seen.running, 2);
    assert_int_equal(checker.seen.idle, 0);
    assert_true(checker.seen.oldest_wait_ns > 0);
    assert_true(checker.submission.fn == double_task);
    assert_int_equal(checker.submission.arg_size, sizeof number);
    assert_string_equal(checker.submission.name, "named");
    assert_status(weir_submit(parked.executor, noop_task, NULL, 0, NULL), WEIR_OK);
    assert_status(weir_submit(parked.executor, noop_task, NULL, 0, NULL), WEIR_EREJECTED);
    assert_int_equal(checker.seen.backlog, 3);
    assert_true(checker.seen.full);
    unpark(&parked);
}

static void check_sees_the_mean_run_time(void **state)
{
    struct checker checker = { .verdict = WEIR_ADMIT };
    weir_executor *executor =
        new_executor(state, .workers = 1, .policy = weir_check_and_reject(check, &checker));
    int64_t burn_ns = WEIR_MILLISECOND;
    for (int i = 0; i < 5; i++)
        assert_status(end_and_unref(submit_ok(executor, burn_task, &burn_ns, sizeof burn_ns)),
                      WEIR_OK);
    assert_true(checker.seen.mean_run_ns >= (uint64_t)(burn_ns - SLACK_NS));
    weir_executor_destroy(executor);
}

static void check_admitting_at_the_limit_is_rejected_by_default(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct checker checker = { .verdict = WEIR_ADMIT };
    const weir_policy policies[] = { weir_check_and_reject(check, &checker),
                                     weir_check_at_limit(check, &checker) };
    for (int i = 0; i < 2; i++) {
        struct parked parked = park(state, .workers = 1, .limit = 1, .policy = policies[i]);
        assert_status(weir_submit(parked.executor, noop_task, NULL, 0, NULL), WEIR_OK);
        assert_status(weir_submit(parked.executor, noop_task, NULL, 0, NULL), WEIR_EREJECTED);
        assert_int_equal(stats_of(parked.executor).rejected_limit, 1);
        assert_int_equal(stats_of(parked.executor).rejected_check, 0);
        unpark(&parked);
    }
}

static void check_below_the_limit_verdicts_are_followed(void **state)
{
    struct checker checker = { .verdict = WEIR_RUN_IN_CALLER };
    weir_executor *executor = new_executor(
        state, .workers = 1, .limit = 30, .policy = weir_check_and_reject(check, &checker));
    pthread_t thread;
    weir_future *future = submit_ok(executor, thread_task, NULL, 0);
    assert_status(weir_future_result(future, &thread, sizeof thread, 0), WEIR_OK);
    assert_true(pthread_equal(thread, pthread_self()));
    weir_future_unref(future);
    checker.verdict = WEIR_DISCARD;
    future = submit_ok(executor, noop_task, NULL, 0);
    assert_status(weir_future_status(future), WEIR_EDISCARDED);
    weir_future_unref(future);
    checker.verdict = WEIR_WAIT;
    assert_status(end_and_unref(submit_ok(executor, noop_task, NULL, 0)), WEIR_OK);
    checker.verdict = WEIR_DISCARD_OLDEST; /* there is no backlog: it is admitted */
    assert_status(end_and_unref(submit_ok(executor, noop_task, NULL, 0)), WEIR_OK);
    assert_int_equal(stats_of(executor).discarded, 1);
    assert_int_equal(stats_of(executor).completed, 3);
    weir_executor_destroy(executor);
}

static void check_discarding_the_oldest_below_the_limit_does(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct checker checker = { .verdict = WEIR_ADMIT };
    struct parked parked =
        park(state, .workers = 1, .limit = 9, .policy = weir_check_and_reject(check, &checker));
    weir_future *old = submit_ok(parked.executor, noop_task, NULL, 0);
    checker.verdict = WEIR_DISCARD_OLDEST;
    weir_future *young = submit_ok(parked.executor, noop_task, NULL, 0);
    assert_status(weir_future_status(old), WEIR_EDISCARDED);
    assert_status(weir_future_status(young), WEIR_EPENDING);
    assert_int_equal(weir_executor_backlog(parked.executor), 1);
    gate_open(parked.gate);
    assert_status(end_and_unref(old), WEIR_EDISCARDED);
    assert_status(end_and_unref(young), WEIR_OK);
    unpark(&parked);
}

static void check_waiting_may_set_its_time(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct checker checker = { .verdict = WEIR_WAIT, .wait_ns = WEIR_MILLISECOND };
    struct parked parked =
        park(state, .workers = 1, .limit = 1, .policy = weir_check_at_limit(check, &checker));
    assert_status(weir_submit(parked.executor, noop_task, NULL, 0, NULL), WEIR_OK);
    int64_t start_ns = now_ns();
    assert_status(weir_submit(parked.executor, noop_task, NULL, 0, NULL), WEIR_ETIMEDOUT);
    assert_true(now_ns() - start_ns >= WEIR_MILLISECOND);
    assert_int_equal(stats_of(parked.executor).rejected_timeout, 1);
    unpark(&parked);
}

static void chain_asks_both_and_ends_with_the_second(void **state)
{
    needs(state, TRAIT_CONCURRENT);
    struct checker first = { .verdict = WEIR_ADMIT };
    struct checker second = { .verdict = WEIR_ADMIT };
    weir_policy policy = weir_policy_chain(
        weir_check_and_reject(check, &first),
        weir_policy_chain(weir_check_at_limit(check, &second), weir_caller_runs()));
    struct parked parked = park(state, .workers = 1, .limit = 1, .policy = policy);
    assert_status(weir_submit(parked.executor, noop_task, NULL, 0, NULL), WEIR_OK);
    assert_int_equal(first.asked, 2); /* for the parked task and for this one */
    assert_int_equal(second.asked, 0);
    assert_status(end_and_unref(submit_ok(parked.executor, noop_task, NULL, 0)), WEIR_OK);
    assert_int_equal(first.asked, 3);
    assert_int_equal(second.asked, 1);
    assert_int_equal(stats_of(parked.executor).caller_ran, 1);
    first.verdict = WEIR_REJECT; /* it objects, and the second is not asked */
    assert_status(weir_submit(parked.executor, noop_task, NULL, 0, NULL), WEIR_EREJECTED);
    assert_int_equal(second.asked, 1);
    unpark(&parked);
}

static void must_admit_asks_nobody(void **state)
{
    struct checker checker = { .verdict = WEIR_REJECT };
    weir_executor *executor =
        new_executor(state, .workers = 1, .policy = weir_check_and_reject(check, &checker));
    weir_submission must = { .fn = noop_task, .flags = WEIR_MUST_ADMIT };
    weir_future *future = NULL;
    assert_status(weir_submit_with(executor, &must, &future), WEIR_OK);
    assert_status(end_and_unref(future), WEIR_OK);
    assert_int_equal(checker.asked, 0);
    weir_executor_destroy(executor);
}

int suite_check(const struct executor_factory *factory)
{
    const struct CMUnitTest tests[] = {
        ON(factory, check_always_is_asked_at_every_submission),
        ON(factory, check_at_limit_is_asked_only_there),
        ON(factory, check_sees_the_executor_as_it_is),
        ON(factory, check_sees_the_mean_run_time),
        ON(factory, check_admitting_at_the_limit_is_rejected_by_default),
        ON(factory, check_below_the_limit_verdicts_are_followed),
        ON(factory, check_discarding_the_oldest_below_the_limit_does),
        ON(factory, check_waiting_may_set_its_time),
        ON(factory, chain_asks_both_and_ends_with_the_second),
        ON(factory, must_admit_asks_nobody),
    };
    return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
