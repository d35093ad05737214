// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <optional>

#include "lite_alloc/heap/inspectable.hpp"
#include "lite_alloc/heap/size_bins.hpp"

namespace lite_alloc {

/// The free blocks of one slab, as a set of places.
template <typename Heap>
class SlabPicture {
 public:
  /// Looks at both lists a slab's blocks may be in. Whatever is wrong with them ends them.
  SlabPicture(const Heap& heap, Address slab, Size size_class) noexcept
      : slab_(slab), size_(size_class * kGranule), capacity_(Heap::blocks_in_slab(size_class)) {
    const auto& head = heap.template at<typename Heap::Slab>(slab);
    Address block = head.free;
    while (is_sound_ && !Heap::is_end_of_list(block)) {
      add(block);
      if (!is_sound_) break;
      is_sound_ = heap.looks_free(block) && heap.above_of(block) == 0;
      block = heap.next_block(block);
    }
    own_count_ = free_count_;
    const bool is_full = own_count_ == 0 && heap.active_[size_class] != slab;
    const Size expected = is_full ? 1 : capacity_ - own_count_;
    is_sound_ = is_sound_ && block == slab && head.until_turn == expected;
    add_ready(heap, size_class);
  }

  [[nodiscard]] bool is_sound() const noexcept { return is_sound_; }
  [[nodiscard]] bool is_free(Size place) const noexcept { return is_free_[place]; }
  [[nodiscard]] Size free_count() const noexcept { return free_count_; }
  /// Those in the slab's own list.
  [[nodiscard]] Size own_count() const noexcept { return own_count_; }
  [[nodiscard]] Size capacity() const noexcept { return capacity_; }
  [[nodiscard]] Size block_size() const noexcept { return size_; }
  [[nodiscard]] Address block(Size place) const noexcept {
    return slab_ + Heap::kSlabHead + place * size_;
  }

 private:
  /// Those of this slab that malloc takes next. All of that list is looked at; what is wrong with
  /// it is this slab's fault if it is in a word of one of its blocks.
  void add_ready(const Heap& heap, Size size_class) noexcept {
    Size most = capacity_ + Heap::kMaxAbove;
    Address from = 0;  // the block whose link was followed
    Address block = heap.ready_[size_class];
    Address end = block;  // where the list is to end
    while (most-- != 0 && heap.is_block_of(block, size_class)) {
      if (Heap::slab_of(block) == slab_) {
        add(block);
        is_sound_ = is_sound_ && heap.looks_free(block);
      }
      from = block;
      block = heap.next_block(block);
      end = heap.above_of(from) == 0 ? Heap::slab_of(from) : block;
    }
    const bool is_end =
        Heap::is_end_of_list(block) && block == end && (block == 0 || heap.owns(block, kGranule));
    is_sound_ = is_sound_ && (is_end || Heap::slab_of(from) != slab_);
  }

  void add(Address block) noexcept {
    const Size offset = block - slab_ - Heap::kSlabHead;
    const Size place = offset / size_;
    is_sound_ = is_sound_ && offset % size_ == 0 && place < capacity_ && !is_free_[place];
    if (!is_sound_) return;
    is_free_[place] = true;
    ++free_count_;
  }

  Address slab_;
  Size size_;
  Size capacity_;
  bool is_sound_ = true;
  Size free_count_ = 0;
  Size own_count_ = 0;
  std::array<bool, Heap::kSlab / kGranule> is_free_ = {};
};

/// Walks the stretches of a `SegregatedFit` in address order. Each used one is a block, or what the
/// heap itself needs. A stretch whose tag was overwritten ends with its region at the latest.
template <typename Heap>
class SegregatedFitCursor {
 public:
  explicit SegregatedFitCursor(const Heap& heap) noexcept
      : heap_(&heap), region_(heap.oldest_region()), chunk_(Heap::first_chunk(region_)) {}

  /// The next stretch. False, and nothing written, behind the last.
  [[nodiscard]] bool next(Extent& extent) noexcept {
    if (slab_) {
      next_in_slab(extent);
      return true;
    }
    if (region_ == 0) return false;
    Address end = heap_->region_end(region_);
    if (chunk_ == end) {
      region_ = heap_->next_region(region_);
      if (region_ == 0) return false;
      chunk_ = Heap::first_chunk(region_);
      end = heap_->region_end(region_);
    }
    const Size tag = heap_->tag_of(chunk_);
    const Size size = std::min((tag & ~Heap::kFlags) - 1, end - chunk_ - 1) + 1;
    const bool is_free = (tag & Heap::kFree) != 0;
    const bool may_be_slab = !is_free && size == Heap::kSlab && chunk_ % Heap::kSlab == 0;
    const Size size_class = may_be_slab ? heap_->class_at(chunk_) : 0;
    if (size_class - 1 < Heap::kClasses - 1) {  // the map may be overwritten
      slab_.emplace(*heap_, chunk_, size_class);
      place_ = 0;
      extent = {chunk_, Heap::kSlabHead, Extent::State::kUsed};
      is_block_ = false;
    } else {
      extent = {chunk_, size, is_free ? Extent::State::kFree : Extent::State::kUsed};
      is_block_ = !is_free && chunk_ != heap_->map_;
      chunk_ += size;
    }
    return true;
  }

  /// Whether the last stretch is a live block.
  [[nodiscard]] bool is_block() const noexcept { return is_block_; }

 private:
  void next_in_slab(Extent& extent) noexcept {
    const Address begin = slab_->block(place_);
    if (place_ == slab_->capacity()) {
      extent = {begin, chunk_ + Heap::kSlab - begin, Extent::State::kUsed};
      is_block_ = false;
      chunk_ += Heap::kSlab;
      slab_.reset();
    } else {
      is_block_ = !slab_->is_free(place_);
      extent = {begin, slab_->block_size(),
                is_block_ ? Extent::State::kUsed : Extent::State::kFree};
      ++place_;
    }
  }

  const Heap* heap_;
  Address region_;
  Address chunk_;
  std::optional<SlabPicture<Heap>> slab_;  // within one
  Size place_ = 0;
  bool is_block_ = false;
};

/// One look at everything in a `SegregatedFit` that can contradict something else.
template <typename Heap>
class SegregatedFitCheck {
 public:
  explicit SegregatedFitCheck(const Heap& heap) noexcept : heap_(&heap) {}

  [[nodiscard]] Corruption run() noexcept {
    bool is_sound = check_regions();
    for (Size bin = 0; bin < SizeBins::kCount && is_sound; ++bin) is_sound = check_bin(bin);
    for (Size size_class = 1; size_class < Heap::kClasses && is_sound; ++size_class) {
      is_sound = check_class(size_class);
    }
    if (is_sound && check_spare() && check_map()) static_cast<void>(check_totals());
    return found_;
  }

 private:
  using Kind = Corruption::Kind;

  // Each check returns at its first finding, with false; true means that it found nothing.

  [[nodiscard]] bool fail(Kind kind, Address address) noexcept {
    found_ = {kind, address};
    return false;
  }

  /// Whether a link may be followed.
  [[nodiscard]] bool is_in_heap(Address chunk) const noexcept {
    return chunk % kGranule == 0 && heap_->owns(chunk, kGranule);
  }

  [[nodiscard]] bool check_regions() noexcept {
    Address begin = 0;
    Address end = 0;
    for (Address region = heap_->oldest_region(); region != 0;
         region = heap_->next_region(region)) {
      begin = Heap::first_chunk(region);
      end = heap_->region_end(region);
      if (!check_region(begin, end)) return false;
    }
    return end == heap_->limit_ || fail(Kind::kHeaderOverwritten, begin);
  }

  [[nodiscard]] bool check_region(Address begin, Address end) noexcept {
    Address chunk = begin;
    Size free_below = 0;  // the size of the free chunk below
    for (;;) {
      const Size tag = heap_->tag_of(chunk);
      const Size size = tag & ~Heap::kFlags;
      const bool is_free = (tag & Heap::kFree) != 0;
      const bool is_end = chunk == end;
      // A free chunk does not say that the one below is free: so no two neighbours are.
      const bool says_below_free = (tag & Heap::kBelowFree) != 0;
      const Size known = is_free ? Size{Heap::kFree} : Size{Heap::kUsedFlags};
      const bool is_sound =
          says_below_free == (free_below != 0) && (tag & Heap::kFlags & ~known) == 0 &&
          (is_end ? (tag & ~Heap::kBelowFree) == 0 : size - 1 < end - chunk) &&
          (!is_free || heap_->template at<Size>(chunk + size - 2 * Heap::kTag) == size);
      if (!is_sound) return fail(Kind::kHeaderOverwritten, chunk);
      if (is_end) break;
      free_below = is_free ? size : 0;
      if (is_free) {
        free_bytes_ += size;
        free_chunks_ += static_cast<Size>(chunk != heap_->top_);
      } else if (const Size size_class = heap_->class_at(chunk)) {
        if (!check_slab(chunk, size, size_class)) return false;
      } else {
        used_blocks_ += static_cast<Size>(chunk != heap_->map_);
      }
      chunk += size;
    }
    heap_bytes_ += end - begin;
    return true;
  }

  [[nodiscard]] bool check_slab(Address slab, Size size, Size size_class) noexcept {
    if (slab % Heap::kSlab != 0 || size != Heap::kSlab || size_class >= Heap::kClasses) {
      return fail(Kind::kHeaderOverwritten, slab);
    }
    const SlabPicture<Heap> picture(*heap_, slab, size_class);
    if (!picture.is_sound()) return fail(Kind::kFreeListOutsideHeap, slab);
    free_bytes_ += picture.free_count() * picture.block_size();
    used_blocks_ += picture.capacity() - picture.free_count();
    ++slabs_;
    if (heap_->active_[size_class] == slab) return true;
    if (picture.own_count() == picture.capacity()) {
      ++spare_slabs_;
    } else if (picture.own_count() != 0) {
      ++partial_slabs_;
    }
    return true;
  }

  [[nodiscard]] bool check_bin(Size bin) noexcept {
    Address previous = 0;
    Address chunk = heap_->bins_[bin];
    if ((chunk != 0) != (heap_->filled_bins_.next(bin) == bin)) {
      return fail(Kind::kFreeListOutsideHeap, chunk);
    }
    while (chunk != 0) {
      if (!is_in_heap(chunk)) return fail(Kind::kFreeListOutsideHeap, previous);
      const Size tag = heap_->tag_of(chunk);
      if ((tag & Heap::kFree) == 0 || SizeBins::of(tag & ~Heap::kFlags) != bin ||
          heap_->previous_chunk(chunk) != previous || chunk == heap_->top_) {
        return fail(Kind::kFreeListOutsideHeap, chunk);
      }
      if (++binned_chunks_ > free_chunks_) return fail(Kind::kFreeListOverlap, chunk);
      previous = chunk;
      chunk = heap_->next_chunk(chunk);
    }
    return true;
  }

  [[nodiscard]] bool check_class(Size size_class) noexcept {
    const Address active = heap_->active_[size_class];
    const Address ready = heap_->ready_[size_class];
    if ((active != 0 && heap_->class_at(active) != size_class) ||
        (!Heap::is_end_of_list(ready) && heap_->class_at(ready) != size_class)) {
      return fail(Kind::kFreeListOutsideHeap, active);
    }
    const Address first = heap_->partial_[size_class];
    for (Address slab = first; slab != 0;) {
      if (heap_->class_at(slab) != size_class || slab == active || slab % Heap::kSlab != 0) {
        return fail(Kind::kFreeListOutsideHeap, slab);
      }
      if (++listed_partial_slabs_ > partial_slabs_) return fail(Kind::kFreeListOverlap, slab);
      const Address next = heap_->template at<typename Heap::Slab>(slab).next;
      if (!is_in_heap(next) || heap_->template at<typename Heap::Slab>(next).previous != slab) {
        return fail(Kind::kFreeListOutsideHeap, slab);
      }
      slab = next != first ? next : 0;
    }
    return true;
  }

  [[nodiscard]] bool check_spare() noexcept {
    Size count = 0;
    for (Address slab = heap_->spare_; slab != 0;) {
      const Size size_class = heap_->class_at(slab);
      if (size_class == 0 || slab % Heap::kSlab != 0 || heap_->active_[size_class] == slab) {
        return fail(Kind::kFreeListOutsideHeap, slab);
      }
      if (++count > spare_slabs_) return fail(Kind::kFreeListOverlap, slab);
      const auto& head = heap_->template at<typename Heap::Slab>(slab);
      if (head.until_turn != 0) return fail(Kind::kFreeListOutsideHeap, slab);
      slab = head.next;
    }
    return (count == spare_slabs_ && count == heap_->spare_count_) ||
           fail(Kind::kFreeListOutsideHeap, heap_->spare_);
  }

  /// Whether the map knows of no more slabs than there are: where no chunk begins, none was met.
  [[nodiscard]] bool check_map() noexcept {
    Size slabs = 0;
    for (Size index = 0; index < heap_->map_size_; ++index) {
      const Size size_class = heap_->template at<std::uint8_t>(heap_->map_ + index);
      slabs += static_cast<Size>(size_class != 0);
    }
    return slabs == slabs_ || fail(Kind::kHeaderOverwritten, heap_->map_);
  }

  [[nodiscard]] bool check_totals() noexcept {
    if (binned_chunks_ != free_chunks_ || listed_partial_slabs_ != partial_slabs_) {
      return fail(Kind::kFreeListOutsideHeap, 0);
    }
    return (heap_bytes_ - free_bytes_ == heap_->tracker_.used_bytes() &&
            used_blocks_ == heap_->live_blocks()) ||
           fail(Kind::kCountersDisagree, 0);
  }

  const Heap* heap_;
  Corruption found_;
  Size heap_bytes_ = 0;
  Size free_bytes_ = 0;  // as chunks and slabs say
  Size used_blocks_ = 0;
  Size slabs_ = 0;
  Size free_chunks_ = 0;    // those that must be in a bin
  Size binned_chunks_ = 0;  // those that are
  Size partial_slabs_ = 0;  // those that must be in a list of their size
  Size listed_partial_slabs_ = 0;
  Size spare_slabs_ = 0;
};

}  // namespace lite_alloc
