// SPDX-License-Identifier: MIT
//
// No allocator: each thread hands out its own bytes in turn, round and round, so that a block is
// handed out again 512 KiB later. Only a block that is freed before the next one is allocated is
// reused at once. So it takes the time of a workload itself.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lite_alloc::bench {

inline constexpr std::size_t kFloorBytes = std::size_t{1} << 19U;

inline thread_local std::uintptr_t floor_begin = 0;
inline thread_local std::uintptr_t floor_next = 0;
inline thread_local std::uintptr_t floor_last = 0;

}  // namespace lite_alloc::bench

extern "C" {

void candidate_thread_begin() {
  constexpr std::size_t kPage = 65536;
  const std::size_t pages = __builtin_wasm_memory_grow(0, lite_alloc::bench::kFloorBytes / kPage);
  lite_alloc::bench::floor_begin = pages * kPage;
  lite_alloc::bench::floor_next = pages * kPage;
}

void candidate_thread_end() {}

void* candidate_malloc(std::size_t size) {
  using namespace lite_alloc::bench;
  const std::size_t bytes = (size + 15) & ~std::size_t{15};
  if (floor_next + bytes > floor_begin + kFloorBytes) floor_next = floor_begin;
  floor_last = floor_next;
  floor_next += bytes;
  return reinterpret_cast<void*>(floor_last);
}

void candidate_free(void* block) {
  using namespace lite_alloc::bench;
  if (reinterpret_cast<std::uintptr_t>(block) == floor_last) floor_next = floor_last;
}
}
