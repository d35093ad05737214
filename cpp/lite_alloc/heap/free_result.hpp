// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace lite_alloc {

/// What came of a free.
enum class FreeResult : std::uint8_t {
  kFreed,
  kNotABlock,    // not the address of a live block of this heap
  kAlreadyFree,  // it was one, and nothing has been put there since
};

}  // namespace lite_alloc
