// SPDX-License-Identifier: MIT
#pragma once

#include <emscripten/em_macros.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace lite_alloc::bench {

/// Marsaglia's xorshift (Journal of Statistical Software 8/14, 2003).
class Random {
 public:
  /// In `[0, bound)`.
  std::uint32_t below(std::uint32_t bound) {
    state_ ^= state_ << 13U;
    state_ ^= state_ >> 17U;
    state_ ^= state_ << 5U;
    return state_ % bound;
  }

 private:
  std::uint32_t state_ = 20'260'101;
};

/// The checksum FNV-1a over bytes.
class Checksum {
 public:
  void add(const void* data, std::size_t size) {
    for (const auto* byte = static_cast<const unsigned char*>(data); size != 0; --size, ++byte) {
      sum_ = (sum_ ^ *byte) * 16'777'619U;
    }
  }
  void add(std::uint32_t number) { add(&number, sizeof number); }

  [[nodiscard]] std::uint32_t value() const { return sum_; }

 private:
  std::uint32_t sum_ = 2'166'136'261U;
};

/// Ends the program if a library reports an error.
inline void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace lite_alloc::bench

extern "C" {

/// Runs the program with a workload of the given size. The result does not depend on the malloc.
EMSCRIPTEN_KEEPALIVE std::uint32_t run_program(std::uint32_t scale);

}  // extern "C"
