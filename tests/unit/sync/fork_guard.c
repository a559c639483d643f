/* Noticing a fork, with the kernel's help and without it. */
#include <errno.h>
#include <sys/mman.h>

#include "support/check.h"
#include "support/child.h"
#include "sync/fork_guard.h"

/* A kernel that does not know MADV_WIPEONFORK, and one that has no memory. */
static bool too_old, no_memory;

int __real_madvise(void *, size_t, int);
int __wrap_madvise(void *, size_t, int);
void *__real_mmap(void *, size_t, int, int, int, off_t);
void *__wrap_mmap(void *, size_t, int, int, int, off_t);

int __wrap_madvise(void *address, size_t bytes, int advice)
{
    if (!too_old)
        return __real_madvise(address, bytes, advice);
    errno = EINVAL;
    return -1;
}

void *__wrap_mmap(void *address, size_t bytes, int protection, int flags, int file, off_t offset)
{
    return no_memory ? MAP_FAILED : __real_mmap(address, bytes, protection, flags, file, offset);
}

static int restore(void **state)
{
    (void)state;
    too_old = no_memory = false;
    return 0;
}

static int child_is_forked(void *data)
{
    return weir__forked(data) ? 0 : 1;
}

static int grandchild_is_forked(void *data)
{
    return weir__forked(data) ? run_in_child(child_is_forked, data) : 2;
}

static int childs_own_guard_is_not(void *data)
{
    struct weir__fork_guard own;
    (void)data;
    if (!weir__fork_guard_init(&own) || weir__forked(&own))
        return 1;
    return run_in_child(child_is_forked, &own);
}

static void check_guard(void)
{
    struct weir__fork_guard guard;
    assert_true(weir__fork_guard_init(&guard));
    assert_int_equal(guard.pid != 0, too_old);
    assert_false(weir__forked(&guard));
    assert_int_equal(run_in_child(child_is_forked, &guard), 0);
    assert_int_equal(run_in_child(grandchild_is_forked, &guard), 0);
    assert_int_equal(run_in_child(childs_own_guard_is_not, NULL), 0);
    assert_false(weir__forked(&guard)); /* the parent still is who it was */
    weir__fork_guard_fini(&guard);
}

static void guard_tells_child_and_grandchild_from_parent(void **state)
{
    (void)state;
    check_guard();
}

static void guard_on_an_old_kernel_compares_process_ids(void **state)
{
    (void)state;
    too_old = true;
    check_guard();
}

static void guard_without_memory_says_so(void **state)
{
    (void)state;
    struct weir__fork_guard guard;
    no_memory = true;
    assert_false(weir__fork_guard_init(&guard));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(guard_tells_child_and_grandchild_from_parent, restore),
        cmocka_unit_test_teardown(guard_on_an_old_kernel_compares_process_ids, restore),
        cmocka_unit_test_teardown(guard_without_memory_says_so, restore),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
