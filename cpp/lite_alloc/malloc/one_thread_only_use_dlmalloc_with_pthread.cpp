// SPDX-License-Identifier: MIT
//
// Makes the linker refuse the malloc family in shared memory: with -pthread, -sWASM_WORKERS or
// -sSHARED_MEMORY. The heap serves one thread.
//
// A variable of each thread, in an object that is compiled without atomics, is not allowed there.
// The linker's message has no other words of ours than the name of the object, which therefore says
// what is wrong and what to use instead. malloc.cpp refers to this file, so no program can link the
// one without the other. With atomics the file does not compile.

#include "lite_alloc/malloc/pointers.hpp"

extern "C" {

constinit thread_local int lite_alloc_malloc_serves_one_thread = 0;

void lite_alloc_refuse_threads() noexcept {}

}  // extern "C"
