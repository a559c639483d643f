# weir_stepped: the library once more, with a step before every atomic operation. Its objects come
# before any library on the link line, so they are the ones that are used.
#
# weir_add_schedule_test(<file>.c [SOURCES …] [WRAP …]): a test of schedules, see support/scheduler.h.

include_guard()

find_package(CK REQUIRED)

get_target_property(library_sources weir_testing SOURCES)
get_target_property(library_dir weir_testing SOURCE_DIR)
set(stepped)
foreach(source IN LISTS library_sources)
    # Properties of a source file belong to a folder: take those that its own one gave it.
    get_source_file_property(options "${library_dir}/${source}" TARGET_DIRECTORY weir_testing
        COMPILE_OPTIONS)
    if(NOT options)
        set(options "")
    endif()
    if(source STREQUAL "sync/queue.c")
        list(APPEND options -include support/scheduler_ck.h)
    endif()
    set_source_files_properties("${library_dir}/${source}" PROPERTIES
        COMPILE_OPTIONS "${options}")
    list(APPEND stepped "${library_dir}/${source}")
endforeach()

add_library(weir_stepped OBJECT EXCLUDE_FROM_ALL ${stepped})
weir_test_target(weir_stepped)
target_compile_definitions(weir_stepped PUBLIC WEIR_STEP_HOOK)
target_link_libraries(weir_stepped PRIVATE CK::headers)

function(weir_add_schedule_test file)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;WRAP")
    weir_add_test(${file}
        SOURCES ${arg_SOURCES} support/scheduler.c support/scheduler_memory.c
        LIBRARIES weir_stepped
        TIMEOUT 180
        WRAP weir__futex_wait weir__futex_wake weir__futex_wait_shared weir__futex_wake_shared
             weir__slab_host pthread_create pthread_join pthread_tryjoin_np clock_gettime
             malloc calloc aligned_alloc free ${arg_WRAP})
endfunction()
