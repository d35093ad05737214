// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>

#include "lite_alloc/heap/segregated_fit.hpp"
#include "lite_alloc/inspect/segregated_fit_parts.hpp"

namespace lite_alloc {

/// Which blocks of one slab are free.
///
/// A free block is in the slab's own list, or in the free list of its class, which has blocks of
/// other slabs, too. `read` reads both. All other functions require that it was called.
template <typename Parts>
class SlabContents {
 public:
  /// Reads a slab. Stops at the first word that breaks an invariant, and returns false then.
  bool read(const Parts& parts, Address slab, Size size_class) noexcept {
    slab_ = slab;
    size_ = size_class * kGranule;
    capacity_ = Parts::blocks_in_slab(size_class);
    free_count_ = 0;
    is_free_ = {};
    return read_own_list(parts, size_class) && read_free_list(parts, size_class);
  }

  [[nodiscard]] bool is_free(Size index) const noexcept { return is_free_[index]; }
  [[nodiscard]] Size free_count() const noexcept { return free_count_; }
  /// Returns the number of blocks in the slab's own list.
  [[nodiscard]] Size own_count() const noexcept { return own_count_; }
  [[nodiscard]] Size capacity() const noexcept { return capacity_; }
  [[nodiscard]] Size block_size() const noexcept { return size_; }
  [[nodiscard]] Address block(Size index) const noexcept {
    return slab_ + Parts::kSlabHead + index * size_;
  }

 private:
  // Each of these returns false at the first word that breaks an invariant.

  [[nodiscard]] bool read_own_list(const Parts& parts, Size size_class) noexcept {
    const auto& head = parts.slab_at(slab_);
    Address block = head.free;
    while (!Parts::is_end_of_list(block)) {
      if (!add(parts, block) || parts.stash_count_of(block) != 0) return false;
      block = parts.next_block(block);
    }
    own_count_ = free_count_;
    const bool is_full = own_count_ == 0 && parts.active_slabs_[size_class] != slab_;
    const Size expected = is_full ? 1 : capacity_ - own_count_;
    return block == slab_ && head.frees_until_transition == expected;
  }

  /// Reads the whole list. A broken link is this slab's fault iff it is stored in one of its
  /// blocks.
  [[nodiscard]] bool read_free_list(const Parts& parts, Size size_class) noexcept {
    Size left = capacity_ + Parts::kMaxStash;
    Address from = 0;  // the block whose link was followed last
    Address block = parts.free_lists_[size_class];
    Address end = block;  // the address that must end the list here
    while (left-- != 0 && parts.is_block_of(block, size_class)) {
      if (Parts::slab_of(block) == slab_ && !add(parts, block)) return false;
      from = block;
      block = parts.next_block(block);
      end = parts.stash_count_of(from) == 0 ? Parts::slab_of(from) : block;
    }
    const bool ends_well = Parts::is_end_of_list(block) && block == end &&
                           (block == 0 || parts.is_in_region(block, kGranule));
    return ends_well || Parts::slab_of(from) != slab_;
  }

  [[nodiscard]] bool add(const Parts& parts, Address block) noexcept {
    const Size offset = block - slab_ - Parts::kSlabHead;
    const Size index = offset / size_;
    if (offset % size_ != 0 || index >= capacity_ || is_free_[index]) return false;
    is_free_[index] = true;
    ++free_count_;
    return parts.is_marked_free(block);
  }

  Address slab_ = 0;
  Size size_ = 0;
  Size capacity_ = 0;
  Size free_count_ = 0;
  Size own_count_ = 0;
  std::array<bool, Parts::kSlabBytes / kGranule> is_free_ = {};
};

/// Walks the extents of a `SegregatedFit` in address order. Each used extent is a block, or
/// metadata: the head or the end of a slab, or the slab map. A parked chunk is a free extent of its
/// own. An extent whose tag was overwritten
/// ends with its region at the latest.
///
/// `Access` is `PartsPointer` or a class like it.
template <typename Access>
class SegregatedFitCursor {
  using Parts = typename Access::Parts;

 public:
  explicit SegregatedFitCursor(Access parts) noexcept
      : parts_(parts), region_(parts->oldest_region()), chunk_(Parts::region_begin(region_)) {}

  /// Writes the next extent. Returns false, and writes nothing, behind the last.
  [[nodiscard]] bool next(Extent& extent) noexcept {
    if (is_in_slab_) {
      next_in_slab(extent);
      return true;
    }
    if (region_ == 0) return false;
    Address end = parts_->region_end(region_);
    if (chunk_ == end) {
      region_ = parts_->next_region(region_);
      if (region_ == 0) return false;
      chunk_ = Parts::region_begin(region_);
      end = parts_->region_end(region_);
    }
    const Size tag = parts_->tag_of(chunk_);
    const Size size = std::min((tag & ~Parts::kFlags) - 1, end - chunk_ - 1) + 1;
    const bool is_free = (tag & Parts::kFree) != 0 || parts_->parking_.is_parked(chunk_);
    const bool may_be_slab =
        !is_free && size == Parts::kSlabBytes && chunk_ % Parts::kSlabBytes == 0;
    const Size size_class = may_be_slab ? parts_->class_at(chunk_) : 0;
    if (size_class - 1 < Parts::kClasses - 1) {  // the map may be overwritten
      is_in_slab_ = true;
      slab_.read(*parts_, chunk_, size_class);
      index_ = 0;
      extent = {chunk_, Parts::kSlabHead, Extent::State::kUsed};
      is_block_ = false;
    } else {
      extent = {chunk_, size, is_free ? Extent::State::kFree : Extent::State::kUsed};
      is_block_ = !is_free && chunk_ != parts_->slab_map_;
      chunk_ += size;
    }
    return true;
  }

  /// Checks whether the last extent is a live block.
  [[nodiscard]] bool is_block() const noexcept { return is_block_; }

 private:
  void next_in_slab(Extent& extent) noexcept {
    const Address begin = slab_.block(index_);
    if (index_ == slab_.capacity()) {
      extent = {begin, chunk_ + Parts::kSlabBytes - begin, Extent::State::kUsed};
      is_block_ = false;
      chunk_ += Parts::kSlabBytes;
      is_in_slab_ = false;
    } else {
      is_block_ = !slab_.is_free(index_);
      extent = {begin, slab_.block_size(), is_block_ ? Extent::State::kUsed : Extent::State::kFree};
      ++index_;
    }
  }

  [[no_unique_address]] Access parts_;
  Address region_;
  Address chunk_;
  bool is_in_slab_ = false;
  SlabContents<Parts> slab_;  // the slab that the walk is in
  Size index_ = 0;            // of the next block in that slab
  bool is_block_ = false;
};

template <PageSource Pages, typename Tracker, typename Hardening>
auto SegregatedFit<Pages, Tracker, Hardening>::walk() const noexcept requires(Tracker::kEnabled) {
  return SegregatedFitCursor<PartsPointer<Parts>>(parts());
}

}  // namespace lite_alloc
