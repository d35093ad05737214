// SPDX-License-Identifier: MIT
#pragma once

#include "lite_alloc/heap/tracking.hpp"
#include "lite_alloc/inspect/segregated_fit_statistics.hpp"

namespace lite_alloc {

/// Returns the share of free bytes that lie outside the largest free block: 0 if one block has all
/// of them, and up to 1. Slack is left out: it is one piece, and no block divides it.
[[nodiscard]] constexpr double fragmentation(const Statistics& statistics) noexcept {
  const Size scattered = statistics.free_bytes - statistics.slack_bytes;
  // The largest block can contain bytes that are not free yet: the heads of empty slabs.
  return statistics.largest_free_bytes >= scattered
             ? 0.0
             : 1.0 - static_cast<double>(statistics.largest_free_bytes) / scattered;
}

}  // namespace lite_alloc
