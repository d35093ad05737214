// SPDX-License-Identifier: MIT
#pragma once

#include "lite_alloc/heap/headerless_heap.hpp"

namespace lite_alloc {

/// One free list in address order, whose blocks are joined with both neighbours at once.
///
///   region                                             limit_
///   | free     | used | free | used | used | free     |
///     next, size -----> next, size ---------> 0, size
///
/// Blocks have no header and take whole units of 16 bytes, from the high end of the first free
/// block that holds them: what is left of it keeps its place in the list, and a block that grows
/// later often finds its rest behind it. Whatever an alignment leaves on either side stays free.
/// New memory joins a free block at the top, so that just what is missing is grown.
///
/// Fragments little. Every call takes time in proportion to the free blocks below the place it ends
/// up at.
///
/// Source: Knuth, The Art of Computer Programming, vol. 1, 2.5, algorithms A and B.
///
/// This is the strategy over `Base`, the `HeaderlessHeap` of the class that it ends up in.
template <typename Base, typename Tracker>
class FreeListStrategy : public Base {
 protected:
  using Base::at;
  using Base::Base;
  using Base::limit_;
  using Base::lists_;
  using Base::pages_;
  using Base::tracker_;

  [[nodiscard]] static constexpr Size block_bytes(const Layout& layout) noexcept {
    return block_size(layout);
  }

  /// There is no slack: all memory that is not used is in the list, the lowest block first.
  [[nodiscard]] Address top() const noexcept { return limit_; }

  void forget_free_blocks() noexcept { lists_[0] = 0; }

  void enter_region(Address begin, Address end) noexcept {
    tracker_.open_region(pages_, begin, limit_);
    limit_ = end;
    release(begin + Tracker::kRegionPrefix, end);
  }

  /// The start of a new block, or 0 and all is as it was. With `place`, the end of a used block, no
  /// other start is taken than that.
  [[nodiscard]] Address acquire(Size payload, Size alignment, Size prefix,
                                Address place = 0) noexcept {
    if (payload > kMaxSize) return 0;  // so that no sum below wraps
    const Size size = block_bytes({payload, alignment, prefix});
    const Size alignment_mask = Base::mask_of(alignment);
    Address top = limit_;  // where memory that is grown can be used from
    for (Address* link = lists_.data(); *link != 0; link = &at(*link).next) {
      const Address block = *link;
      const Size available = at(block).size;
      const Address end = block + available;
      const Address begin = place != 0 ? place : ((end - size + prefix) & ~alignment_mask) - prefix;
      // The second for a `begin` below the block too, which gives a difference that wrapped.
      if (size <= available && begin - block < available) {
        tracker_.free_block_cut(available);
        if (begin == block) {
          *link = at(block).next;
        } else {
          at(block).size = begin - block;
          tracker_.free_block_added(begin - block);
        }
        release(begin + size, end);
        return begin;
      }
      if (end == limit_) top = block;
    }
    if (place != 0 && place != top) return 0;
    return Base::find_room(top, size, alignment_mask, prefix, place != 0,
                           [&](Address start, Address, Size, Address limit) {
                             if (start > limit_) {
                               enter_region(start, limit);
                             } else {
                               release(std::exchange(limit_, limit), limit);
                             }
                             return acquire(payload, alignment, prefix, place);
                           });
  }

  /// The block takes what it needs of the free block behind it, or of memory that is grown there.
  [[nodiscard]] bool extend(Address begin, Address end, const Layout& layout,
                            Size new_size) noexcept {
    if (new_size > kMaxSize) return false;
    const Size size = block_bytes({new_size, layout.alignment, layout.prefix});
    return acquire(size - (end - begin), kUnit, 0, end) != 0;
  }

  /// Gives `[begin, end)` back, joined with the free blocks on both sides.
  void release(Address begin, Address end) noexcept {
    if (begin == end) return;
    Address* link = lists_.data();
    Address below = 0;
    // One less, so that the 0 at the end of the list is above everything.
    while (*link - 1 < begin) {
      below = *link;
      link = &at(below).next;
    }
    Address next = *link;
    if (next == end) {
      end += at(next).size;
      next = at(next).next;
    }
    if (below != 0 && below + at(below).size == begin) {
      begin = below;
    } else {
      *link = begin;
    }
    at(begin).next = next;
    at(begin).size = end - begin;
    tracker_.free_block_added(end - begin);
  }
};

/// A heap of this strategy alone.
template <PageSource Pages, typename Tracker = Tracking>
class FreeList
    : public FreeListStrategy<HeaderlessHeap<FreeList<Pages, Tracker>, Pages, Tracker, 1>,
                              Tracker> {
  using Base = HeaderlessHeap<FreeList, Pages, Tracker, 1>;
  friend Base;

 public:
  /// Touches no memory before the first allocation. The arguments are the page source's.
  template <typename... Arguments>
  constexpr explicit FreeList(Arguments&&... arguments) noexcept
      : FreeListStrategy<Base, Tracker>(std::forward<Arguments>(arguments)...) {}
};

}  // namespace lite_alloc
