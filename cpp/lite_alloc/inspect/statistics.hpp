// SPDX-License-Identifier: MIT
#pragma once

#include "lite_alloc/heap/tracking.hpp"
#include "lite_alloc/inspect/segregated_fit_statistics.hpp"

namespace lite_alloc {

/// The share of free bytes outside the largest free block, from 0 (all in one) towards 1. Growth
/// slack is left out: it is one piece, and it has never been in anybody's way.
[[nodiscard]] constexpr double fragmentation(const Statistics& statistics) noexcept {
  const Size scattered = statistics.free_bytes - statistics.slack_bytes;
  // The largest block can hold what is not free yet: the heads of empty slabs.
  return statistics.largest_free_bytes >= scattered
             ? 0.0
             : 1.0 - static_cast<double>(statistics.largest_free_bytes) / scattered;
}

}  // namespace lite_alloc
