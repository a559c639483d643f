/* The transitions of a future's state word, alone and against each other. */
#include <pthread.h>
#include <stdatomic.h>

#include "support/crew.h"
#include "unit/future/fixture.h"

static struct weir_future *fresh(struct weir__slab *slab)
{
    struct weir_future *future = weir__slab_take(slab, NULL);
    assert_non_null(future);
    future->flags = 0;
    return future;
}

static unsigned state_of(struct weir_future *future)
{
    return weir__state(atomic_load(&future->word));
}

static void claimed_once_is_not_claimed_again(void **state)
{
    (void)state;
    struct weir__slab *slab = fixture_slab();
    struct weir_future *future = fresh(slab);
    uint64_t hint = weir__future_publish(future, 1);
    assert_int_equal((uint32_t)hint, future->index);
    assert_int_equal(state_of(future), WEIR__PENDING);
    assert_true(weir__future_is_pending(future, hint));
    assert_true(weir__future_claim_hint(future, hint, WEIR__RUNNING));
    assert_int_equal(state_of(future), WEIR__RUNNING);
    assert_false(weir__future_is_pending(future, hint));
    assert_false(weir__future_claim_hint(future, hint, WEIR__RUNNING));
    assert_false(weir__future_claim(future, WEIR__CLAIMED));
    assert_false(weir__future_renew(future, hint));
    assert_int_equal(state_of(future), WEIR__RUNNING);
    weir__future_end(future, WEIR_OK, NULL);
    weir__slab_close(slab);
}

static void renewed_makes_the_old_hint_stale_and_the_next_one_good(void **state)
{
    (void)state;
    struct weir__slab *slab = fixture_slab();
    struct weir_future *future = fresh(slab);
    uint64_t old = weir__future_publish(future, 1);
    uint64_t next = old + ((uint64_t)1 << 32);
    assert_false(weir__future_is_pending(future, next));
    assert_true(weir__future_renew(future, old));
    assert_false(weir__future_renew(future, old));
    assert_false(weir__future_is_pending(future, old));
    assert_true(weir__future_is_pending(future, next));
    assert_false(weir__future_claim_hint(future, old, WEIR__RUNNING));
    assert_true(weir__future_claim_hint(future, next, WEIR__RUNNING));
    weir__future_end(future, WEIR_OK, NULL);
    weir__slab_close(slab);
}

static void hint_of_another_life_is_refused(void **state)
{
    (void)state;
    struct weir__slab *slab = fixture_slab();
    struct weir_future *future = fresh(slab);
    uint64_t earlier = weir__future_publish(future, 1);
    assert_true(weir__future_claim(future, WEIR__CLAIMED));
    weir__future_end(future, WEIR_ECANCELLED, NULL); /* the only reference: free again */
    assert_int_equal(state_of(future), WEIR__FREE);
    assert_false(weir__future_claim_hint(future, earlier, WEIR__RUNNING));
    assert_false(weir__future_renew(future, earlier));
    assert_false(weir__future_claim(future, WEIR__CLAIMED));

    struct weir_future *again = fresh(slab);
    assert_ptr_equal(again, future);
    uint64_t hint = weir__future_publish(again, 1);
    assert_int_not_equal(hint >> 32, earlier >> 32);
    assert_false(weir__future_is_pending(again, earlier));
    assert_false(weir__future_claim_hint(again, earlier, WEIR__RUNNING));
    assert_false(weir__future_renew(again, earlier));
    assert_true(weir__future_claim_hint(again, hint, WEIR__RUNNING));
    weir__future_end(again, WEIR_OK, NULL);
    weir__slab_close(slab);
}

static void generation_goes_round(void **state)
{
    (void)state;
    struct weir__slab *slab = fixture_slab();
    struct weir_future *future = fresh(slab);
    atomic_store(&future->word, (uint64_t)UINT32_MAX << 32 | WEIR__FREE);
    uint64_t last = weir__future_publish(future, 1);
    assert_int_equal(last >> 32, UINT32_MAX);
    assert_true(weir__future_renew(future, last));
    assert_false(weir__future_claim_hint(future, last, WEIR__RUNNING));
    assert_true(weir__future_claim_hint(future, weir__hint(0, future->index), WEIR__RUNNING));
    weir__future_end(future, WEIR_OK, NULL);

    /* And by the end of a life. */
    assert_ptr_equal(fresh(slab), future);
    atomic_store(&future->word, (uint64_t)UINT32_MAX << 32 | WEIR__FREE);
    last = weir__future_publish(future, 1);
    assert_true(weir__future_claim_hint(future, last, WEIR__RUNNING));
    weir__future_end(future, WEIR_OK, NULL);
    assert_true(atomic_load(&future->word) == WEIR__FREE);
    weir__slab_close(slab);
}

static void claim_keeps_what_observers_have_set(void **state)
{
    (void)state;
    struct weir__slab *slab = fixture_slab();
    struct weir_future *future = fresh(slab);
    uint64_t hint = weir__future_publish(future, 1);
    atomic_fetch_or(&future->word, (uint64_t)WEIR__OBSERVED);
    assert_true(weir__future_renew(future, hint));
    assert_true(weir__future_claim(future, WEIR__RUNNING));
    assert_true(atomic_load(&future->word) & WEIR__OBSERVED);
    weir__future_end(future, WEIR_OK, NULL);
    weir__slab_close(slab);
}

static void ended_keeps_status_until_the_last_reference_is_gone(void **state)
{
    (void)state;
    struct weir__slab *slab = fixture_slab();
    struct weir_future *future = fixture_running(slab);
    assert_false(weir__future_ended(future));
    assert_ptr_equal(weir_future_ref(future), future);
    weir__future_end(future, WEIR_EEXPIRED, NULL);
    assert_true(weir__future_ended(future));
    assert_status(weir_future_status(future), WEIR_EEXPIRED);
    assert_int_equal(weir_future_state(future), WEIR_EXPIRED);
    weir_future_unref(future);
    assert_status(weir_future_status(future), WEIR_EEXPIRED);
    weir_future_unref(future);
    assert_int_equal(state_of(future), WEIR__FREE);
    assert_int_equal(atomic_load(&future->refs), 0);
    weir__slab_close(slab);
}

static void adopted_is_never_pending(void **state)
{
    (void)state;
    struct weir__slab *slab = fixture_slab();
    struct weir_future *future = fixture_running(slab);
    uint64_t hint = weir__hint(weir__generation(atomic_load(&future->word)), future->index);
    assert_false(weir__future_claim(future, WEIR__CLAIMED));
    assert_false(weir__future_claim_hint(future, hint, WEIR__RUNNING));
    assert_int_equal(weir_future_state(future), WEIR_RUNNING);
    assert_false(weir_future_cancel(future));
    assert_true(atomic_load(&future->word) & WEIR__CANCEL_REQUESTED);
    weir__future_end(future, WEIR_OK, NULL);
    weir_future_unref(future);
    weir__slab_close(slab);
}

/* Those who want a pending task: a worker by its hint, a worker that waits for it, one who cancels,
 * and a move of the queue. */
enum suitor {
    BY_HINT,
    HELP,
    CANCEL,
    RENEW,
    SUITORS
};

static bool woo(enum suitor suitor, struct weir_future *future, uint64_t hint)
{
    switch (suitor) {
    case BY_HINT:
        return weir__future_claim_hint(future, hint, WEIR__RUNNING);
    case HELP:
        return weir__future_claim(future, WEIR__RUNNING);
    case CANCEL:
        return weir__future_claim(future, WEIR__CLAIMED);
    case RENEW:
        return weir__future_renew(future, hint);
    case SUITORS:
        break;
    }
    return false;
}

struct race {
    pthread_barrier_t line;
    enum suitor suitor[2];
    size_t rounds;
    struct weir_future *future;
    uint64_t hint;
    bool won[2];
};

static void run_race(void *shared, size_t index)
{
    struct race *race = shared;
    for (size_t i = 0; i < race->rounds; i++) {
        pthread_barrier_wait(&race->line); /* it is pending */
        race->won[index] = woo(race->suitor[index], race->future, race->hint);
        pthread_barrier_wait(&race->line); /* both have tried */
        pthread_barrier_wait(&race->line); /* it has been looked at */
    }
}

/* Who may win: of two claims, exactly one. A claim that needs no hint wins against a renewal, which
 * may come first; one by the old hint wins unless the renewal does. */
static bool outcome_is_right(const struct race *race)
{
    bool first = race->won[0], second = race->won[1];
    if (race->suitor[1] != RENEW || race->suitor[0] == BY_HINT || race->suitor[0] == RENEW)
        return first != second;
    return first;
}

static bool word_is_right(const struct race *race)
{
    unsigned state = state_of(race->future);
    uint32_t generation = weir__generation(atomic_load(&race->future->word));
    bool renewed = race->suitor[1] == RENEW && (race->won[1] || race->suitor[0] == RENEW);
    if (generation != (uint32_t)(race->hint >> 32) + renewed)
        return false;
    for (size_t i = 0; i < 2; i++)
        if (race->suitor[i] != RENEW && race->won[i])
            return state == (race->suitor[i] == CANCEL ? WEIR__CLAIMED : WEIR__RUNNING);
    return state == WEIR__PENDING;
}

static void race_pair(struct weir__slab *slab, enum suitor one, enum suitor other)
{
    struct race race = { .suitor = { one, other }, .rounds = ROUNDS(2000) };
    size_t wrong = 0;
    pthread_barrier_init(&race.line, NULL, 3);
    struct crew *crew = crew_start(2, run_race, &race);
    for (size_t i = 0; i < race.rounds; i++) {
        race.future = fresh(slab);
        race.hint = weir__future_publish(race.future, 1);
        pthread_barrier_wait(&race.line);
        pthread_barrier_wait(&race.line);
        wrong += !outcome_is_right(&race) || !word_is_right(&race);
        if (state_of(race.future) == WEIR__PENDING)
            weir__future_claim(race.future, WEIR__CLAIMED);
        weir__future_end(race.future, WEIR_OK, NULL);
        pthread_barrier_wait(&race.line);
    }
    crew_join(crew);
    pthread_barrier_destroy(&race.line);
    assert_int_equal(wrong, 0);
}

static void racing_claims_exactly_one_wins(void **state)
{
    (void)state;
    struct weir__slab *slab = fixture_slab();
    for (int one = 0; one < SUITORS; one++)
        for (int other = one; other < SUITORS; other++)
            race_pair(slab, (enum suitor)one, (enum suitor)other);
    weir__slab_close(slab);
}

struct holders {
    struct weir__slab *slab;
    struct weir_future *future;
};

static void let_go(void *shared, size_t index)
{
    struct holders *holders = shared;
    if (index == 0)
        weir__future_end(holders->future, WEIR_OK, NULL);
    else
        weir_future_unref(holders->future);
}

static void racing_releases_free_it_once(void **state)
{
    (void)state;
    enum {
        HOLDERS = 3
    };
    struct holders holders = { .slab = fixture_slab() };
    for (size_t i = 0; i < ROUNDS(1000); i++) {
        holders.future = fresh(holders.slab);
        uint32_t generation = weir__generation(atomic_load(&holders.future->word));
        weir__future_adopt(holders.future, HOLDERS, WEIR__RUNNING);
        crew_run(HOLDERS, let_go, &holders);
        assert_int_equal(state_of(holders.future), WEIR__FREE);
        assert_int_equal(weir__generation(atomic_load(&holders.future->word)), generation + 1);
    }
    weir__slab_close(holders.slab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(claimed_once_is_not_claimed_again),
        cmocka_unit_test(renewed_makes_the_old_hint_stale_and_the_next_one_good),
        cmocka_unit_test(hint_of_another_life_is_refused),
        cmocka_unit_test(generation_goes_round),
        cmocka_unit_test(claim_keeps_what_observers_have_set),
        cmocka_unit_test(ended_keeps_status_until_the_last_reference_is_gone),
        cmocka_unit_test(adopted_is_never_pending),
        cmocka_unit_test(racing_claims_exactly_one_wins),
        cmocka_unit_test(racing_releases_free_it_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
