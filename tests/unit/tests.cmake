# The unit tests, in the order of the floors.

weir_add_schedule_test(unit/schedule/cancel.c SOURCES unit/schedule/scenario.c)
weir_add_schedule_test(unit/schedule/block.c SOURCES unit/schedule/scenario.c)
weir_add_schedule_test(unit/schedule/sizing.c SOURCES unit/schedule/scenario.c)
