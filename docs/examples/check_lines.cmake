# cmake -DPROGRAM=... -DINPUT=... -P check_lines.cmake: the daemon of the guide must end with 0 and
# give an answer for each line.

execute_process(COMMAND ${PROGRAM} INPUT_FILE ${INPUT} OUTPUT_VARIABLE output ERROR_VARIABLE table
    RESULT_VARIABLE result)
file(READ ${INPUT} input)
string(REGEX MATCHALL "\n" asked "${input}")
string(REGEX MATCHALL "\n" answered "${output}")
list(LENGTH asked asked)
list(LENGTH answered answered)
if(NOT result EQUAL 0 OR NOT answered EQUAL asked OR NOT table MATCHES "completed")
    message(FATAL_ERROR "ended with ${result}, ${answered} answers to ${asked} lines:\n${output}${table}")
endif()
