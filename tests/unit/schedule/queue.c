/* Schedules of the queue: one who pushes and withdraws, so that the ring fills with stale hints and
 * is moved again and again, and two who pop. */
#include "sync/queue.h"

#include <stdlib.h>

#include "base/atomic.h"
#include "future/future_impl.h"
#include "unit/schedule/scenario.h"

enum { ITEMS = 24, ROOM = 2, CONSUMERS = 2 };

static struct weir__slab *slab;
static struct weir__queue *queue;
static struct weir__lock lock; /* the producers' */

/* What became of each item. Written and read between steps. */
static struct item {
    weir_future *future;
    bool pushed, popped, taken;
} item[ITEMS];
static unsigned items, open;
static struct hand {
    unsigned item; /* number + 1 */
    uint64_t hint;
    struct weir__queue_end end;
} hand[CONSUMERS];
static bool all_pushed, renewing;
static unsigned moves; /* that are over */

static bool withdraw(void *owner, weir_future *given)
{
    (void)owner;
    weir__future_end(given, WEIR_ECANCELLED, NULL);
    return true;
}

static enum weir__help help(void *owner, weir_future *given)
{
    (void)owner;
    (void)given;
    return WEIR__HELP_NO;
}

static bool renew(void *context, uint64_t hint)
{
    (void)context;
    renewing = true;
    return weir__future_renew(weir__slab_at(slab, (uint32_t)hint), hint);
}

static bool valid(void *context, uint64_t hint)
{
    (void)context;
    return weir__future_is_pending(weir__slab_at(slab, (uint32_t)hint), hint);
}

static void begin(void)
{
    static const struct weir__future_host host = { .withdraw = withdraw, .help = help };
    memset(item, 0, sizeof item);
    memset(hand, 0, sizeof hand);
    items = open = moves = 0;
    all_pushed = renewing = false;
    lock = (struct weir__lock){ 0 };
    slab = weir__slab_create(&host, NULL, 16, 16, false);
    queue = weir__queue_create(ROOM, (struct weir__queue_truth){ renew, valid, NULL });
    schedule_check(slab && queue);
}

/* Slots are not used again, so that a slot tells the item. */
static void finish(void)
{
    for (unsigned i = 0; i < items; i++) {
        schedule_check(weir_future_status(item[i].future) != WEIR_EPENDING);
        weir_future_unref(item[i].future);
    }
    weir__queue_destroy(queue);
    weir__slab_close(slab);
}

static unsigned item_of(uint64_t hint)
{
    for (unsigned i = 0; i < items; i++)
        if (item[i].future->index == (uint32_t)hint)
            return i;
    schedule_failed("a hint of nothing", __FILE__, __LINE__);
}

/* What a task was before the next step: without a step. */
static uint64_t word_now(unsigned i)
{
    return atomic_load(&item[i].future->word);
}

static bool pending_now(unsigned i)
{
    return weir__state(word_now(i)) == WEIR__PENDING;
}

/* A move is over, if there was one. Requires: the lock. */
static void note_move(void)
{
    moves += renewing;
    renewing = false;
}

static void push_one(void)
{
    weir_future *future = weir__slab_take(slab, NULL);
    unsigned i = items;
    schedule_check(future != NULL);
    future->flags = 0;
    weir__lock_take(&lock);
    uint64_t hint = weir__future_publish(future, 2);
    item[i].future = future;
    items++;
    open++;
    schedule_check(weir__queue_push_locked(queue, hint));
    note_move();
    item[i].pushed = true;
    weir__lock_release(&lock);
}

/* The newest, mostly: so the ring fills up behind one that is still to be run. */
static void withdraw_one(void)
{
    unsigned i = items;
    while (i-- > 0)
        if (pending_now(i) && schedule_choose(4))
            break;
    if (i < items && weir_future_cancel(item[i].future))
        open--;
}

static void produce(void *data)
{
    (void)data;
    while (items < ITEMS) {
        while (open >= ROOM) {
            withdraw_one();
            schedule_step();
        }
        push_one();
        uint64_t oldest;
        weir__lock_take(&lock);
        if (schedule_choose(4) == 0 && weir__queue_oldest_locked(queue, &oldest))
            item_of(oldest);
        weir__lock_release(&lock);
    }
    all_pushed = true;
}

/* Before a pop: which items it must not overlook. */
static void list_waiting(bool *waiting)
{
    for (unsigned i = 0; i < ITEMS; i++)
        waiting[i] = i < items && item[i].pushed && !item[i].popped && pending_now(i);
}

/* "Empty": nothing that was there all the time, and that no other consumer has met. It may be said
 * in error while a move is under way, or if two have passed; then the look under the lock, below,
 * is what counts. */
static void check_empty(const bool *waiting, unsigned moves_before)
{
    if (atomic_load(&lock.word) != 0 || moves - moves_before >= 2)
        return;
    for (unsigned i = 0; i < ITEMS; i++)
        schedule_check(!waiting[i] || item[i].popped || !pending_now(i));
}

static bool in_hand(unsigned i)
{
    for (unsigned c = 0; c < CONSUMERS; c++)
        if (hand[c].item == i + 1 &&
            weir__generation(hand[c].hint) == weir__generation(word_now(i)))
            return true;
    return false;
}

/* Empty under the lock: nothing waits but what another consumer has in hand. */
static bool pop_or_be_sure(unsigned self, uint64_t *hint)
{
    weir__lock_take(&lock);
    bool found = weir__queue_pop(queue, &hand[self].end, hint);
    for (unsigned i = 0; i < items && !found; i++)
        schedule_check(!pending_now(i) || in_hand(i));
    return found;
}

/* This item starts: no older one may still be waiting, unless another consumer has it in hand. */
static void check_turn(unsigned number)
{
    for (unsigned i = 0; i < number; i++) {
        bool met = false;
        for (unsigned c = 0; c < CONSUMERS; c++)
            met |= hand[c].item == i + 1;
        schedule_check(!pending_now(i) || met);
    }
}

static unsigned take_in_hand(unsigned self, uint64_t hint)
{
    unsigned i = item_of(hint);
    hand[self].item = i + 1;
    hand[self].hint = hint;
    item[i].popped |= weir__generation(word_now(i)) == weir__generation(hint);
    return i;
}

/* As a worker does: pop, and before it goes away look again under the lock. -1: nothing. */
static int next_item(unsigned self)
{
    bool waiting[ITEMS];
    uint64_t hint;
    unsigned before = moves;
    list_waiting(waiting);
    if (weir__queue_pop(queue, &hand[self].end, &hint))
        return (int)take_in_hand(self, hint);
    check_empty(waiting, before);
    int next = pop_or_be_sure(self, &hint) ? (int)take_in_hand(self, hint) : -1;
    weir__lock_release(&lock);
    return next;
}

static void consume(void *data)
{
    unsigned self = *(unsigned *)data;
    int last = -1;
    for (;;) {
        bool done = all_pushed;
        int i = next_item(self);
        if (i < 0 && done)
            return;
        if (i >= 0 && weir__future_claim_hint(item[i].future, hand[self].hint, WEIR__RUNNING)) {
            check_turn((unsigned)i);
            schedule_check(!item[i].taken);
            schedule_check(last < i);
            item[i].taken = true;
            last = i;
            open--;
            weir__future_end(item[i].future, WEIR_OK, NULL);
        }
        hand[self].item = 0;
        schedule_step();
    }
}

static void moved_under_consumers(void)
{
    static unsigned index[CONSUMERS] = { 0, 1 };
    begin();
    pthread_t actor[] = { actor_start(consume, &index[0]), actor_start(consume, &index[1]) };
    produce(NULL);
    actor_join(actor[0]);
    actor_join(actor[1]);
    finish();
}

static void enlarge(void *data)
{
    (void)data;
    for (size_t room = ROOM + 4; room < 20; room += 4) {
        weir__lock_take(&lock);
        schedule_check(weir__queue_enlarge_locked(queue, room));
        note_move();
        weir__lock_release(&lock);
        for (unsigned steps = schedule_choose(200); steps; steps--)
            schedule_step();
    }
}

static void enlarged_under_consumers(void)
{
    static unsigned index[CONSUMERS] = { 0, 1 };
    begin();
    pthread_t actor[] = { actor_start(consume, &index[0]), actor_start(consume, &index[1]),
                          actor_start(enlarge, NULL) };
    produce(NULL);
    for (int i = 0; i < 3; i++)
        actor_join(actor[i]);
    finish();
}

SCENARIO(moved_under_consumers)
SCENARIO(enlarged_under_consumers)

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moved_under_consumers_is_sound),
        cmocka_unit_test(enlarged_under_consumers_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
