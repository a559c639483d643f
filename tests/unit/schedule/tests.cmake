# Further tests of schedules: of parts, and of whole executors (scenario.c).

weir_add_schedule_test(unit/schedule/sync.c)
weir_add_schedule_test(unit/schedule/queue.c)
weir_add_schedule_test(unit/schedule/slab.c)
weir_add_schedule_test(unit/schedule/future.c)
weir_add_schedule_test(unit/schedule/vector.c)
weir_add_schedule_test(unit/schedule/promise.c)
weir_add_schedule_test(unit/schedule/nested.c SOURCES unit/schedule/scenario.c)
weir_add_schedule_test(unit/schedule/ends.c SOURCES unit/schedule/scenario.c)
weir_add_schedule_test(unit/schedule/admit.c SOURCES unit/schedule/scenario.c)
weir_add_schedule_test(unit/schedule/breathing.c SOURCES unit/schedule/scenario.c)
weir_add_schedule_test(unit/schedule/dispatch.c SOURCES unit/schedule/scenario.c
    WRAP weir__bell_ring weir__bell_silence)
