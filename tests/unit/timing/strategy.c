/* Next times, worked out without a clock. */
#include "schedule/strategy_impl.h"

#include <math.h>

#include "support/check.h"

#define S WEIR_SECOND

static int64_t next(weir_strategy strategy, weir_missed missed, int64_t due, int64_t started,
                    int64_t finished, double chance, uint64_t *skipped)
{
    weir_run run = { due, started, finished, 2 * S };
    return weir__strategy_next(&strategy, missed, &run, chance, skipped);
}

static int64_t plain(weir_strategy strategy, int64_t started, int64_t finished)
{
    uint64_t skipped;
    return next(strategy, WEIR_RUN_ONCE, started, started, finished, 0, &skipped);
}

static void next_times_are_exact(void **state)
{
    (void)state;
    assert_int_equal(plain(weir_last_started(), 2 * S, 3 * S), 4 * S);
    assert_int_equal(plain(weir_last_finished(), 2 * S, 3 * S), 5 * S);
    assert_int_equal(plain(weir_aligned_last_finished(), 2 * S, 5 * S), 6 * S);
    assert_int_equal(plain(weir_aligned_last_finished(), 2 * S, 4 * S), 6 * S);
}

static void jitter_adds_up_to_its_part_of_the_spacing(void **state)
{
    (void)state;
    uint64_t skipped;
    weir_strategy strategy = weir_with_jitter(weir_last_finished(), 0.5);
    assert_int_equal(next(strategy, WEIR_RUN_ONCE, 2 * S, 2 * S, 3 * S, 0.0, &skipped), 5 * S);
    assert_int_equal(next(strategy, WEIR_RUN_ONCE, 2 * S, 2 * S, 3 * S, 0.5, &skipped),
                     5 * S + S / 2);
    assert_true(next(strategy, WEIR_RUN_ONCE, 2 * S, 2 * S, 3 * S, 0.999, &skipped) < 6 * S);
}

static void skip_moves_on_to_the_next_time_of_the_row(void **state)
{
    (void)state;
    uint64_t skipped;
    /* due at 2, ran until 9: 4, 6 and 8 are missed */
    assert_int_equal(next(weir_last_started(), WEIR_SKIP, 2 * S, 2 * S, 9 * S, 0, &skipped),
                     10 * S);
    assert_int_equal(skipped, 3);
    assert_int_equal(next(weir_last_started(), WEIR_SKIP, 2 * S, 2 * S, 8 * S, 0, &skipped), 8 * S);
    assert_int_equal(skipped, 2);
    assert_int_equal(next(weir_last_started(), WEIR_SKIP, 2 * S, 2 * S, 3 * S, 0, &skipped), 4 * S);
    assert_int_equal(skipped, 0);
}

static void catch_up_counts_from_when_it_was_due(void **state)
{
    (void)state;
    uint64_t skipped;
    assert_int_equal(next(weir_last_started(), WEIR_CATCH_UP, 2 * S, 9 * S, 10 * S, 0, &skipped),
                     4 * S);
    assert_int_equal(next(weir_last_finished(), WEIR_CATCH_UP, 2 * S, 9 * S, 10 * S, 0, &skipped),
                     5 * S);
}

static void late_run_is_once_skipped_or_made_up_for(void **state)
{
    (void)state;
    int64_t due = 2 * S;
    uint64_t missed;
    assert_true(weir__strategy_runs_late(WEIR_RUN_ONCE, 2 * S, 9 * S, &due, &missed));
    assert_int_equal(missed, 3);
    assert_int_equal(due, 2 * S);
    assert_true(weir__strategy_runs_late(WEIR_CATCH_UP, 2 * S, 9 * S, &due, &missed));
    assert_int_equal(missed, 0);
    assert_false(weir__strategy_runs_late(WEIR_SKIP, 2 * S, 9 * S, &due, &missed));
    assert_int_equal(due, 10 * S);
    assert_int_equal(missed, 4);
    due = 2 * S;
    assert_true(weir__strategy_runs_late(WEIR_SKIP, 2 * S, 8 * S, &due, &missed));
    assert_int_equal(due, 8 * S);
    assert_int_equal(missed, 3);
    due = 2 * S; /* a little late is not missed */
    assert_true(weir__strategy_runs_late(WEIR_SKIP, 2 * S, 3 * S, &due, &missed));
    assert_int_equal(missed, 0);
}

static void end_of_time_does_not_overflow(void **state)
{
    (void)state;
    uint64_t skipped;
    weir_run run = { 5, 5, WEIR_FOREVER - 3, WEIR_FOREVER - 1 };
    weir_strategy strategy = weir_with_jitter(weir_last_finished(), 1);
    assert_int_equal(weir__strategy_next(&strategy, WEIR_RUN_ONCE, &run, 0.5, &skipped),
                     WEIR_FOREVER);
}

static int64_t constant(const weir_run *run, void *data)
{
    (void)run;
    return *(int64_t *)data;
}

static void own_rule_may_return_any_time(void **state)
{
    (void)state;
    uint64_t skipped;
    int64_t times[] = { INT64_MIN, -1, 0, S };
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        weir_strategy own = weir_own_strategy(constant, &times[i]);
        int64_t clamped = times[i] > 0 ? times[i] : 0;
        assert_int_equal(next(own, WEIR_RUN_ONCE, 8 * S, 8 * S, 9 * S, 0, &skipped), 9 * S);
        assert_int_equal(skipped, 0);
        assert_int_equal(next(own, WEIR_CATCH_UP, 8 * S, 8 * S, 9 * S, 0, &skipped), clamped);
        assert_int_equal(skipped, 0);
        assert_int_equal(next(own, WEIR_SKIP, 8 * S, 8 * S, 9 * S, 0, &skipped),
                         clamped ? 9 * S : 10 * S);
        assert_int_equal(skipped, clamped ? 4 : 5);
    }
    weir_run late = { 0, 0, WEIR_FOREVER - 1, WEIR_FOREVER / 3 * 2 };
    weir_strategy own = weir_own_strategy(constant, &times[0]);
    assert_int_equal(weir__strategy_next(&own, WEIR_SKIP, &late, 0, &skipped), WEIR_FOREVER);
    assert_int_equal(skipped, 2);
    own = weir_with_jitter(own, 1);
    assert_int_equal(next(own, WEIR_CATCH_UP, 8 * S, 8 * S, 9 * S, 0.5, &skipped), S);
}

static void every_name_gives_its_strategy(void **state)
{
    (void)state;
    static const char *const names[] = {
        "last_started",         "last_started_jitter",   "last_finished",
        "last_finished_jitter", "aligned_last_finished", "aligned_last_finished_jitter",
    };
    weir_strategy strategy;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_status(weir_strategy_by_name(names[i], &strategy), WEIR_OK);
        assert_string_equal(weir_strategy_name(&strategy), names[i]);
        assert_true(weir__strategy_is_allowed(&strategy));
    }
    strategy = weir_own_strategy(NULL, NULL);
    assert_string_equal(weir_strategy_name(&strategy), "own");
    assert_string_equal(weir_strategy_name(NULL), "unknown");
    assert_string_equal(weir_missed_name(WEIR_RUN_ONCE), "run_once");
    assert_string_equal(weir_missed_name(WEIR_SKIP), "skip");
    assert_string_equal(weir_missed_name(WEIR_CATCH_UP), "catch_up");
    assert_string_equal(weir_missed_name((weir_missed)7), "unknown");
}

static void bad_strategies_are_refused(void **state)
{
    (void)state;
    weir_strategy out = weir_last_finished(), bad;
    assert_status(weir_strategy_by_name("sometimes", &out), WEIR_EINVAL);
    assert_status(weir_strategy_by_name("own", &out), WEIR_EINVAL);
    assert_status(weir_strategy_by_name(NULL, &out), WEIR_EINVAL);
    assert_status(weir_strategy_by_name("last_started", NULL), WEIR_EINVAL);
    assert_int_equal(out.rule, WEIR_LAST_FINISHED);
    bad = weir_own_strategy(NULL, NULL);
    assert_false(weir__strategy_is_allowed(&bad));
    bad = weir_with_jitter(out, -0.1);
    assert_false(weir__strategy_is_allowed(&bad));
    bad = weir_with_jitter(out, 1.1);
    assert_false(weir__strategy_is_allowed(&bad));
    bad = weir_with_jitter(out, (double)NAN);
    assert_false(weir__strategy_is_allowed(&bad));
    bad = (weir_strategy){ .rule = (weir_rule)9 };
    assert_false(weir__strategy_is_allowed(&bad));
    assert_string_equal(weir_strategy_name(&bad), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(next_times_are_exact),
        cmocka_unit_test(jitter_adds_up_to_its_part_of_the_spacing),
        cmocka_unit_test(skip_moves_on_to_the_next_time_of_the_row),
        cmocka_unit_test(catch_up_counts_from_when_it_was_due),
        cmocka_unit_test(late_run_is_once_skipped_or_made_up_for),
        cmocka_unit_test(end_of_time_does_not_overflow),
        cmocka_unit_test(own_rule_may_return_any_time),
        cmocka_unit_test(every_name_gives_its_strategy),
        cmocka_unit_test(bad_strategies_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
