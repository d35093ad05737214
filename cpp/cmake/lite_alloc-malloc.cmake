# SPDX-License-Identifier: MIT

# lite_alloc_add_malloc(<target> <folder of its sources>): the malloc family of C, to be linked
# instead of Emscripten's own. Compiled like the rest of the program but for two flags.
function(lite_alloc_add_malloc target sources)
  add_library(${target} STATIC EXCLUDE_FROM_ALL ${sources}/malloc.cpp ${sources}/program_break.cpp)
  target_link_libraries(${target} PUBLIC lite_alloc::core)
  # Compilers call malloc out of nothing, after they have seen the whole program: it must not be part
  # of what they optimise then. And they must not take `calloc` for a malloc with a memset.
  set_target_properties(${target} PROPERTIES INTERPROCEDURAL_OPTIMIZATION OFF)
  target_compile_options(${target} PRIVATE -fno-lto -fno-builtin)
  target_link_options(${target} INTERFACE -sMALLOC=none)
endfunction()
