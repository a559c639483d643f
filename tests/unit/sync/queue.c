/* The queue of hints: order, moves, renewal, enlargement, counters that go round.
 *
 * The file under test is included, because its ring counters have to be set close to their end. */
#include "sync/queue.c"

#include "support/check.h"

enum {
    SLOTS = 64,
    ROOM = 4,
    RING = 15
}; /* a queue of this room has rings of this many hints */

/* The truth of the test: a generation and a validity for each slot. */
static struct slot {
    uint32_t generation;
    bool valid;
} slot[SLOTS];

static uint64_t hint_of(uint32_t index)
{
    return (uint64_t)slot[index].generation << 32 | index;
}

static bool is_valid(void *context, uint64_t hint)
{
    assert_ptr_equal(context, slot);
    struct slot *at = &slot[(uint32_t)hint];
    return at->valid && at->generation == (uint32_t)(hint >> 32);
}

/* A consumer that comes by in the middle of a move, after so many renewals. */
static void (*come_by)(void);
static unsigned renewals_left;

static bool renew(void *context, uint64_t hint)
{
    if (!is_valid(context, hint))
        return false;
    slot[(uint32_t)hint].generation++;
    if (come_by && renewals_left-- == 1)
        come_by();
    return true;
}

/* What a worker does: take the hint if it is still good. */
static bool claim(uint64_t hint)
{
    if (!is_valid(slot, hint))
        return false;
    slot[(uint32_t)hint].valid = false;
    return true;
}

static struct weir__queue_end end; /* of the one consumer there is */

/* The next hint that is good, or -1. */
static int pop_valid(struct weir__queue *queue)
{
    uint64_t hint;
    while (weir__queue_pop(queue, &end, &hint))
        if (claim(hint))
            return (int)(uint32_t)hint;
    return -1;
}

static void push(struct weir__queue *queue, uint32_t index)
{
    slot[index].generation++;
    slot[index].valid = true;
    assert_true(weir__queue_push_locked(queue, hint_of(index)));
}

static struct weir__queue *new_queue(size_t room)
{
    memset(slot, 0, sizeof slot);
    end = (struct weir__queue_end){ 0 };
    struct weir__queue *queue =
        weir__queue_create(room, (struct weir__queue_truth){ renew, is_valid, slot });
    assert_non_null(queue);
    return queue;
}

static void queue_empty_gives_nothing(void **state)
{
    (void)state;
    uint64_t hint = 7;
    struct weir__queue *queue = new_queue(ROOM);
    assert_true(weir__queue_seems_empty(queue));
    assert_false(weir__queue_pop(queue, &end, &hint));
    assert_false(weir__queue_oldest_locked(queue, &hint));
    assert_int_equal(hint, 7);
    push(queue, 0);
    assert_false(weir__queue_seems_empty(queue));
    assert_int_equal(pop_valid(queue), 0);
    assert_true(weir__queue_seems_empty(queue));
    weir__queue_destroy(queue);
    weir__queue_destroy(NULL);
}

static void queue_gives_in_the_order_of_pushes(void **state)
{
    (void)state;
    struct weir__queue *queue = new_queue(ROOM);
    for (uint32_t round = 0; round < 1000; round++) {
        for (uint32_t i = 0; i < ROOM; i++)
            push(queue, (round + i) % SLOTS);
        for (uint32_t i = 0; i < ROOM; i++)
            assert_int_equal(pop_valid(queue), (round + i) % SLOTS);
        assert_int_equal(pop_valid(queue), -1);
    }
    weir__queue_destroy(queue);
}

/* A ring full of hints, all stale but these. */
static struct weir__queue *full_queue(const uint32_t *still_valid, size_t count)
{
    struct weir__queue *queue = new_queue(ROOM);
    assert_int_equal(atomic_load(&queue->current)->size, RING + 1);
    for (uint32_t i = 0; i < RING; i++) {
        push(queue, i);
        slot[i].valid = false;
    }
    for (size_t i = 0; i < count; i++)
        slot[still_valid[i]].valid = true;
    return queue;
}

static void queue_full_of_stale_hints_moves_the_others_in_order(void **state)
{
    (void)state;
    const uint32_t valid[] = { 0, 6, 14 };
    struct weir__queue *queue = full_queue(valid, 3);
    struct ring *before = atomic_load(&queue->current);
    push(queue, 20);
    assert_ptr_not_equal(atomic_load(&queue->current), before);
    /* They have been renewed; what was not valid has not. */
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(slot[valid[i]].generation, 2);
    assert_int_equal(slot[1].generation, 1);
    assert_int_equal(pop_valid(queue), 0);
    assert_int_equal(pop_valid(queue), 6);
    assert_int_equal(pop_valid(queue), 14);
    assert_int_equal(pop_valid(queue), 20);
    assert_int_equal(pop_valid(queue), -1);
    /* The old ring is empty again, and serves the next move. */
    assert_int_equal(ck_ring_size(&before->ck), 0);
    weir__queue_destroy(queue);
}

static struct {
    struct weir__queue *queue;
    unsigned most; /* of what the consumer takes while it moves */
    int taken[SLOTS];
    size_t count;
} passing;

static void take_some(void)
{
    int next;
    for (unsigned i = 0; i < passing.most && (next = pop_valid(passing.queue)) >= 0; i++)
        passing.taken[passing.count++] = next;
}

/* Whenever a consumer comes by, and however much it takes: all is taken once, the oldest first. */
static void queue_moved_under_a_consumer_keeps_the_order(void **state)
{
    (void)state;
    const uint32_t valid[] = { 1, 4, 9, 13 };
    for (unsigned after = 1; after <= 4; after++)
        for (unsigned most = 1; most <= 4; most++) {
            passing.queue = full_queue(valid, 4);
            passing.most = most;
            passing.count = 0;
            renewals_left = after;
            come_by = take_some;
            push(passing.queue, 20);
            come_by = NULL;
            assert_int_equal(passing.count, most < 4 - after ? most : 4 - after);
            passing.most = SLOTS;
            take_some();
            assert_int_equal(passing.count, 5);
            for (size_t i = 0; i < 5; i++)
                assert_int_equal(passing.taken[i], i < 4 ? valid[i] : 20);
            weir__queue_destroy(passing.queue);
        }
}

static void queue_hint_in_hand_stays_good_through_a_move(void **state)
{
    (void)state;
    const uint32_t valid[] = { 0, 3 };
    uint64_t in_hand = UINT64_MAX;
    struct weir__queue *queue = full_queue(valid, 2);
    assert_true(weir__queue_pop(queue, &end, &in_hand));
    push(queue, 20);
    push(queue, 21);
    assert_int_equal(slot[3].generation, 2); /* it has moved */
    assert_true(claim(in_hand));
    assert_int_equal((uint32_t)in_hand, 0);
    assert_int_equal(pop_valid(queue), 3);
    assert_int_equal(pop_valid(queue), 20);
    weir__queue_destroy(queue);
}

static void queue_old_hint_is_stale_after_a_move(void **state)
{
    (void)state;
    const uint32_t valid[] = { 2 };
    struct weir__queue *queue = full_queue(valid, 1);
    uint64_t old = hint_of(2);
    push(queue, 20);
    assert_false(claim(old));
    assert_int_equal(pop_valid(queue), 2);
    weir__queue_destroy(queue);
}

static void queue_consumer_of_the_old_ring_starts_over_with_the_new_one(void **state)
{
    (void)state;
    struct weir__queue *queue = full_queue(NULL, 0);
    push(queue, 20);
    /* What a consumer that had loaded the old ring before the move would see: nothing, and another
     * ring that is current. */
    assert_int_equal(ck_ring_size(&queue->spare->ck), 0);
    assert_int_equal(pop_valid(queue), 20);
    weir__queue_destroy(queue);
}

static void queue_oldest_is_the_first_that_is_valid_and_stays(void **state)
{
    (void)state;
    uint64_t hint = UINT64_MAX;
    struct weir__queue *queue = new_queue(ROOM);
    for (uint32_t i = 0; i < ROOM; i++)
        push(queue, i);
    slot[0].valid = slot[1].valid = false;
    assert_true(weir__queue_oldest_locked(queue, &hint));
    assert_int_equal((uint32_t)hint, 2);
    assert_true(weir__queue_oldest_locked(queue, &hint));
    assert_int_equal(pop_valid(queue), 2);
    assert_int_equal(pop_valid(queue), 3);
    assert_false(weir__queue_oldest_locked(queue, &hint));
    weir__queue_destroy(queue);
}

static void queue_enlarged_keeps_order_and_has_room(void **state)
{
    (void)state;
    struct weir__queue *queue = new_queue(ROOM);
    for (uint32_t i = 0; i < ROOM; i++)
        push(queue, i);
    slot[1].valid = false;
    assert_true(weir__queue_enlarge_locked(queue, 40));
    assert_int_equal(weir__queue_room(queue), 40);
    for (uint32_t i = ROOM; i < 40; i++)
        push(queue, i);
    for (int i = 0; i < 40; i++)
        if (i != 1)
            assert_int_equal(pop_valid(queue), i);
    assert_int_equal(pop_valid(queue), -1);
    weir__queue_destroy(queue);
}

static void queue_enlarged_to_less_stays_as_it_is(void **state)
{
    (void)state;
    struct weir__queue *queue = new_queue(ROOM);
    struct ring *before = atomic_load(&queue->current);
    assert_true(weir__queue_enlarge_locked(queue, ROOM));
    assert_true(weir__queue_enlarge_locked(queue, 1));
    assert_ptr_equal(atomic_load(&queue->current), before);
    assert_int_equal(weir__queue_room(queue), ROOM);
    weir__queue_destroy(queue);
}

/* Put an empty ring's counters shortly before their end. */
static void wind_forward(struct ring *ring, unsigned to)
{
    ring->ck.c_head = ring->ck.p_head = ring->ck.p_tail = to;
}

static void queue_ring_counters_go_round_without_loss(void **state)
{
    (void)state;
    /* Each start puts the end of the counters at another place: in pushes, in a move, in pops. */
    for (unsigned back = 0; back < 3 * RING; back++) {
        struct weir__queue *queue = new_queue(ROOM);
        wind_forward(atomic_load(&queue->current), UINT32_MAX - back);
        wind_forward(queue->spare, UINT32_MAX - back / 2);
        for (uint32_t round = 0; round < 3 * RING; round++) {
            for (uint32_t i = 0; i < ROOM; i++)
                push(queue, (round + i) % SLOTS);
            slot[(round + 1) % SLOTS].valid = false; /* cancelled: leaves a stale hint */
            for (uint32_t i = 0; i < ROOM; i++)
                if (i != 1)
                    assert_int_equal(pop_valid(queue), (round + i) % SLOTS);
        }
        assert_int_equal(pop_valid(queue), -1);
        weir__queue_destroy(queue);
    }
}

static void queue_full_across_the_end_of_the_counters_moves_in_order(void **state)
{
    (void)state;
    for (unsigned back = 0; back < RING; back++) {
        struct weir__queue *queue = new_queue(ROOM);
        wind_forward(atomic_load(&queue->current), UINT32_MAX - back);
        for (uint32_t i = 0; i < RING; i++) {
            push(queue, i);
            slot[i].valid = i % 5 == 0;
        }
        push(queue, 20);
        assert_int_equal(pop_valid(queue), 0);
        assert_int_equal(pop_valid(queue), 5);
        assert_int_equal(pop_valid(queue), 10);
        assert_int_equal(pop_valid(queue), 20);
        weir__queue_destroy(queue);
    }
}

static void queue_generation_goes_round_in_a_move(void **state)
{
    (void)state;
    struct weir__queue *queue = new_queue(ROOM);
    for (uint32_t i = 0; i < RING; i++) {
        slot[i].generation = UINT32_MAX - 1; /* the push makes it the last one */
        push(queue, i);
        slot[i].valid = i == 4;
    }
    push(queue, 20);
    assert_int_equal(slot[4].generation, 0);
    assert_int_equal(pop_valid(queue), 4);
    assert_int_equal(pop_valid(queue), 20);
    weir__queue_destroy(queue);
}

/* Any sequence of pushes, cancellations, pops and enlargements, against a plain list. */
static void queue_agrees_with_a_list_in_any_sequence(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 200; seed++) {
        uint32_t list[SLOTS], random = seed * 2654435761u;
        size_t length = 0, room = ROOM;
        struct weir__queue *queue = new_queue(room);
        for (int step = 0; step < 400; step++) {
            random = random * 1664525u + 1013904223u;
            unsigned action = random >> 28, pick = random >> 8 & 0xffff;
            if (action < 7 && length < room) {
                uint32_t index = pick % SLOTS;
                while (slot[index].valid)
                    index = (index + 1) % SLOTS;
                push(queue, index);
                list[length++] = index;
            } else if (action < 11 && length) {
                size_t at = pick % length;
                slot[list[at]].valid = false;
                memmove(list + at, list + at + 1, (length - at - 1) * sizeof list[0]);
                length--;
            } else if (action < 15) {
                int expected = length ? (int)list[0] : -1;
                assert_int_equal(pop_valid(queue), expected);
                if (length)
                    memmove(list, list + 1, --length * sizeof list[0]);
            } else if (room < SLOTS / 2 && pick % 8 == 0) {
                assert_true(weir__queue_enlarge_locked(queue, ++room));
            }
        }
        for (size_t i = 0; i < length; i++)
            assert_int_equal(pop_valid(queue), list[i]);
        assert_int_equal(pop_valid(queue), -1);
        weir__queue_destroy(queue);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queue_empty_gives_nothing),
        cmocka_unit_test(queue_gives_in_the_order_of_pushes),
        cmocka_unit_test(queue_full_of_stale_hints_moves_the_others_in_order),
        cmocka_unit_test(queue_moved_under_a_consumer_keeps_the_order),
        cmocka_unit_test(queue_hint_in_hand_stays_good_through_a_move),
        cmocka_unit_test(queue_old_hint_is_stale_after_a_move),
        cmocka_unit_test(queue_consumer_of_the_old_ring_starts_over_with_the_new_one),
        cmocka_unit_test(queue_oldest_is_the_first_that_is_valid_and_stays),
        cmocka_unit_test(queue_enlarged_keeps_order_and_has_room),
        cmocka_unit_test(queue_enlarged_to_less_stays_as_it_is),
        cmocka_unit_test(queue_ring_counters_go_round_without_loss),
        cmocka_unit_test(queue_full_across_the_end_of_the_counters_moves_in_order),
        cmocka_unit_test(queue_generation_goes_round_in_a_move),
        cmocka_unit_test(queue_agrees_with_a_list_in_any_sequence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
