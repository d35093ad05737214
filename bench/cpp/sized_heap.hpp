// SPDX-License-Identifier: MIT
#pragma once

#include "workloads.hpp"

extern "C" {

/// The allocator under test, whose callers keep the sizes of blocks. It is compiled in another file
/// (strategy.cpp), so that it is called and not inlined, like a malloc.
std::byte* sized_allocate(std::uint32_t size);
void sized_deallocate(std::byte* block, std::uint32_t size);
std::byte* sized_reallocate(std::byte* block, std::uint32_t old_size, std::uint32_t size);

}  // extern "C"

namespace lite_alloc::bench {

/// The allocator that the module is linked with, through its own interface, whose `free` takes the
/// size of the block.
struct HeapUnderTest {
  static Block allocate(std::uint32_t size) { return required(sized_allocate(size)); }
  static void free(Block block, std::uint32_t size) { sized_deallocate(block, size); }
  static Block resize(Block block, std::uint32_t old_size, std::uint32_t size) {
    return required(sized_reallocate(block, old_size, size));
  }
};

}  // namespace lite_alloc::bench
