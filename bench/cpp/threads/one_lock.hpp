// SPDX-License-Identifier: MIT
//
// The simplest heap that threads can share: a spin lock around every call of the single-threaded
// allocator. It shows what a design for threads gains.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lite_alloc/heap/segregated_fit.hpp"
#include "lite_alloc/memory/stepped_growth.hpp"
#include "spin_lock.hpp"
#ifdef __wasm__
#include "lite_alloc/memory/wasm_memory.hpp"
#else
#include "lite_alloc/memory/host_memory.hpp"
#endif

namespace lite_alloc::bench {

#ifdef __wasm__
using OneHeap = SegregatedFit<SteppedGrowth<WasmMemory<>>, NoTracking>;
inline constinit OneHeap one_heap;
#else
using OneHeap = SegregatedFit<HostMemory, NoTracking>;
inline OneHeap one_heap;
#endif
alignas(128) inline constinit SpinLock one_lock;

}  // namespace lite_alloc::bench

extern "C" {

void candidate_thread_begin() {}
void candidate_thread_end() {}

void* candidate_malloc(std::size_t size) {
  using namespace lite_alloc::bench;
  one_lock.lock();
  const lite_alloc::Address block = one_heap.malloc(static_cast<lite_alloc::Size>(size));
  one_lock.unlock();
  return block == 0 ? nullptr : one_heap.pages().at<void>(block);
}

void candidate_free(void* block) {
  using namespace lite_alloc::bench;
  const auto distance = static_cast<std::byte*>(block) - one_heap.pages().at<std::byte>(0);
  one_lock.lock();
  one_heap.free(static_cast<lite_alloc::Address>(distance));
  one_lock.unlock();
}
}
