# Work over time, src/schedule. (unit/schedule is about the schedules of threads.)

weir_add_test(unit/timing/delayed.c WRAP weir_promise_hold weir_wait_all weir_future_wait)
weir_add_test(unit/timing/periodic.c)
weir_add_test(unit/timing/real_clock.c WRAP clock_gettime)
weir_add_test(unit/timing/strategy.c)
weir_add_test(unit/timing/test_clock.c)
