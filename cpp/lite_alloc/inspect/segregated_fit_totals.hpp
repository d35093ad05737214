// SPDX-License-Identifier: MIT
#pragma once

#include "lite_alloc/core/layout.hpp"

namespace lite_alloc {

/// The totals of a heap. Sizes in bytes.
struct HeapTotals {
  Size heap_bytes = 0;   // all memory that the heap has taken
  Size free_bytes = 0;   // in free chunks, and in free blocks of slabs
  Size free_blocks = 0;  // the number of these
  Size slack_bytes = 0;  // the free chunk at the end of memory
};

/// Computes the totals of a `SegregatedFit` that has no `Tracking` and owns all pages. It trusts
/// the heap's metadata.
template <typename Heap>
class SegregatedFitTotals {
  using Parts = typename Heap::Parts;
  static_assert(Parts::kOwnsAllPages, "the heap must have a single region");

 public:
  /// Counts chunk by chunk; a parked chunk is a free block of its own. Takes time in proportion to
  /// the number of chunks and free blocks.
  [[nodiscard]] static HeapTotals of(const Heap& heap) noexcept {
    const Parts& parts = heap.parts();
    HeapTotals totals;
    if (parts.heap_end_ == 0) return totals;
    const Address begin = parts.pages_.begin();
    totals.heap_bytes = parts.heap_end_ - begin;
    for (Address chunk = begin + Parts::kRegionHead; chunk < parts.heap_end_;) {
      const Size size = parts.chunk_size(chunk);
      const Size size_class = parts.class_at(chunk);
      if ((parts.tag_of(chunk) & Parts::kFree) != 0 || parts.parking_.is_parked(chunk)) {
        add(totals, 1, size);
      } else if (size_class != 0) {
        add(totals, blocks_in(parts, parts.slab_at(chunk).free), size_class * kGranule);
      }
      chunk += size;
    }
    for (Size size_class = 1; size_class < Parts::kClasses; ++size_class) {
      add(totals, blocks_in(parts, parts.free_lists_[size_class]), size_class * kGranule);
    }
    totals.slack_bytes = parts.top_ == 0 ? 0 : parts.heap_end_ - parts.top_;
    return totals;
  }

  /// Returns the bytes of memory that the heap has taken. Constant time.
  [[nodiscard]] static Size heap_bytes(const Heap& heap) noexcept {
    const Parts& parts = heap.parts();
    return parts.heap_end_ == 0 ? 0 : parts.heap_end_ - parts.pages_.begin();
  }

 private:
  static void add(HeapTotals& totals, Size count, Size size) noexcept {
    totals.free_blocks += count;
    totals.free_bytes += count * size;
  }

  [[nodiscard]] static Size blocks_in(const Parts& parts, Address list) noexcept {
    Size count = 0;
    for (; !Parts::is_end_of_list(list); list = parts.next_block(list)) ++count;
    return count;
  }
};

}  // namespace lite_alloc
