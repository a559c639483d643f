# cmake -DPROGRAM=... -DEXPECTED=... -P check_output.cmake: runs the program; it must end with 0 and
# print exactly the expected text.

execute_process(COMMAND ${PROGRAM} OUTPUT_VARIABLE output RESULT_VARIABLE result)
if(NOT result EQUAL 0)
    message(FATAL_ERROR "${PROGRAM} ended with ${result}; it printed:\n${output}")
endif()
file(READ ${EXPECTED} expected)
if(NOT output STREQUAL expected)
    message(FATAL_ERROR "expected:\n${expected}\nprinted:\n${output}")
endif()
