# SPDX-License-Identifier: MIT

# lite_alloc_add_malloc(<target> <folder of its sources> [HARDENED | CHECKED]): the malloc family of C, which a program
# links instead of Emscripten's own. It is compiled with the flags of the program and those below.

# Without these flags a compiler turns a malloc followed by a memset into `calloc`, also inside `calloc`.
# Memory functions remain built in, so copies and fills become instructions.
set(LITE_ALLOC_MALLOC_FLAGS -fno-lto)
foreach(name malloc calloc realloc free memalign aligned_alloc posix_memalign)
  list(APPEND LITE_ALLOC_MALLOC_FLAGS -fno-builtin-${name})
endforeach()

option(LITE_ALLOC_HARDENED "Mix the malloc's metadata with a secret, and check it" OFF)

function(lite_alloc_add_malloc target sources)
  cmake_parse_arguments(PARSE_ARGV 2 malloc "HARDENED;CHECKED" "" "")
  add_library(${target} STATIC EXCLUDE_FROM_ALL
    ${sources}/malloc.cpp ${sources}/malloc_extensions.cpp ${sources}/program_break.cpp
    ${sources}/one_thread_only_use_dlmalloc_with_pthread.cpp)
  target_link_libraries(${target} PUBLIC lite_alloc::core)
  # Link-time optimisation inserts calls of malloc after it has seen the whole program, so malloc must not
  # take part in it.
  set_target_properties(${target} PROPERTIES INTERPROCEDURAL_OPTIMIZATION OFF)
  target_compile_options(${target} PRIVATE ${LITE_ALLOC_MALLOC_FLAGS})
  if(malloc_HARDENED OR LITE_ALLOC_HARDENED)
    target_compile_definitions(${target} PRIVATE LITE_ALLOC_HARDENED=1)
  endif()
  if(malloc_CHECKED)
    target_sources(${target} PRIVATE ${sources}/checked_delete.cpp)
    target_compile_definitions(${target} PRIVATE LITE_ALLOC_CHECKED=1)
  endif()
  target_link_options(${target} INTERFACE -sMALLOC=none)
endfunction()
