// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>

#include "lite_alloc/inspect/walk.hpp"
#include "lite_alloc/shared/shared_fit.hpp"

namespace lite_alloc {

/// Walks the blocks of a shared heap in address order. Requires that no thread changes the heap
/// meanwhile: a block that is allocated or freed during the walk may be shown as it was before, or
/// be left out with its neighbours. A step takes time in proportion to the number of threads at
/// most. Ends where a tag was overwritten.
template <typename Parts>
class SharedFitWalk {
 public:
  explicit SharedFitWalk(const Parts& heap) noexcept
      : heap_(&heap), place_(Parts::region_begin(heap.pages_.begin())) {}

  /// Writes the next block or free extent. Returns false, and writes nothing, behind the last.
  [[nodiscard]] bool next(Block& block) noexcept {
    while (heap_->heap_end_ != 0 && place_ < heap_->heap_end_) {
      if (segment_end_ != 0) {
        if (next_in_segment(block)) return true;
        place_ = segment_end_;
        segment_end_ = 0;
        continue;
      }
      const Size tag = heap_->tag_of(place_);
      const Size size = tag & ~Parts::kFlags;
      if (size == 0 || size > heap_->heap_end_ - place_) return false;
      const bool is_free = (tag & Parts::kFree) != 0;
      if (!is_free && heap_->is_in_segment(place_)) {
        segment_end_ = place_ + shared::kSegmentBytes;
        continue;
      }
      const Address chunk = place_;
      place_ += size;
      if (!is_free && heap_->is_record(chunk)) continue;
      block = {.address = chunk,
               .size = size,
               .state = is_free ? Extent::State::kFree : Extent::State::kUsed};
      return true;
    }
    return false;
  }

 private:
  [[nodiscard]] bool next_in_segment(Block& block) noexcept {
    const Address end = segment_end_ - shared::kHeadBytes;
    if (place_ >= end) return false;
    const auto& slab = heap_->slab_of(place_);
    Address next = 0;
    if (slab.size_class == 0) {
      next = place_;
      while (next < end && heap_->slab_of(next).size_class == 0) next += shared::kSlabPageBytes;
      block = {.address = place_, .size = 0, .state = Extent::State::kFree};
    } else {
      const Address segment = segment_end_ - shared::kSegmentBytes;
      const Address last = segment + (Size{slab.first} + slab.last) * kGranule;
      const Size pages = shared::kSizeClasses[slab.size_class].pages;
      const Address slab_end =
          segment + slab.first_page * shared::kSlabPageBytes + pages * shared::kSlabPageBytes;
      // The rest of a slab belongs to its last block.
      next = place_ < last ? place_ + shared::bytes_of(slab.size_class) : slab_end;
      const bool is_free = heap_->is_marked(place_);
      block = {.address = place_,
               .size = 0,
               .state = is_free ? Extent::State::kFree : Extent::State::kUsed};
    }
    next = next >= end ? segment_end_ : next;
    block.size = next - place_;
    place_ = next;
    return true;
  }

  const Parts* heap_;
  Address place_;
  Address segment_end_ = 0;  // 0 outside of segments
};

}  // namespace lite_alloc
