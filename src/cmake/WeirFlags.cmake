# Compiler flags as targets: what links them has them, nothing else does.

include_guard()

# weir_warnings: for every target of this project, never for those who use it.
add_library(weir_warnings INTERFACE)
target_compile_options(weir_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wconversion -Wundef
    -Wwrite-strings -Wvla -Wnull-dereference -Wformat=2
    $<$<BOOL:${WEIR_WERROR}>:-Werror>)

# weir_sanitize: empty unless WEIR_SANITIZE says otherwise. It comes along with the library's own
# targets, because what links an instrumented library has to be instrumented too.
add_library(weir_sanitize INTERFACE)
set(WEIR_SANITIZED FALSE)
if(NOT WEIR_SANITIZE STREQUAL "none")
    set(WEIR_SANITIZED TRUE)
    string(REPLACE "," ";" sanitizers "${WEIR_SANITIZE}")
    foreach(sanitizer IN LISTS sanitizers)
        if(NOT sanitizer MATCHES "^(address|undefined|thread)$")
            message(FATAL_ERROR "WEIR_SANITIZE: unknown sanitizer '${sanitizer}'")
        endif()
    endforeach()
    list(JOIN sanitizers "," sanitizers)
    target_compile_options(weir_sanitize INTERFACE
        -fsanitize=${sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(weir_sanitize INTERFACE -fsanitize=${sanitizers})
endif()
