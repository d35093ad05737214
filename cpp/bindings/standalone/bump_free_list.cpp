// SPDX-License-Identifier: MIT
//
// The smallest module: one strategy, three functions, no glue and no imports. Nobody looks into its
// heap, and memory grows by what is needed.

#include "lite_alloc/heap/bump_free_list.hpp"

#include "lite_alloc/memory/wasm_memory.hpp"

using lite_alloc::Address;
using lite_alloc::Size;

namespace {

// A type of this file alone: the compiler sees every call of what is made from it, and drops
// parameters that never vary.
class Memory : public lite_alloc::WasmMemory<nullptr, 0> {};

constinit lite_alloc::BumpFreeList<Memory, lite_alloc::NoTracking> heap;

}  // namespace

extern "C" {

[[clang::export_name("allocate")]] Address allocate(Size size, Size alignment) {
  return heap.allocate({.size = size, .alignment = alignment});
}

[[clang::export_name("deallocate")]] void deallocate(Address address, Size size, Size alignment) {
  heap.deallocate(address, {.size = size, .alignment = alignment});
}

[[clang::export_name("reallocate")]] Address reallocate(Address address, Size old_size,
                                                        Size new_size, Size alignment) {
  return heap.reallocate(address, {.size = old_size, .alignment = alignment}, new_size);
}

}  // extern "C"
