// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>

#include "lite_alloc/heap/segregated_fit.hpp"

namespace lite_alloc {

/// Finds the largest free block of a `SegregatedFit`, for its statistics.
template <typename Parts>
class LargestFreeBlock {
 public:
  /// Returns the size of the largest free block, slack left out. Looks at no more than `most`
  /// chunks and reads nothing outside the heap, whatever lists and tags say.
  [[nodiscard]] static Size of(const Parts& parts, Size most) noexcept {
    Size largest = in_bins(parts, most);
    for (Size size_class = 1; size_class < Parts::kClasses; ++size_class) {
      largest = std::max(largest, in_class(parts, size_class));
    }
    // A parked chunk counts without the neighbours that it is going to merge with, too.
    largest = std::max(largest, parts.parking_.tag() & ~Parts::kFlags);
    return parts.spare_slabs_ != 0 ? std::max(largest, Parts::kSlabBytes) : largest;
  }

 private:
  [[nodiscard]] static Size in_bins(const Parts& parts, Size most) noexcept {
    Size largest = 0;
    Address chunk = parts.bins_[parts.filled_bins_.highest()];
    for (Size left = most;
         left != 0 && chunk % kGranule == 0 && parts.is_in_region(chunk, kGranule); --left) {
      largest = std::max(largest, parts.chunk_size(chunk));
      chunk = parts.next_chunk(chunk);
    }
    return largest;
  }

  /// A slab without used blocks counts as one free block: an allocation that finds no other memory
  /// makes it a free chunk. The result does not include the neighbours that this chunk would merge
  /// with.
  [[nodiscard]] static Size in_class(const Parts& parts, Size size_class) noexcept {
    const Address active = parts.active_slabs_[size_class];
    const Address first = parts.free_lists_[size_class];
    // It is enough to look at two slabs: if all blocks of a size were freed, the block that was
    // freed last lies in a slab without used blocks.
    if (has_no_used_block(parts, active, size_class) ||
        has_no_used_block(parts, Parts::slab_of(first), size_class)) {
      return Parts::kSlabBytes;
    }
    const bool has_free = parts.partial_slabs_[size_class] != 0 || !Parts::is_end_of_list(first) ||
                          (active != 0 && !Parts::is_end_of_list(parts.slab_at(active).free));
    return has_free ? size_class * kGranule : 0;
  }

  /// Checks whether `reclaim` would make this slab a free chunk.
  [[nodiscard]] static bool has_no_used_block(const Parts& parts, Address slab,
                                              Size size_class) noexcept {
    if (parts.class_at(slab) != size_class) return false;
    const auto& head = parts.slab_at(slab);
    const bool is_full =
        parts.active_slabs_[size_class] != slab && Parts::is_end_of_list(head.free);
    Size used = is_full ? Parts::blocks_in_slab(size_class) : head.frees_until_transition;
    Address block = parts.free_lists_[size_class];
    for (Size left = Parts::kMaxFreeList; left != 0 && parts.is_block_of(block, size_class);
         --left) {
      used -= static_cast<Size>(Parts::slab_of(block) == slab);
      block = parts.next_block(block);
    }
    return used == 0;
  }
};

template <PageSource Pages, typename Tracker, typename Hardening>
Statistics SegregatedFit<Pages, Tracker, Hardening>::statistics() const noexcept
    requires(Tracker::kEnabled) {
  Statistics statistics = tracker_.counters();
  statistics.heap_bytes = parts().bytes_in_regions();
  statistics.free_bytes = statistics.heap_bytes - tracker_.used_bytes();
  statistics.slack_bytes = top_ == 0 ? 0 : parts().heap_end_ - top_;
  statistics.largest_free_bytes =
      LargestFreeBlock<Parts>::of(parts(), statistics.heap_bytes / kGranule);
  return statistics;
}

}  // namespace lite_alloc
