/* The protocol between the host process and its workers (src/process/protocol.h), for Spin.
 *
 * Two threads of the parent (one that submits and cancels, the collector), the workers, and somebody who
 * kills them between any two steps. A step is one access to shared memory. Time does not exist: the
 * collector never looks around for what should not have happened, so a task, a hint or a wake-up that
 * is lost is a state in which nobody can go on, and Spin finds it. (Order of memory does not either:
 * every step is seen by all.)
 *
 * What is checked: each task ends, once; what ended as done has been executed; nothing is executed
 * twice but what may be retried; a task that was claimed or queued is not charged with a death; all
 * workers leave at the end. With MEET, tasks wait for each other, so none may wait behind a busy worker
 * while another one sleeps.
 *
 *   W workers   T tasks   S slots   R hints in the ring   D completions in a worker's ring
 *   KILLS deaths   RETRIES of each task   CANCELS   OVERRUNS tasks killed for taking too long
 *   MEET tasks 0 and 1 need each other
 *   ONE_THREAD in the parent, which submits when it would look at the completion rings or sleep
 *
 * A mistake is planted by defining one of the names that begin with NO_; see `run`. */

#ifndef W
#define W 2
#endif
#ifndef T
#define T 2
#endif
#ifndef S
#define S 2
#endif
#ifndef R
#define R 2
#endif
#ifndef D
#define D 2
#endif
#ifndef KILLS
#define KILLS 0
#endif
#ifndef RETRIES
#define RETRIES 0
#endif
#ifndef CANCELS
#define CANCELS 0
#endif
#ifndef OVERRUNS
#define OVERRUNS 0
#endif

#define FREE 0
#define QUEUED 1
#define CLAIMED 2
#define RUNNING 3
#define DONE 4
#define CONDEMNED 5

#define AWAKE 0
#define IDLE 1
#define ASLEEP 2

#define NOBODY 7
#define HINT(generation, slot) ((generation) << 2 | (slot))
#define SLOT_OF(hint) ((hint) & 3)
#define GENERATION_OF(hint) ((hint) >> 2)

/* Shared: the words of the slots, each changed as one. */
typedef word { byte generation; byte state; byte worker }
word slot[S];
byte task_of[S]; /* the input: the parent writes while FREE, a worker reads while RUNNING */

/* Shared: the ring of hints. Positions never come back. */
byte ring[R];
byte head, tail;
bit leave;

/* Shared: the stations. */
typedef completions { byte entry[D] }
completions done[W];
byte done_head[W], done_tail[W];
bit overflow[W];
byte sleeps[W];  /* the futex word: AWAKE, IDLE, ASLEEP */
bit doorbell;

/* The kernel's. */
bit in_futex[W];
bit alive[W], killed[W], dead[W]; /* dead: and nobody has been told yet */
bit rung;                         /* the eventfd */

/* The parent's own, under its lock. */
bit lock;
byte generation[S];
bit open[S];
byte age[S];  /* the open slots, oldest first */
byte opened;
byte reruns[T];
bit closed;

/* What the checks look at. */
byte executed[T], ended[T];
bit begun[T];
byte deaths;

inline take_lock()    { atomic { !lock -> lock = 1 } }
inline release_lock() { lock = 0 }

/* One futex, one sleeper. */
inline wake(i) { in_futex[i] = 0 }

/* [X4] */
inline wake_one(i)
{
    i = 0;
    do
    :: i < W ->
        if
        :: d_step { sleeps[i] == IDLE -> sleeps[i] = AWAKE }; i = W /* no system call */
        :: d_step { sleeps[i] == ASLEEP -> sleeps[i] = AWAKE }; wake(i); i = W
        :: else -> i = i + 1
        fi
    :: else -> break
    od;
    i = 0
}

inline wake_all(i)
{
    i = 0;
    do
    :: i < W ->
#ifdef NO_WAKE_OF_ALL
        if
        :: d_step { sleeps[i] == IDLE -> sleeps[i] = AWAKE }
        :: d_step { sleeps[i] == ASLEEP -> sleeps[i] = AWAKE }; wake(i)
        :: else
        fi;
#else
        sleeps[i] = AWAKE;
        wake(i);
#endif
        i = i + 1
    :: else -> break
    od;
    i = 0
}

/* A worker: the next hint; got: whether there was one. [X3] */
inline pop()
{
    at = head;
    got = 0;
    do
    :: tail == at -> break
    :: else ->
        hint = ring[at % R];
        if
        :: d_step { head == at -> head = at + 1; got = 1 }; break
        :: else -> at = head
        fi
    od;
    at = 0
}

proctype work(byte w)
{
    byte at, hint, i, s;
    bit got;

end_no_process:
    {
        alive[w];
next:
        pop();
        if
        :: got -> goto take
        :: else
        fi;
        sleeps[w] = IDLE;
#ifndef NO_LAST_LOOK
        pop();
        if
        :: got ->
            if
            :: d_step { sleeps[w] == IDLE -> sleeps[w] = AWAKE }
            :: else ->
#ifdef NO_HAND_OFF
                skip
#else
                wake_one(i)
#endif
            fi;
            goto take
        :: else
        fi;
#endif
        if
        :: leave -> goto gone
        :: else
        fi;
        if /* it has looked at its word for as long as it liked */
        :: d_step { sleeps[w] == IDLE -> sleeps[w] = ASLEEP }
        :: else -> goto next
        fi;
        do
        :: sleeps[w] == AWAKE -> break
        :: d_step { sleeps[w] == ASLEEP -> in_futex[w] = 1 }; /* the kernel looks at the word */
            !in_futex[w]
        od;
        goto next;

take:
        s = SLOT_OF(hint);
#ifdef NO_CAS
        if
        :: slot[s].generation == GENERATION_OF(hint) && slot[s].state == QUEUED ->
            d_step { slot[s].state = CLAIMED; slot[s].worker = w }
#else
        if
        :: d_step {
            slot[s].generation == GENERATION_OF(hint) && slot[s].state == QUEUED ->
            slot[s].state = CLAIMED; slot[s].worker = w
           }
#endif
        :: else -> goto next
        fi;
        if
        :: d_step {
            slot[s].generation == GENERATION_OF(hint) && slot[s].state == CLAIMED &&
            slot[s].worker == w ->
            slot[s].state = RUNNING; begun[task_of[s]] = 1;
            executed[task_of[s]]++;
            assert(executed[task_of[s]] <= 1 + RETRIES)
           }
        :: else -> goto next
        fi;

#ifdef MEET
        if
        :: task_of[s] < 2 -> begun[1 - task_of[s]] || ended[1 - task_of[s]]
        :: else
        fi;
#endif
        if
        :: d_step {
            slot[s].generation == GENERATION_OF(hint) && slot[s].state == RUNNING &&
            slot[s].worker == w ->
            slot[s].state = DONE
           }
        :: else -> goto gone /* condemned */
        fi;

        if /* [X6] */
        :: done_tail[w] - done_head[w] < D ->
            done[w].entry[done_tail[w] % D] = hint;
            done_tail[w]++
        :: else -> overflow[w] = 1
        fi;
        if /* [X5] */
        :: d_step { doorbell == 1 -> doorbell = 0 }; rung = 1
        :: else
        fi;
        goto next
    } unless {
        killed[w]
    };
gone:
    skip;
    d_step {
        at = 0; hint = 0; i = 0; s = 0; got = 0;
        killed[w] = 0; in_futex[w] = 0;
        alive[w] = 0; dead[w] = 1
    };
    goto end_no_process
}

/* The parent, with the lock, but for wake_all() and look_for_reports(). i, j, s, hint: its caller's.
 * What is its own is seen by nobody else, so it is changed in one step with the access to what is
 * shared. */

inline push(slot_of_it)
{
    d_step { /* an entry that a slow worker may still read: its CAS fails */
        no_room = (tail - head >= R);
        if
        :: !no_room -> ring[tail % R] = HINT(generation[slot_of_it], slot_of_it)
        :: else
        fi
    };
    if
    :: !no_room -> tail = tail + 1
    :: else
    fi
}

inline rebuild()
{
    i = opened;
    do
    :: i > 0 ->
        d_step {
            i = i - 1;
            if
            :: slot[age[i]].state == QUEUED ->
                generation[age[i]]++;
                slot[age[i]].generation = generation[age[i]]
            :: else
            fi
        }
    :: else -> break
    od;
#ifndef NO_NEW_HINTS
    head = tail;
    do
    :: i < opened ->
        if
        :: slot[age[i]].state == QUEUED -> push(age[i]); assert(!no_room)
        :: else
        fi;
        i = i + 1
    :: else -> break
    od;
    i = 0
#endif
}

/* The slot at this place of the list is free again; its task has ended. Within a d_step. */
inline close_slot(place)
{
    s = age[place];
    assert(ended[task_of[s]] == 0);
    ended[task_of[s]] = 1;
    open[s] = 0;
    generation[s]++;
    slot[s].generation = generation[s];
    slot[s].state = FREE;
    slot[s].worker = 0;
    opened--;
    j = place;
    do
    :: j < opened -> age[j] = age[j + 1]; j++
    :: else -> break
    od;
    age[opened] = 0;
    j = 0; s = 0
}

inline end_done(place)
{
    assert(executed[task_of[age[place]]] > 0);
    close_slot(place)
}

/* Every open task that this worker says it has done. */
inline find_done(w)
{
    do
    :: i < opened ->
        d_step {
            if
            :: slot[age[i]].state == DONE && slot[age[i]].worker == w -> end_done(i)
            :: else -> i = i + 1
            fi
        }
    :: else -> break
    od;
    i = 0
}

/* What the worker's completion ring says. */
inline drain(w)
{
    do
    :: done_head[w] != done_tail[w] ->
        d_step {
            hint = done[w].entry[done_head[w] % D];
            i = 0;
            do
            :: i < opened && age[i] != SLOT_OF(hint) -> i++
            :: else -> break
            od;
            if /* else it was found in a scan before */
            :: i < opened ->
                if
                :: generation[age[i]] == GENERATION_OF(hint) ->
                    assert(slot[age[i]].state == DONE && slot[age[i]].worker == w);
                    end_done(i)
                :: else
                fi
            :: else
            fi;
            i = 0; hint = 0
        };
        done_head[w] = done_head[w] + 1
    :: else -> break
    od
}

inline queue_again(place)
{
    generation[age[place]]++;
    begun[task_of[age[place]]] = 0;
    slot[age[place]].generation = generation[age[place]];
    slot[age[place]].worker = 0;
    slot[age[place]].state = QUEUED
}

/* Worker w is dead. */
inline recover(w)
{
    drain(w);
    do
    :: i < opened ->
        d_step {
            assert(slot[age[i]].generation == generation[age[i]]);
            assert(slot[age[i]].state != FREE);
            if
            :: slot[age[i]].state == QUEUED || slot[age[i]].worker != w -> i++
            :: else ->
                if
#ifndef NO_DONE_SCAN
                :: slot[age[i]].state == DONE -> end_done(i)
#endif
                :: slot[age[i]].state == CONDEMNED -> close_slot(i)
#ifndef NO_CLAIMED_SCAN
                :: slot[age[i]].state == CLAIMED -> queue_again(i); i++
#endif
#ifndef NO_RUNNING_SCAN
                :: slot[age[i]].state == RUNNING ->
                    if
                    :: reruns[task_of[age[i]]] < RETRIES ->
                        reruns[task_of[age[i]]]++; queue_again(i); i++
                    :: else ->
                        assert(deaths > 0); /* each costs one running task at the most */
                        deaths--;
                        close_slot(i)
                    fi
#endif
                :: else -> i++
                fi
            fi
        }
    :: else -> break
    od;
    i = 0;
    rebuild()
}

inline look_for_reports()
{
    do
    :: i < W ->
        any = any | (done_head[i] != done_tail[i] || overflow[i]);
        i = i + 1
    :: else -> break
    od;
    i = 0
}

/* Submit task t; perhaps cancel it. */
inline submit_one()
{
    d_step {
        opened < S && !lock -> lock = 1;
        s = 0;
        do
        :: open[s] -> s++
        :: else -> break
        od;
        task_of[s] = t;
        open[s] = 1;
        age[opened] = s;
        opened++;
        slot[s].state = QUEUED /* [X1] */
    };
    push(s);
    if
    :: no_room -> no_room = 0; rebuild()
    :: else
    fi;
    wake_one(i);
    release_lock();
#if CANCELS > 0
    if
    :: cancels > 0 ->
        take_lock();
        cancels--;
        d_step {
            if
            :: open[s] && task_of[s] == t &&
               (slot[s].state == QUEUED || slot[s].state == CLAIMED) ->
                do
                :: age[i] != s -> i++
                :: else -> break
                od;
                close_slot(i);
                i = 0
            :: else
            fi
        };
        release_lock()
    :: true
    fi;
#endif
    s = 0;
    t++
}

#ifndef ONE_THREAD
active proctype submitter()
{
    byte t, s, i, j;
    bit no_room;
#if CANCELS > 0
    byte cancels = CANCELS;
#endif
    do
    :: t < T -> submit_one()
    :: else -> break
    od;
    closed = 1;
    d_step { rung = 1; t = 0 }
}
#endif

active proctype collector()
{
    byte i, j, s, w, hint;
    bit any, no_room, told;
#ifdef ONE_THREAD
    byte t;
#if CANCELS > 0
    byte cancels = CANCELS;
#endif
#endif
#if OVERRUNS > 0
    byte overruns = OVERRUNS;
#endif

    d_step {
        do
        :: w < W -> alive[w] = 1; w++
        :: else -> break
        od;
        w = 0
    };
again:
    any = 0;
#ifdef ONE_THREAD
    if
    :: t < T && opened < S -> submit_one(); closed = (t == T)
    :: true
    fi;
#endif
    look_for_reports();
    if
    :: any ->
        take_lock();
        do
        :: w < W ->
            drain(w);
            if
            :: overflow[w] -> overflow[w] = 0; find_done(w)
            :: else
            fi;
            w = w + 1
        :: else -> break
        od;
        w = 0;
        release_lock();
        goto again
    :: else
    fi;
    do
    :: w < W && dead[w] ->
        dead[w] = 0;
        take_lock();
        recover(w);
        release_lock();
        wake_all(i);
        d_step {
            sleeps[w] = 0; done_head[w] = 0; done_tail[w] = 0; overflow[w] = 0;
            alive[w] = !told
        };
        w = w + 1
    :: w < W && !dead[w] -> w = w + 1
    :: w >= W -> break
    od;
    w = 0;
#if OVERRUNS > 0
    if
    :: overruns > 0 && opened > 0 ->
        take_lock();
        if
        :: opened > 0 && slot[age[0]].state == RUNNING ->
#ifdef NO_CONDEMNING
            d_step { w = slot[age[0]].worker; any = 1 }
#else
            d_step {
                w = slot[age[0]].worker;
                any = slot[age[0]].state == RUNNING;
                if
                :: any -> slot[age[0]].state = CONDEMNED
                :: else
                fi
            }
#endif
            if
            :: d_step { any && alive[w] -> killed[w] = 1 }
            :: else
            fi;
            any = 0; w = 0; overruns--
        :: else
        fi;
        release_lock()
    :: true
    fi;
#endif
    if
    :: closed && !told ->
        take_lock();
#ifdef NO_WAIT_FOR_OPEN
        told = 1;
#else
        told = opened == 0;
#endif
        release_lock();
        if
        :: told -> leave = 1; wake_all(i)
        :: else
        fi
    :: else
    fi;
    doorbell = 1; /* [X5] */
#ifndef NO_LOOK_BEFORE_POLL
    look_for_reports();
#endif
    if
    :: any
    :: else ->
#if W == 1
#define ANY_DEAD dead[0]
#define ANY_ALIVE alive[0]
#elif W == 2
#define ANY_DEAD (dead[0] || dead[1])
#define ANY_ALIVE (alive[0] || alive[1])
#else
#define ANY_DEAD (dead[0] || dead[1] || dead[2])
#define ANY_ALIVE (alive[0] || alive[1] || alive[2])
#endif
        if
        :: rung
        :: ANY_DEAD
        :: told && !ANY_ALIVE && !ANY_DEAD -> goto over
#ifdef ONE_THREAD
        :: t < T && opened < S
#endif
#if OVERRUNS > 0
        :: overruns > 0 && opened > 0 && slot[age[0]].state == RUNNING /* the clock */
#endif
        fi
    fi;
    rung = 0;
    doorbell = 0;
    any = 0;
    goto again;
over:
    w = 0;
    do
    :: w < T -> assert(ended[w] == 1); w++
    :: else -> break
    od
}

#if KILLS > 0
#define KILL(w) atomic { kills > 0 && alive[w] && !killed[w] -> killed[w] = 1; kills--; deaths++ }

active proctype killer()
{
    byte kills = KILLS;
end_no_victim:
    do
    :: KILL(0)
#if W > 1
    :: KILL(1)
#endif
#if W > 2
    :: KILL(2)
#endif
    od
}
#endif

init
{
    atomic {
        byte n;
        do
        :: n < W -> run work(n); n++
        :: else -> break
        od;
        n = 0
    }
}
