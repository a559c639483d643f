/* Schedules of the shared vector: some append, more than there is room for, one reads. */
#include "weir/shared_vector.h"

#include "unit/schedule/scenario.h"

enum { WRITERS = 3, EACH = 3, ROOM = WRITERS * EACH - 1 };

static weir_shared_vector *vector;
static unsigned refused;
static unsigned numbers[WRITERS] = { 0, 1, 2 };

struct pair {
    unsigned writer, sequence, sum;
};

static void append_some(void *data)
{
    unsigned writer = *(unsigned *)data;
    size_t last = 0, index = 0;
    for (unsigned i = 0; i < EACH; i++) {
        struct pair pair = { writer, i, 100 * writer + i };
        weir_status status = weir_shared_vector_append(vector, &pair, sizeof pair, &index);
        schedule_check(status == WEIR_OK || status == WEIR_ETOOBIG);
        refused += status == WEIR_ETOOBIG;
        if (status != WEIR_OK)
            continue;
        schedule_check(index < ROOM && (i == 0 || index > last));
        last = index;
        struct pair back;
        schedule_check(weir_shared_vector_read(vector, index, &back, sizeof back) == WEIR_OK);
        schedule_check(back.writer == writer && back.sequence == i);
    }
}

/* Every element as soon as it is there; and the count does not go back. */
static void read_as_they_come(void *data)
{
    (void)data;
    size_t count = 0;
    for (size_t i = 0; i < ROOM; i++) {
        struct pair pair;
        while (weir_shared_vector_read(vector, i, &pair, sizeof pair) != WEIR_OK)
            schedule_step();
        schedule_check(pair.sum == 100 * pair.writer + pair.sequence);
        size_t now = weir_shared_vector_count(vector);
        schedule_check(now >= count && now > i && now <= ROOM);
        count = now;
    }
}

static void appended_by_three(void)
{
    pthread_t actor[WRITERS + 1];
    bool seen[WRITERS][EACH] = { { false } };
    refused = 0;
    schedule_check(weir_shared_vector_create(&vector, sizeof(struct pair), ROOM) == WEIR_OK);
    for (int i = 0; i < WRITERS; i++)
        actor[i] = actor_start(append_some, &numbers[i]);
    actor[WRITERS] = actor_start(read_as_they_come, NULL);
    for (int i = 0; i <= WRITERS; i++)
        actor_join(actor[i]);
    schedule_check(refused == 1);
    schedule_check(weir_shared_vector_count(vector) == ROOM);
    schedule_check(weir_shared_vector_missing(vector) == 0);
    for (size_t i = 0; i < ROOM; i++) {
        struct pair pair;
        schedule_check(weir_shared_vector_read(vector, i, &pair, sizeof pair) == WEIR_OK);
        schedule_check(!seen[pair.writer][pair.sequence]);
        seen[pair.writer][pair.sequence] = true;
    }
    weir_shared_vector_destroy(vector);
}

SCENARIO(appended_by_three)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appended_by_three_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
