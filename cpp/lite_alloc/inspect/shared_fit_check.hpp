// SPDX-License-Identifier: MIT
#pragma once

#include "lite_alloc/inspect/segregated_fit_check.hpp"
#include "lite_alloc/shared/shared_fit.hpp"

namespace lite_alloc {

/// Looks for broken invariants of a shared heap: in tags, bins, slabs and their lists. Changes
/// nothing. Requires that no thread changes the heap meanwhile. Takes time in proportion to the
/// number of chunks, slabs and free blocks.
template <typename Parts>
class SharedFitCheck {
 public:
  explicit SharedFitCheck(const Parts& heap) noexcept : heap_(&heap) {}

  [[nodiscard]] Corruption run() noexcept {
    if (heap_->heap_end_ == 0) return {};
    if (const Corruption found = check_chunks()) return found;
    return check_bins();
  }

 private:
  using Kind = Corruption::Kind;

  [[nodiscard]] Corruption check_chunks() noexcept {
    const Address end = heap_->heap_end_;
    Address below = 0;  // the free chunk below, if any
    for (Address chunk = Parts::region_begin(heap_->pages_.begin()); chunk != end;) {
      const Size tag = heap_->tag_of(chunk);
      const Size size = tag & ~Parts::kFlags;
      const bool is_free = (tag & Parts::kFree) != 0;
      const bool has_flag = (tag & Parts::kBelowFree) != 0;
      const bool is_sound = size != 0 && size <= end - chunk && has_flag == (below != 0) &&
                            !(is_free && below != 0) &&
                            (!is_free || heap_->size_at_end_of(chunk, size) == size);
      if (!is_sound) return {Kind::kHeaderOverwritten, chunk};
      if (!is_free && heap_->is_in_segment(chunk)) {
        if (const Corruption found = check_segment(chunk)) return found;
      }
      free_chunks_ += is_free && chunk != heap_->top_ ? 1 : 0;
      below = is_free ? chunk : 0;
      chunk += size;
    }
    return below == heap_->top_ ? Corruption{} : Corruption{Kind::kHeaderOverwritten, below};
  }

  [[nodiscard]] Corruption check_bins() noexcept {
    Size found = 0;
    for (const Address first : heap_->bins_) {
      Address previous = 0;
      for (Address chunk = first; chunk != 0; ++found) {
        const bool is_sound = chunk % kGranule == 0 && chunk < heap_->heap_end_ &&
                              found < free_chunks_ && heap_->previous_chunk(chunk) == previous &&
                              (heap_->tag_of(chunk) & Parts::kFree) != 0;
        if (!is_sound) return {Kind::kFreeListOutsideHeap, chunk};
        previous = chunk;
        chunk = heap_->next_chunk(chunk);
      }
    }
    return found == free_chunks_ ? Corruption{} : Corruption{Kind::kCountersDisagree, 0};
  }

  [[nodiscard]] Corruption check_segment(Address segment) noexcept {
    for (Size page = 0; page < shared::kSlabPages; ++page) {
      const Address place = heap_->list_of(segment, page);
      const auto& list = *heap_->template at<shared::SlabList>(place);
      const auto& slab = heap_->slab_at(segment, page);
      if (list.blocks == 0 || slab.first_page != page) continue;
      if (slab.size_class == 0 || slab.size_class >= shared::kClasses) {
        return {Kind::kSlabMapOverwritten, place};
      }
      if (const Corruption found = check_slab(slab, list)) return found;
    }
    return {};
  }

  [[nodiscard]] Corruption check_slab(const shared::Slab& slab,
                                      const shared::SlabList& list) noexcept {
    Size free = 0;
    for (Address block = list.free; block != 0; ++free) {
      const bool is_sound =
          block % kGranule == 0 && heap_->is_in_segment(block) && free < list.blocks &&
          heap_->slab_of(block).first_page == slab.first_page &&
          heap_->is_block_start(block, heap_->slab_of(block)) && heap_->is_marked(block);
      if (!is_sound) return {Kind::kFreeListOutsideHeap, block};
      block = heap_->stored_link(heap_->key(), block);
    }
    return free + list.used == list.blocks ? Corruption{}
                                           : Corruption{Kind::kCountersDisagree, list.free};
  }

  const Parts* heap_;
  Size free_chunks_ = 0;  // without `top_`
};

}  // namespace lite_alloc
