# SPDX-License-Identifier: MIT

# lite_alloc_add_malloc(<target> <folder of its sources>): the malloc family of C, to be linked
# instead of Emscripten's own. Compiled like the rest of the program but for these flags.

# Compilers must not take a function of the family for another of it: `calloc` for a malloc with a
# memset. Memory functions remain built in: copies and fills become instructions.
set(LITE_ALLOC_MALLOC_FLAGS -fno-lto)
foreach(name malloc calloc realloc free memalign aligned_alloc posix_memalign)
  list(APPEND LITE_ALLOC_MALLOC_FLAGS -fno-builtin-${name})
endforeach()

option(LITE_ALLOC_HARDENED "Mix the malloc's metadata with a secret, and check it" OFF)

function(lite_alloc_add_malloc target sources)
  add_library(${target} STATIC EXCLUDE_FROM_ALL
    ${sources}/malloc.cpp ${sources}/malloc_extensions.cpp ${sources}/program_break.cpp)
  target_link_libraries(${target} PUBLIC lite_alloc::core)
  # Compilers call malloc out of nothing, after they have seen the whole program: it must not be part
  # of what they optimise then.
  set_target_properties(${target} PROPERTIES INTERPROCEDURAL_OPTIMIZATION OFF)
  target_compile_options(${target} PRIVATE ${LITE_ALLOC_MALLOC_FLAGS})
  if(LITE_ALLOC_HARDENED)
    target_compile_definitions(${target} PRIVATE LITE_ALLOC_HARDENED=1)
  endif()
  target_link_options(${target} INTERFACE -sMALLOC=none)
endfunction()
