/* Schedules of the stack of free slots: several take and give, with and without a cache. Memory runs
 * out when the slots are few, so that the stack is emptied under the feet of those who look at it. */
#include "future/slab.h"

#include <stdlib.h>

#include "future/future_impl.h"
#include "unit/schedule/scenario.h"

enum { CHUNK = 64, SECOND = 128, FEW = 3, ACTORS = 4, TURNS = 12, HAND = 2 };

static struct weir__slab *slab;
static weir_future *reserve[CHUNK];

/* Who has each slot. Written and read between steps. */
static enum place { FREE, TAKEN } place[CHUNK + SECOND];

static weir_future *note_taken(weir_future *slot)
{
    schedule_check(slot->index < CHUNK + SECOND);
    schedule_check(place[slot->index] == FREE);
    schedule_check(atomic_load(&slot->lock.word) == 0);
    place[slot->index] = TAKEN;
    return slot;
}

static void give(weir_future *slot, struct weir__slab_cache *cache)
{
    schedule_check(place[slot->index] == TAKEN);
    place[slot->index] = FREE;
    weir__slab_give(slab, cache, slot);
}

/* A cache has a chain of slots of which none is in a hand, at least as many as were given. */
static void check_cache(const struct weir__slab_cache *cache)
{
    unsigned length = 0;
    uint32_t next = cache->first ? cache->first->index + 1 : 0;
    for (; next; length++) {
        schedule_check(length < CHUNK && next <= CHUNK + SECOND);
        schedule_check(place[next - 1] == FREE);
        next = (uint32_t)atomic_load(&weir__slab_at(slab, next - 1)->link);
    }
    schedule_check(cache->count <= length);
}

/* A slab whose first chunk is out, but for some. */
static void begin(unsigned left)
{
    static const struct weir__future_host host;
    schedule_prepare();
    memset(place, 0, sizeof place);
    slab = weir__slab_create(&host, NULL, 16, 16, false);
    schedule_check(slab != NULL);
    for (unsigned i = 0; i < CHUNK; i++)
        reserve[i] = note_taken(weir__slab_take(slab, NULL));
    for (unsigned i = 0; i < left; i++)
        give(reserve[i], NULL);
    schedule_race();
}

/* What is on the stack: all of it is taken, and counted. */
static unsigned take_all(weir_future **slot)
{
    unsigned count = 0;
    schedule_memory_refuse(true);
    for (weir_future *next; (next = weir__slab_take(slab, NULL)) != NULL; count++)
        slot[count] = note_taken(next);
    schedule_memory_refuse(false);
    return count;
}

static void give_late(void *data)
{
    give(data, NULL);
}

/* The end: two slots come back beside the close, and one after it. The slab goes with the last of
 * them, whoever brings it, or the scheduler finds a leak. */
static void finish(unsigned left)
{
    for (unsigned i = left + 3; i < CHUNK; i++)
        give(reserve[i], NULL);
    pthread_t actor[] = { actor_start(give_late, reserve[left]),
                          actor_start(give_late, reserve[left + 1]) };
    weir__slab_close(slab);
    if (schedule_choose(2))
        give(reserve[left + 2], NULL);
    else
        actor_join(actor_start(give_late, reserve[left + 2]));
    actor_join(actor[0]);
    actor_join(actor[1]);
}

static void take_and_give(void *data)
{
    struct weir__slab_cache own = { 0 }, *cache = *(unsigned *)data ? &own : NULL;
    weir_future *hand[HAND];
    unsigned held = 0;
    for (unsigned i = 0; i < TURNS; i++) {
        weir_future *slot = NULL;
        if (held == 0 || (held < HAND && schedule_choose(2)))
            slot = weir__slab_take(slab, schedule_choose(4) ? cache : NULL);
        else
            give(hand[--held], schedule_choose(4) ? cache : NULL);
        if (slot)
            hand[held++] = note_taken(slot);
        check_cache(&own);
        if (schedule_choose(4) == 0)
            weir__slab_flush(slab, &own);
    }
    while (held)
        give(hand[--held], cache);
    weir__slab_flush(slab, &own);
    check_cache(&own);
}

static void start_and_join(void (*fn)(void *))
{
    static unsigned caches[ACTORS] = { 0, 1, 1, 1 };
    pthread_t actor[ACTORS];
    for (unsigned i = 0; i < ACTORS; i++)
        actor[i] = actor_start(fn, &caches[i]);
    for (unsigned i = 0; i < ACTORS; i++)
        actor_join(actor[i]);
}

/* No slot in two hands, none lost, none that does not exist. */
static void slab_emptied_under_takers(void)
{
    weir_future *found[CHUNK];
    begin(FEW);
    schedule_memory_refuse(true);
    start_and_join(take_and_give);
    schedule_memory_refuse(false);
    schedule_check(take_all(found) == FEW);
    for (unsigned i = 0; i < FEW; i++)
        give(found[i], NULL);
    finish(FEW);
}

static void take_and_keep(void *data)
{
    struct weir__slab_cache own = { 0 };
    weir_future *slot = note_taken(weir__slab_take(slab, *(unsigned *)data ? &own : NULL));
    check_cache(&own);
    weir__slab_flush(slab, &own);
    give(slot, NULL);
}

/* All of them find nothing: one of them makes it grow, for all. */
static void slab_grown_once_for_all(void)
{
    weir_future *found[CHUNK + SECOND];
    begin(0);
    start_and_join(take_and_keep);
    unsigned count = take_all(found);
    schedule_check(count == SECOND);
    while (count)
        give(found[--count], NULL);
    finish(0);
}

/* Somebody who holds a slot takes another one, for as long as there is one to be had. */
static void take_another(void *own)
{
    weir_future *slot = weir__slab_take(slab, NULL);
    if (slot)
        give(note_taken(slot), NULL);
    give(own, NULL);
}

/* The slab goes with the last slot, whether one was to be had or not, was there or had to be made; or the
 * scheduler finds a leak. */
static void slab_closed_under_takers(void)
{
    enum { LEFT = 1, TAKERS = 2 };
    pthread_t actor[TAKERS];
    begin(LEFT);
    for (unsigned i = 0; i < TAKERS; i++)
        actor[i] = actor_start(take_another, reserve[LEFT + i]);
    weir__slab_close(slab);
    for (unsigned i = LEFT + TAKERS; i < CHUNK; i++)
        give(reserve[i], NULL);
    for (unsigned i = 0; i < TAKERS; i++)
        actor_join(actor[i]);
}

SCENARIO(slab_emptied_under_takers)
SCENARIO(slab_closed_under_takers)
SCENARIO(slab_grown_once_for_all)

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slab_emptied_under_takers_is_sound),
        cmocka_unit_test(slab_grown_once_for_all_is_sound),
        cmocka_unit_test(slab_closed_under_takers_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
