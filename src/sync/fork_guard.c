#include "sync/fork_guard.h"

#include <sys/mman.h>
#include <unistd.h>

bool weir__fork_guard_init(struct weir__fork_guard *guard)
{
    size_t bytes = (size_t)sysconf(_SC_PAGESIZE);
    uint32_t *page = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return false;
    guard->pid = madvise(page, bytes, MADV_WIPEONFORK) == 0 ? 0 : getpid();
    *page = 1;
    guard->page = page;
    return true;
}

void weir__fork_guard_fini(struct weir__fork_guard *guard)
{
    munmap((void *)(uintptr_t)guard->page, (size_t)sysconf(_SC_PAGESIZE));
}

bool weir__fork_guard_other_pid(const struct weir__fork_guard *guard)
{
    return getpid() != guard->pid;
}
