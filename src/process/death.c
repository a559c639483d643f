/* A worker is gone: what becomes of its tasks, and of its post. See the table in protocol.h.
 *
 * Everything here runs in the collector, after the kernel, or the zygote, has said that the last
 * thread of the worker is gone: nothing it did comes later. A post is manned again only when all
 * tasks that were taken from the dead have been ended, since their results may be in its part. */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "process/idle.h"
#include "process/pool.h"

#define BACKOFF_LEAST_NS WEIR_MILLISECOND
#define BACKOFF_MOST_NS WEIR_SECOND

static uint64_t timeval_ns(struct timeval time)
{
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_usec * 1000u;
}

static weir_crash_info crash_info(const struct weir__news *news, uint64_t run_ns)
{
    weir_crash_info info;
    memset(&info, 0, sizeof info);
    info.pid = (int)news->pid;
    info.exit_code = -1;
    info.known = news->known;
    info.run_ns = run_ns;
    if (!news->known)
        return info;
    if (WIFSIGNALED(news->status)) {
        info.signal = WTERMSIG(news->status);
        info.core_dumped = WCOREDUMP(news->status);
    } else {
        info.exit_code = WEXITSTATUS(news->status);
    }
    info.user_ns = timeval_ns(news->usage.ru_utime);
    info.system_ns = timeval_ns(news->usage.ru_stime);
    info.max_rss_bytes = (uint64_t)news->usage.ru_maxrss * 1024;
    return info;
}

static size_t say_how(const weir_crash_info *info, char *text, size_t size)
{
    int length;
    if (!info->known) {
        length = snprintf(text, size, "its process (%d) died; of what, the host has not left to see",
                          info->pid);
    } else if (info->signal) {
        const char *name = sigabbrev_np(info->signal);
        length = snprintf(text, size, "its process (%d) died of signal %d (SIG%s)%s", info->pid,
                          info->signal, name ? name : "?",
                          info->core_dumped ? ", core dumped" : "");
    } else {
        length = snprintf(text, size, "its process (%d) exited with code %d", info->pid,
                          info->exit_code);
    }
    return (size_t)length < size ? (size_t)length : size - 1;
}

/* Write what is known into the future, where the result would be. */
static void tell_story(struct weir_future *future, const weir_crash_info *info, const char *before)
{
    struct {
        weir_crash_info info;
        char text[192];
    } story;
    memset(&story, 0, sizeof story);
    story.info = *info;
    int length = snprintf(story.text, sizeof story.text, "%s", before);
    size_t used = (size_t)length;
    used += say_how(info, story.text + used, sizeof story.text - used);
    weir__future_forget_result(future);
    if (weir__future_store(future, &story, sizeof story.info + used + 1) == WEIR_OK)
        future->flags |= WEIR__HAS_CRASH; /* else the status has to do */
}

static struct weir__slot *slot_of(struct weir__process_pool *pool, uint32_t slot)
{
    return weir__segment_slot(weir__pool_segment(pool), slot);
}

/* When the task began, as far as that can be believed. */
static int64_t start_of(struct weir__process_pool *pool, uint32_t slot, int64_t now_ns)
{
    /* relaxed: a number of its own */
    int64_t submit_ns = weir__load_relaxed(&pool->record[slot].future->submit_ns);
    int64_t start_ns = weir__load_relaxed(&slot_of(pool, slot)->start_ns);
    return start_ns < submit_ns || start_ns > now_ns ? now_ns : start_ns;
}

static void end_dead_locked(struct weir__process_pool *pool, uint32_t slot, enum weir__end end,
                            const struct weir__news *news)
{
    struct weir__record *record = &pool->record[slot];
    int64_t now_ns = weir__now_ns();
    char before[64] = "";
    int64_t start_ns = start_of(pool, slot, now_ns);
    if (!record->seen_ns || record->seen_ns > start_ns) /* it may have died before it could say */
        record->seen_ns = start_ns;
    uint64_t run_ns = (uint64_t)(now_ns - record->seen_ns);
    if (end == WEIR__END_OVERRUN)
        snprintf(before, sizeof before, "the task had run for %.3f s: ", (double)run_ns / 1e9);
    else if (end == WEIR__END_KILLED)
        snprintf(before, sizeof before, "the task was cancelled while it ran: ");
    weir_crash_info info = crash_info(news, run_ns);
    record->worker = news->worker;
    weir__process_end_locked(pool, slot, end);
    tell_story(record->future, &info, before);
}

/* Queue it again: the worker that had it is dead. Its hint comes with the rebuild. */
static void queue_again_locked(struct weir__process_pool *pool, uint32_t slot)
{
    struct weir__record *record = &pool->record[slot];
    record->generation++;
    record->seen_ns = 0;
    weir__store_relaxed(&slot_of(pool, slot)->start_ns, (int64_t)0); /* published by the word */
    /* release [X1]: the input is visible to the next worker. Only the dead one could have written. */
    weir__store_release(&slot_of(pool, slot)->word,
                        weir__word(record->generation, WEIR__SLOT_QUEUED, 0));
}

/* What the dead worker had of this open task. False: its word makes no sense. */
static bool recover_locked(struct weir__process_pool *pool, uint32_t slot,
                           const struct weir__news *news, bool *crashed)
{
    struct weir__record *record = &pool->record[slot];
    uint64_t word = weir__load_acquire(&slot_of(pool, slot)->word); /* acquire [X2] */
    unsigned state = weir__word_state(word);
    if (weir__word_generation(word) != record->generation || state == WEIR__SLOT_FREE ||
        state > WEIR__SLOT_CONDEMNED)
        return false;
    if (state == WEIR__SLOT_QUEUED || weir__word_worker(word) != news->worker)
        return true;
    if (state == WEIR__SLOT_DONE) {
        weir__process_done_locked(pool, slot, news->worker);
    } else if (state == WEIR__SLOT_CONDEMNED) {
        end_dead_locked(pool, slot, record->verdict, news);
    } else if (state == WEIR__SLOT_CLAIMED) {
        queue_again_locked(pool, slot);
    } else {
        *crashed = true;
        if (record->reruns && !pool->broken && !record->kill) {
            record->reruns--;
            queue_again_locked(pool, slot);
        } else {
            end_dead_locked(pool, slot, WEIR__END_CRASHED, news);
        }
    }
    return true;
}

/* Settle all that the dead worker had. False: shared memory makes no sense. */
static bool recover(struct weir__process_pool *pool, const struct weir__news *news, bool *crashed)
{
    bool sense = true;
    weir__lock_take(&pool->base.lock);
    weir__process_drain_locked(pool, news->worker, WEIR__DONE_RING);
    for (uint32_t i = pool->oldest, next; i && sense; i = next) {
        next = pool->record[i - 1].next;
        sense = recover_locked(pool, i - 1, news, crashed);
    }
    if (sense) /* a hint may have died with it */
        weir__process_rebuild_locked(pool);
    weir__lock_release(&pool->base.lock);
    if (sense) /* or a wake-up */
        weir__idle_wake_all(weir__pool_segment(pool));
    return sense;
}

void weir__process_break(struct weir__process_pool *pool, bool spoilt)
{
    struct weir__wakes wakes = {NULL, NULL};
    pool->broken = true;
    weir__lock_take(&pool->base.lock);
    if (weir__load_relaxed(&pool->base.life) == WEIR__OPEN) /* lock held */
        weir__store_relaxed(&pool->base.life, (uint32_t)WEIR__BROKEN);
    weir__places_turn_away_locked(&pool->base, WEIR_EBROKEN, &wakes);
    if (spoilt) {
        pool->spoilt = true;
        while (pool->oldest)
            weir__process_end_locked(pool, pool->oldest - 1, WEIR__END_STRANDED);
    }
    struct weir_future *queued = weir__places_claim_all_locked(&pool->base); /* none if spoilt */
    weir__lock_release(&pool->base.lock);
    weir__wakes_flush(&wakes);
    weir__places_end_claimed(&pool->base, queued, WEIR_EBROKEN, &pool->base.counters.stranded);
    if (!spoilt)
        return;
    for (size_t i = 0; i < weir__pool_segment(pool)->workers; i++) {
        struct weir__post *post = &pool->post[i];
        post->leaving = true;
        if (post->state == WEIR__POST_MANNED)
            weir__spawner_kill(&pool->spawner, i, weir__load_relaxed(&post->pid), post->pidfd,
                               SIGKILL);
    }
}

void weir__process_end_worker(struct weir__process_pool *pool, size_t worker, int64_t now_ns)
{
    struct weir__post *post = &pool->post[worker];
    if (post->state != WEIR__POST_MANNED || post->leaving)
        return;
    post->leaving = true;
    post->kill_ns = now_ns + pool->kill_grace_ns;
    weir__spawner_kill(&pool->spawner, worker, weir__load_relaxed(&post->pid), post->pidfd,
                       SIGTERM);
}

/* A death, or a process that could not be started, while no task ends: too many break the executor. */
static bool too_many_deaths(struct weir__process_pool *pool, int64_t now_ns)
{
    pool->deaths[pool->deaths_count++ % pool->deaths_max] = now_ns;
    int64_t first_ns = pool->deaths[pool->deaths_count % pool->deaths_max]; /* of the last ones */
    return pool->deaths_count >= pool->deaths_max &&
           now_ns - first_ns <= pool->deaths_within_ns;
}

static int64_t backoff_ns(size_t times)
{
    int64_t wait_ns = BACKOFF_LEAST_NS;
    while (times-- > 1 && wait_ns < BACKOFF_MOST_NS)
        wait_ns *= 2;
    return wait_ns < BACKOFF_MOST_NS ? wait_ns : BACKOFF_MOST_NS;
}

static void vacate(struct weir__process_pool *pool, size_t worker, int64_t spawn_ns)
{
    struct weir__post *post = &pool->post[worker];
    if (post->pidfd >= 0)
        close(post->pidfd);
    post->pidfd = -1;
    weir__store_relaxed(&post->pid, 0); /* for statistics */
    post->state = WEIR__POST_VACANT;
    post->spawn_ns = pool->leaving || pool->broken ? WEIR_FOREVER : spawn_ns;
    post->kill_ns = WEIR_FOREVER;
    post->seen_dead_ns = 0;
    post->leaving = false;
    pool->manned--;
}

static void died(struct weir__process_pool *pool, const struct weir__news *news)
{
    struct weir__post *post = &pool->post[news->worker];
    struct weir__station *station = weir__segment_station(weir__pool_segment(pool), news->worker);
    if (post->state != WEIR__POST_MANNED || weir__load_relaxed(&post->pid) != (int)news->pid)
        return;
    int64_t now_ns = weir__now_ns();
    uint32_t phase = weir__load_relaxed(&station->phase); /* its writer is dead */
    bool crashed = false;
    bool sense = pool->spoilt || recover(pool, news, &crashed);
    bool may_leave = phase == WEIR__PHASE_LEAVING && pool->plan.tasks_per_worker;
    bool expected = !crashed && (post->leaving || may_leave);
    bool hopeless = phase == WEIR__PHASE_INIT_FAILED ||
                    (!expected && !pool->leaving && too_many_deaths(pool, now_ns));
    size_t in_a_row = pool->deaths_count;
    bool at_once = expected || in_a_row <= weir__pool_segment(pool)->workers;
    vacate(pool, news->worker, at_once ? now_ns : now_ns + backoff_ns(in_a_row));
    post->replaced = true;
    if (!sense)
        weir__process_break(pool, true);
    else if (hopeless || pool->broken)
        weir__process_break(pool, pool->spoilt);
}

static void spawned(struct weir__process_pool *pool, const struct weir__news *news)
{
    struct weir__post *post = &pool->post[news->worker];
    post->state = WEIR__POST_MANNED;
    post->pidfd = news->pidfd;
    post->leaving = pool->leaving;
    weir__store_relaxed(&post->pid, (int)news->pid); /* for statistics */
    pool->lived = true;
    pool->failures = 0;
    weir__process_say_started(pool, 0);
    if (post->replaced)
        weir__add_relaxed(&pool->base.counters.respawned, (uint64_t)1); /* a number of its own */
    if (pool->spoilt)
        weir__spawner_kill(&pool->spawner, news->worker, news->pid, news->pidfd, SIGKILL);
}

static void failed(struct weir__process_pool *pool, const struct weir__news *news)
{
    int64_t now_ns = weir__now_ns();
    weir__add_relaxed(&pool->base.counters.spawn_failures, (uint64_t)1); /* a number of its own */
    pool->failures++;
    assert(news->error);
    weir__process_say_started(pool, news->error);
    vacate(pool, news->worker, now_ns + backoff_ns(pool->failures + 3));
    if (pool->manned == 0 && pool->lived && !pool->leaving && too_many_deaths(pool, now_ns))
        weir__process_break(pool, false);
}

/* The zygote is gone: no worker can be started any more, and those there are follow it. */
static void lost(struct weir__process_pool *pool)
{
    pool->lost = true;
    for (size_t i = 0; i < weir__pool_segment(pool)->workers; i++) {
        struct weir__post *post = &pool->post[i];
        if (post->state == WEIR__POST_ASKED)
            vacate(pool, i, WEIR_FOREVER);
        else if (post->state == WEIR__POST_MANNED)
            weir__spawner_kill(&pool->spawner, i, weir__load_relaxed(&post->pid), post->pidfd,
                               SIGKILL);
    }
    if (!pool->leaving)
        weir__process_break(pool, false);
    weir__process_say_started(pool, ECHILD);
}

void weir__process_news(struct weir__process_pool *pool, const struct weir__news *news)
{
    switch (news->kind) {
    case WEIR__NEWS_SPAWNED:
        spawned(pool, news);
        break;
    case WEIR__NEWS_FAILED:
        failed(pool, news);
        break;
    case WEIR__NEWS_DIED:
        died(pool, news);
        break;
    case WEIR__NEWS_LOST:
        lost(pool);
        break;
    }
}

static void reset_station(struct weir__process_pool *pool, size_t worker)
{
    struct weir__station *station = weir__segment_station(weir__pool_segment(pool), worker);
    /* relaxed, all: there is no such worker; the fork, or the order to the zygote, publishes */
    weir__store_relaxed(&station->sleep, 0u);
    weir__store_relaxed(&station->woken_ns, (int64_t)0);
    weir__store_relaxed(&station->phase, (uint32_t)WEIR__PHASE_NONE);
    weir__store_relaxed(&station->collected, 0u);
    weir__store_relaxed(&station->done_tail, (uint64_t)0);
    weir__store_relaxed(&station->done_head, (uint64_t)0);
    weir__store_relaxed(&station->overflow, 0u);
    weir__store_relaxed(&station->running_since_ns, (int64_t)0);
    pool->post[worker].done_head = 0;
    pool->post[worker].collected = 0;
}

void weir__process_man_post(struct weir__process_pool *pool, size_t worker, int64_t now_ns)
{
    struct weir__post *post = &pool->post[worker];
    struct weir__news news;
    bool asked;
    reset_station(pool, worker);
    bool at_once = weir__spawner_spawn(&pool->spawner, worker, &news, &asked);
    if (!asked) {
        post->spawn_ns = now_ns + BACKOFF_LEAST_NS;
        return;
    }
    post->state = WEIR__POST_ASKED;
    post->asked_ns = pool->watched_ns;
    pool->manned++;
    if (at_once)
        weir__process_news(pool, &news);
}
