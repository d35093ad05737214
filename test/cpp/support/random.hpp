// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>

#include "lite_alloc/core/layout.hpp"

namespace lite_alloc::test {

/// The number in an environment variable, or `otherwise`.
[[nodiscard]] inline std::uint32_t number_from_environment(const char* name,
                                                           std::uint32_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : static_cast<std::uint32_t>(std::stoul(text));
}

/// Random numbers. The seed is printed at the start, before anything can end the program, and with
/// every failure. LITE_ALLOC_SEED sets another seed.
class Random {
 public:
  Random() : Random(number_from_environment("LITE_ALLOC_SEED", 1)) {}

  [[nodiscard]] Size below(Size bound) {
    return static_cast<Size>(engine_() * std::uint64_t{bound} >> 32U);
  }

  [[nodiscard]] bool one_in(Size n) { return below(n) == 0; }

  /// 0 to `2^bits - 1`, every bit width equally often.
  [[nodiscard]] Size log_uniform(Size bits) { return below(1U << below(bits + 1)); }

  /// A power of two up to `kMaxAlignment`, most often a small one.
  [[nodiscard]] Size alignment() { return 1U << (one_in(3) ? below(17) : below(5)); }

 private:
  explicit Random(std::uint32_t seed)
      : engine_(seed), trace_(__FILE__, __LINE__, "LITE_ALLOC_SEED=" + std::to_string(seed)) {
    std::cout << "LITE_ALLOC_SEED=" << seed << std::endl;
    testing::Test::RecordProperty("seed", std::to_string(seed));
  }

  std::mt19937 engine_;
  testing::ScopedTrace trace_;
};

}  // namespace lite_alloc::test
