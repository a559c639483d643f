/* See parker.h.
 *
 * The word is changed by the unparking threads to LEFT, by exchange, and by its owner: LEFT to NONE when
 * it takes the token, NONE to ASLEEP before it sleeps. So whoever leaves a token learns in the same
 * instruction whether somebody has to be woken, and one that finds the owner still looking saves itself
 * the system call. A sleep that ends without a token takes ASLEEP back. */
#include "sync/parker.h"

#include "base/atomic.h"
#include "base/clock.h"
#include "sync/futex.h"
#include "sync/spin.h"

enum { NONE, LEFT, ASLEEP };

static bool take(struct weir__parker *parker)
{
    uint32_t left = LEFT;
    /* acquire [P1]: what the unparking thread did before is visible */
    return weir__cas_acquire(&parker->token, &left, (uint32_t)NONE);
}

bool weir__park(struct weir__parker *parker, int64_t deadline_ns)
{
    uint32_t none = NONE, asleep = ASLEEP;
    weir__store_relaxed(&parker->woken_ns, (int64_t)0);
    /* relaxed: it tells nothing but that we sleep */
    if (weir__cas_relaxed(&parker->token, &none, (uint32_t)ASLEEP) || none == ASLEEP)
        while (weir__load_relaxed(&parker->token) == ASLEEP) /* until there is a token to be taken */
            if (!weir__futex_wait(&parker->token, ASLEEP, deadline_ns) &&
                weir__cas_relaxed(&parker->token, &asleep, (uint32_t)NONE))
                return false; /* relaxed, likewise */
    return take(parker);
}

static bool is_left(void *parker)
{
    /* relaxed: a look before the attempt */
    return weir__load_relaxed(&((struct weir__parker *)parker)->token) == LEFT;
}

bool weir__park_warm(struct weir__parker *parker, int64_t deadline_ns, struct weir__spin *spin)
{
    if (!is_left(parker))
        (void)weir__spin(spin, deadline_ns, is_left, parker);
    bool taken = weir__park(parker, deadline_ns);
    weir__spin_woken(spin, weir__load_relaxed(&parker->woken_ns)); /* advice */
    return taken;
}

void weir__unpark(struct weir__parker *parker)
{
    /* Before the token: afterwards the parker may be gone. */
    if (weir__load_relaxed(&parker->token) == ASLEEP)
        weir__store_relaxed(&parker->woken_ns, weir__now_ns());
    if (weir__exchange_release(&parker->token, (uint32_t)LEFT) == ASLEEP) /* release [P1] */
        weir__futex_wake(&parker->token, 1);
}
