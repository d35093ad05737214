// SPDX-License-Identifier: MIT
#pragma once

#include "lite_alloc/heap/segregated_fit.hpp"
#include "lite_alloc/inspect/segregated_fit_walk.hpp"

namespace lite_alloc {

/// Checks the invariants of a `SegregatedFit`, which the comments of its parts list.
///
/// First it goes through all chunks and slabs and counts what each list must have. Then it goes
/// through the lists and counts what they have, and stops where one has too much, so that it
/// returns even where a list is a circle.
///
/// `Access` is `PartsPointer` or a class like it.
template <typename Access>
class SegregatedFitCheck {
  using Parts = typename Access::Parts;

 public:
  explicit SegregatedFitCheck(Access parts) noexcept : parts_(parts) {}

  /// Returns the first broken invariant.
  [[nodiscard]] Corruption run() noexcept {
    static_cast<void>(check_regions() && check_bins() && check_classes() && check_spare_slabs() &&
                      check_map() && check_totals());
    return found_;
  }

 private:
  using Kind = Corruption::Kind;

  // Each check returns false at the first broken invariant.

  [[nodiscard]] bool fail(Kind kind, Address address) noexcept {
    found_ = {kind, address};
    return false;
  }

  /// Checks whether a link may be followed.
  [[nodiscard]] bool is_in_heap(Address chunk) const noexcept {
    return chunk % kGranule == 0 && parts_->is_in_region(chunk, kGranule);
  }

  [[nodiscard]] bool check_regions() noexcept {
    Address begin = 0;
    Address end = 0;
    for (Address region = parts_->oldest_region(); region != 0;
         region = parts_->next_region(region)) {
      begin = Parts::region_begin(region);
      end = parts_->region_end(region);
      if (!check_region(begin, end)) return false;
    }
    return end == parts_->heap_end_ || fail(Kind::kRegionOverwritten, begin);
  }

  [[nodiscard]] bool check_region(Address begin, Address end) noexcept {
    Address chunk = begin;
    Size free_below = 0;  // the size of the free chunk below
    for (;;) {
      const Size tag = parts_->tag_of(chunk);
      const Size size = tag & ~Parts::kFlags;
      const bool is_free = (tag & Parts::kFree) != 0;
      const bool is_end = chunk == end;
      // The tag of a free chunk never has `kBelowFree`: so no two neighbours are free.
      const bool says_below_free = (tag & Parts::kBelowFree) != 0;
      const Size known = is_free ? Size{Parts::kFree} : Size{Parts::kUsedFlags};
      const bool is_sound = says_below_free == (free_below != 0) &&
                            (tag & Parts::kFlags & ~known) == 0 &&
                            (is_end ? (tag & ~Parts::kBelowFree) == 0 : size - 1 < end - chunk) &&
                            (!is_free || parts_->size_at_end_of(chunk, size) == size);
      if (!is_sound) return fail(Kind::kHeaderOverwritten, chunk);
      if (is_end) break;
      free_below = is_free ? size : 0;
      if (is_free) {
        free_bytes_ += size;
        free_chunks_ += static_cast<Size>(chunk != parts_->top_);
      } else if (parts_->parking_.is_parked(chunk)) {
        free_bytes_ += size;
      } else if (const Size size_class = parts_->class_at(chunk)) {
        if (!check_slab(chunk, size, size_class)) return false;
      } else {
        used_blocks_ += static_cast<Size>(chunk != parts_->slab_map_);
      }
      chunk += size;
    }
    heap_bytes_ += end - begin;
    return true;
  }

  /// Checks a used chunk that the map calls a slab.
  [[nodiscard]] bool check_slab(Address slab, Size size, Size size_class) noexcept {
    if (slab % Parts::kSlabBytes != 0 || size != Parts::kSlabBytes ||
        size_class >= Parts::kClasses || Parts::class_of_granules(size_class) != size_class) {
      return fail(Kind::kSlabMapOverwritten, slab);
    }
    SlabContents<Parts> contents;
    if (!contents.read(*parts_, slab, size_class)) return fail(Kind::kFreeListOutsideHeap, slab);
    free_bytes_ += contents.free_count() * contents.block_size();
    used_blocks_ += contents.capacity() - contents.free_count();
    ++slabs_;
    if (parts_->active_slabs_[size_class] == slab) return true;
    if (contents.own_count() == contents.capacity()) {
      ++spare_slabs_;
    } else if (contents.own_count() != 0) {
      ++partial_slabs_;
    }
    return true;
  }

  [[nodiscard]] bool check_bins() noexcept {
    for (Size bin = 0; bin < SizeBins::kCount; ++bin) {
      if (!check_bin(bin)) return false;
    }
    return true;
  }

  [[nodiscard]] bool check_bin(Size bin) noexcept {
    Address previous = 0;
    Address chunk = parts_->bins_[bin];
    if ((chunk != 0) != parts_->filled_bins_.has(bin)) {
      return fail(Kind::kFreeListOutsideHeap, chunk);
    }
    while (chunk != 0) {
      if (!is_in_heap(chunk)) return fail(Kind::kFreeListOutsideHeap, previous);
      const Size tag = parts_->tag_of(chunk);
      if ((tag & Parts::kFree) == 0 || SizeBins::of(tag & ~Parts::kFlags) != bin ||
          parts_->previous_chunk(chunk) != previous || chunk == parts_->top_) {
        return fail(Kind::kFreeListOutsideHeap, chunk);
      }
      if (++listed_chunks_ > free_chunks_) return fail(Kind::kFreeListOverlap, chunk);
      previous = chunk;
      chunk = parts_->next_chunk(chunk);
    }
    return true;
  }

  [[nodiscard]] bool check_classes() noexcept {
    for (Size size_class = 1; size_class < Parts::kClasses; ++size_class) {
      if (!check_class(size_class)) return false;
    }
    return true;
  }

  /// Checks the active slab, the free list and the ring of a size class.
  [[nodiscard]] bool check_class(Size size_class) noexcept {
    const Address active = parts_->active_slabs_[size_class];
    const Address block = parts_->free_lists_[size_class];
    if ((active != 0 && parts_->class_at(active) != size_class) ||
        (!Parts::is_end_of_list(block) && parts_->class_at(block) != size_class)) {
      return fail(Kind::kFreeListOutsideHeap, active);
    }
    const Address first = parts_->partial_slabs_[size_class];
    for (Address slab = first; slab != 0;) {
      if (parts_->class_at(slab) != size_class || slab == active || slab % Parts::kSlabBytes != 0) {
        return fail(Kind::kFreeListOutsideHeap, slab);
      }
      if (++listed_partial_slabs_ > partial_slabs_) return fail(Kind::kFreeListOverlap, slab);
      const Address next = parts_->slab_at(slab).next;
      if (!is_in_heap(next) || parts_->slab_at(next).previous != slab) {
        return fail(Kind::kFreeListOutsideHeap, slab);
      }
      slab = next != first ? next : 0;
    }
    return true;
  }

  [[nodiscard]] bool check_spare_slabs() noexcept {
    Size count = 0;
    for (Address slab = parts_->spare_slabs_; slab != 0;) {
      const Size size_class = parts_->class_at(slab);
      if (size_class == 0 || slab % Parts::kSlabBytes != 0 ||
          parts_->active_slabs_[size_class] == slab || ++count > spare_slabs_) {
        return fail(Kind::kSpareListOverwritten, slab);
      }
      const auto& head = parts_->slab_at(slab);
      if (head.frees_until_transition != 0) return fail(Kind::kSpareListOverwritten, slab);
      slab = head.next;
    }
    return (count == spare_slabs_ && count == parts_->spare_count_) ||
           fail(Kind::kSpareListOverwritten, parts_->spare_slabs_);
  }

  /// Checks whether the number of slabs in the map is the number that the walk over all chunks has
  /// met.
  [[nodiscard]] bool check_map() noexcept {
    Size slabs = 0;
    for (Size index = 0; index < parts_->slab_map_bytes_; ++index) {
      const Size size_class = parts_->map_byte(index);
      slabs += static_cast<Size>(size_class != 0);
    }
    return slabs == slabs_ || fail(Kind::kSlabMapOverwritten, parts_->slab_map_);
  }

  [[nodiscard]] bool check_totals() noexcept {
    if (listed_chunks_ != free_chunks_ || listed_partial_slabs_ != partial_slabs_) {
      return fail(Kind::kFreeListOutsideHeap, 0);
    }
    return (heap_bytes_ - free_bytes_ == parts_->tracker_.used_bytes() &&
            used_blocks_ == parts_->tracker_.live_blocks()) ||
           fail(Kind::kCountersDisagree, 0);
  }

  [[no_unique_address]] Access parts_;
  Corruption found_;
  Size heap_bytes_ = 0;
  Size free_bytes_ = 0;  // in free chunks, and in free blocks of slabs
  Size used_blocks_ = 0;
  Size slabs_ = 0;
  Size free_chunks_ = 0;           // met in the walk over all chunks, so they must be in a bin
  Size listed_chunks_ = 0;         // met in the bins
  Size partial_slabs_ = 0;         // met in the walk, so they must be in the ring of their class
  Size listed_partial_slabs_ = 0;  // met in the rings
  Size spare_slabs_ = 0;           // met in the walk, so they must be in the list of spare slabs
};

template <PageSource Pages, typename Tracker, typename Hardening>
Corruption SegregatedFit<Pages, Tracker, Hardening>::find_corruption() const noexcept
    requires(Tracker::kEnabled) {
  return SegregatedFitCheck<PartsPointer<Parts>>(parts()).run();
}

}  // namespace lite_alloc
