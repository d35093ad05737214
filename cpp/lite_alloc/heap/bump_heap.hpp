// SPDX-License-Identifier: MIT
#pragma once

#include "lite_alloc/heap/headerless_heap.hpp"

namespace lite_alloc {

/// A bump pointer over grown pages and free lists below it, each last in first out and searched
/// first fit.
///
///   region                                      top_              limit_
///   | used | free | used | used | free | used  | slack            |
///            |  next, size              |
///   lists_ --+----------- ... ----------+
///
/// `Bins` says how sizes are rounded and which list a free block goes to:
///
///   kLists             the number of lists
///   block_bytes(l)     the bytes of a block with layout `l`
///   list_of(size)      the list for free blocks of `size` bytes. A block of that size may be found
///                      in this and every later list, in no earlier one
///
/// A free block gives away just what is asked, the rest stays free. Nothing is coalesced, so free
/// blocks only get smaller: once everything is freed, only `reset` makes one piece of memory again.
///
/// Source of the search and its cost: Knuth, The Art of Computer Programming, vol. 1, 2.5.
///
/// This is the strategy over `Base`, the `HeaderlessHeap` of the class that it ends up in.
template <typename Base, typename Tracker, typename Bins>
class BumpStrategy : public Base {
 protected:
  using Base::Base;
  using Base::checked_size_at;
  using Base::limit_;
  using Base::lists_;
  using Base::next_at;
  using Base::open_region;
  using Base::set_link;
  using Base::target;
  using Base::tracker_;
  using Base::write_run;

  [[nodiscard]] static constexpr Size block_bytes(const Layout& layout) noexcept {
    return Bins::block_bytes(layout);
  }

  [[nodiscard]] Address top() const noexcept { return top_; }

  void forget_free_blocks() noexcept {
    for (Address& list : lists_) list = 0;
    top_ = limit_;
  }

  void enter_region(Address begin, Address end) noexcept {
    leave_region(begin);
    top_ = begin + Tracker::kRegionPrefix;
    limit_ = end;
  }

  /// The start of a new block, or 0 and all is as it was. With `last`, the start of the block right
  /// below the slack, no other place is taken than that: the block grows where it is.
  [[nodiscard]] Address acquire(Size payload, Size alignment, Size prefix,
                                Address last = 0) noexcept {
    const Size size = block_bytes({payload, alignment, prefix});
#ifndef __OPTIMIZE_SIZE__
    // What every call of a short loop comes to, without what else may be. A size that wrapped is 0
    // with a single list, and one less is more than there can be; one that is too large without
    // that finds no room.
    const bool may_find_block = Bins::kLists != 1 || lists_[0] != 0;
    if (!may_find_block && last == 0 && alignment <= kGranule && size - 1 < limit_ - top_) {
      const Address begin = top_;
      top_ += size;
      return begin;
    }
#endif
    if (payload > kMaxSize) return 0;  // so that no sum below wraps
    return search(size, Base::mask_of(alignment), prefix, last);
  }

  /// Carves from the end of the first free block that is large enough, then tries the slack. The
  /// rest of the block goes to the front of its list, where a large one is found at once: four
  /// times faster on the history of a Lua program than to leave it in its place.
  [[nodiscard]] Address search(Size size, Size alignment_mask, Size prefix, Address last) noexcept {
    Address base = last;
    if (base == 0) {
      Address* list = &lists_[Bins::list_of(size)];
      Size most = limit_ / kGranule;
      do {
        Address block = 0;
        for (auto link = Base::head_of(*list); (block = target(link)) != 0;
             link = Base::behind(block)) {
          const Size available = checked_size_at(block);
          // A block that was deallocated twice makes the list a circle.
          if (Base::Links::kSealed && most-- == 0) __builtin_trap();
          const Address end = block + available;
          const Address begin = ((end - size + prefix) & ~alignment_mask) - prefix;
          // One test for both: a `begin` below the block gives a difference that wrapped.
          if (begin - block >= available) continue;
          tracker_.free_block_cut(available);
          set_link(link, next_at(block));
          release(block, begin);
          release(begin + size, end);
          return begin;
        }
      } while (++list != lists_.data() + Bins::kLists);
      base = top_;
#ifndef __OPTIMIZE_SIZE__
      if (alignment_mask < kGranule && size <= limit_ - base) {
        top_ = base + size;
        return base;
      }
#endif
    }
    return raise_top(base, size, alignment_mask, prefix, last != 0);
  }

  /// In the memory at `base`, which grows where it must. Apart, so that the calls before do without
  /// the stack that this takes.
#ifndef __OPTIMIZE_SIZE__
  [[gnu::noinline]]
#endif
  [[nodiscard]] Address
  raise_top(Address base, Size size, Size alignment_mask, Size prefix, bool in_place) noexcept {
    return Base::find_room(base, size, alignment_mask, prefix, in_place,
                           [&](Address start, Address lowest, Size gap, Address limit) {
                             if (start > limit_) leave_region(start);
                             const Address begin = lowest + gap;
                             release(lowest, begin);
                             top_ = begin + size;
                             limit_ = limit;
                             return begin;
                           });
  }

  /// The last block grows into the slack.
  [[nodiscard]] bool extend(Address begin, Address end, const Layout& layout,
                            Size new_size) noexcept {
    return end == top_ && acquire(new_size, layout.alignment, layout.prefix, begin) != 0;
  }

  /// The heap goes on at `next_region`: what is left of the newest region becomes a free block.
  void leave_region(Address next_region) noexcept {
    release(top_, limit_);
    open_region(next_region);
  }

  /// Gives `[begin, end)` back: to the slack if it lies right below, else in front of its list.
  void release(Address begin, Address end) noexcept {
    if (end == top_) {
      top_ = begin;
    } else if (begin != end) {
      Address& list = lists_[Bins::list_of(end - begin)];
      write_run(begin, list, end - begin);
      list = begin;
      tracker_.free_block_added(end - begin);
    }
  }

  Address top_ = 0;  // where the slack starts
};

/// A heap of this strategy alone.
template <PageSource Pages, typename Tracker, typename Bins>
class BumpHeap : public BumpStrategy<
                     HeaderlessHeap<BumpHeap<Pages, Tracker, Bins>, Pages, Tracker, Bins::kLists>,
                     Tracker, Bins> {
  using Base = HeaderlessHeap<BumpHeap, Pages, Tracker, Bins::kLists>;
  friend Base;

 public:
  /// Touches no memory before the first allocation. The arguments are the page source's.
  template <typename... Arguments>
  constexpr explicit BumpHeap(Arguments&&... arguments) noexcept
      : BumpStrategy<Base, Tracker, Bins>(std::forward<Arguments>(arguments)...) {}
};

}  // namespace lite_alloc
