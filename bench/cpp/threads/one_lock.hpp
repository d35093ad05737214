// SPDX-License-Identifier: MIT
//
// The simplest heap that threads can share: a spin lock around every call of the single-threaded
// allocator. It shows what a design for threads gains.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lite_alloc/heap/segregated_fit.hpp"
#include "lite_alloc/memory/stepped_growth.hpp"
#include "lite_alloc/memory/wasm_memory.hpp"
#include "spin_lock.hpp"

namespace lite_alloc::bench {

inline constinit SegregatedFit<SteppedGrowth<WasmMemory<>>, NoTracking> one_heap;
alignas(128) inline constinit SpinLock one_lock;

}  // namespace lite_alloc::bench

extern "C" {

void candidate_thread_begin() {}
void candidate_thread_end() {}

void* candidate_malloc(std::size_t size) {
  lite_alloc::bench::one_lock.lock();
  const lite_alloc::Address block = lite_alloc::bench::one_heap.malloc(size);
  lite_alloc::bench::one_lock.unlock();
  return reinterpret_cast<void*>(block);
}

void candidate_free(void* block) {
  lite_alloc::bench::one_lock.lock();
  lite_alloc::bench::one_heap.free(
      static_cast<lite_alloc::Address>(reinterpret_cast<std::uintptr_t>(block)));
  lite_alloc::bench::one_lock.unlock();
}
}
