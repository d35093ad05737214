// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <tuple>
#include <vector>

#include "support/heaps.hpp"
#include "support/shadow_heap.hpp"

namespace lite_alloc {

// Printers for GoogleTest, which looks for them in this namespace.
inline void PrintTo(const Extent& extent, std::ostream* out) {
  *out << (extent.state == Extent::State::kUsed ? "used" : "free") << " [" << extent.begin << ", "
       << extent.end() << ")";
}

inline void PrintTo(const Statistics& s, std::ostream* out) {
  *out << "{allocations " << s.allocations << ", frees " << s.frees << ", failures " << s.failures
       << ", growths " << s.growths << ", live_blocks " << s.live_blocks << ", live_bytes "
       << s.live_bytes << ", peak_live_bytes " << s.peak_live_bytes << ", heap_bytes "
       << s.heap_bytes << ", free_bytes " << s.free_bytes << ", slack_bytes " << s.slack_bytes
       << ", largest_free_bytes " << s.largest_free_bytes << "}";
}

inline bool operator==(const Statistics& a, const Statistics& b) {
  const auto all = [](const Statistics& s) {
    return std::tie(s.allocations, s.frees, s.failures, s.growths, s.live_blocks, s.live_bytes,
                    s.peak_live_bytes, s.heap_bytes, s.free_bytes, s.slack_bytes,
                    s.largest_free_bytes);
  };
  return all(a) == all(b);
}

}  // namespace lite_alloc

namespace lite_alloc::test {

template <Inspectable Heap>
[[nodiscard]] std::vector<Extent> extents_of(Heap& heap) {
  std::vector<Extent> extents;
  auto cursor = heap.walk();
  for (Extent extent; cursor.next(extent);) extents.push_back(extent);
  return extents;
}

/// The live blocks that a walk shows one by one.
template <Inspectable Heap>
[[nodiscard]] std::vector<Extent> blocks_of(Heap& heap) {
  std::vector<Extent> blocks;
  auto cursor = heap.walk();
  for (Extent extent; cursor.next(extent);) {
    if (cursor.is_block()) blocks.push_back(extent);
  }
  return blocks;
}

/// Returns the slab map of a `SegregatedFit`: the one used extent that is neither a block nor an
/// end of a slab of 4096 bytes.
template <typename Heap>
[[nodiscard]] Extent slab_map_of(Heap& heap) {
  constexpr Size kSlabBytes = 4096;
  Extent map;
  auto cursor = heap.walk();
  for (Extent extent; cursor.next(extent);) {
    const bool is_end_of_slab = extent.begin % kSlabBytes == 0 || extent.end() % kSlabBytes == 0;
    const bool is_map = extent.state == Extent::State::kUsed && !cursor.is_block();
    if (is_map && !is_end_of_slab) map = extent;
  }
  EXPECT_NE(map.size, 0U);
  return map;
}

/// Everything that a failed call must leave unchanged: all but the count of failures.
struct Snapshot {
  Statistics statistics;
  std::vector<Extent> extents;

  friend bool operator==(const Snapshot&, const Snapshot&) = default;
  friend void PrintTo(const Snapshot& snapshot, std::ostream* out) {
    PrintTo(snapshot.statistics, out);
    *out << ", " << testing::PrintToString(snapshot.extents);
  }
};

template <Inspectable Heap>
[[nodiscard]] Snapshot snapshot_of(Heap& heap) {
  Snapshot snapshot{heap.statistics(), {}};
  snapshot.statistics.failures = 0;
  if constexpr (kMergesLate<Heap>) {
    // A call that found no memory may have merged free memory, so only live blocks are compared.
    Statistics& statistics = snapshot.statistics;
    statistics.free_bytes = statistics.slack_bytes = statistics.largest_free_bytes = 0;
    snapshot.extents = blocks_of(heap);
  } else {
    snapshot.extents = extents_of(heap);
  }
  return snapshot;
}

/// The bytes of the extents in `state`.
[[nodiscard]] inline Size bytes_in(const std::vector<Extent>& extents, Extent::State state) {
  Size bytes = 0;
  for (const Extent& extent : extents) bytes += extent.state == state ? extent.size : 0;
  return bytes;
}

/// Whether pages of other code, and nothing but them and a region's record, lie between two
/// neighbours of a walk.
template <PageSource Pages>
[[nodiscard]] bool is_foreign_gap(const Pages& pages, Address begin, Address end) {
  if constexpr (GrowingPages<Pages>) {
    Size foreign = 0;
    for (const Extent& extent : pages.foreign()) {
      if (begin <= extent.begin && extent.end() <= end) foreign += extent.size;
    }
    return foreign != 0 && end - begin - foreign <= 4 * kGranule;
  } else {
    return false;
  }
}

/// Whether a walk's extents are in order, in memory, and without overlap or unexplained gap.
template <PageSource Pages>
[[nodiscard]] testing::AssertionResult is_complete(const Pages& pages,
                                                   const std::vector<Extent>& extents) {
  Address position = 0;
  for (const Extent& extent : extents) {
    if (extent.size == 0 || extent.begin % kGranule != 0 || extent.size % kGranule != 0) {
      return testing::AssertionFailure()
             << "not whole granules: " << testing::PrintToString(extent);
    }
    if (extent.begin < pages.begin() || extent.begin >= pages.end() ||
        extent.size > pages.end() - extent.begin) {
      return testing::AssertionFailure() << "not in memory: " << testing::PrintToString(extent);
    }
    if (extent.begin < position) {
      return testing::AssertionFailure() << "overlap before " << testing::PrintToString(extent);
    }
    if (position != 0 && position != extent.begin &&
        !is_foreign_gap(pages, position, extent.begin)) {
      return testing::AssertionFailure()
             << "gap from " << position << " to " << testing::PrintToString(extent);
    }
    position = extent.end();
  }
  return testing::AssertionSuccess();
}

/// Whether each live block lies in a used extent.
template <PageSource Pages>
[[nodiscard]] testing::AssertionResult holds_blocks(const std::vector<Extent>& extents,
                                                    const ShadowHeap<Pages>& shadow) {
  auto extent = extents.begin();
  for (const auto& [address, block] : shadow.blocks()) {
    const Address begin = address - block.layout.prefix;
    while (extent != extents.end() && extent->end() <= begin) ++extent;
    if (extent == extents.end() || extent->state != Extent::State::kUsed || begin < extent->begin ||
        block.layout.prefix + block.layout.size > extent->end() - begin) {
      return testing::AssertionFailure() << "block " << address << " is not in a used extent";
    }
  }
  return testing::AssertionSuccess();
}

/// Whether statistics agree with a walk and with the live blocks.
template <Inspectable Heap, PageSource Pages>
[[nodiscard]] testing::AssertionResult counts_are_right(const Statistics& statistics,
                                                        const std::vector<Extent>& extents,
                                                        const ShadowHeap<Pages>& shadow) {
  const auto failure = [&](const char* what) {
    return testing::AssertionFailure() << what << ": " << testing::PrintToString(statistics) << " "
                                       << testing::PrintToString(extents);
  };
  const Size used_bytes = bytes_in(extents, Extent::State::kUsed);
  const Size free_bytes = bytes_in(extents, Extent::State::kFree);
  if (statistics.heap_bytes != used_bytes + free_bytes) return failure("heap_bytes");
  if (statistics.free_bytes != free_bytes) return failure("free_bytes");

  auto last = extents.end();
  if (statistics.slack_bytes != 0) {
    if (extents.empty()) return failure("slack_bytes");
    --last;
    if (last->state != Extent::State::kFree || last->size != statistics.slack_bytes) {
      return failure("slack_bytes");
    }
  }
  Size largest = 0;
  std::for_each(extents.begin(), last, [&](const Extent& extent) {
    if (extent.state == Extent::State::kFree) largest = std::max(largest, extent.size);
  });
  if constexpr (kMergesLate<Heap>) {
    // Empty slabs, which a walk shows block by block, count as what they would merge to.
    if (statistics.largest_free_bytes < largest ||
        statistics.largest_free_bytes > statistics.heap_bytes - statistics.slack_bytes) {
      return failure("largest_free_bytes");
    }
  } else {
    if (statistics.largest_free_bytes != largest) return failure("largest_free_bytes");
  }

  if (statistics.live_blocks != shadow.blocks().size()) return failure("live_blocks");
  if (statistics.allocations - statistics.frees != statistics.live_blocks) {
    return failure("allocations, frees");
  }
  if constexpr (kBlocksTakeWholeGranules<Heap>) {
    if (statistics.live_bytes != shadow.live_bytes()) return failure("live_bytes");
    if (used_bytes != shadow.block_bytes()) return failure("used bytes");
  }
  if (statistics.live_bytes < shadow.requested_bytes()) return failure("live_bytes");
  if (used_bytes < statistics.live_bytes) return failure("used bytes");
  if (statistics.peak_live_bytes < statistics.live_bytes) return failure("peak_live_bytes");
  return testing::AssertionSuccess();
}

/// Whether check, walk and statistics of a heap agree with each other and with the live blocks.
/// Does not compare contents.
template <Inspectable Heap, PageSource Pages>
[[nodiscard]] testing::AssertionResult is_sound(Heap& heap, const ShadowHeap<Pages>& shadow) {
  if (const Corruption found = heap.find_corruption()) {
    return testing::AssertionFailure()
           << "corruption " << static_cast<int>(found.kind) << " at " << found.address;
  }
  const std::vector<Extent> extents = extents_of(heap);
  auto result = is_complete(heap.pages(), extents);
  if (result) result = holds_blocks(extents, shadow);
  if (result) result = counts_are_right<Heap>(heap.statistics(), extents, shadow);
  return result;
}

}  // namespace lite_alloc::test
