/* The shared vector in one process and in its children: order, bounds, and what others may have
 * written into it. */
#include "process/shared_vector_impl.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "support/check.h"
#include "support/child.h"
#include "support/crew.h"

static weir_shared_vector *create(size_t element_bytes, size_t capacity)
{
    weir_shared_vector *vector = NULL;
    assert_status(weir_shared_vector_create(&vector, element_bytes, capacity), WEIR_OK);
    return vector;
}

static void vector_returns_what_was_appended_in_order(void **state)
{
    (void)state;
    static const size_t sizes[] = { 1, 3, 8, 61, 4096, 100001 };
    enum { CAPACITY = 20 };
    unsigned char in[100001], out[100001 + 1];
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        size_t size = sizes[s];
        weir_shared_vector *vector = create(size, CAPACITY);
        for (size_t i = 0; i < CAPACITY; i++) {
            size_t index = 99;
            memset(in, (int)(i + 1), size);
            assert_int_equal(weir_shared_vector_count(vector), i);
            assert_status(weir_shared_vector_append(vector, in, size, i % 2 ? &index : NULL),
                          WEIR_OK);
            assert_int_equal(index, i % 2 ? i : 99);
        }
        for (size_t i = 0; i < CAPACITY; i++) {
            memset(in, (int)(i + 1), size);
            out[size] = 77;
            assert_status(weir_shared_vector_read(vector, i, out, size), WEIR_OK);
            assert_memory_equal(in, out, size);
            assert_int_equal(out[size], 77);
        }
        assert_int_equal(weir_shared_vector_missing(vector), 0);
        weir_shared_vector_destroy(vector);
    }
}

static void vector_full_refuses_and_keeps_what_it_has(void **state)
{
    (void)state;
    weir_shared_vector *vector = create(sizeof(int), 2);
    size_t index = 99;
    int out = 0;
    for (int i = 0; i < 2; i++)
        assert_status(weir_shared_vector_append(vector, &i, sizeof i, &index), WEIR_OK);
    for (int i = 2; i < 10; i++) {
        assert_status(weir_shared_vector_append(vector, &i, sizeof i, &index), WEIR_ETOOBIG);
        assert_int_equal(weir_shared_vector_count(vector), 2);
    }
    assert_int_equal(index, 1);
    assert_int_equal(weir_shared_vector_missing(vector), 0);
    for (int i = 0; i < 2; i++) {
        assert_status(weir_shared_vector_read(vector, (size_t)i, &out, sizeof out), WEIR_OK);
        assert_int_equal(out, i);
    }
    weir_shared_vector_destroy(vector);
}

static void vector_of_impossible_size_is_refused(void **state)
{
    (void)state;
    static const struct {
        size_t element_bytes, capacity;
        weir_status status;
    } wish[] = {
        { 0, 1, WEIR_EINVAL },
        { 1, 0, WEIR_EINVAL },
        { 0, 0, WEIR_EINVAL },
        { SIZE_MAX, 1, WEIR_EINVAL },
        { SIZE_MAX - 7, 1, WEIR_EINVAL },
        { SIZE_MAX - 8, 1, WEIR_EINVAL },
        { SIZE_MAX - 16, 1, WEIR_EINVAL },
        { 1, SIZE_MAX, WEIR_EINVAL },
        { 8, SIZE_MAX / 16, WEIR_EINVAL },
        { SIZE_MAX / 2, SIZE_MAX / 2, WEIR_EINVAL },
        { (size_t)1 << 32, (size_t)1 << 32, WEIR_EINVAL },
        { PTRDIFF_MAX, 1, WEIR_EINVAL },
        { PTRDIFF_MAX - 4096, 1, WEIR_ENOMEM },
        { (size_t)1 << 20, (size_t)1 << 40, WEIR_ENOMEM },
    };
    for (size_t i = 0; i < sizeof wish / sizeof wish[0]; i++) {
        weir_shared_vector *vector = NULL;
        assert_status(weir_shared_vector_create(&vector, wish[i].element_bytes, wish[i].capacity),
                      wish[i].status);
        assert_null(vector);
    }
    assert_status(weir_shared_vector_create(NULL, 8, 8), WEIR_EINVAL);
}

static void vector_calls_refuse_nonsense(void **state)
{
    (void)state;
    weir_shared_vector *vector = create(8, 4);
    char element[16] = "1234567", out[16] = "untouched";
    size_t index = 99;
    assert_status(weir_shared_vector_append(NULL, element, 8, &index), WEIR_EINVAL);
    assert_status(weir_shared_vector_append(vector, NULL, 8, &index), WEIR_EINVAL);
    assert_status(weir_shared_vector_append(vector, element, 0, &index), WEIR_EINVAL);
    assert_status(weir_shared_vector_append(vector, element, 7, &index), WEIR_EINVAL);
    assert_status(weir_shared_vector_append(vector, element, 9, &index), WEIR_EINVAL);
    assert_int_equal(index, 99);
    assert_int_equal(weir_shared_vector_count(vector), 0);
    assert_status(weir_shared_vector_append(vector, element, 8, NULL), WEIR_OK);
    assert_status(weir_shared_vector_read(NULL, 0, out, 8), WEIR_EINVAL);
    assert_status(weir_shared_vector_read(vector, 0, NULL, 8), WEIR_EINVAL);
    assert_status(weir_shared_vector_read(vector, 0, out, 7), WEIR_EINVAL);
    assert_status(weir_shared_vector_read(vector, 0, out, 16), WEIR_EINVAL);
    assert_status(weir_shared_vector_read(vector, 4, out, 8), WEIR_EINVAL);
    assert_status(weir_shared_vector_read(vector, SIZE_MAX, out, 8), WEIR_EINVAL);
    assert_status(weir_shared_vector_read(vector, 1, out, 8), WEIR_EPENDING);
    assert_status(weir_shared_vector_read(vector, 3, out, 8), WEIR_EPENDING);
    assert_string_equal(out, "untouched");
    assert_int_equal(weir_shared_vector_count(NULL), 0);
    assert_int_equal(weir_shared_vector_missing(NULL), 0);
    weir_shared_vector_destroy(NULL);
    weir_shared_vector_destroy(vector);
}

static size_t pages_taken(const weir_shared_vector *vector)
{
    size_t taken = 0, pages = vector->bytes / (size_t)sysconf(_SC_PAGESIZE) + 1;
    unsigned char *there = calloc(pages, 1);
    assert_int_equal(mincore(vector->base, vector->bytes, there), 0);
    for (size_t i = 0; i < pages; i++)
        taken += there[i] & 1;
    free(there);
    return taken;
}

static void vector_takes_memory_by_use(void **state)
{
    (void)state;
    enum { ELEMENT = 1 << 16, CAPACITY = 1 << 14, USED = 16 }; /* room for a gigabyte */
    static char element[ELEMENT];
    memset(element, 1, sizeof element);
    size_t used = (size_t)USED * ELEMENT / (size_t)sysconf(_SC_PAGESIZE);
    weir_shared_vector *vector = create(ELEMENT, CAPACITY);
    for (int i = 0; i < USED; i++)
        assert_status(weir_shared_vector_append(vector, element, ELEMENT, NULL), WEIR_OK);
    for (size_t i = USED; i < CAPACITY; i++) /* to look takes none either */
        assert_status(weir_shared_vector_read(vector, i, element, ELEMENT), WEIR_EPENDING);
    assert_in_range(pages_taken(vector), used, 4 * used);
    weir_shared_vector_destroy(vector);
}

enum { WRITERS = 3, EACH = 4000, WORDS = 7 };

struct finding {
    uint64_t writer, sequence, words[WORDS];
};

static struct finding find(uint64_t writer, uint64_t sequence)
{
    struct finding finding = { writer, sequence, { 0 } };
    for (uint64_t i = 0; i < WORDS; i++)
        finding.words[i] = writer << 32 ^ sequence * 7 ^ i;
    return finding;
}

static bool is_whole(const struct finding *finding)
{
    struct finding right = find(finding->writer, finding->sequence);
    return memcmp(finding, &right, sizeof right) == 0;
}

struct crowd {
    weir_shared_vector *vector;
    _Atomic uint64_t wrong, full;
};

static void read_on(struct crowd *crowd)
{
    struct finding finding;
    for (size_t i = 0; i < WRITERS * EACH; i++) {
        while (weir_shared_vector_read(crowd->vector, i, &finding, sizeof finding) != WEIR_OK)
            sched_yield();
        crowd->wrong += !is_whole(&finding);
    }
}

/* The last of the crew reads, the others write, and one element more than there is room for. */
static void write_or_read(void *shared, size_t member)
{
    struct crowd *crowd = shared;
    if (member == WRITERS) {
        read_on(crowd);
        return;
    }
    for (uint64_t i = 0; i < EACH + 1; i++) {
        struct finding finding = find(member, i);
        weir_status status =
            weir_shared_vector_append(crowd->vector, &finding, sizeof finding, NULL);
        crowd->full += status == WEIR_ETOOBIG;
        crowd->wrong += status != WEIR_OK && status != WEIR_ETOOBIG;
    }
}

static void vector_of_many_threads_has_each_element_once(void **state)
{
    (void)state;
    struct crowd crowd = { .vector = create(sizeof(struct finding), WRITERS * EACH) };
    uint64_t next[WRITERS] = { 0 };
    struct finding finding;
    crew_run(WRITERS + 1, write_or_read, &crowd);
    assert_int_equal(crowd.wrong, 0);
    assert_int_equal(crowd.full, WRITERS);
    assert_int_equal(weir_shared_vector_count(crowd.vector), WRITERS * EACH);
    assert_int_equal(weir_shared_vector_missing(crowd.vector), 0);
    for (size_t i = 0; i < WRITERS * EACH; i++) {
        assert_status(weir_shared_vector_read(crowd.vector, i, &finding, sizeof finding), WEIR_OK);
        assert_true(is_whole(&finding) && finding.writer < WRITERS);
        assert_int_equal(finding.sequence, next[finding.writer]++);
    }
    weir_shared_vector_destroy(crowd.vector);
}

static int append_and_destroy(void *data)
{
    weir_shared_vector *vector = data;
    int value = 2, out = 0;
    if (weir_shared_vector_append(vector, &value, sizeof value, NULL) != WEIR_OK)
        return 1;
    if (weir_shared_vector_read(vector, 0, &out, sizeof out) != WEIR_OK || out != 1)
        return 2;
    weir_shared_vector_destroy(vector); /* does nothing here */
    value = 3;
    return weir_shared_vector_append(vector, &value, sizeof value, NULL) == WEIR_OK ? 0 : 3;
}

static void vector_of_a_forked_child_is_the_parents(void **state)
{
    (void)state;
    weir_shared_vector *vector = create(sizeof(int), 8);
    int value = 1;
    assert_status(weir_shared_vector_append(vector, &value, sizeof value, NULL), WEIR_OK);
    assert_int_equal(run_in_child(append_and_destroy, vector), 0);
    assert_int_equal(weir_shared_vector_count(vector), 3);
    for (int i = 0; i < 3; i++) {
        assert_status(weir_shared_vector_read(vector, (size_t)i, &value, sizeof value), WEIR_OK);
        assert_int_equal(value, i + 1);
    }
    weir_shared_vector_destroy(vector);
}

/* As an appender leaves it that has died between its two steps. */
static void vector_hole_is_missing_and_hides_nothing(void **state)
{
    (void)state;
    weir_shared_vector *vector = create(sizeof(int), 4);
    int value = 0, out = 55;
    assert_status(weir_shared_vector_append(vector, &value, sizeof value, NULL), WEIR_OK);
    atomic_fetch_add(&weir__vector_head(vector)->reserved, 1);
    value = 2;
    assert_status(weir_shared_vector_append(vector, &value, sizeof value, NULL), WEIR_OK);
    assert_int_equal(weir_shared_vector_count(vector), 3);
    assert_int_equal(weir_shared_vector_missing(vector), 1);
    assert_status(weir_shared_vector_read(vector, 1, &out, sizeof out), WEIR_EPENDING);
    assert_int_equal(out, 55);
    assert_status(weir_shared_vector_read(vector, 2, &out, sizeof out), WEIR_OK);
    assert_int_equal(out, 2);
    weir_shared_vector_destroy(vector);
}

/* Whatever stands in the counter, nothing outside of the vector is touched: the sanitizers, or a
 * fault at the page behind, would tell. */
static void vector_scribbled_over_stays_in_its_bounds(void **state)
{
    (void)state;
    enum { CAPACITY = 500 };
    static const uint64_t counters[] = {
        CAPACITY, CAPACITY + 1, UINT64_MAX, UINT64_MAX - 1, (uint64_t)1 << 63, (uint64_t)1 << 32,
    };
    weir_shared_vector *vector = create(sizeof(int), CAPACITY);
    int value = 7;
    memset(vector->base, 0xff, vector->bytes);
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        atomic_store(&weir__vector_head(vector)->reserved, counters[i]);
        assert_int_equal(weir_shared_vector_count(vector), CAPACITY);
        assert_int_equal(weir_shared_vector_missing(vector), CAPACITY); /* all 1s are no element */
        assert_status(weir_shared_vector_append(vector, &value, sizeof value, NULL), WEIR_ETOOBIG);
        assert_status(weir_shared_vector_read(vector, CAPACITY, &value, sizeof value), WEIR_EINVAL);
        assert_status(weir_shared_vector_read(vector, 0, &value, sizeof value), WEIR_EPENDING);
    }
    atomic_store(&weir__vector_head(vector)->reserved, CAPACITY - 1);
    assert_status(weir_shared_vector_append(vector, &value, sizeof value, NULL), WEIR_OK);
    assert_status(weir_shared_vector_append(vector, &value, sizeof value, NULL), WEIR_ETOOBIG);
    value = 0;
    assert_status(weir_shared_vector_read(vector, CAPACITY - 1, &value, sizeof value), WEIR_OK);
    assert_int_equal(value, 7);
    weir_shared_vector_destroy(vector);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vector_returns_what_was_appended_in_order),
        cmocka_unit_test(vector_full_refuses_and_keeps_what_it_has),
        cmocka_unit_test(vector_of_impossible_size_is_refused),
        cmocka_unit_test(vector_calls_refuse_nonsense),
        cmocka_unit_test(vector_takes_memory_by_use),
        cmocka_unit_test(vector_of_many_threads_has_each_element_once),
        cmocka_unit_test(vector_of_a_forked_child_is_the_parents),
        cmocka_unit_test(vector_hole_is_missing_and_hides_nothing),
        cmocka_unit_test(vector_scribbled_over_stays_in_its_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
