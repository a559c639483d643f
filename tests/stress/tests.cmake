# Random use by many threads, with sums that must come out. WEIR_STRESS_FACTOR=n goes on n times as
# long (and may need more than ctest's time: run the programs themselves).

weir_add_test(stress/turmoil.c SOURCES stress/support.c TIMEOUT 240)
weir_add_test(stress/lent.c SOURCES stress/support.c TIMEOUT 240)
weir_add_test(stress/ends.c SOURCES stress/support.c TIMEOUT 240)
weir_add_test(stress/calls_back.c SOURCES stress/support.c TIMEOUT 240)
weir_add_test(stress/timing.c SOURCES stress/support.c TIMEOUT 240)
