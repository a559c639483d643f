# Work over time, src/schedule. (unit/schedule is about the schedules of threads.)

weir_add_test(unit/timing/delayed.c WRAP weir_promise_hold)
weir_add_test(unit/timing/test_clock.c)
