// SPDX-License-Identifier: MIT
#pragma once

#include "lite_alloc/heap/malloc_adaptor.hpp"
#include "lite_alloc/heap/segregated_fit.hpp"
#include "lite_alloc/inspect/segregated_fit_walk.hpp"

namespace lite_alloc {

/// A block at the address that its owner knows, or a free extent of a heap.
struct Block {
  Address address = 0;
  /// Bytes up to the next block or free extent, metadata in between included.
  Size size = 0;
  Extent::State state = Extent::State::kFree;
  /// Whether `MallocAdaptor` allocated it, so that its bounds are known. Blocks of the sized calls
  /// have no header between them, so neighbours show as one block. Always false for a
  /// `SegregatedFit`, all of whose blocks know their bounds.
  bool has_header = false;
};

/// Walks a heap's blocks in address order. Any other call on the heap invalidates the walk.
/// Takes time in proportion to the heap's size where blocks have no header, else to the number of
/// blocks; and the time of the allocator's own walk.
template <Inspectable A>
class BlockWalk {
 public:
  /// Starts at the lowest block. Takes the time of the heap's own `walk` and of one step.
  explicit BlockWalk(MallocAdaptor<A>& heap) noexcept
      : heap_(&heap), cursor_(heap.allocator().walk()) {
    has_pending_ = find(pending_);
  }

  /// Writes the next block or free extent. Returns false, and writes nothing, behind the last.
  [[nodiscard]] bool next(Block& block) noexcept {
    if (!has_pending_) return false;
    block = pending_;
    has_pending_ = find(pending_);
    const bool header_follows = has_pending_ && pending_.has_header &&
                                pending_.address - kPrefix == block.address + block.size;
    if (header_follows) block.size += kPrefix;
    return true;
  }

 private:
  static constexpr Size kPrefix = MallocAdaptor<A>::kPrefix;

  /// Finds the block or free extent at `extent_.begin`, and moves `extent_.begin` behind it.
  [[nodiscard]] bool find(Block& block) noexcept {
    if (extent_.size == 0 && !cursor_.next(extent_)) return false;
    Size size = extent_.size;
    const bool is_used = extent_.state == Extent::State::kUsed;
    const bool has_header = is_used && block_fits_at(0);
    if (has_header) {
      size = kPrefix + heap_->usable_size(extent_.begin + kPrefix);
    } else if (is_used) {
      size = kGranule;
      while (size < extent_.size && !block_fits_at(size)) size += kGranule;
    }
    const Size skipped = has_header ? kPrefix : 0;
    block = {extent_.begin + skipped, size - skipped, extent_.state, has_header};
    extent_.begin += size;
    extent_.size -= size;
    return true;
  }

  /// Checks whether a block with a header starts `offset` bytes into the current extent.
  [[nodiscard]] bool block_fits_at(Size offset) const noexcept {
    const Size available = extent_.size - offset;
    if (available <= kPrefix) return false;
    const Size capacity = heap_->usable_size(extent_.begin + offset + kPrefix);
    return capacity != 0 && capacity <= available - kPrefix;
  }

  MallocAdaptor<A>* heap_;
  decltype(std::declval<A&>().walk()) cursor_;
  Extent extent_;
  Block pending_;
  bool has_pending_ = false;
};

/// Does the same for blocks that know their size without a header. Each step takes the time of the
/// cursor.
template <typename Cursor>
class CursorWalk {
 public:
  /// Starts at the lowest block; `source` is what the cursor is made from. Takes the time of making
  /// the cursor and of one step.
  template <typename Source>
  explicit CursorWalk(const Source& source) noexcept : cursor_(source) {
    has_pending_ = find_next();
  }

  /// Writes the next block or free extent. Returns false, and writes nothing, behind the last.
  [[nodiscard]] bool next(Block& block) noexcept {
    if (!has_pending_) return false;
    block = {.address = pending_.begin, .size = pending_.size, .state = pending_.state};
    has_pending_ = find_next(&block);
    return true;
  }

 private:
  /// Finds the next block or free extent. Metadata in front of it is added to the block before.
  [[nodiscard]] bool find_next(Block* before = nullptr) noexcept {
    while (cursor_.next(pending_)) {
      if (pending_.state == Extent::State::kFree || cursor_.is_block()) return true;
      if (before != nullptr && before->address + before->size == pending_.begin) {
        before->size += pending_.size;
      }
    }
    return false;
  }

  Cursor cursor_;
  Extent pending_;
  bool has_pending_ = false;
};

template <PageSource Pages, typename Tracker, typename Hardening>
class BlockWalk<SegregatedFit<Pages, Tracker, Hardening>>
    : public CursorWalk<
          decltype(std::declval<const SegregatedFit<Pages, Tracker, Hardening>&>().walk())> {
 public:
  explicit BlockWalk(const SegregatedFit<Pages, Tracker, Hardening>& heap) noexcept
      : BlockWalk::CursorWalk(heap.walk()) {}
};

}  // namespace lite_alloc
