// SPDX-License-Identifier: MIT
//
// The heap of lite-alloc that several threads share.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lite_alloc/memory/stepped_growth.hpp"
#include "lite_alloc/memory/wasm_memory.hpp"
#include "lite_alloc/shared/shared_fit.hpp"
#include "team.hpp"

namespace lite_alloc::bench {

/// The record of a thread that has none.
inline constinit shared::ThreadRecord no_record{};

/// The address of the thread's record: a wasm global, of which each instance has its own.
static std::uint32_t __attribute__((address_space(1))) current_record = 0;

class InstanceThread {
 public:
  static shared::ThreadRecord* record() noexcept {
    return reinterpret_cast<shared::ThreadRecord*>(static_cast<std::uintptr_t>(current_record));
  }

  static void set_record(shared::ThreadRecord* record) noexcept {
    current_record = static_cast<std::uint32_t>(
        reinterpret_cast<std::uintptr_t>(record != nullptr ? record : &no_record));
  }

  static void wait(std::atomic<std::uint32_t>& word, std::uint32_t value) noexcept {
    constexpr std::int64_t kMillisecond = 1'000'000;
    wait_while(reinterpret_cast<int*>(&word), static_cast<int>(value), kMillisecond);
  }

  static void wake(std::atomic<std::uint32_t>& word) noexcept {
    __builtin_wasm_memory_atomic_notify(reinterpret_cast<int*>(&word), 1);
  }
};

inline constinit shared::SharedFit<SteppedGrowth<WasmMemory<>>, InstanceThread> shared_heap;

}  // namespace lite_alloc::bench

extern "C" {

void candidate_thread_begin() {
  lite_alloc::bench::InstanceThread::set_record(nullptr);
  if (!lite_alloc::bench::shared_heap.attach()) __builtin_trap();
}

void candidate_thread_end() { lite_alloc::bench::shared_heap.detach(); }

void* candidate_malloc(std::size_t size) {
  return reinterpret_cast<void*>(
      static_cast<std::uintptr_t>(lite_alloc::bench::shared_heap.malloc(size)));
}

void candidate_free(void* block) {
  lite_alloc::bench::shared_heap.free(
      static_cast<lite_alloc::Address>(reinterpret_cast<std::uintptr_t>(block)));
}
}
