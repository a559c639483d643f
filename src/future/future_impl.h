/* A task and its future: one slot of memory, one state word.
 *
 *                      claim (a worker)               end (who claimed)
 *     FREE --> PENDING ----------------> RUNNING ---------------------> ENDED
 *      ^        |   |                                                   ^   |
 *      |        |   '--> CLAIMED ---------------------------------------'   |
 *      |        |  claim (cancel, discard, shutdown)        end             |
 *      |        '-- renew: the generation goes up by one (sync/queue.c)     |
 *      '--------------------------------------------------------------------'
 *                                the last reference: generation + 1
 *
 * The word holds {generation:32, flags, state:8}. Every transition out of PENDING is a CAS on it, so
 * exactly one of all who would run, cancel, discard or expire a task gets to. The generation makes a
 * hint to an earlier life of the slot, or to a place in the queue that was given up, fail that CAS.
 *
 * Who owns what:
 *   FREE      whoever took the slot out of the slab owns all of it
 *   PENDING   nobody may write; the argument belongs to whoever will claim it
 *   CLAIMED   the claimer owns everything but what the lock protects; the function never runs
 *   RUNNING   the runner, likewise
 *   ENDED     status, result and error are immutable, until the last reference is gone
 *
 * [F1] PENDING is stored with release: function, argument and name are visible to the claimer, who
 *      acquires.
 * [F2] ENDED is stored with release: status, result and error, and all that the task did, are
 *      visible to whoever sees ENDED, who acquires.
 * [F3] OBSERVED is set by an atomic OR, ENDED by an atomic addition on the same word. Whichever
 *      comes second sees the other: either the observer sees ENDED and does not wait, or the ender
 *      sees OBSERVED and goes through the list, under the lock. So no waiter and no callback is
 *      ever forgotten, and a future without observers ends without taking the lock.
 *
 * What happens if a thread stops between any two lines: the word is in one of the five states; a
 * task in CLAIMED or RUNNING ends when its claimer goes on. Nobody else waits but those who wait
 * for this task. */
#ifndef WEIR_FUTURE_IMPL_H
#define WEIR_FUTURE_IMPL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "future/slab.h"
#include "sync/lock.h"
#include "weir/future.h"
#include "weir/task.h"

enum {
    WEIR__FREE = 0,
    WEIR__PENDING = 1,
    WEIR__CLAIMED = 2,
    WEIR__RUNNING = 3,
    WEIR__ENDED = 4,
    WEIR__STATE_MASK = 0xff,
    WEIR__OBSERVED = 0x100,         /* observers or callbacks are registered [F3] */
    WEIR__CANCEL_REQUESTED = 0x200, /* weir_task_cancel_requested() */
    WEIR__DETAILED = 0x400          /* there are details; never changes in a life */
};

/* Somebody who is told when a future has ended. The first word of a list entry; called under the
 * future's lock, once, after which the entry is not touched again. (Of a promise also before that,
 * with WEIR_EPENDING, see weir__future_moved().) */
struct weir__observer {
    struct weir__observer *next, *previous; /* protected by: the future's lock */
    void (*notify)(struct weir__observer *, weir_status status); /* immutable while linked */
    bool linked; /* protected by: the future's lock */
};

enum weir__callback_memory {
    WEIR__OF_THE_CALLER, /* not touched any more from the call on */
    WEIR__IN_A_SLOT,
    WEIR__ON_THE_HEAP
};

/* A done-callback. */
struct weir__callback {
    struct weir__callback *next; /* protected by: the future's lock */
    weir_done_fn *done;
    void *data;
    bool at_once; /* in the thread that ends the task, whether the executor dispatches or not */
    enum weir__callback_memory memory;
};

/* What most submissions do not say. In a slot of its own. */
struct weir__details {
    struct weir__callback *callbacks; /* protected by: the future's lock */
    const char *name;                 /* submitter until PENDING, as the rest; borrowed; NULL: none */
    int64_t start_by_ns;              /* valid by the flags */
    int64_t run_within_ns;            /* 0: no such limit */
    uint64_t reruns;                  /* WEIR__KILLABLE, and how often */
};

/* Bits of weir_future.flags. */
enum {
    WEIR__ARG_ON_HEAP = 1,      /* arg is ours to free */
    WEIR__TIMED = 2,            /* start_by_ns is set */
    WEIR__HAS_RESULT = 4,       /* there is one */
    WEIR__RESULT_ON_HEAP = 8,   /* it is ours to free */
    WEIR__HAS_MESSAGE = 16,     /* the result is the text of a failure */
    WEIR__ERROR_IS_STATUS = 32, /* the error is what the function returned */
    WEIR__HAS_CRASH = 64        /* the result is a weir_crash_info, then the text of a failure */
};

/* The most bytes of a result that can be where the argument was. As the function may read its argument
 * until it returns, such a result is on its thread's stack meanwhile (executor/task.c). */
#define WEIR__STAGED_MAX ((size_t)48)

/* One cache line that has all that a plain task needs; then what is kept for those who wait, and the
 * payload: the inline argument, and once the function has returned, the inline result. A result that
 * may be larger than WEIR__STAGED_MAX has a place of its own behind the argument. What a submission
 * rarely says, and callbacks, are in the payloads of further slots, which are never published. */
struct weir_future {
    _Alignas(WEIR__CACHE_LINE) _Atomic uint64_t word; /* atomic [F1] [F2] [F3] */
    _Atomic uint32_t refs;      /* atomic [F4]: handles, plus one until the end is dealt with */
    struct weir__lock lock;     /* protects the observers and callbacks */
    struct weir__slab *slab;    /* immutable */
    union {
        weir_task_fn *fn;                /* submitter until PENDING, then immutable until ENDED */
        struct weir_future *next_ended;  /* protected by: the dispatch's lock; once it has ended */
    };
    void *arg;                  /* likewise; inline bytes, a heap copy, or the caller's own */
    _Atomic int64_t submit_ns;  /* likewise; when it was accepted; a gauge to others */
    uint32_t index;             /* immutable; of the slot */
    union {
        _Atomic uint32_t link;        /* slab's, while FREE; then the executor's, under its lock */
        _Atomic uint32_t result_size; /* claimer until ENDED; bytes of an inline result */
    };
    int error;                  /* claimer until ENDED; the code of a failure, if it is one */
    uint8_t status;             /* likewise; a weir_status */
    uint8_t flags;              /* submitter, then claimer until ENDED, then immutable */
    bool queued;                /* protected by: lock; in the list of its dispatch, or about to be */

    _Alignas(WEIR__CACHE_LINE) struct weir__observer *observers; /* protected by: lock; in the order of
                                                                    registration; NULL while FREE */
    union { /* by DETAILED; NULL while FREE */
        struct weir__callback *callbacks; /* protected by: lock; newest first */
        struct weir__details *details;    /* submitter until PENDING, then immutable */
    };
    _Alignas(16) unsigned char payload[48]; /* and more, if the slab's slots are larger */
};

_Static_assert(offsetof(struct weir_future, observers) == WEIR__CACHE_LINE &&
                   sizeof(struct weir_future) == (size_t)2 * WEIR__CACHE_LINE,
               "two cache lines, of which the first has all that a plain task needs");
_Static_assert(WEIR__STAGED_MAX <= sizeof(((struct weir_future *)0)->payload),
               "a staged result fits into every slot");
_Static_assert(sizeof(struct weir__details) <= sizeof(((struct weir_future *)0)->payload) &&
                   sizeof(struct weir__callback) <= sizeof(((struct weir_future *)0)->payload),
               "they are payloads");

/* What the future layer asks the layer above, which alone knows executors. */
enum weir__help {
    WEIR__HELP_NO,      /* not ours to run: wait */
    WEIR__HELP_RAN,     /* it was run here, or found ended */
    WEIR__HELP_DEADLOCK /* it is the caller, or has the caller on top */
};

#define WEIR__KILLABLE ((uint64_t)1 << 32) /* in reruns: WEIR_KILL_ON_CANCEL */

struct weir__future_host {
    /* A future is being cancelled: the caller has CLAIMED it, so the owner is there and stays until
     * it has ended. Account for it and end it: true. False: it cannot be withdrawn any more, and
     * has been put into RUNNING. */
    bool (*withdraw)(void *owner, struct weir_future *future);
    /* The calling thread wants to wait for this unfinished future. */
    enum weir__help (*help)(void *owner, struct weir_future *future);
    /* Release an argument that is ours to free. Called before the future has ended. NULL: free(). */
    void (*free_arg)(void *owner, void *arg);
    /* Instead of a claim and withdraw, for futures that not everybody may claim (promise.c): cancel a
     * pending one. False: it is not pending any more, or a request was left. NULL: withdraw. */
    bool (*cancel)(void *owner, struct weir_future *future);
    /* A running future was asked to stop: pass it on. NULL: the flag in the word is enough. The owner
     * of a host that has this or refresh lives as long as the slab. */
    void (*request)(void *owner, struct weir_future *future);
    /* Somebody wants to know the state of a pending future: bring its word up to date, which is to
     * claim it for RUNNING if that is what it does, elsewhere. NULL: the word always is. */
    void (*refresh)(void *owner, struct weir_future *future);
    /* The calling thread's own slots, if it is a worker of the owner and this is the owner's slab. The
     * owner may be gone. NULL: nobody has any. */
    struct weir__slab_cache *(*cache)(void *owner, const struct weir__slab *slab);
    /* The slab is gone, and nobody will ask any more: the owner may go. NULL: it need not know. */
    void (*released)(void *owner);
    /* What can help with a pending future may change while somebody waits for it; observers are then
     * told, see weir__future_moved(). */
    bool moves;
};

static inline uint32_t weir__generation(uint64_t word)
{
    return (uint32_t)(word >> 32);
}

static inline unsigned weir__state(uint64_t word)
{
    return (unsigned)(word & WEIR__STATE_MASK);
}

/* A hint: how a queue or a running list names a task without holding it. */
static inline uint64_t weir__hint(uint32_t generation, uint32_t index)
{
    return (uint64_t)generation << 32 | index;
}

/* state.c: the transitions, and nothing else. */

/* FREE -> PENDING, refs as given, with WEIR__DETAILED if the word has it already. Returns the hint.
 * Requires: the slot is the caller's. */
uint64_t weir__future_publish(struct weir_future *future, uint32_t refs);
/* PENDING -> CLAIMED or RUNNING; false if it is not pending. */
bool weir__future_claim(struct weir_future *future, unsigned state);
/* CLAIMED -> RUNNING: it cannot be withdrawn after all. Requires: the claim. */
void weir__future_start(struct weir_future *future);
/* The same as claim, if the generation is that of the hint, too. */
bool weir__future_claim_hint(struct weir_future *future, uint64_t hint, unsigned state);
/* FREE -> CLAIMED or RUNNING: a task that is never queued. Requires: the slot is the caller's. */
void weir__future_adopt(struct weir_future *future, uint32_t refs, unsigned state);
/* The first half of that: CLAIMED or RUNNING -> ENDED, waiters woken. True: there are callbacks to
 * run. The ender's reference stays. Requires: the claim; no lock. */
bool weir__future_close(struct weir_future *future, weir_status status);
/* CLAIMED or RUNNING -> FREE, for a task that was submitted without a future, or whose future was given
 * up: true. False: nothing has been done, somebody may want to know. Requires: the claim; no lock. */
bool weir__future_end_unseen(struct weir_future *future, struct weir__slab_cache *cache);
/* CLAIMED or RUNNING -> ENDED; wakes waiters, sees to callbacks, drops the ender's reference. Result
 * and error have been set. Requires: the claim; no lock. */
void weir__future_end(struct weir_future *future, weir_status status,
                      struct weir__slab_cache *cache);
/* PENDING: generation + 1. See sync/queue.c. */
bool weir__future_renew(struct weir_future *future, uint64_t hint);
bool weir__future_is_pending(struct weir_future *future, uint64_t hint);
/* Whether it has ended; acquires [F2]. */
bool weir__future_ended(const struct weir_future *future);
/* Drop one reference. */
void weir__future_drop(struct weir_future *future, struct weir__slab_cache *cache);

/* observe.c */

/* Set OBSERVED; false if the future has ended. Requires: the lock. */
bool weir__future_announce_locked(struct weir_future *future);
/* Register. False if the future has ended: the observer is not linked and will not be called. */
bool weir__future_observe(struct weir_future *future, struct weir__observer *observer);
/* Unregister if still linked. On return, notify is not running and will not be called. */
void weir__future_unobserve(struct weir_future *future, struct weir__observer *observer);
/* Tell those who wait, with WEIR_EPENDING, that they may be able to help now; all stay linked. */
void weir__future_moved(struct weir_future *future);
/* True: there are callbacks. Requires: ENDED was just stored, and OBSERVED was set. */
bool weir__future_tell(struct weir_future *future);

/* callback.c */

/* The second half of an end, after close said true: run the callbacks, or have them dispatched. */
void weir__future_call_back(struct weir_future *future);
/* Run those that are to be dispatched: for dispatch.c. Requires: a reference. */
void weir__future_call_dispatched(struct weir_future *future);
/* weir_future_on_end() with memory of the caller's, which it gets back when done is called: cannot fail,
 * but for WEIR_EFORKED. */
weir_status weir__future_on_end_in(struct weir_future *future, struct weir__callback *memory,
                                   weir_done_fn *done, void *data);

/* extra.c: what is in slots of its own. */

/* Give these to a slot that is the caller's. False: out of memory. cache: see weir__slab_take(). */
bool weir__future_add_details(struct weir_future *future, struct weir__slab_cache *cache,
                              const struct weir__details *details);
/* Give up those that there are; nobody looks at them any more. */
void weir__future_drop_details(struct weir_future *future, struct weir__slab_cache *cache);
/* NULL: there are none. Requires: a reference, or the claim. */
struct weir__details *weir__future_details(const struct weir_future *future);
/* Memory for a callback, whether the owner of the slab is there or not. NULL: out of memory. Requires: a
 * reference. */
struct weir__callback *weir__callback_create(struct weir_future *future);
void weir__callback_destroy(struct weir_future *future, struct weir__callback *callback);
/* The head of the list. Requires: the lock. */
struct weir__callback **weir__future_callbacks_locked(struct weir_future *future);

/* result.c: results and messages. */

/* Where it is, or NULL: there is none. size may be NULL. */
void *weir__future_result(const struct weir_future *future, size_t *size);
/* Copy size bytes into the future as result or message. WEIR_OK | WEIR_ENOMEM. Requires: claim, and that
 * the argument is not needed any more, or has another place. */
weir_status weir__future_store(struct weir_future *future, const void *data, size_t size);
/* The same for memory that is the future's from now on; free() frees it. */
void weir__future_store_heap(struct weir_future *future, void *data, size_t size);
/* For one that was staged, in WEIR__STAGED_MAX bytes. Requires: there is none yet. */
void weir__future_store_staged(struct weir_future *future, const void *data, size_t size);
/* For one that is in the inline place already. Likewise. */
void weir__future_note_result(struct weir_future *future, size_t size);
void weir__future_forget_result(struct weir_future *future);
/* The inline parts of a slot. */
void *weir__future_inline_arg(struct weir_future *future);
void *weir__future_inline_result(struct weir_future *future);

#endif
