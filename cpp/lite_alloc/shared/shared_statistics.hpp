// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "lite_alloc/core/layout.hpp"

namespace lite_alloc::shared {

/// The counters of a shared heap, in bytes. They are sums over all threads, most of them read
/// without a lock: exact if no thread is inside a call, otherwise each is right for some moment
/// close by. A thread that dies inside a call may leave the numbers of live blocks and bytes wrong
/// by that call.
struct SharedStatistics {
  std::uint64_t allocations = 0;
  std::uint64_t failures = 0;
  Size growths = 0;
  Size threads = 0;  // that have a record
  Size live_blocks = 0;
  Size live_bytes = 0;
  Size peak_live_bytes = 0;      // of those that a call of `statistics` found
  Size cached_bytes = 0;         // free blocks outside of slabs, and slabs without used blocks
  Size blocks_out_of_slabs = 0;  // live ones, and free ones in magazines, parcels and inboxes
  Size heap_bytes = 0;
  Size used_chunk_bytes = 0;    // of large blocks, segments and records
  Size slack_bytes = 0;         // at the end of the heap, behind the last used chunk
  Size largest_free_bytes = 0;  // the largest free chunk, slack left out
};

}  // namespace lite_alloc::shared
