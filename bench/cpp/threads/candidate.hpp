// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

/// The interface of an allocator that several threads share. A header that defines these four
/// functions is a candidate: bench/threads/build.mjs compiles `candidate.cpp` with its path in
/// `LITE_ALLOC_BENCH_CANDIDATE` and links it with the workloads.
///
/// Each thread is an instance of one module over one shared memory, without libc and without a
/// pthread runtime. It has a stack, mutable globals and `thread_local` variables of its own; static
/// variables are shared, and must be constant-initialised. The candidate may use the memory from
/// `__heap_base` on, and grows it.
extern "C" {

/// Called by each thread before its first allocation.
void candidate_thread_begin(void);

/// Called by each thread after its last free. Blocks of the thread may be live in other threads.
void candidate_thread_end(void);

/// Allocates a block; returns null iff there is no memory.
void* candidate_malloc(std::size_t size);

/// Frees a block that any thread has allocated.
void candidate_free(void* block);
}
