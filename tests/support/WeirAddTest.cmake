# weir_add_test(<folder>/…/<file>.c [SOURCES …] [LIBRARIES …] [WRAP …] [DEFINITIONS …]
#               [ENVIRONMENT …] [TIMEOUT seconds] [SERIAL])
#
# One program, one ctest. Its name is its path: unit/future/state.c is unit.future.state; its label
# is the first folder. It sees the public headers, the internal ones ("future/state.h") and those
# of tests ("support/gate.h"), and links weir_testing, weir_test_support and cmocka.
#
#   SOURCES      more files of the program, relative to tests/
#   LIBRARIES    more libraries
#   WRAP         functions f for which the program defines __wrap_f (and may call __real_f)
#   DEFINITIONS  more macros
#   ENVIRONMENT  variables for the run, NAME=value
#   TIMEOUT      seconds; without it 120. Under sanitizers, four times as much
#   SERIAL       not beside other tests: for what measures time
#
# A program that exits with 77 counts as skipped. WEIR_STRESS_SCALE divides every number of rounds
# (support/scale.h): 1, more under sanitizers.

include_guard()

if(WEIR_SANITIZE MATCHES "thread")
    set(stress_scale 20)
elseif(WEIR_SANITIZED)
    set(stress_scale 5)
else()
    set(stress_scale 1)
endif()
set(WEIR_STRESS_SCALE ${stress_scale} CACHE STRING "Divides the rounds of the stress tests")

# weir_test_target(<target>): what all code of the tests is built with.
function(weir_test_target target)
    set_target_properties(${target} PROPERTIES
        C_STANDARD 11
        C_STANDARD_REQUIRED ON
        C_EXTENSIONS OFF)
    target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
    target_compile_definitions(${target} PRIVATE
        _GNU_SOURCE "WEIR_STRESS_SCALE=${WEIR_STRESS_SCALE}")
    target_link_libraries(${target} PRIVATE
        weir_testing weir_warnings PkgConfig::CMOCKA Threads::Threads)
endfunction()

function(weir_add_test file)
    cmake_parse_arguments(PARSE_ARGV 1 arg "SERIAL" "TIMEOUT"
        "SOURCES;LIBRARIES;WRAP;DEFINITIONS;ENVIRONMENT")
    if(arg_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "weir_add_test(${file}): what is ${arg_UNPARSED_ARGUMENTS}?")
    endif()

    string(REGEX REPLACE "\\.c$" "" name "${file}")
    string(REPLACE "/" "." name "${name}")
    string(REGEX MATCH "^[^/]+" label "${file}")
    set(target "test.${name}")

    add_executable(${target} ${file} ${arg_SOURCES})
    weir_test_target(${target})
    set_target_properties(${target} PROPERTIES OUTPUT_NAME "${name}")
    target_compile_definitions(${target} PRIVATE ${arg_DEFINITIONS})
    target_link_libraries(${target} PRIVATE ${arg_LIBRARIES} weir_test_support)
    list(TRANSFORM arg_WRAP PREPEND "-Wl,--wrap=")
    target_link_options(${target} PRIVATE ${arg_WRAP})

    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 120)
    endif()
    if(WEIR_SANITIZED)
        math(EXPR arg_TIMEOUT "${arg_TIMEOUT} * 4")
    endif()

    add_test(NAME ${name} COMMAND ${target})
    set_tests_properties(${name} PROPERTIES
        LABELS ${label}
        TIMEOUT ${arg_TIMEOUT}
        SKIP_RETURN_CODE 77
        RUN_SERIAL "${arg_SERIAL}"
        ENVIRONMENT "${arg_ENVIRONMENT}")
endfunction()
