/* Futures in the order in which they end. */
#include <stdlib.h>

#include "base/clock.h"
#include "future/future_impl.h"
#include "future/gather.h"
#include "weir/wait.h"

struct weir_as_completed {
    struct weir__gather gather;
    size_t distinct;  /* futures there are, without NULL and repetitions */
    size_t yielded;   /* of these */
    size_t open;      /* members before this one have ended */
    size_t helped;    /* members before this one were asked about, see help_next() */
    size_t own;       /* of these, the caller's own task and those it runs on top of */
    weir_future **futures; /* the array as given, repetitions replaced by NULL, referenced */
};

struct entry {
    weir_future *future;
    size_t index;
};

static int compare_entries(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;
    if (left->future != right->future)
        return (uintptr_t)left->future < (uintptr_t)right->future ? -1 : 1;
    return left->index < right->index ? -1 : left->index > right->index;
}

/* Copy the array with NULL for every repetition; the first of each is kept. */
static bool copy_distinct(struct weir_as_completed *it, weir_future *const *futures, size_t n)
{
    struct entry *sorted = calloc(n ? n : 1, sizeof *sorted);
    if (!sorted)
        return false;
    for (size_t i = 0; i < n; i++)
        sorted[i] = (struct entry){futures[i], i};
    qsort(sorted, n, sizeof *sorted, compare_entries);
    for (size_t i = 0; i < n; i++) {
        if (!sorted[i].future || (i && sorted[i].future == sorted[i - 1].future))
            continue;
        it->futures[sorted[i].index] = weir_future_ref(sorted[i].future);
        it->distinct++;
    }
    free(sorted);
    return true;
}

weir_status weir_as_completed_create(weir_as_completed **out, weir_future *const *futures, size_t n)
{
    if (!out || (!futures && n))
        return WEIR_EINVAL;
    for (size_t i = 0; i < n; i++)
        if (futures[i] && !weir__future_ended(futures[i]) && weir__future_forked(futures[i]))
            return WEIR_EFORKED;
    struct weir_as_completed *it = calloc(1, sizeof *it);
    struct weir__member *members = calloc(n ? n : 1, sizeof *members);
    if (it)
        it->futures = calloc(n ? n : 1, sizeof *it->futures);
    if (!it || !members || !it->futures || !copy_distinct(it, futures, n)) {
        if (it)
            free(it->futures);
        free(members);
        free(it);
        return WEIR_ENOMEM;
    }
    weir__gather_init(&it->gather, members, it->futures, n);
    *out = it;
    return WEIR_OK;
}

size_t weir_as_completed_remaining(const weir_as_completed *it)
{
    return it ? it->distinct - it->yielded : 0;
}

/* The first future that has not ended, or NULL. Ended ones stay so: the cursor only goes up. */
static weir_future *first_open(struct weir_as_completed *it)
{
    for (; it->open < it->gather.count; it->open++) {
        weir_future *future = it->futures[it->open];
        if (future && !weir__future_ended(future))
            return future;
    }
    return NULL;
}

/* Run here one that is ours to run. A task that is not pending once never is again, so each is asked
 * about once. WEIR_EDEADLOCK if all that remain are the caller's own. */
static weir_status help_next(struct weir_as_completed *it)
{
    while (it->helped < it->gather.count) {
        weir_future *future = it->futures[it->helped++];
        if (!future || weir__future_ended(future))
            continue;
        switch (weir__help_along(future)) {
        case WEIR__HELP_RAN:
            return WEIR_OK;
        case WEIR__HELP_DEADLOCK:
            it->own++;
            break;
        case WEIR__HELP_NO:
            break;
        }
    }
    return it->own && weir_as_completed_remaining(it) == it->own ? WEIR_EDEADLOCK : WEIR_OK;
}

weir_status weir_as_completed_next(weir_as_completed *it, int64_t timeout_ns, size_t *index)
{
    if (!it || !index || timeout_ns < 0 || it->yielded == it->distinct)
        return WEIR_EINVAL;
    int64_t deadline_ns = timeout_ns ? weir__deadline_after(timeout_ns) : 0;
    struct weir__member *member = weir__gather_take(&it->gather);
    if (!member) {
        weir_future *open = first_open(it);
        if (open && weir__future_forked(open))
            return WEIR_EFORKED;
        weir_status status = timeout_ns ? help_next(it) : WEIR_OK;
        if (status != WEIR_OK)
            return status;
        size_t gaps = it->gather.count - it->distinct; /* NULL entries count as ended */
        open = first_open(it);
        it->gather.spin = open ? weir__slab_spin(open->slab) : NULL; /* those yielded may be gone */
        if (timeout_ns)
            weir__gather_wait(&it->gather, gaps + it->yielded + 1, false, deadline_ns);
        member = weir__gather_take(&it->gather);
    }
    if (!member)
        return WEIR_ETIMEDOUT;
    it->yielded++;
    *index = member->index;
    /* Once it is unregistered, nobody is inside its notify: let it go. */
    weir__gather_forget(member);
    it->futures[member->index] = NULL;
    weir_future_unref(member->future);
    member->future = NULL;
    return WEIR_OK;
}

void weir_as_completed_destroy(weir_as_completed *it)
{
    if (!it)
        return;
    weir__gather_fini(&it->gather);
    for (size_t i = 0; i < it->gather.count; i++)
        weir_future_unref(it->futures[i]);
    free(it->futures);
    free(it->gather.members);
    free(it);
}
