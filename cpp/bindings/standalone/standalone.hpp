// SPDX-License-Identifier: MIT
//
// The smallest modules: one strategy each, three functions, no glue and no imports. Their heaps
// have no tracking, and memory grows by what is needed.
#pragma once

#include "lite_alloc/heap/tracking.hpp"
#include "lite_alloc/memory/wasm_memory.hpp"

namespace lite_alloc::bindings {

namespace {

// A type of each file alone. So the compiler sees every call of the templates over it, and drops
// parameters that never vary. Without this the modules are up to 61 bytes larger.
class Memory : public WasmMemory<nullptr, 0> {};

}  // namespace

/// The exports of a module. Each file that instantiates this makes one module.
template <template <PageSource, typename> class Strategy>
struct Standalone {
  static inline constinit Strategy<Memory, NoTracking> heap;

  [[clang::export_name("allocate")]] static Address allocate(Size size, Size alignment) {
    return heap.allocate({.size = size, .alignment = alignment});
  }

  [[clang::export_name("deallocate")]] static void deallocate(Address address, Size size,
                                                              Size alignment) {
    heap.deallocate(address, {.size = size, .alignment = alignment});
  }

  [[clang::export_name("reallocate")]] static Address reallocate(Address address, Size old_size,
                                                                 Size new_size, Size alignment) {
    return heap.reallocate(address, {.size = old_size, .alignment = alignment}, new_size);
  }
};

}  // namespace lite_alloc::bindings
