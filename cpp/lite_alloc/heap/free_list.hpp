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
/// block that holds them: what is left of it keeps its place in the list. Only the free block at
/// the end of the heap gives from its low end, so that its rest joins what growth adds there.
/// Whatever an alignment leaves on either side stays free. New memory joins a free block at the
/// top, so that just what is missing is grown. Once everything is freed, each region is one block.
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
  using Base::Base;
  using Base::limit_;
  using Base::lists_;
  using Base::next_at;
  using Base::open_region;
  using Base::set_link;
  using Base::target;
  using Base::tracker_;
  using Base::write_run;

  [[nodiscard]] static constexpr Size block_bytes(const Layout& layout) noexcept {
    return block_size(layout);
  }

  /// There is no slack: all memory that is not used is in the list, the lowest block first.
  [[nodiscard]] Address top() const noexcept { return limit_; }

  void forget_free_blocks() noexcept { lists_[0] = 0; }

  void enter_region(Address begin, Address end) noexcept {
    open_region(begin);
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
    Address block = 0;
    for (auto link = Base::head_of(lists_[0]); (block = target(link)) != 0;
         link = Base::behind(block)) {
      const Size available = checked_size_at(block);
      const Address end = block + available;
      const Address highest = end == limit_ ? block + alignment_mask : end - size;
      const Address begin = place != 0 ? place : ((highest + prefix) & ~alignment_mask) - prefix;
      // The second for a `begin` below the block too, which gives a difference that wrapped.
      if (size <= available && begin - block <= available - size) {
        tracker_.free_block_cut(available);
        if (begin == block) {
          set_link(link, next_at(block));
        } else {
          add(block, next_at(block), begin);
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
    const Size capacity = end - begin - layout.prefix;
    return acquire(new_size - capacity, kGranule, 0, end) != 0;
  }

  /// The start of the free block at the end of the heap, or that end. Takes time in proportion to
  /// the free blocks.
  [[nodiscard]] Address used_end() const noexcept {
    Address end = limit_;
    for (Address block = lists_[0]; block != 0; block = next_at(block)) {
      if (block + checked_size_at(block) == limit_) end = block;
    }
    return end;
  }

  /// Gives `[begin, end)` back, joined with the free blocks on both sides.
  void release(Address begin, Address end) noexcept {
    if (begin == end) return;
    typename Base::Link link = Base::head_of(lists_[0]);
    Address next = lists_[0];
    // One less, so that the 0 at the end of the list is above everything.
    while (next - 1 < begin) {
      const Address block = next;
      link = Base::behind(block);
      next = next_at(block);
      // So that this ends. The block below is checked in full, which shows whether all before it
      // was sound.
      if (Base::Links::kSealed && (next - 1 < block || next % kGranule != 0)) __builtin_trap();
    }
    if (next == end) {
      end += checked_size_at(next);
      next = next_at(next);
    }
    const Address below = link.block;
    if (below != 0 && below + checked_size_at(below) == begin) {
      begin = below;
    } else {
      set_link(link, begin);
    }
    add(begin, next, end);
  }

 private:
  /// As the one of `Base`. Traps also where the next block is not above this one: so every search
  /// ends.
  [[nodiscard]] Size checked_size_at(Address block) const noexcept {
    const Size size = Base::checked_size_at(block);
    if (Base::Links::kSealed && next_at(block) - 1 < block + size) __builtin_trap();
    return size;
  }

  /// `[begin, end)` is a free block of the list.
  void add(Address begin, Address next, Address end) noexcept {
    write_run(begin, next, end - begin);
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
