# The model of a protocol is the same however the library is built, so it is explored in one of the builds.
# Skipped where there is no Spin.

if(CMAKE_BUILD_TYPE STREQUAL "Debug" AND NOT WEIR_SANITIZED)
    add_test(NAME model.workers COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/model/run")
    set_tests_properties(model.workers PROPERTIES
        LABELS model
        TIMEOUT 900
        SKIP_RETURN_CODE 77)
endif()
