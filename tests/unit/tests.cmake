# The unit tests, in the order of the floors.

weir_add_test(unit/base/heap.c)
weir_add_test(unit/base/options.c)
weir_add_test(unit/base/quick_clock.c WRAP clock_gettime)
weir_add_test(unit/base/status.c)

weir_add_test(unit/sync/fork_guard.c WRAP madvise mmap)
weir_add_test(unit/sync/lock.c)
weir_add_test(unit/sync/queue.c LIBRARIES CK::headers)
weir_add_test(unit/sync/queue_shared.c)
weir_add_test(unit/sync/spin.c WRAP weir__futex_wait weir__futex_wake sched_yield)
weir_add_test(unit/sync/thread.c)

weir_add_test(unit/future/dispatch.c WRAP weir__bell_ring weir__bell_silence)
weir_add_test(unit/future/gather.c)
weir_add_test(unit/future/observe.c)
weir_add_test(unit/future/promise.c WRAP weir_future_ref weir_future_unref weir__park_warm)
weir_add_test(unit/future/slab.c WRAP aligned_alloc free mmap munmap)
weir_add_test(unit/future/state.c)

weir_add_test(unit/stats/format.c)
weir_add_test(unit/stats/snapshot.c)

weir_add_test(unit/policy/policy.c)

weir_add_test(unit/executor/errors.c)
weir_add_test(unit/executor/shutdown.c)

weir_add_test(unit/process/shared_vector.c)

weir_add_test(unit/executor/cpus.c WRAP fopen sched_getaffinity)
weir_add_test(unit/thread/sizing.c)

weir_add_schedule_test(unit/schedule/cancel.c SOURCES unit/schedule/scenario.c)
weir_add_schedule_test(unit/schedule/block.c SOURCES unit/schedule/scenario.c)
weir_add_schedule_test(unit/schedule/sizing.c SOURCES unit/schedule/scenario.c)
