/* The protocol between the host process (the parent) and its workers, over shared memory.
 *
 * Any process may die between any two instructions, a worker may be stopped for ever, and a worker
 * whose task scribbles may write anything anywhere in the shared memory. So:
 *
 *   - no lock is shared, and no structure that two processes change other than by one CAS;
 *   - the word of a slot says who owns its task, and only that word does. Rings, sleep words, the
 *     doorbell and the eventfd are hints: losing one costs time, never a task;
 *   - what the parent relies on (which future, which generation, how long, where its ends of the
 *     rings are) is in memory of its own. It reads shared memory as one reads a packet from a
 *     network: each value once, checked, then used.
 *
 * One task's slot. The word holds {generation:32, worker:16, state:16}:
 *
 *             parent                 worker w: CAS           worker w: CAS
 *     FREE ----------> QUEUED ---------------> CLAIMED(w) ---------------> RUNNING(w)
 *      ^ ^             |    ^                    |  |                        |  |   |
 *      | '-------------'    '--------------------'  |    parent: CAS         |  |   | worker w: CAS
 *      |  parent: CAS,        parent, w is dead:    |    .-------------------'  |   v
 *      |  generation + 1      CAS, generation + 1   |    v                      | DONE(w)
 *      |                                            |  CONDEMNED(w)             |   |
 *      '--------------------------------------------'    |  parent, w is dead   |   |
 *      |   parent: CAS, generation + 1                   |                      |   |
 *      '-------------------------------------------------'----------------------'---'
 *                                         parent: generation + 1
 *
 *   FREE       the parent owns the slot: it fills it in.
 *   QUEUED     nobody writes. The parent may take it back (cancel, displace, shut down).
 *   CLAIMED    the worker has done nothing but claim; the parent may take it back just as well, so
 *              a worker reads nothing of the slot before it is RUNNING. If w dies, the function
 *              has not begun: the task is queued again at no charge.
 *   RUNNING    the worker owns all but the word and `asked`. If w dies, the task died with it; if it
 *              was declared retryable, it is queued again.
 *   CONDEMNED  the parent has decided that w must die for this task (it ran too long, or was
 *              cancelled by force). A signal may come late; by the CAS it cannot hit another task:
 *              w's own CAS to DONE fails, and it goes no further.
 *   DONE       the worker does not touch the slot again; outcome and result are the parent's.
 *
 * [X1] FREE -> QUEUED is a release: all of the slot's input is visible to whom the CAS to CLAIMED,
 *      which acquires, makes its owner.
 * [X2] RUNNING -> DONE is a release: outcome and result are visible to the parent, which acquires.
 *      Of a dead worker everything is visible: the kernel says that it is dead after its last store.
 * [X3] Hints. Only the parent produces, under the executor's lock; its end of the ring is its own.
 *      Positions are 64-bit counters that never come back, so a consumer's CAS on the head cannot
 *      mistake one round for another. A slow consumer reads an entry that is being overwritten only
 *      if the head has moved on, and then its CAS fails.
 * [X4] Sleep. A worker says in its sleep word that it is idle, then looks at the ring once more. The
 *      parent pushes a hint, then looks for a worker that is idle. All four are sequentially
 *      consistent: one of the two sees the other. See idle.c.
 * [X5] Doorbell. The same between the workers and the parent: the parent stores 1, then looks at
 *      the completion rings; a worker pushes a completion, then reads the doorbell, and whoever
 *      turns the 1 into 0 writes to the eventfd.
 * [X6] A completion ring that is full is no reason to wait: the worker says so in `overflow`, and
 *      the parent looks at the words of all open tasks instead.
 *
 * Queueing again, after a death or when the ring is full of hints to tasks that were cancelled, is
 * one operation, rebuild (queue.c): from newest to oldest, every QUEUED word gets the next
 * generation by CAS, which makes all hints stale wherever they are (in the ring, in the hand of a
 * worker, in that of a dead one); then the head is moved to the tail; then the new hints are pushed,
 * oldest first. Since a worker can meanwhile only claim what is older than all that was renewed, no
 * task overtakes another. So "a hint was lost" has one cure, whatever the cause.
 *
 * What if worker w dies ...                                       the parent, once it is dead:
 *   between its hint and its claim      QUEUED, hint gone          rebuilds
 *   between claim and start             CLAIMED(w)                 queues it again, at no charge
 *   in the function                     RUNNING(w)                 ends it WEIR_ECRASHED, or retries
 *   between the end and its completion  DONE(w), not in the ring   finds it in the scan
 *   after the completion                DONE(w), in the ring       drains the ring first; the second
 *                                                                  look finds it ended already
 *   between doorbell and eventfd        others do not ring         is woken by the death itself
 *   asleep, with a wake-up aimed at it  the hint is in the ring    wakes all the others
 *   between a wake-up's CAS and the     the other sleeps on        wakes all the others
 *   waking of that other worker
 *   asleep, or between tasks            nothing                    nothing
 *   with a large result half written    RUNNING(w)                 takes w's part back as a whole
 * It knows the death from a pidfd, or from the process that forked w and waits for it: both speak
 * after the last thread of w is gone, so no store of w comes later. In every case w's words are
 * reset and another process takes the number w.
 *
 * Why no task ends twice: the parent takes a task for its end under its lock, by emptying the private
 * record of the slot; who finds it empty does nothing. Why none is lost: every open task is in the
 * parent's private list, in one of the states above, and each state has somebody who moves it on: a
 * live worker, or the parent after a death. If the word of an open task is none of these (another
 * generation, a worker that is not alive), shared memory was spoilt: the executor is broken, every
 * open task ends, and the host goes on.
 *
 * Why shutting down loses none: workers are told to leave only when no task is open.
 *
 * What a worker that is *stopped* can hold up: the task it runs (a time limit kills it); the task it
 * claimed, likewise; a hint, a wake-up or a ring of the doorbell, until the parent's next look, since
 * it looks every now and then as long as tasks are open and nothing ends. An executor without tasks
 * does not wake up at all.
 *
 * Who is trusted. The parent trusts nobody. A worker trusts the parent and, as far as a function to
 * call and its argument go, the other workers: they share one segment, and a task that scribbles over
 * it can make another worker crash, or another task's result wrong, or the executor break.
 *
 * tests: conformance.process; unit.schedule.workers, unit.schedule.deaths (this code, in orders of steps
 * that can be repeated, killed at any of them); tests/model (the protocol, in all its states);
 * fault.process_step (a kill at each instruction of a round), _storm (of signals), _wake (lost
 * wake-ups), _payload (sizes, a scribbler), _death, _family, _limits, _scarce. Which of them finds which
 * planted mistake: docs/mutants.md. */
#ifndef WEIR_PROCESS_PROTOCOL_H
#define WEIR_PROCESS_PROTOCOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "weir/task.h"

enum weir__slot_state {
    WEIR__SLOT_FREE = 0,
    WEIR__SLOT_QUEUED = 1,
    WEIR__SLOT_CLAIMED = 2,
    WEIR__SLOT_RUNNING = 3,
    WEIR__SLOT_DONE = 4,
    WEIR__SLOT_CONDEMNED = 5
};

static inline uint64_t weir__word(uint32_t generation, unsigned state, size_t worker)
{
    return (uint64_t)generation << 32 | (uint64_t)(worker & 0xffff) << 16 | (state & 0xffff);
}

static inline uint32_t weir__word_generation(uint64_t word)
{
    return (uint32_t)(word >> 32);
}

static inline unsigned weir__word_state(uint64_t word)
{
    return (unsigned)(word & 0xffff);
}

static inline size_t weir__word_worker(uint64_t word)
{
    return (size_t)(word >> 16 & 0xffff);
}

/* How a task came out, as its worker tells. */
enum weir__outcome {
    WEIR__OUTCOME_OK = 0,
    WEIR__OUTCOME_FAILED = 1,  /* result is the message */
    WEIR__OUTCOME_EXPIRED = 2, /* the function was not called */
    WEIR__OUTCOME_TOO_BIG = 3  /* the function succeeded, its result has no room */
};

enum {
    WEIR__INPUT_NAMED = 1,     /* name is set */
    WEIR__INPUT_BYTES = 2,     /* the argument is bytes, not a pointer passed through */
    WEIR__INPUT_LARGE = 4,     /* those bytes are in an input buffer */
    WEIR__INPUT_PRESERVE = 8   /* the function gets a copy: it may have to run again */
};

enum { WEIR__SLOT_NAME_BYTES = 64 };

/* A task on its way through the segment. Behind it: room for the inline argument, then for the
 * inline result. */
struct weir__slot {
    _Alignas(WEIR__CACHE_LINE) _Atomic uint64_t word; /* atomic [X1] [X2] */
    _Atomic uint32_t asked;     /* the parent writes: weir_task_cancel_requested() */
    uint32_t input;             /* parent until QUEUED; WEIR__INPUT_ bits */
    weir_task_fn *fn;           /* likewise */
    void *pointer;              /* likewise; the argument, if it is passed through */
    uint64_t arg_size;          /* likewise; bytes */
    uint32_t arg_buffer;        /* likewise; number of the input buffer */
    uint32_t outcome;           /* worker until DONE */
    int64_t start_by_ns;        /* parent until QUEUED; WEIR_FOREVER: no such time */

    _Alignas(WEIR__CACHE_LINE) _Atomic int64_t start_ns; /* worker, once RUNNING; 0 before */
    int64_t end_ns;             /* worker until DONE */
    uint64_t result_size;       /* likewise; bytes */
    uint64_t result_offset;     /* likewise; in the worker's part for large results */
    int32_t error;              /* likewise */
    uint32_t error_is_status;   /* likewise; it is what the function returned */
    uint32_t result_large;      /* likewise; the result is in that part, not inline */
    char name[WEIR__SLOT_NAME_BYTES]; /* parent until QUEUED */
};

/* Where a worker stands, in its own words. Only used to say what happened. */
enum weir__phase {
    WEIR__PHASE_NONE = 0,
    WEIR__PHASE_READY = 1,       /* its init, if any, succeeded */
    WEIR__PHASE_INIT_FAILED = 2, /* it did not: the executor breaks */
    WEIR__PHASE_LEAVING = 3      /* it was told to leave, or has run its number of tasks */
};

enum { WEIR__DONE_RING = 1024 }; /* a power of two */

/* What the parent and one worker have between them. */
struct weir__station {
    _Alignas(WEIR__CACHE_LINE) _Atomic uint32_t sleep; /* atomic [X4]; futex; see idle.c */
    _Atomic int64_t woken_ns;        /* relaxed, advice: when its sleep was ended; 0: it did not sleep */
    _Atomic uint32_t phase;          /* the worker writes, relaxed */
    _Atomic uint32_t go;             /* futex; the parent has the pidfd of a worker that it forked */
    _Atomic uint32_t collected;      /* atomic [X2]; futex; large results that the parent has copied */
    _Alignas(WEIR__CACHE_LINE) _Atomic uint64_t done_tail; /* atomic [X5]; the worker writes */
    _Atomic uint32_t overflow;       /* atomic [X6] */
    _Atomic int64_t running_since_ns; /* the worker writes, relaxed, for statistics; 0: no task */
    _Alignas(WEIR__CACHE_LINE) _Atomic uint64_t done_head; /* relaxed: the parent's, for "full" */
    _Alignas(WEIR__CACHE_LINE) _Atomic uint64_t done[WEIR__DONE_RING]; /* published by done_tail */
};

/* What the parent and all workers have between them. */
struct weir__commons {
    _Alignas(WEIR__CACHE_LINE) _Atomic uint64_t hint_head; /* atomic [X3]; consumers */
    _Alignas(WEIR__CACHE_LINE) _Atomic uint64_t hint_tail; /* atomic [X3] [X4]; the parent writes */
    _Atomic uint32_t leave;    /* the parent writes: there is nothing more to do */
    _Alignas(WEIR__CACHE_LINE) _Atomic uint32_t doorbell; /* atomic [X5] */
    _Atomic int64_t rung_ns;   /* relaxed, advice: when it was rung; 0: not since the parent looked */
};

#endif
