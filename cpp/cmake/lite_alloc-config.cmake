# SPDX-License-Identifier: MIT
#
# lite_alloc::core            the headers, for any target
#
# For programs that Emscripten links:
# lite_alloc::malloc          the malloc family of C
# lite_alloc::malloc_checked  the same, which reports wrong frees
# lite_alloc::record          records the calls of the program's malloc, whichever that is; for
#                             find_package(lite_alloc COMPONENTS record)

if(TARGET lite_alloc::core)
  return()
endif()

get_filename_component(lite_alloc_root ${CMAKE_CURRENT_LIST_DIR}/../../.. ABSOLUTE)

add_library(lite_alloc_core INTERFACE)
add_library(lite_alloc::core ALIAS lite_alloc_core)
target_compile_features(lite_alloc_core INTERFACE cxx_std_20)
target_include_directories(lite_alloc_core SYSTEM INTERFACE ${lite_alloc_root}/include)

if(NOT EMSCRIPTEN)
  return()
endif()

if(CMAKE_CXX_COMPILER_LOADED)
  include(${CMAKE_CURRENT_LIST_DIR}/lite_alloc-malloc.cmake)
  lite_alloc_add_malloc(lite_alloc_malloc ${lite_alloc_root}/src/lite_alloc/malloc)
  add_library(lite_alloc::malloc ALIAS lite_alloc_malloc)
  lite_alloc_add_malloc(lite_alloc_malloc_checked ${lite_alloc_root}/src/lite_alloc/malloc CHECKED)
  add_library(lite_alloc::malloc_checked ALIAS lite_alloc_malloc_checked)
else()
  # A project of C only cannot compile the C++ sources, so it links the compiled libraries.
  option(LITE_ALLOC_HARDENED "Mix the malloc's metadata with a secret, and check it" OFF)
  set(lite_alloc_variant)
  if(LITE_ALLOC_HARDENED)
    set(lite_alloc_variant _hardened)
  endif()
  add_library(lite_alloc::malloc STATIC IMPORTED GLOBAL)
  add_library(lite_alloc::malloc_checked STATIC IMPORTED GLOBAL)
  set_target_properties(lite_alloc::malloc PROPERTIES
    IMPORTED_LOCATION ${lite_alloc_root}/lib/liblite_alloc_malloc${lite_alloc_variant}.a)
  set_target_properties(lite_alloc::malloc_checked PROPERTIES
    IMPORTED_LOCATION ${lite_alloc_root}/lib/liblite_alloc_malloc_checked.a)
  set_target_properties(lite_alloc::malloc lite_alloc::malloc_checked PROPERTIES
    INTERFACE_LINK_OPTIONS -sMALLOC=none)
endif()

# The recorder is a C file, and an object file and not a library: so it is linked in front of every other malloc.
# -sEXIT_RUNTIME lets it complete its trace when the program ends.
if("record" IN_LIST lite_alloc_FIND_COMPONENTS)
  enable_language(C)
  set(lite_alloc_malloc_sources ${lite_alloc_root}/src/lite_alloc/malloc)
  add_library(lite_alloc_record OBJECT EXCLUDE_FROM_ALL ${lite_alloc_malloc_sources}/record.c)
  add_library(lite_alloc::record ALIAS lite_alloc_record)
  set_target_properties(lite_alloc_record PROPERTIES C_STANDARD 11 INTERPROCEDURAL_OPTIMIZATION OFF)
  include(${CMAKE_CURRENT_LIST_DIR}/lite_alloc-malloc.cmake)
  target_compile_options(lite_alloc_record PRIVATE ${LITE_ALLOC_MALLOC_FLAGS})
  target_include_directories(lite_alloc_record SYSTEM INTERFACE ${lite_alloc_root}/include)
  target_link_options(lite_alloc_record INTERFACE -sEXIT_RUNTIME=1)
  set(lite_alloc_record_FOUND TRUE)
endif()
