/* Slots: batches, growth, and the end with slots still out. */
#include "future/slab.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "support/crew.h"
#include "unit/future/fixture.h"

/* What the slab has from the system, all kinds together. */
static _Atomic long held;

void *__real_aligned_alloc(size_t, size_t);
void *__wrap_aligned_alloc(size_t, size_t);
void __real_free(void *);
void __wrap_free(void *);
void *__real_mmap(void *, size_t, int, int, int, off_t);
void *__wrap_mmap(void *, size_t, int, int, int, off_t);
int __real_munmap(void *, size_t);
int __wrap_munmap(void *, size_t);

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    atomic_fetch_add(&held, 1);
    return __real_aligned_alloc(alignment, size);
}

void __wrap_free(void *memory)
{
    if (memory)
        atomic_fetch_sub(&held, 1);
    __real_free(memory);
}

void *__wrap_mmap(void *address, size_t bytes, int protection, int flags, int file, off_t offset)
{
    atomic_fetch_add(&held, 1);
    return __real_mmap(address, bytes, protection, flags, file, offset);
}

int __wrap_munmap(void *address, size_t bytes)
{
    atomic_fetch_sub(&held, 1);
    return __real_munmap(address, bytes);
}

static int begin(void **state)
{
    (void)state;
    atomic_store(&held, 0);
    return 0;
}

static void slab_unused_goes_at_its_close(void **state)
{
    (void)state;
    struct weir__slab *slab = fixture_slab();
    assert_true(atomic_load(&held) > 0);
    weir__slab_close(slab);
    assert_int_equal(atomic_load(&held), 0);
}

static void slab_knows_what_it_was_made_with(void **state)
{
    (void)state;
    int owner;
    struct weir__slab *slab = weir__slab_create(&fixture_host, &owner, 1, 17, false);
    assert_ptr_equal(weir__slab_owner(slab), &owner);
    assert_ptr_equal(weir__slab_host(slab), &fixture_host);
    assert_int_equal(weir__slab_result_bytes(slab), 32);
    assert_int_equal(weir__slab_result_offset(slab), 0);
    assert_false(weir__forked(weir__slab_guard(slab)));
    weir__slab_close(slab);
    slab = weir__slab_create(&fixture_host, &owner, 1, 17, true);
    assert_int_equal(weir__slab_result_offset(slab), 16);
    weir__slab_close(slab);
    slab = weir__slab_create(&fixture_host, &owner, 17, WEIR__STAGED_MAX + 1, false);
    assert_int_equal(weir__slab_result_offset(slab), 32);
    weir__slab_close(slab);
}

static void slab_grows_and_keeps_every_slot_where_it_is(void **state)
{
    (void)state;
    enum {
        N = 64 + 128 + 256 + 1
    }; /* the fourth chunk, too */
    static struct weir_future *slot[N];
    struct weir__slab *slab = fixture_slab();
    for (size_t i = 0; i < N; i++) {
        slot[i] = weir__slab_take(slab, NULL);
        assert_non_null(slot[i]);
        assert_int_equal((uintptr_t)slot[i] % 64, 0);
        memset(weir__future_inline_arg(slot[i]), (int)i, 48); /* all of it is there */
        memset(weir__future_inline_result(slot[i]), (int)i, 48);
    }
    static bool seen[2 * N];
    memset(seen, 0, sizeof seen);
    for (size_t i = 0; i < N; i++) {
        assert_true(slot[i]->index < 2 * N);
        assert_false(seen[slot[i]->index]);
        seen[slot[i]->index] = true;
        assert_ptr_equal(weir__slab_at(slab, slot[i]->index), slot[i]);
        assert_int_equal(*(unsigned char *)weir__future_inline_arg(slot[i]), i % 256);
        weir__slab_give(slab, NULL, slot[i]);
    }
    weir__slab_close(slab);
    assert_int_equal(atomic_load(&held), 0);
}

static void slab_uses_slots_again_before_it_grows(void **state)
{
    (void)state;
    struct weir__slab *slab = fixture_slab();
    weir__slab_give(slab, NULL, weir__slab_take(slab, NULL));
    long before = atomic_load(&held);
    for (int round = 0; round < 1000; round++) {
        struct weir_future *slot[64];
        for (int i = 0; i < 64; i++)
            slot[i] = weir__slab_take(slab, NULL);
        for (int i = 0; i < 64; i++)
            weir__slab_give(slab, NULL, slot[(i * 7 + round) % 64]);
    }
    assert_int_equal(atomic_load(&held), before);
    weir__slab_close(slab);
}

static void slab_cache_gives_back_what_becomes_too_many(void **state)
{
    (void)state;
    struct weir__slab *slab = fixture_slab();
    struct weir__slab_cache taker = { 0 }, giver = { 0 };
    /* One thread takes, another one gives: nothing piles up at either. */
    for (int i = 0; i < 1000; i++) {
        weir__slab_give(slab, &giver, weir__slab_take(slab, &taker));
        assert_true(taker.count <= 32);
        assert_true(giver.count < 32);
    }
    long chunks = atomic_load(&held);
    assert_true(chunks <= 4); /* itself, its page, and no more than two chunks */
    weir__slab_flush(slab, &taker);
    weir__slab_flush(slab, &giver);
    assert_int_equal(giver.count + taker.count, 0);
    weir__slab_flush(slab, &giver); /* nothing in it */
    weir__slab_close(slab);
    assert_int_equal(atomic_load(&held), 0);
}

/* How long the chain is that comes next. */
static unsigned next_chain(struct weir__slab *slab)
{
    struct weir__slab_cache probe = { 0 };
    unsigned length = 1;
    weir_future *slot = weir__slab_take(slab, &probe);
    assert_non_null(slot);
    for (const weir_future *next = probe.first; next; length++) {
        uint32_t link = (uint32_t)atomic_load(&((weir_future *)(uintptr_t)next)->link);
        next = link ? weir__slab_at(slab, link - 1) : NULL;
    }
    weir__slab_give(slab, &probe, slot);
    weir__slab_flush(slab, &probe);
    return length;
}

/* One cache to take from and to give to, that is flushed now and then, does not make longer chains. */
static void slab_chains_stay_short(void **state)
{
    (void)state;
    enum {
        N = 96
    };
    struct weir__slab *slab = fixture_slab();
    struct weir__slab_cache cache = { 0 };
    weir_future *slot[N];
    unsigned count = 0, dice = 1;
    for (int i = 0; i < 20000; i++) {
        dice = dice * 1103515245 + 12345;
        if (dice >> 20 & 7 && count < N && (count == 0 || dice >> 16 & 1))
            slot[count++] = weir__slab_take(slab, &cache);
        else if (count)
            weir__slab_give(slab, &cache, slot[--count]);
        if ((dice >> 24) % 50 == 0) {
            weir__slab_flush(slab, &cache);
            assert_null(cache.first);
            assert_in_range(next_chain(slab), 1, 32);
        }
    }
    assert_true(atomic_load(&held) <= 4); /* itself, its page, and no more than two chunks */
    while (count)
        weir__slab_give(slab, &cache, slot[--count]);
    weir__slab_flush(slab, &cache);
    weir__slab_close(slab);
    assert_int_equal(atomic_load(&held), 0);
}

/* All orders of giving back four slots, with the close at every place among them. */
static void slab_closed_goes_with_the_last_slot_in_any_order(void **state)
{
    (void)state;
    enum {
        N = 4
    };
    for (unsigned order = 0; order < 256; order++) {
        size_t pick[N];
        bool used[N] = { false }, valid = true;
        for (size_t i = 0; i < N; i++) {
            pick[i] = order >> 2 * i & 3;
            valid = valid && !used[pick[i]];
            used[pick[i]] = true;
        }
        for (size_t close_at = 0; valid && close_at <= N; close_at++) {
            struct weir__slab *slab = fixture_slab();
            struct weir_future *slot[N];
            for (size_t i = 0; i < N; i++)
                slot[i] = weir__slab_take(slab, NULL);
            for (size_t i = 0; i <= N; i++) {
                assert_true(i == N || atomic_load(&held) > 0);
                if (i == close_at)
                    weir__slab_close(slab);
                if (i < N)
                    weir__slab_give(slab, NULL, slot[pick[i]]);
            }
            assert_int_equal(atomic_load(&held), 0);
        }
    }
}

struct traffic {
    struct weir__slab *slab;
    size_t rounds;
    _Atomic(void *) owner[4096];
    _Atomic bool shared; /* a slot was handed out twice at a time */
};

enum {
    THREADS = 4,
    MOST = 50
};

static struct weir_future *take_mine(struct traffic *traffic, struct weir__slab_cache *cache,
                                     void *me)
{
    struct weir_future *slot = weir__slab_take(traffic->slab, cache);
    if (atomic_exchange(&traffic->owner[slot->index], me) != NULL)
        atomic_store(&traffic->shared, true);
    return slot;
}

static void give_mine(struct traffic *traffic, struct weir__slab_cache *cache,
                      struct weir_future *slot, void *me)
{
    if (atomic_exchange(&traffic->owner[slot->index], NULL) != me)
        atomic_store(&traffic->shared, true);
    weir__slab_give(traffic->slab, cache, slot);
}

static void take_and_give(void *shared, size_t index)
{
    struct traffic *traffic = shared;
    struct weir__slab_cache own = { 0 };
    struct weir_future *slot[MOST];
    size_t count = 0;
    unsigned random = (unsigned)index + 1;
    for (size_t i = 0; i < traffic->rounds; i++) {
        random = random * 1664525u + 1013904223u;
        struct weir__slab_cache *cache = index % 2 ? &own : NULL;
        if (count < MOST && (count == 0 || random >> 31))
            slot[count++] = take_mine(traffic, cache, &own);
        else
            give_mine(traffic, cache, slot[--count], &own);
    }
    while (count)
        give_mine(traffic, NULL, slot[--count], &own);
    weir__slab_flush(traffic->slab, &own);
}

static void slab_slots_belong_to_one_thread_at_a_time(void **state)
{
    (void)state;
    struct traffic *traffic = calloc(1, sizeof *traffic);
    assert_non_null(traffic);
    traffic->slab = fixture_slab();
    traffic->rounds = ROUNDS(200000);
    crew_run(THREADS, take_and_give, traffic);
    assert_false(atomic_load(&traffic->shared));
    weir__slab_close(traffic->slab);
    free(traffic);
}

struct leaving {
    struct weir__slab *slab;
    struct weir_future *slot[THREADS];
};

static void give_or_close(void *shared, size_t index)
{
    struct leaving *leaving = shared;
    if (index == THREADS)
        weir__slab_close(leaving->slab);
    else
        weir__slab_give(leaving->slab, NULL, leaving->slot[index]);
}

static void slab_closed_beside_those_who_give_back_goes_once(void **state)
{
    (void)state;
    for (size_t round = 0; round < ROUNDS(1000); round++) {
        struct leaving leaving = { .slab = fixture_slab() };
        for (size_t i = 0; i < THREADS; i++)
            leaving.slot[i] = weir__slab_take(leaving.slab, NULL);
        crew_run(THREADS + 1, give_or_close, &leaving);
    }
    /* What the crew had is not counted when it is taken, but is when it is freed. */
    assert_int_equal(atomic_load(&held), -(long)ROUNDS(1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(slab_unused_goes_at_its_close, begin),
        cmocka_unit_test_setup(slab_knows_what_it_was_made_with, begin),
        cmocka_unit_test_setup(slab_grows_and_keeps_every_slot_where_it_is, begin),
        cmocka_unit_test_setup(slab_uses_slots_again_before_it_grows, begin),
        cmocka_unit_test_setup(slab_cache_gives_back_what_becomes_too_many, begin),
        cmocka_unit_test_setup(slab_chains_stay_short, begin),
        cmocka_unit_test_setup(slab_closed_goes_with_the_last_slot_in_any_order, begin),
        cmocka_unit_test_setup(slab_slots_belong_to_one_thread_at_a_time, begin),
        cmocka_unit_test_setup(slab_closed_beside_those_who_give_back_goes_once, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
