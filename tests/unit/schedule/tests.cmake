# Further tests of schedules: of parts, and of whole executors (scenario.c).

weir_add_schedule_test(unit/schedule/sync.c)
weir_add_schedule_test(unit/schedule/queue.c)
weir_add_schedule_test(unit/schedule/slab.c)
weir_add_schedule_test(unit/schedule/future.c)
weir_add_schedule_test(unit/schedule/vector.c)
weir_add_schedule_test(unit/schedule/promise.c)
weir_add_schedule_test(unit/schedule/nested.c SOURCES unit/schedule/scenario.c)
weir_add_schedule_test(unit/schedule/lent.c SOURCES unit/schedule/scenario.c)
weir_add_schedule_test(unit/schedule/ends.c SOURCES unit/schedule/scenario.c)
weir_add_schedule_test(unit/schedule/admit.c SOURCES unit/schedule/scenario.c)
weir_add_schedule_test(unit/schedule/breathing.c SOURCES unit/schedule/scenario.c)
weir_add_schedule_test(unit/schedule/dispatch.c SOURCES unit/schedule/scenario.c
    WRAP weir__bell_ring weir__bell_silence)

# Of process executors, whose processes are played.
foreach(file workers deaths)
    weir_add_schedule_test(unit/schedule/${file}.c
        SOURCES unit/schedule/processes.c unit/schedule/scenario.c support/scheduler_process.c
        WRAP weir__spawner_open weir__spawner_close weir__spawner_spawn weir__spawner_next
             weir__spawner_reap weir__spawner_abandon weir__spawner_kill
             eventfd timerfd_create timerfd_settime read write ppoll _exit)
endforeach()
