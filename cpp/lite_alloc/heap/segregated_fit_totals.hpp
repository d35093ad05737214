// SPDX-License-Identifier: MIT
#pragma once

#include "lite_alloc/core/layout.hpp"

namespace lite_alloc {

/// What a heap consists of. Sizes in bytes.
struct HeapTotals {
  Size heap_bytes = 0;   // all that the heap has taken
  Size free_bytes = 0;   // free chunks, and free blocks in slabs
  Size free_blocks = 0;  // how many of these there are
  Size slack_bytes = 0;  // the free chunk at the end of memory
};

/// Counts by a walk from tag to tag, for a heap without `Tracking` in a single region. It trusts
/// the heap's metadata. Time in proportion to the number of chunks and free blocks.
template <typename Heap>
class SegregatedFitTotals {
 public:
  [[nodiscard]] static HeapTotals of(const Heap& heap) noexcept requires(Heap::kOwnsAllPages) {
    HeapTotals totals;
    if (heap.limit_ == 0) return totals;
    const Address begin = heap.pages_.begin();
    totals.heap_bytes = heap.limit_ - begin;
    for (Address chunk = begin + Heap::kRegionHead; chunk < heap.limit_;) {
      const Size size = heap.chunk_size(chunk);
      const Size size_class = heap.class_at(chunk);
      if ((heap.tag_of(chunk) & Heap::kFree) != 0) {
        add(totals, 1, size);
      } else if (size_class != 0) {
        const Address list = heap.template at<typename Heap::Slab>(chunk).free;
        add(totals, blocks_in(heap, list), size_class * kGranule);
      }
      chunk += size;
    }
    for (Size size_class = 1; size_class < Heap::kClasses; ++size_class) {
      add(totals, blocks_in(heap, heap.ready_[size_class]), size_class * kGranule);
    }
    totals.slack_bytes = heap.top_ == 0 ? 0 : heap.limit_ - heap.top_;
    return totals;
  }

  [[nodiscard]] static Size heap_bytes(const Heap& heap) noexcept requires(Heap::kOwnsAllPages) {
    return heap.limit_ == 0 ? 0 : heap.limit_ - heap.pages_.begin();
  }

 private:
  static void add(HeapTotals& totals, Size count, Size size) noexcept {
    totals.free_blocks += count;
    totals.free_bytes += count * size;
  }

  [[nodiscard]] static Size blocks_in(const Heap& heap, Address list) noexcept {
    Size count = 0;
    for (; !Heap::is_end_of_list(list); list = heap.next_block(list)) ++count;
    return count;
  }
};

}  // namespace lite_alloc
