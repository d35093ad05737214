// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace lite_alloc {

/// The result of a free.
enum class FreeResult : std::uint8_t {
  kFreed,
  kNotABlock,    // no live block of this heap has the address
  kAlreadyFree,  // a block had the address, was freed, and no block has taken its place since
};

}  // namespace lite_alloc
