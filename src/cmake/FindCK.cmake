# Concurrency Kit, of which weir uses the headers only: its rings are inline functions, so that
# neither the shared nor the static library needs libck afterwards.
#
# Result: CK_FOUND, CK_VERSION (if pkg-config knows it) and the imported target CK::headers, whose
# directory is a system directory, so that warnings in it are not ours.

find_package(PkgConfig QUIET)
if(PKG_CONFIG_FOUND)
    pkg_check_modules(PC_CK QUIET ck)
endif()

find_path(CK_INCLUDE_DIR ck_ring.h HINTS ${PC_CK_INCLUDE_DIRS} ${PC_CK_INCLUDEDIR})
set(CK_VERSION "${PC_CK_VERSION}")
mark_as_advanced(CK_INCLUDE_DIR)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(CK
    REQUIRED_VARS CK_INCLUDE_DIR
    VERSION_VAR CK_VERSION
    REASON_FAILURE_MESSAGE "on Debian it is in the package libck-dev")

if(CK_FOUND AND NOT TARGET CK::headers)
    add_library(CK::headers INTERFACE IMPORTED)
    target_include_directories(CK::headers INTERFACE "${CK_INCLUDE_DIR}")
endif()
