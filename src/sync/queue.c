/* The queue between submitters and workers: the only file that includes ck_*.h.
 *
 * What it carries. Not tasks but hints: {generation:32, index:32} of a task's slot. The truth is the
 * slot's own state word, changed by compare-and-swap: whoever pops a hint must still win that CAS,
 * with the generation in the hint, to own the task. A hint whose task was cancelled, or taken out by
 * a worker that waits for it, is simply stale. That makes cancel O(1) (nothing is searched or
 * unlinked), a hint that comes twice harmless, and the ring invisible to the memory model of our
 * own code: the task is published by the release of its state word and observed by the acquire of
 * the CAS that claims it [F1]. ThreadSanitizer sees those, so this file needs no annotations and is
 * compiled without instrumentation (CK's assembly is opaque to it).
 *
 * Why the producers hold a lock. ck_ring's multi-producer enqueue reserves a position by CAS, then
 * spins until all earlier producers have committed theirs. With more submitters than cores, one
 * that is preempted between the two makes every other one burn its whole time slice, and the burnt
 * slices delay the very thread they wait for. So the producers are serialised by the executor's
 * lock, which parks instead of spinning and is not handed over (sync/lock.h), and the ring is used
 * with a single producer at a time, whose enqueue waits for nobody. The lock is held for a few
 * dozen instructions; a submitter preempted inside holds the others up for one time slice at the
 * most, in which they sleep and its core is its own. Consumers take no lock: spmc dequeue is
 * lock-free, and a consumer that is preempted holds up nobody.
 *
 * (What a worker keeps to itself has that worker as its only producer, who clears out under the lock,
 * and is emptied as a whole when too much of it is valid: thread/lent.c.)
 *
 * Two lines that are not read. The producer's counter and the consumers' are on lines of their own, and
 * each of ck_ring's operations reads both, so that both lines go back and forth between the cores with
 * every task. Here either end remembers what it last saw of the other, which can only have grown: the
 * producer knows of so many free entries, a consumer of so many full ones, and they look again when that
 * is used up. The rest is what ck_ring_enqueue_spmc() and ck_ring_dequeue_spmc() do, with the same
 * primitives. What a consumer remembers is a 32-bit counter: one that has been away for so long that
 * the counters may have gone round forgets it (thread/worker.c).
 *
 * Clearing out. A ring of 2^k holds 2^k - 1 hints, at most half of them valid, by the choice of k.
 * When it is full, most are stale, and push moves the valid ones to a second ring, which becomes
 * the current one. At least half a ring of pushes lies between two such moves, so it costs O(1) a
 * push. Consumers go on meanwhile. FIFO holds because of the order of the move:
 *
 *   1. newest to oldest, each valid hint is renewed: a CAS on the state word makes generation g
 *      stale and g + 1 valid. A consumer takes from the old end, so what it can still claim with an
 *      old hint is older than everything that has been renewed: no task overtakes another.
 *   2. oldest to newest, the renewed hints are pushed to the second ring.
 *   3. the second ring becomes current (release [Q1]); the first is emptied: all in it is stale.
 *
 * A consumer that still looks at the first ring finds stale hints, then nothing; it sees that the
 * current ring is another one and starts over. If it sleeps through a second move, its ring is
 * current again, and it finds what is there: a ring is a valid spmc ring at any time, whatever its
 * role. So "empty" is only believed of a ring that is current after it was found empty.
 * (Without the lock, that may be a ring that became current again after two moves; whoever acts on
 * "empty", by going to sleep, looks once more under the lock.)
 *
 * What happens if a thread stops between any two lines: a producer stops with the lock held, see
 * above. A consumer stops with a hint in hand: its task stays pending and can still be cancelled,
 * or run by a worker that waits for it; the others go on with the next hint; if the producer
 * meanwhile moves, the hint in hand is not in the ring, so it is not renewed and stays valid.
 *
 * tests: unit.sync.queue (moves, FIFO, enlargement), stress (order, loss, duplicates). */
#include "sync/queue.h"

#include <ck_ring.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/atomic.h"
#include "base/compiler.h"

_Static_assert(sizeof(void *) == sizeof(uint64_t), "a hint travels in a pointer of the ring");

#define GENERATION_ONE ((uint64_t)1 << 32)

struct ring {
    ck_ring_t ck;               /* head and tail: one consumer-side and one producer-side line */
    struct ring *older;         /* protected by: producers' lock; replaced by enlarge */
    unsigned size;              /* immutable; a power of two */
    /* On a line that consumers do not look at, as they do at the size and at the entries. */
    _Alignas(CK_MD_CACHELINE) unsigned free; /* protected by: producers' lock; known to be free */
    unsigned scanned;                        /* protected by: producers' lock; before it all is stale */
    _Alignas(CK_MD_CACHELINE) ck_ring_buffer_t entries[]; /* owned by ck */
};

struct weir__queue {
    _Atomic(struct ring *) current; /* atomic [Q1] */
    struct ring *spare;             /* protected by: producers' lock; empty */
    struct ring *retired;           /* protected by: producers' lock; freed by destroy */
    size_t room;                    /* protected by: producers' lock */
    struct weir__queue_truth truth; /* immutable after create */
};

static struct ring *ring_create(size_t room)
{
    unsigned size = 8;
    while (size < 2 * (room + 1))
        size *= 2;
    /* Not written to before it is used: untouched pages of a large ring cost nothing. */
    struct ring *ring =
        aligned_alloc(CK_MD_CACHELINE, WEIR__ROUND_UP(sizeof *ring + size * sizeof ring->entries[0],
                                                      (size_t)CK_MD_CACHELINE));
    if (!ring)
        return NULL;
    ck_ring_init(&ring->ck, size);
    ring->older = NULL;
    ring->size = size;
    ring->free = 0;
    ring->scanned = 0;
    return ring;
}

struct weir__queue *weir__queue_create(size_t room, struct weir__queue_truth truth)
{
    /* On lines of its own: every consumer looks at it for every task. */
    struct weir__queue *queue = aligned_alloc(
        CK_MD_CACHELINE, WEIR__ROUND_UP(sizeof *queue, (size_t)CK_MD_CACHELINE));
    struct ring *first = ring_create(room), *second = ring_create(room);
    if (!queue || !first || !second) {
        free(queue);
        free(first);
        free(second);
        return NULL;
    }
    atomic_init(&queue->current, first);
    queue->spare = second;
    queue->retired = NULL;
    queue->room = room;
    queue->truth = truth;
    return queue;
}

void weir__queue_destroy(struct weir__queue *queue)
{
    if (!queue)
        return;
    while (queue->retired) {
        struct ring *older = queue->retired->older;
        free(queue->retired);
        queue->retired = older;
    }
    free(queue->spare);
    free(weir__load_relaxed(&queue->current)); /* no other thread is left */
    free(queue);
}

/* ck_ring_enqueue_spmc(), but for its look at the consumers' line: that is left out as long as the
 * last one has shown that there is room. False: full. Requires: the producers' lock. */
static bool enqueue(struct ring *ring, uint64_t hint)
{
    unsigned tail = ring->ck.p_tail, mask = ring->size - 1;
    if (WEIR__UNLIKELY(!ring->free)) {
        ring->free = mask - (tail - ck_pr_load_uint(&ring->ck.c_head));
        if (!ring->free)
            return false;
    }
    ring->free--;
    ring->entries[tail & mask].value = (void *)(uintptr_t)hint;
    ck_pr_fence_store(); /* the entry before the tail that says it is there, as CK does */
    ck_pr_store_uint(&ring->ck.p_tail, tail + 1);
    return true;
}

/* ck_ring_dequeue_spmc(), but for its look at the producer's line: that is left out as long as the
 * last one has shown more entries than have been taken since. */
static bool dequeue(struct ring *ring, struct weir__queue_end *end, uint64_t *hint)
{
    unsigned head = ck_pr_load_uint(&ring->ck.c_head), mask = ring->size - 1;
    do {
        if (end->ring != ring || end->tail - head - 1 >= mask) {
            end->ring = ring;
            ck_pr_fence_load(); /* the tail after the head: it must not be an older one */
            end->tail = ck_pr_load_uint(&ring->ck.p_tail);
            if (end->tail == head)
                return false;
        }
        ck_pr_fence_load(); /* the entry after the tail */
        *hint = (uint64_t)(uintptr_t)ck_pr_load_ptr(&ring->entries[head & mask].value);
        ck_pr_fence_load_atomic(); /* and before the head, by which it may be overwritten */
    } while (!ck_pr_cas_uint_value(&ring->ck.c_head, head, head + 1, &head));
    return true;
}

/* Step 1 to 3 of the essay. Requires: the producers' lock; `to` is empty and large enough. */
static void move(struct weir__queue *queue, struct ring *from, struct ring *to)
{
    const struct weir__queue_truth *truth = &queue->truth;
    unsigned mask = from->size - 1;
    unsigned head = ck_pr_load_uint(&from->ck.c_head), tail = from->ck.p_tail;
    ck_pr_fence_load(); /* orders the entries after the head that says they are there, as CK does */
    for (unsigned i = tail; i != head; i--)
        truth->renew(truth->context, (uint64_t)(uintptr_t)from->entries[(i - 1) & mask].value);
    for (unsigned i = head; i != tail; i++) {
        uint64_t renewed =
            (uint64_t)(uintptr_t)from->entries[i & mask].value + GENERATION_ONE;
        /* A stale hint's successor may be valid, if its slot was used again and that hint is in a
         * consumer's hand: then it comes twice, which is harmless. */
        if (truth->valid(truth->context, renewed))
            enqueue(to, renewed);
    }
    to->scanned = ck_pr_load_uint(&to->ck.c_head);
    /* release [Q1]: the entries of `to` are visible to whoever sees it current */
    weir__store_release(&queue->current, to);
    struct weir__queue_end end = {NULL, 0};
    uint64_t stale;
    while (dequeue(from, &end, &stale))
        ;
}

WEIR__APART bool weir__queue_clear_locked(struct weir__queue *queue)
{
    struct ring *full = weir__load_relaxed(&queue->current), *next = queue->spare; /* lock held */
    move(queue, full, next);
    queue->spare = full;
    return next->ck.p_tail - ck_pr_load_uint(&next->ck.c_head) <= queue->room;
}

bool weir__queue_push_if_room(struct weir__queue *queue, uint64_t hint)
{
    return enqueue(weir__load_relaxed(&queue->current), hint); /* relaxed: the producer changes it */
}

bool weir__queue_push_locked(struct weir__queue *queue, uint64_t hint)
{
    if (WEIR__LIKELY(weir__queue_push_if_room(queue, hint)))
        return true;
    (void)weir__queue_clear_locked(queue);
    return weir__queue_push_if_room(queue, hint);
}

bool weir__queue_enlarge_locked(struct weir__queue *queue, size_t room)
{
    if (room <= queue->room)
        return true;
    struct ring *first = ring_create(room), *second = ring_create(room);
    if (!first || !second) {
        free(first);
        free(second);
        return false;
    }
    struct ring *old = weir__load_relaxed(&queue->current); /* lock held */
    move(queue, old, first);
    /* A consumer may be looking at either for as long as it likes: they are kept until destroy. */
    old->older = queue->spare;
    queue->spare->older = queue->retired;
    queue->retired = old;
    queue->spare = second;
    queue->room = room;
    return true;
}

size_t weir__queue_room(const struct weir__queue *queue)
{
    return queue->room;
}

bool weir__queue_oldest_locked(struct weir__queue *queue, uint64_t *hint)
{
    const struct weir__queue_truth *truth = &queue->truth;
    struct ring *ring = weir__load_relaxed(&queue->current); /* lock held */
    unsigned mask = ring->size - 1, tail = ring->ck.p_tail;
    unsigned i = ck_pr_load_uint(&ring->ck.c_head);
    if ((int)(ring->scanned - i) > 0) /* what is stale stays so: nothing is looked at twice */
        i = ring->scanned;
    for (; i != tail; i++) {
        *hint = (uint64_t)(uintptr_t)ring->entries[i & mask].value;
        if (truth->valid(truth->context, *hint))
            break;
    }
    ring->scanned = i;
    return i != tail;
}

bool weir__queue_pop(struct weir__queue *queue, struct weir__queue_end *end, uint64_t *hint)
{
    /* acquire [Q1] */
    struct ring *ring = weir__load_acquire(&queue->current);
    for (;;) {
        if (dequeue(ring, end, hint))
            return true;
        struct ring *now = weir__load_acquire(&queue->current); /* [Q1] */
        if (now == ring)
            return false;
        ring = now;
    }
}

bool weir__queue_peek(const struct weir__queue_end *end, uint64_t *hint)
{
    const struct ring *ring = end->ring;
    unsigned head = ck_pr_load_uint(&ring->ck.c_head);
    if (end->tail - head - 1 >= ring->size - 1)
        return false;
    *hint = (uint64_t)(uintptr_t)ck_pr_load_ptr(&ring->entries[head & (ring->size - 1)].value);
    return true;
}

bool weir__queue_seems_empty(struct weir__queue *queue)
{
    /* relaxed would do for the guess; acquire [Q1] because the ring is looked into */
    struct ring *ring = weir__load_acquire(&queue->current);
    return ck_ring_size(&ring->ck) == 0;
}
