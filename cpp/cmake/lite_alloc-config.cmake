# SPDX-License-Identifier: MIT
#
# lite_alloc::core    the headers, for any target
# lite_alloc::malloc  the malloc family of C, for programs that Emscripten links

if(TARGET lite_alloc::core)
  return()
endif()

get_filename_component(lite_alloc_root ${CMAKE_CURRENT_LIST_DIR}/../../.. ABSOLUTE)

add_library(lite_alloc_core INTERFACE)
add_library(lite_alloc::core ALIAS lite_alloc_core)
target_compile_features(lite_alloc_core INTERFACE cxx_std_20)
target_include_directories(lite_alloc_core SYSTEM INTERFACE ${lite_alloc_root}/include)

if(EMSCRIPTEN AND CMAKE_CXX_COMPILER_LOADED)
  include(${CMAKE_CURRENT_LIST_DIR}/lite_alloc-malloc.cmake)
  lite_alloc_add_malloc(lite_alloc_malloc ${lite_alloc_root}/src/lite_alloc/malloc)
  add_library(lite_alloc::malloc ALIAS lite_alloc_malloc)
elseif(EMSCRIPTEN)
  # A project of C only cannot compile the C++ sources, so it links a compiled library.
  option(LITE_ALLOC_HARDENED "Mix the malloc's metadata with a secret, and check it" OFF)
  set(lite_alloc_library liblite_alloc_malloc.a)
  if(LITE_ALLOC_HARDENED)
    set(lite_alloc_library liblite_alloc_malloc_hardened.a)
  endif()
  add_library(lite_alloc::malloc STATIC IMPORTED GLOBAL)
  set_target_properties(lite_alloc::malloc PROPERTIES
    IMPORTED_LOCATION ${lite_alloc_root}/lib/${lite_alloc_library}
    INTERFACE_LINK_OPTIONS -sMALLOC=none)
endif()
