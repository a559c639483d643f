/* The shared vector: a counter, and elements that each say for themselves whether they are complete.
 *
 *     reserved | published bytes... | published bytes... | ...
 *
 * An appender takes the next index by one addition to `reserved`; from then on that element is its
 * own. It copies its bytes, then publishes: a release store of the index + 1 [V1]. A reader that
 * finds this number, with an acquire, finds the bytes. So an element is
 *
 *     not there  --- addition --->  reserved  --- release store --->  published
 *
 * and there is no further step, and none in which two processes write the same word but for the
 * addition. Whoever dies before the addition has done nothing; after it, has left a hole; after the
 * store, has left an element. Nobody waits for a hole to be filled: others have other indices. That is
 * also why the elements cannot be counted by a second counter, "published so far": who died between
 * the store and the count would have left one too few, for ever. Holes are found by looking.
 *
 * Full: the counter has reached the capacity. An appender looks before it adds, so a full vector is
 * not added to any more, but for those who looked at the same moment: the counter goes beyond the
 * capacity by the number of appenders at most, and is cut to it wherever it is read. It cannot come
 * round to zero by appending.
 *
 * Nobody trusts what is in the shared memory. Sizes, capacity and addresses are in the handle, of
 * which each process has a copy of its own since the fork, at the same address as it was in the
 * parent. A process that scribbles over the shared part can make elements wrong, vanish or seem to be
 * there; an index that comes from the counter is compared with the capacity before it is used, so no
 * process is led to any other address. What the reader copies may be changed while it copies: it is
 * bytes, with a size that the reader knows.
 *
 * The memory is anonymous and shared, as that of the executor (segment.h): no name, no descriptor,
 * reserved at creation, taken page by page as elements are written, gone with the last process.
 *
 * tests: unit.process.shared_vector, unit.schedule.vector; fault.shared_vector (a death at each
 * instruction of an append, a storm of deaths). */
#include "process/shared_vector_impl.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/atomic.h"

/* False: there are not so many addresses. */
static bool lay_out(weir_shared_vector *vector)
{
    enum { STEP = sizeof(struct weir__vector_element) };
    size_t rounded;
    if (__builtin_add_overflow(vector->element_bytes, (size_t)(2 * STEP - 1), &rounded))
        return false;
    vector->stride = rounded & ~(size_t)(STEP - 1);
    return !__builtin_mul_overflow(vector->stride, vector->capacity, &vector->bytes) &&
           !__builtin_add_overflow(vector->bytes, sizeof(struct weir__vector_head),
                                   &vector->bytes) &&
           vector->bytes <= PTRDIFF_MAX;
}

static weir_status map(weir_shared_vector *vector)
{
    vector->base = mmap(NULL, vector->bytes, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (vector->base == MAP_FAILED)
        return WEIR_ENOMEM;
    if (weir__fork_guard_init(&vector->guard))
        return WEIR_OK;
    munmap(vector->base, vector->bytes);
    return WEIR_ENOMEM;
}

weir_status weir_shared_vector_create(weir_shared_vector **out, size_t element_bytes,
                                      size_t capacity)
{
    weir_shared_vector layout = {.element_bytes = element_bytes, .capacity = capacity};
    if (!out || !element_bytes || !capacity || !lay_out(&layout))
        return WEIR_EINVAL;
    weir_shared_vector *vector = malloc(sizeof *vector);
    if (!vector)
        return WEIR_ENOMEM;
    *vector = layout;
    weir_status status = map(vector);
    if (status != WEIR_OK) {
        free(vector);
        return status;
    }
    *out = vector;
    return WEIR_OK;
}

void weir_shared_vector_destroy(weir_shared_vector *vector)
{
    if (!vector || weir__forked(&vector->guard))
        return;
    weir__fork_guard_fini(&vector->guard);
    munmap(vector->base, vector->bytes);
    free(vector);
}

/* Both relaxed: the counter hands out numbers, each of them once since it is one operation. What
 * belongs to a number is published by its element. */
static bool reserve(const weir_shared_vector *vector, size_t *index)
{
    _Atomic uint64_t *reserved = &weir__vector_head(vector)->reserved;
    if (weir__load_relaxed(reserved) >= vector->capacity)
        return false;
    uint64_t mine = weir__add_relaxed(reserved, 1);
    *index = (size_t)mine;
    return mine < vector->capacity;
}

weir_status weir_shared_vector_append(weir_shared_vector *vector, const void *element, size_t size,
                                      size_t *index)
{
    size_t mine;
    if (!vector || !element || size != vector->element_bytes)
        return WEIR_EINVAL;
    if (!reserve(vector, &mine))
        return WEIR_ETOOBIG;
    struct weir__vector_element *place = weir__vector_element(vector, mine);
    memcpy(place->bytes, element, size);
    weir__store_release(&place->published, (uint64_t)mine + 1); /* [V1] */
    if (index)
        *index = mine;
    return WEIR_OK;
}

static bool is_published(const weir_shared_vector *vector, size_t index)
{
    return weir__load_acquire(&weir__vector_element(vector, index)->published) ==
           (uint64_t)index + 1; /* [V1] */
}

weir_status weir_shared_vector_read(const weir_shared_vector *vector, size_t index, void *out,
                                    size_t size)
{
    if (!vector || !out || size != vector->element_bytes || index >= vector->capacity)
        return WEIR_EINVAL;
    /* Not even looked at beyond the counter: in shared memory, looking at a page takes one. */
    if (index >= weir_shared_vector_count(vector) || !is_published(vector, index))
        return WEIR_EPENDING;
    memcpy(out, weir__vector_element(vector, index)->bytes, size);
    return WEIR_OK;
}

size_t weir_shared_vector_count(const weir_shared_vector *vector)
{
    if (!vector)
        return 0;
    /* Relaxed: who knows that a call has returned knows, by the same way, of its addition. */
    uint64_t reserved = weir__load_relaxed(&weir__vector_head(vector)->reserved);
    return reserved < vector->capacity ? (size_t)reserved : vector->capacity;
}

size_t weir_shared_vector_missing(const weir_shared_vector *vector)
{
    size_t missing = 0;
    for (size_t i = weir_shared_vector_count(vector); i > 0; i--)
        missing += !is_published(vector, i - 1);
    return missing;
}
