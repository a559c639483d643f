# The unit tests, in the order of the floors.

weir_add_schedule_test(unit/schedule/block.c SOURCES unit/schedule/scenario.c)
