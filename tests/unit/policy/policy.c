/* Policies as values: what they say, how they are chained, which are refused. */
#include "policy/policy_impl.h"
#include "support/check.h"
#include "weir/weir.h"

static int calls[3];

static weir_verdict check_first(const weir_admission *admission, void *data)
{
    (void)admission;
    calls[0]++;
    return *(weir_verdict *)data;
}

static weir_verdict check_second(const weir_admission *admission, void *data)
{
    (void)admission;
    calls[1]++;
    return *(weir_verdict *)data;
}

static int begin(void **state)
{
    (void)state;
    memset(calls, 0, sizeof calls);
    return 0;
}

static size_t limit_of(weir_policy policy, size_t option)
{
    size_t limit = 77;
    assert_status(weir__policy_limit(&policy, option, &limit), WEIR_OK);
    return limit;
}

static void policy_of_zeros_rejects_at_the_default_limit(void **state)
{
    (void)state;
    weir_policy policy = { 0 };
    assert_status(weir__policy_check(&policy), WEIR_OK);
    assert_int_equal(weir__policy_at_limit(&policy), WEIR_REJECT);
    assert_int_equal(limit_of(policy, 0), WEIR_LIMIT_DEFAULT);
    assert_false(weir__policy_asks(&policy, WEIR_ALWAYS));
    assert_false(weir__policy_asks(&policy, WEIR_AT_LIMIT));
    assert_int_equal(weir__policy_ask(&policy, WEIR_ALWAYS, NULL), WEIR_ADMIT);
}

static void policies_say_what_their_names_say(void **state)
{
    (void)state;
    const struct {
        weir_policy policy;
        weir_verdict verdict;
    } cases[] = {
        { weir_reject_when_reached(3), WEIR_REJECT },   { weir_block(5), WEIR_WAIT },
        { weir_caller_runs(), WEIR_RUN_IN_CALLER },     { weir_discard(), WEIR_DISCARD },
        { weir_discard_oldest(), WEIR_DISCARD_OLDEST },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_status(weir__policy_check(&cases[i].policy), WEIR_OK);
        assert_int_equal(weir__policy_at_limit(&cases[i].policy), cases[i].verdict);
        assert_int_equal(cases[i].policy.steps, 0);
    }
}

static void block_for_no_time_is_not_for_ever(void **state)
{
    (void)state;
    weir_policy policy = weir_block(WEIR_SECOND);
    assert_true(weir__policy_wait_ns(&policy) == WEIR_SECOND);
    policy = weir_block(WEIR_FOREVER);
    assert_true(weir__policy_wait_ns(&policy) == WEIR_FOREVER);
    policy = weir_block(0);
    assert_true(weir__policy_wait_ns(&policy) < 0);
    policy = weir_block(-5);
    assert_true(weir__policy_wait_ns(&policy) < 0);
    policy = (weir_policy){ .at_limit = WEIR_WAIT };
    assert_true(weir__policy_wait_ns(&policy) == WEIR_FOREVER);
}

static void limit_is_the_lower_of_policy_and_option(void **state)
{
    (void)state;
    assert_int_equal(limit_of(weir_reject_when_reached(3), 0), 3);
    assert_int_equal(limit_of(weir_reject_when_reached(3), 5), 3);
    assert_int_equal(limit_of(weir_reject_when_reached(5), 3), 3);
    assert_int_equal(limit_of(weir_discard(), 3), 3);
    assert_int_equal(limit_of(weir_reject_when_reached(0), 0), 0);
    assert_int_equal(limit_of(weir_reject_when_reached(0), 5), 0);
    assert_int_equal(limit_of(weir_reject_when_reached(5), WEIR_ZERO), 0);
    assert_int_equal(limit_of(weir_discard(), WEIR_ZERO), 0);
    assert_int_equal(limit_of(weir_reject_when_reached(WEIR_LIMIT_MAX), 0), WEIR_LIMIT_MAX);
}

static void limit_out_of_range_is_refused(void **state)
{
    (void)state;
    const weir_policy too_high[] = {
        weir_reject_when_reached(WEIR_LIMIT_MAX + 1), weir_reject_when_reached(SIZE_MAX - 1),
        weir_reject_when_reached(SIZE_MAX), /* not the real zero that it stands for elsewhere */
    };
    for (size_t i = 0; i < sizeof too_high / sizeof too_high[0]; i++) {
        weir_executor *executor = NULL;
        size_t limit = 77;
        assert_status(weir__policy_limit(&too_high[i], 0, &limit), WEIR_EINVAL);
        assert_int_equal(limit, 77);
        assert_status(weir_thread_executor_create(
                          &executor, &(weir_thread_options){ .workers = 1, .policy = too_high[i] }),
                      WEIR_EINVAL);
        assert_null(executor);
    }
    weir_policy policy = { 0 };
    size_t limit = 77;
    assert_status(weir__policy_limit(&policy, WEIR_LIMIT_MAX + 1, &limit), WEIR_EINVAL);
}

static void chain_asks_in_order_until_one_objects(void **state)
{
    (void)state;
    weir_verdict first = WEIR_ADMIT, second = WEIR_DISCARD;
    weir_policy chain = weir_policy_chain(weir_check_and_reject(check_first, &first),
                                          weir_check_and_reject(check_second, &second));
    assert_status(weir__policy_check(&chain), WEIR_OK);
    assert_int_equal(weir__policy_ask(&chain, WEIR_ALWAYS, NULL), WEIR_DISCARD);
    assert_int_equal(calls[0], 1);
    assert_int_equal(calls[1], 1);
    first = WEIR_REJECT;
    assert_int_equal(weir__policy_ask(&chain, WEIR_ALWAYS, NULL), WEIR_REJECT);
    assert_int_equal(calls[0], 2);
    assert_int_equal(calls[1], 1); /* the second was not asked */
}

static void chain_asks_each_on_its_own_occasion(void **state)
{
    (void)state;
    weir_verdict first = WEIR_REJECT, second = WEIR_RUN_IN_CALLER;
    weir_policy chain = weir_policy_chain(weir_check_and_reject(check_first, &first),
                                          weir_check_at_limit(check_second, &second));
    assert_true(weir__policy_asks(&chain, WEIR_ALWAYS));
    assert_true(weir__policy_asks(&chain, WEIR_AT_LIMIT));
    assert_int_equal(weir__policy_ask(&chain, WEIR_AT_LIMIT, NULL), WEIR_RUN_IN_CALLER);
    assert_int_equal(calls[0], 0);
    assert_int_equal(weir__policy_ask(&chain, WEIR_ALWAYS, NULL), WEIR_REJECT);
    assert_int_equal(calls[1], 1);
}

static void chain_ends_with_the_verdict_of_the_second(void **state)
{
    (void)state;
    weir_verdict verdict = WEIR_ADMIT;
    weir_policy chain =
        weir_policy_chain(weir_check_and_reject(check_first, &verdict), weir_block(7));
    assert_int_equal(weir__policy_at_limit(&chain), WEIR_WAIT);
    assert_true(weir__policy_wait_ns(&chain) == 7);
    assert_int_equal(chain.steps, 1);
    chain = weir_policy_chain(weir_block(7), weir_discard());
    assert_int_equal(weir__policy_at_limit(&chain), WEIR_DISCARD);
}

static void chain_has_the_lower_limit(void **state)
{
    (void)state;
    weir_policy three = weir_reject_when_reached(3), five = weir_reject_when_reached(5);
    weir_policy none = weir_reject_when_reached(0), silent = weir_discard();
    assert_int_equal(limit_of(weir_policy_chain(three, five), 0), 3);
    assert_int_equal(limit_of(weir_policy_chain(five, three), 0), 3);
    assert_int_equal(limit_of(weir_policy_chain(silent, three), 0), 3);
    assert_int_equal(limit_of(weir_policy_chain(three, silent), 0), 3);
    assert_int_equal(limit_of(weir_policy_chain(silent, silent), 0), WEIR_LIMIT_DEFAULT);
    assert_int_equal(limit_of(weir_policy_chain(none, three), 5), 0);
    assert_int_equal(limit_of(weir_policy_chain(three, none), 5), 0);
}

static void chain_of_more_than_two_functions_is_refused(void **state)
{
    (void)state;
    weir_verdict verdict = WEIR_ADMIT;
    weir_executor *executor = NULL;
    weir_policy one = weir_check_and_reject(check_first, &verdict);
    weir_policy two = weir_policy_chain(one, one);
    assert_status(weir__policy_check(&two), WEIR_OK);
    const weir_policy too_many[] = {
        weir_policy_chain(two, one), weir_policy_chain(one, two), weir_policy_chain(two, two),
        weir_policy_chain(weir_policy_chain(two, two), weir_discard()), /* it stays so */
    };
    for (size_t i = 0; i < sizeof too_many / sizeof too_many[0]; i++) {
        assert_status(weir__policy_check(&too_many[i]), WEIR_EINVAL);
        assert_status(weir_thread_executor_create(
                          &executor, &(weir_thread_options){ .workers = 1, .policy = too_many[i] }),
                      WEIR_EINVAL);
        assert_null(executor);
    }
}

static void function_that_is_none_is_refused(void **state)
{
    (void)state;
    weir_verdict verdict = WEIR_ADMIT;
    weir_policy good = weir_check_and_reject(check_first, &verdict);
    const weir_policy bad[] = {
        weir_check_and_reject(NULL, NULL),
        weir_check_at_limit(NULL, NULL),
        weir_policy_chain(good, weir_check_at_limit(NULL, NULL)),
        weir_policy_chain(weir_check_at_limit(NULL, NULL), good),
        weir_policy_chain(weir_check_at_limit(NULL, NULL), weir_discard()),
        { .steps = 1 },
        { .step = { { check_first, &verdict, WEIR_ALWAYS } }, .steps = 2 },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_status(weir__policy_check(&bad[i]), WEIR_EINVAL);
}

static void members_out_of_range_are_refused(void **state)
{
    (void)state;
    const weir_policy bad[] = {
        { .steps = 3 },
        { .steps = UINT32_MAX },
        { .reserved = 1 },
        { .at_limit = (weir_verdict)(WEIR_DISCARD_OLDEST + 1) },
        { .at_limit = (weir_verdict)-1 },
        { .step = { { check_first, NULL, (weir_consult)2 } }, .steps = 1 },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_status(weir__policy_check(&bad[i]), WEIR_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policy_of_zeros_rejects_at_the_default_limit),
        cmocka_unit_test(policies_say_what_their_names_say),
        cmocka_unit_test(block_for_no_time_is_not_for_ever),
        cmocka_unit_test(limit_is_the_lower_of_policy_and_option),
        cmocka_unit_test(limit_out_of_range_is_refused),
        cmocka_unit_test_setup(chain_asks_in_order_until_one_objects, begin),
        cmocka_unit_test_setup(chain_asks_each_on_its_own_occasion, begin),
        cmocka_unit_test(chain_ends_with_the_verdict_of_the_second),
        cmocka_unit_test(chain_has_the_lower_limit),
        cmocka_unit_test(chain_of_more_than_two_functions_is_refused),
        cmocka_unit_test(function_that_is_none_is_refused),
        cmocka_unit_test(members_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
