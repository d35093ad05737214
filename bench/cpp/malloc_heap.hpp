// SPDX-License-Identifier: MIT
#pragma once

#include <cstdlib>

#include "workloads.hpp"

namespace lite_alloc::bench {

/// The malloc that the module is linked with.
struct HeapUnderTest {
  static Block allocate(std::uint32_t size) {
    return required(static_cast<Block>(std::malloc(size)));
  }
  static void free(Block block, std::uint32_t /*size*/) { std::free(block); }
  static Block resize(Block block, std::uint32_t /*old_size*/, std::uint32_t size) {
    return required(static_cast<Block>(std::realloc(block, size)));
  }
};

}  // namespace lite_alloc::bench
