/* What is due by the clock: tasks that have run too long, workers to be started or killed, and a look
 * around for what can go wrong without a death. */
#include <poll.h>
#include <signal.h>
#include <sys/timerfd.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "process/idle.h"
#include "process/pool.h"
#include "sync/futex.h"

#define LOOK_LEAST_NS (50 * WEIR_MILLISECOND)
#define LOOK_MOST_NS WEIR_SECOND
/* A zygote that does not do its work for so long does not do it any more. */
#define ZYGOTE_PATIENCE_NS (5 * WEIR_SECOND)
/* How soon to look again at what cannot be waited for. */
#define AGAIN_NS (5 * WEIR_MILLISECOND)

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static struct weir__slot *slot_of(struct weir__process_pool *pool, uint32_t slot)
{
    return weir__segment_slot(weir__pool_segment(pool), slot);
}

void weir__process_arm_locked(struct weir__process_pool *pool, int64_t after_ns)
{
    struct itimerspec when = {.it_value = {.tv_sec = after_ns / WEIR_SECOND,
                                           .tv_nsec = after_ns % WEIR_SECOND}};
    pool->armed = true;
    pool->look_ns = after_ns;
    timerfd_settime(pool->timer_fd, 0, &when, NULL);
}

/* The task is not to end by itself: whoever runs it will die for it. */
static void condemn_locked(struct weir__process_pool *pool, uint32_t slot, uint64_t word,
                           enum weir__end verdict, int64_t now_ns)
{
    size_t worker = weir__word_worker(word);
    uint64_t condemned =
        weir__word(weir__word_generation(word), WEIR__SLOT_CONDEMNED, worker);
    if (worker >= weir__pool_segment(pool)->workers ||
        !weir__cas_acq_rel(&slot_of(pool, slot)->word, &word, condemned)) /* acq_rel [X2] */
        return; /* it was faster */
    pool->record[slot].verdict = verdict;
    weir__process_end_worker(pool, worker, now_ns);
}

/* A worker may run a task before we have heard that there is such a worker: it cannot be ended yet. */
static bool is_unheard_of(struct weir__process_pool *pool, size_t worker)
{
    return worker < weir__pool_segment(pool)->workers &&
           pool->post[worker].state != WEIR__POST_MANNED;
}

/* Look at one task's clock; returns when to look again. */
static int64_t check_task_locked(struct weir__process_pool *pool, uint32_t slot, int64_t now_ns)
{
    struct weir__record *record = &pool->record[slot];
    if (!record->run_within_ns && !record->kill)
        return WEIR_FOREVER;
    uint64_t word = weir__load_acquire(&slot_of(pool, slot)->word); /* the CAS orders */
    int64_t within_ns = record->run_within_ns ? record->run_within_ns : WEIR_FOREVER;
    if (weir__word_state(word) != WEIR__SLOT_RUNNING) {
        pool->kills |= record->kill;
        return earlier(record->kill ? now_ns + AGAIN_NS : WEIR_FOREVER,
                       within_ns > WEIR_FOREVER - now_ns ? WEIR_FOREVER : now_ns + within_ns);
    }
    if (!record->seen_ns) { /* what the worker says, if that can be: not before it was submitted */
        int64_t said_ns = weir__load_relaxed(&slot_of(pool, slot)->start_ns);
        int64_t submit_ns = weir__load_relaxed(&record->future->submit_ns);
        record->seen_ns = said_ns >= submit_ns && said_ns <= now_ns ? said_ns : now_ns;
    }
    int64_t due_ns =
        within_ns > WEIR_FOREVER - record->seen_ns ? WEIR_FOREVER : record->seen_ns + within_ns;
    if (!record->kill && due_ns > now_ns)
        return due_ns;
    if (is_unheard_of(pool, weir__word_worker(word)))
        return now_ns + AGAIN_NS;
    condemn_locked(pool, slot, word, record->kill ? WEIR__END_KILLED : WEIR__END_OVERRUN, now_ns);
    return WEIR_FOREVER;
}

static int64_t check_tasks(struct weir__process_pool *pool, int64_t now_ns)
{
    weir__lock_take(&pool->base.lock);
    if (!pool->spoilt && (pool->kills || now_ns >= pool->next_look_ns)) {
        pool->kills = false;
        pool->next_look_ns = WEIR_FOREVER;
        for (uint32_t i = pool->oldest; i; i = pool->record[i - 1].next)
            pool->next_look_ns =
                earlier(pool->next_look_ns, check_task_locked(pool, i - 1, now_ns));
    }
    int64_t next_ns = pool->next_look_ns;
    weir__lock_release(&pool->base.lock);
    return next_ns;
}

static bool pidfd_says_dead(const struct weir__post *post)
{
    struct pollfd ended = {.fd = post->pidfd, .events = POLLIN};
    return post->pidfd >= 0 && poll(&ended, 1, 0) == 1 && ended.revents & POLLIN;
}

/* A worker is dead, or was asked for, and the zygote has not said so. */
static bool is_overdue(struct weir__post *post, int64_t watched_ns)
{
    if (post->state == WEIR__POST_ASKED)
        return watched_ns - post->asked_ns > ZYGOTE_PATIENCE_NS;
    if (post->state != WEIR__POST_MANNED || !pidfd_says_dead(post))
        return false;
    if (!post->seen_dead_ns)
        post->seen_dead_ns = watched_ns;
    return watched_ns - post->seen_dead_ns > ZYGOTE_PATIENCE_NS;
}

static void check_zygote(struct weir__process_pool *pool, int64_t now_ns)
{
    bool overdue = false;
    if (pool->spawner.start != WEIR_START_ZYGOTE || pool->lost)
        return;
    /* A process that is stopped, or a machine that sleeps, stops the zygote as well. */
    pool->watched_ns += earlier(now_ns - pool->watched_until_ns, LOOK_MOST_NS);
    pool->watched_until_ns = now_ns;
    for (size_t i = 0; i < weir__pool_segment(pool)->workers; i++)
        overdue |= is_overdue(&pool->post[i], pool->watched_ns);
    /* One that says anything at all is only slow. */
    if (overdue && pool->watched_ns - pool->news_ns > ZYGOTE_PATIENCE_NS)
        weir__spawner_abandon(&pool->spawner); /* its end is news */
}

static int64_t check_post(struct weir__process_pool *pool, size_t worker, int64_t now_ns)
{
    struct weir__post *post = &pool->post[worker];
    if (post->state == WEIR__POST_VACANT && post->spawn_ns <= now_ns && !pool->leaving &&
        !pool->broken && !pool->first_taken)
        weir__process_man_post(pool, worker, now_ns);
    if (post->state == WEIR__POST_VACANT)
        return pool->leaving || pool->broken ? WEIR_FOREVER : post->spawn_ns;
    if (post->state == WEIR__POST_MANNED && pool->lost && post->pidfd < 0)
        return now_ns + AGAIN_NS;
    if (post->state == WEIR__POST_MANNED && post->kill_ns <= now_ns) {
        weir__spawner_kill(&pool->spawner, worker, weir__load_relaxed(&post->pid), post->pidfd,
                           SIGKILL);
        post->kill_ns = now_ns + WEIR_SECOND;
    }
    return post->kill_ns;
}

int64_t weir__process_timers(struct weir__process_pool *pool)
{
    int64_t now_ns = weir__now_ns(), next_ns = check_tasks(pool, now_ns);
    if (pool->leaving) {
        check_zygote(pool, now_ns);
        next_ns = earlier(next_ns, now_ns + WEIR_SECOND);
    }
    for (size_t i = 0; i < weir__pool_segment(pool)->workers; i++)
        next_ns = earlier(next_ns, check_post(pool, i, now_ns));
    return next_ns;
}

/* One open task, while nothing seems to move. False: its word makes no sense. */
static bool inspect_locked(struct weir__process_pool *pool, uint32_t slot, size_t *queued)
{
    uint64_t word = weir__load_acquire(&slot_of(pool, slot)->word); /* acquire [X2] */
    unsigned state = weir__word_state(word);
    size_t worker = weir__word_worker(word);
    if (weir__word_generation(word) != pool->record[slot].generation)
        return false;
    if (state == WEIR__SLOT_QUEUED) {
        ++*queued;
        return true;
    }
    if (state == WEIR__SLOT_FREE || state > WEIR__SLOT_CONDEMNED ||
        worker >= weir__pool_segment(pool)->workers ||
        pool->post[worker].state == WEIR__POST_VACANT)
        return false;
    if (state == WEIR__SLOT_DONE)
        weir__process_done_locked(pool, slot, worker);
    return true;
}

/* Requires: lock. False: shared memory makes no sense. */
static bool look_closely_locked(struct weir__process_pool *pool, size_t *queued)
{
    struct weir__segment *segment = weir__pool_segment(pool);
    bool sense = true;
    for (uint32_t i = pool->oldest, next; i && sense; i = next) {
        next = pool->record[i - 1].next;
        sense = inspect_locked(pool, i - 1, queued);
    }
    uint64_t hints = weir__hints_count(segment, &pool->hints);
    if (hints > segment->hints)
        return false;
    if (sense && *queued && hints == 0) /* a worker that is stopped may have one in its hand */
        weir__process_rebuild_locked(pool);
    return sense;
}

/* Nothing moves: write once more what workers may have missed, or another one may have written over.
 * If there is something to do, wake them all, whatever their sleep words say. */
static void rouse(struct weir__process_pool *pool, bool all)
{
    struct weir__segment *segment = weir__pool_segment(pool);
    struct weir__commons *commons = weir__segment_commons(segment);
    weir__lock_take(&pool->base.lock);
    weir__store_seq_cst(&commons->hint_tail, pool->hints.tail);    /* seq_cst [X4] */
    weir__store_seq_cst(&commons->leave, (uint32_t)pool->leaving); /* seq_cst [X4] */
    weir__lock_release(&pool->base.lock);
    for (size_t i = 0; i < segment->workers; i++) {
        struct weir__station *station = weir__segment_station(segment, i);
        weir__store_release(&station->collected, pool->post[i].collected); /* release [X2] */
        weir__futex_wake_shared(&station->collected, 1);
    }
    if (all)
        weir__idle_wake_all(segment);
}

void weir__process_look(struct weir__process_pool *pool)
{
    size_t queued = 0;
    bool sense = true, moved = true;
    weir__lock_take(&pool->base.lock);
    pool->armed = false;
    if (pool->open && !pool->spoilt) {
        moved = pool->ended != pool->ended_at_look;
        pool->ended_at_look = pool->ended;
        if (!moved)
            sense = look_closely_locked(pool, &queued);
        weir__process_arm_locked(
            pool, moved ? LOOK_LEAST_NS : earlier(2 * pool->look_ns, LOOK_MOST_NS));
    }
    weir__lock_release(&pool->base.lock);
    if (!sense)
        weir__process_break(pool, true);
    else if (!moved)
        rouse(pool, queued > 0);
    check_zygote(pool, weir__now_ns());
}
