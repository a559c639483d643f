/* The heap of timers: order, removal from any place, memory in proportion. */
#include "base/heap.h"

#include "support/check.h"

enum {
    MANY = 2000
};

struct item {
    struct weir__timer timer;
    int64_t due_ns;
    uint64_t order;
};

static uint64_t random_state;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static struct item items[MANY];

static void push(struct weir__heap *heap, size_t i, int64_t due_ns)
{
    items[i] = (struct item){ WEIR__TIMER_INIT, due_ns, i };
    assert_true(weir__heap_push(heap, &items[i].timer, due_ns, i));
}

static struct item *pop(struct weir__heap *heap)
{
    assert_non_null(weir__heap_first(heap));
    struct weir__timer *timer = heap->entries[0].timer;
    assert_true(weir__heap_remove(heap, timer));
    return (struct item *)(void *)timer;
}

static void heap_of_random_times_yields_them_in_order(void **state)
{
    (void)state;
    struct weir__heap heap = { 0 };
    random_state = 1;
    for (size_t i = 0; i < MANY; i++)
        push(&heap, i, (int64_t)(next_random() % 100)); /* many equal ones */
    struct item *before = pop(&heap);
    while (heap.count) {
        struct item *item = pop(&heap);
        assert_true(before->due_ns < item->due_ns ||
                    (before->due_ns == item->due_ns && before->order < item->order));
        before = item;
    }
    weir__heap_fini(&heap);
}

static void heap_after_random_removals_yields_the_rest_in_order(void **state)
{
    (void)state;
    struct weir__heap heap = { 0 };
    random_state = 2;
    for (size_t i = 0; i < MANY; i++)
        push(&heap, i, (int64_t)(next_random() % 1000));
    size_t left = MANY;
    for (size_t i = 0; i < MANY; i++)
        if (next_random() % 2) {
            assert_true(weir__heap_remove(&heap, &items[i].timer));
            left--;
        }
    assert_int_equal(heap.count, left);
    int64_t before_ns = -1;
    for (; heap.count; left--) {
        struct item *item = pop(&heap);
        assert_true(item->due_ns >= before_ns);
        before_ns = item->due_ns;
    }
    assert_int_equal(left, 0);
    weir__heap_fini(&heap);
}

static void removal_of_what_is_not_in_says_so(void **state)
{
    (void)state;
    struct weir__heap heap = { 0 };
    push(&heap, 0, 5);
    assert_true(weir__heap_remove(&heap, &items[0].timer));
    assert_false(weir__heap_remove(&heap, &items[0].timer));
    assert_null(weir__heap_first(&heap));
    assert_null(weir__heap_last(&heap));
    weir__heap_fini(&heap);
}

static void memory_shrinks_with_what_is_pending(void **state)
{
    (void)state;
    struct weir__heap heap = { 0 };
    for (size_t i = 0; i < MANY; i++)
        push(&heap, i, (int64_t)i);
    size_t most = heap.room;
    while (heap.count)
        assert_true(weir__heap_remove(&heap, weir__heap_last(&heap)));
    assert_true(heap.room < most / 32);
    weir__heap_fini(&heap);
}

static void reserved_room_stays(void **state)
{
    (void)state;
    struct weir__heap heap = { 0 };
    assert_true(weir__heap_reserve(&heap, 500));
    for (size_t i = 0; i < MANY; i++)
        push(&heap, i, (int64_t)i);
    while (heap.count)
        pop(&heap);
    assert_true(heap.room >= 500);
    weir__heap_fini(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heap_of_random_times_yields_them_in_order),
        cmocka_unit_test(heap_after_random_removals_yields_the_rest_in_order),
        cmocka_unit_test(removal_of_what_is_not_in_says_so),
        cmocka_unit_test(memory_shrinks_with_what_is_pending),
        cmocka_unit_test(reserved_room_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
