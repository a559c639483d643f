#include "support/scheduler.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"
#include "future/slab.h"

enum { ACTORS = 64, CHANGES = 4, PATIENCE = 3000, STEPS_MOST = 2000000 };

enum state { RUNNABLE, SLEEPING, JOINING, DONE };

struct actor {
    enum state state;
    _Atomic uint32_t baton; /* 1: it may run; the only word that is shared without the baton */
    pthread_t thread;
    void *(*body)(void *);
    void *argument;
    _Atomic uint32_t *word; /* SLEEPING: on this */
    int64_t deadline_ns;    /* SLEEPING: until then */
    bool timed_out;
    struct actor *joined; /* JOINING: this one */
    uint64_t priority;
    unsigned ran; /* steps with that priority */
    bool killed;
    unsigned fuse;   /* it is killed at so many steps of its own from now; 0: not */
    jmp_buf *mortal; /* where it goes when it is killed; NULL: it cannot be */
};

/* All of it belongs to the holder of the baton. */
static struct {
    bool active;
    bool told_only; /* nobody wakes up of itself */
    bool patient;             /* time-outs come when nobody can go on */
    uint64_t seed, random, steps;
    unsigned switch_one_in; /* random walk; 0: priorities */
    uint64_t length, change_at[CHANGES];
    uint64_t lowest;
    int64_t now_ns;
    size_t count;
    struct actor actors[ACTORS];
} schedule;

static _Thread_local struct actor *self;

int __real_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int __real_pthread_join(pthread_t, void **);
int __real_pthread_tryjoin_np(pthread_t, void **);
void *__real_malloc(size_t);
int __real_clock_gettime(clockid_t, struct timespec *);
bool __real_weir__futex_wait(_Atomic uint32_t *, uint32_t, int64_t);
void __real_weir__futex_wake(_Atomic uint32_t *, int);
void __real_weir__futex_wait_shared(_Atomic uint32_t *, uint32_t);
void __real_weir__futex_wake_shared(_Atomic uint32_t *, int);

const struct weir__future_host *__real_weir__slab_host(const struct weir__slab *);

const struct weir__future_host *__wrap_weir__slab_host(const struct weir__slab *);
int __wrap_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int __wrap_pthread_join(pthread_t, void **);
int __wrap_pthread_tryjoin_np(pthread_t, void **);
int __wrap_clock_gettime(clockid_t, struct timespec *);
bool __wrap_weir__futex_wait(_Atomic uint32_t *, uint32_t, int64_t);
void __wrap_weir__futex_wake(_Atomic uint32_t *, int);
void __wrap_weir__futex_wait_shared(_Atomic uint32_t *, uint32_t);
void __wrap_weir__futex_wake_shared(_Atomic uint32_t *, int);

bool schedule_is_mine(void)
{
    return self != NULL && schedule.active;
}

bool schedule_is_mortal(void)
{
    return schedule_is_mine() && self->mortal;
}

static uint64_t next_random(void)
{
    uint64_t z = schedule.random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

unsigned schedule_choose(unsigned n)
{
    return (unsigned)(next_random() % n);
}

static void print_actors(void)
{
    static const char *const names[] = { "runnable", "sleeping", "joining", "done" };
    for (size_t i = 0; i < schedule.count; i++) {
        const struct actor *actor = &schedule.actors[i];
        fprintf(stderr, "  thread %zu%s: %s", i, actor == self ? " (this)" : "",
                names[actor->state]);
        if (actor->state == SLEEPING)
            fprintf(stderr, " on %p%s", (void *)actor->word,
                    actor->deadline_ns == WEIR_FOREVER ? "" : ", with a deadline");
        if (actor->state == JOINING)
            fprintf(stderr, " thread %td", actor->joined - schedule.actors);
        fputc('\n', stderr);
    }
}

void schedule_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "WEIR_SCHEDULE_SEED=%" PRIu64 ", step %" PRIu64 ": %s\n%s:%d\n", schedule.seed,
            schedule.steps, what, file, line);
    print_actors();
    abort();
}

static void give_baton(struct actor *to)
{
    atomic_store(&to->baton, 1);
    syscall(SYS_futex, &to->baton, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void take_baton(struct actor *own)
{
    while (atomic_exchange(&own->baton, 0) == 0)
        syscall(SYS_futex, &own->baton, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

/* A sleeper wakes up: told, spuriously, or because its time has come. */
static void rouse(struct actor *actor, bool timed_out)
{
    actor->state = RUNNABLE;
    actor->timed_out = timed_out;
    if (timed_out && schedule.now_ns < actor->deadline_ns)
        schedule.now_ns = actor->deadline_ns;
}

/* One of those in this state, chosen at random (of sleepers: of those with a deadline, or of all);
 * NULL if there is none. */
static struct actor *random_actor(enum state state, bool with_deadline)
{
    struct actor *found = NULL;
    unsigned seen = 0;
    for (size_t i = 0; i < schedule.count; i++) {
        struct actor *actor = &schedule.actors[i];
        if (actor->state != state || (with_deadline && actor->deadline_ns == WEIR_FOREVER))
            continue;
        if (schedule_choose(++seen) == 0)
            found = actor;
    }
    return found;
}

static struct actor *highest_runnable(void)
{
    struct actor *found = NULL;
    for (size_t i = 0; i < schedule.count; i++) {
        struct actor *actor = &schedule.actors[i];
        if (actor->state == RUNNABLE && (!found || actor->priority > found->priority))
            found = actor;
    }
    return found;
}

static void demote(struct actor *actor)
{
    actor->priority = schedule.lowest--;
    actor->ran = 0;
}

static void let_time_pass(void)
{
    struct actor *sleeper;
    schedule.now_ns += 100;
    if (!schedule.patient && schedule_choose(64) == 0 &&
        (sleeper = random_actor(SLEEPING, true)))
        rouse(sleeper, true);
    if (!schedule.told_only && schedule_choose(256) == 0 && (sleeper = random_actor(SLEEPING, false)))
        rouse(sleeper, false);
}

/* Who runs next. */
static struct actor *choose(void)
{
    let_time_pass();
    struct actor *next = NULL;
    if (schedule.switch_one_in) {
        if (self->state == RUNNABLE && schedule_choose(schedule.switch_one_in) != 0)
            return self;
        next = random_actor(RUNNABLE, false);
    } else {
        for (int i = 0; i < CHANGES; i++)
            if (schedule.change_at[i] == schedule.steps)
                demote(self);
        if (++self->ran > PATIENCE) /* it waits for another one, without sleeping */
            demote(self);
        next = highest_runnable();
    }
    if (!next && (next = random_actor(SLEEPING, true)))
        rouse(next, true);
    if (!next)
        schedule_failed("no thread can go on: a wake-up was lost", __FILE__, __LINE__);
    return next;
}

/* Let the scheduler decide. Returns when the calling thread is to go on. */
static void switch_over(void)
{
    struct actor *own = self;
    if (++schedule.steps > STEPS_MOST)
        schedule_failed("it does not come to an end", __FILE__, __LINE__);
    struct actor *next = choose();
    if (next != own) {
        give_baton(next);
        take_baton(own);
    }
    if (own->mortal && (own->killed || (own->fuse && --own->fuse == 0)))
        longjmp(*own->mortal, 1);
}

void weir__step(void)
{
    if (schedule_is_mine())
        switch_over();
}

void schedule_step(void)
{
    weir__step();
}

bool __wrap_weir__futex_wait(_Atomic uint32_t *word, uint32_t expected, int64_t deadline_ns)
{
    if (!schedule_is_mine())
        return __real_weir__futex_wait(word, expected, deadline_ns);
    switch_over();
    if (atomic_load(word) != expected)
        return true;
    if (deadline_ns <= schedule.now_ns)
        return false;
    self->state = SLEEPING;
    self->word = word;
    self->deadline_ns = deadline_ns;
    switch_over();
    return !self->timed_out;
}

void __wrap_weir__futex_wake(_Atomic uint32_t *word, int count)
{
    if (!schedule_is_mine()) {
        __real_weir__futex_wake(word, count);
        return;
    }
    switch_over();
    /* From a random one on: the kernel promises no order. */
    size_t first = schedule_choose((unsigned)schedule.count);
    for (size_t i = 0; i < schedule.count && count > 0; i++) {
        struct actor *actor = &schedule.actors[(first + i) % schedule.count];
        if (actor->state != SLEEPING || actor->word != word)
            continue;
        rouse(actor, false);
        count--;
    }
}

/* Words in memory that is shared with other processes, where they are played by threads. */
void __wrap_weir__futex_wait_shared(_Atomic uint32_t *word, uint32_t expected)
{
    if (schedule_is_mine())
        __wrap_weir__futex_wait(word, expected, WEIR_FOREVER);
    else
        __real_weir__futex_wait_shared(word, expected);
}

void __wrap_weir__futex_wake_shared(_Atomic uint32_t *word, int count)
{
    if (schedule_is_mine())
        __wrap_weir__futex_wake(word, count);
    else
        __real_weir__futex_wake_shared(word, count);
}

int64_t schedule_now_ns(void)
{
    return schedule.now_ns;
}

void schedule_sleep(_Atomic uint32_t *word, uint32_t expected, int64_t deadline_ns)
{
    __wrap_weir__futex_wait(word, expected, deadline_ns);
}

void schedule_wake(_Atomic uint32_t *word)
{
    __wrap_weir__futex_wake(word, ACTORS);
}

/* Between the look at a future and the call into its executor, which may be gone by then. */
const struct weir__future_host *__wrap_weir__slab_host(const struct weir__slab *slab)
{
    weir__step();
    return __real_weir__slab_host(slab);
}

static struct actor *new_actor(void)
{
    if (schedule.count == ACTORS)
        schedule_failed("too many threads", __FILE__, __LINE__);
    struct actor *actor = &schedule.actors[schedule.count++];
    *actor = (struct actor){ .priority = UINT64_C(1) << 32 | (uint32_t)next_random() };
    return actor;
}

/* The thread has nothing left to do. */
static void actor_done(void *data)
{
    struct actor *own = data;
    own->state = DONE;
    for (size_t i = 0; i < schedule.count; i++)
        if (schedule.actors[i].state == JOINING && schedule.actors[i].joined == own)
            schedule.actors[i].state = RUNNABLE;
    struct actor *next = choose();
    self = NULL; /* destructors of thread-specific data run outside the schedule */
    give_baton(next);
}

static void *actor_main(void *data)
{
    struct actor *own = data;
    void *result;
    self = own;
    take_baton(own);
    pthread_cleanup_push(actor_done, own);
    result = own->body(own->argument);
    pthread_cleanup_pop(1);
    return result;
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*body)(void *), void *argument)
{
    if (!schedule_is_mine())
        return __real_pthread_create(thread, attributes, body, argument);
    struct actor *actor = new_actor();
    actor->body = body;
    actor->argument = argument;
    int error = __real_pthread_create(&actor->thread, attributes, actor_main, actor);
    if (error) {
        actor->state = DONE;
        return error;
    }
    *thread = actor->thread;
    switch_over();
    return 0;
}

static struct actor *actor_of(pthread_t thread)
{
    for (size_t i = schedule.count; i-- > 0;) /* an id may be used again: the newest is meant */
        if (i && pthread_equal(schedule.actors[i].thread, thread))
            return &schedule.actors[i];
    return NULL;
}

int __wrap_pthread_join(pthread_t thread, void **result)
{
    struct actor *actor = schedule_is_mine() ? actor_of(thread) : NULL;
    if (actor && actor->state != DONE) {
        self->state = JOINING;
        self->joined = actor;
        switch_over();
    }
    return __real_pthread_join(thread, result);
}

int __wrap_pthread_tryjoin_np(pthread_t thread, void **result)
{
    struct actor *actor = schedule_is_mine() ? actor_of(thread) : NULL;
    if (!actor)
        return __real_pthread_tryjoin_np(thread, result);
    switch_over();
    return actor->state == DONE ? __real_pthread_join(thread, result) : EBUSY;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *out)
{
    if (!schedule_is_mine())
        return __real_clock_gettime(clock, out);
    out->tv_sec = schedule.now_ns / WEIR_SECOND;
    out->tv_nsec = schedule.now_ns % WEIR_SECOND;
    return 0;
}

struct start {
    void (*fn)(void *);
    void *data;
};

static void *run_start(void *argument)
{
    struct start start = *(struct start *)argument;
    free(argument);
    start.fn(start.data);
    return NULL;
}

pthread_t actor_start(void (*fn)(void *), void *data)
{
    struct start *start = __real_malloc(sizeof *start); /* also when the scenario gets none */
    pthread_t thread;
    *start = (struct start){ fn, data };
    if (pthread_create(&thread, NULL, run_start, start) != 0)
        schedule_failed("a thread could not be started", __FILE__, __LINE__);
    return thread;
}

void actor_join(pthread_t actor)
{
    pthread_join(actor, NULL);
}

void actor_run_mortal(void (*fn)(void *), void *data)
{
    struct actor *me = self;
    jmp_buf end;
    if (!me)
        schedule_failed("only an actor is mortal", __FILE__, __LINE__);
    if (setjmp(end) == 0) {
        me->mortal = &end;
        fn(data);
    }
    me->mortal = NULL;
}

void actor_kill(pthread_t thread)
{
    struct actor *actor = actor_of(thread);
    if (!actor || !actor->mortal)
        return;
    actor->killed = true;
    if (actor->state == SLEEPING)
        rouse(actor, false);
    weir__step();
}

void actor_light_fuse(unsigned steps)
{
    self->fuse = steps;
}

void actor_exit(void)
{
    longjmp(*self->mortal, 1);
}

void schedule_prepare(void)
{
    schedule.switch_one_in = 16;
}

void schedule_race(void)
{
    static const unsigned one_in[] = { 2, 4, 16, 64 };
    unsigned strategy = schedule_choose(10);
    schedule.switch_one_in = strategy < 4 ? one_in[strategy] : 0;
    schedule.steps = 0;
    for (int i = 0; i < CHANGES; i++)
        schedule.change_at[i] = 1 + next_random() % schedule.length;
}

void schedule_wake_told_only(void)
{
    schedule.told_only = true;
}

void schedule_wait_patiently(void)
{
    schedule.patient = true;
}

/* length: the steps among which priorities change. */
static void begin(uint64_t seed, uint64_t length)
{
    schedule.seed = seed;
    schedule.random = seed;
    schedule.length = length;
    schedule.count = 0;
    schedule.told_only = false;
    schedule.patient = false;
    schedule.now_ns = 1000 * WEIR_SECOND;
    schedule.lowest = UINT32_MAX;
    self = new_actor();
    schedule_race();
    schedule_memory_begin();
    schedule.active = true;
}

static void end(void)
{
    for (size_t i = 1; i < schedule.count; i++)
        schedule_check(schedule.actors[i].state == DONE);
    schedule.active = false;
    self = NULL;
    schedule_memory_end();
}

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

/* As many as are possible in this time, but not fewer than the least, nor more than the most. */
enum { LEAST = 100, MOST = 3000, LENGTH = 1500 };
#define TIME_NS (3 * WEIR_SECOND / 2)

static void crashed(int signal)
{
    (void)signal;
    schedule_failed("a thread crashed", __FILE__, __LINE__);
}

static void run_in_this_process(void (*scenario)(void))
{
    if (!SANITIZED)
        signal(SIGSEGV, crashed);
    signal(SIGABRT, SIG_DFL);
    /* On one processor, passing the baton is a switch and not a wake-up elsewhere. */
    cpu_set_t all, one;
    if (sched_getaffinity(0, sizeof all, &all) == 0) {
        size_t cpu = (size_t)getpid() % CPU_SETSIZE;
        while (!CPU_ISSET(cpu, &all))
            cpu = (cpu + 1) % CPU_SETSIZE;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        sched_setaffinity(0, sizeof one, &one);
    }
    uint64_t seed = number_from("WEIR_SCHEDULE_SEED", 0);
    uint64_t count = number_from("WEIR_SCHEDULES", ROUNDS(MOST));
    bool one_only = getenv("WEIR_SCHEDULE_SEED") != NULL;
    bool timed = getenv("WEIR_SCHEDULES") == NULL;
    int64_t end_ns = now_ns() + TIME_NS;
    uint64_t done = 0, steps = 0;
    do {
        begin(seed, LENGTH >> seed % 4 * 2);
        seed++;
        scenario();
        end();
        done++;
        steps += schedule.steps;
    } while (!one_only && done < count &&
             (!timed || done < ROUNDS(LEAST) || now_ns() < end_ns));
    print_message("  %" PRIu64 " schedules of %" PRIu64 " steps\n", done, steps / done);
}

void run_schedules(void (*scenario)(void))
{
    if (getenv("WEIR_SCHEDULE_SEED")) { /* for a debugger */
        run_in_this_process(scenario);
        return;
    }
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        run_in_this_process(scenario);
        fflush(NULL);
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}
