// SPDX-License-Identifier: MIT
#pragma once

#include "lite_alloc/heap/malloc_adaptor.hpp"
#include "lite_alloc/heap/segregated_fit.hpp"
#include "lite_alloc/inspect/segregated_fit_walk.hpp"

namespace lite_alloc {

/// A block as its owner knows it, or a free stretch.
struct Block {
  Address address = 0;
  /// Bytes up to the next one. What the heap itself needs in between is counted here.
  Size size = 0;
  Extent::State state = Extent::State::kFree;
  /// Whether `MallocAdaptor` gave it, so that its bounds are known. Neighbouring blocks of the
  /// sized calls have no header between them and show as one. Not said by `SegregatedFit`, all of
  /// whose blocks know their bounds.
  bool has_header = false;
};

/// Walks a heap's blocks in address order. Any other call on the heap ends its validity.
/// Linear in the heap's size where blocks have no header, else in the number of blocks, after what
/// the allocator's own walk costs.
template <Allocator A>
class BlockWalk {
 public:
  explicit BlockWalk(MallocAdaptor<A>& heap) noexcept
      : heap_(&heap), cursor_(heap.allocator().walk()) {
    has_pending_ = find(pending_);
  }

  /// The next block or free stretch. False, and nothing written, behind the last.
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

  /// Finds the stretch at `extent_.begin`, and moves that behind it.
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

  /// Whether a block with a header starts `offset` bytes into the current stretch.
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

/// The same for blocks that know their size without a header: steps as those of the heap's own
/// cursor.
template <PageSource Pages, typename Tracker, typename Hardening>
class BlockWalk<SegregatedFit<Pages, Tracker, Hardening>> {
 public:
  explicit BlockWalk(const SegregatedFit<Pages, Tracker, Hardening>& heap) noexcept
      : cursor_(heap.walk()) {
    has_pending_ = find_next();
  }

  /// The next block or free stretch. False, and nothing written, behind the last.
  [[nodiscard]] bool next(Block& block) noexcept {
    if (!has_pending_) return false;
    block = {.address = pending_.begin, .size = pending_.size, .state = pending_.state};
    has_pending_ = find_next(&block);
    return true;
  }

 private:
  /// Finds the next stretch that is not the heap's own; what is goes to the block before it.
  [[nodiscard]] bool find_next(Block* before = nullptr) noexcept {
    while (cursor_.next(pending_)) {
      if (pending_.state == Extent::State::kFree || cursor_.is_block()) return true;
      if (before != nullptr && before->address + before->size == pending_.begin) {
        before->size += pending_.size;
      }
    }
    return false;
  }

  decltype(std::declval<const SegregatedFit<Pages, Tracker, Hardening>&>().walk()) cursor_;
  Extent pending_;
  bool has_pending_ = false;
};

}  // namespace lite_alloc
