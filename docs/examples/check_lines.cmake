# cmake -DPROGRAM=... -DINPUT=... -P check_lines.cmake: the daemon of the guide must end with 0 and
# give an answer for each line. Only if it has taken longer than a line may wait to be served, some may
# have expired instead, as its table says.

string(TIMESTAMP begun "%s" UTC)
execute_process(COMMAND ${PROGRAM} INPUT_FILE ${INPUT} OUTPUT_VARIABLE output ERROR_VARIABLE table
    RESULT_VARIABLE result)
string(TIMESTAMP ended "%s" UTC)
file(READ ${INPUT} input)
string(REGEX MATCHALL "\n" asked "${input}")
string(REGEX MATCHALL "\n" answered "${output}")
list(LENGTH asked asked)
list(LENGTH answered answered)
set(expired 0)
math(EXPR took "${ended} - ${begun}") # in whole seconds: two at least for more than one
if(took GREATER 1 AND table MATCHES "expired +([0-9]+)")
    set(expired ${CMAKE_MATCH_1})
endif()
math(EXPR settled "${answered} + ${expired}")
if(NOT result EQUAL 0 OR NOT settled EQUAL asked OR NOT table MATCHES "completed")
    message(FATAL_ERROR "ended with ${result}, ${answered} answers to ${asked} lines:\n${output}${table}")
endif()
