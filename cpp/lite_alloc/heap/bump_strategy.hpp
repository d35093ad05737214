// SPDX-License-Identifier: MIT
#pragma once

#include <array>

#include "lite_alloc/heap/headerless_memory.hpp"

namespace lite_alloc {

/// Takes blocks from free lists, each last in first out and searched first fit, and from the slack
/// behind a bump pointer.
///
///   region                                      bump_             heap_end_
///   | used | free | used | used | free | used  | slack            |
///            |  next, size              |
///   lists_ --+----------- ... ----------+
///
/// `Bins` decides how sizes are rounded and which list a free block goes to:
///
///   kLists             the number of lists
///   block_bytes(l)     the bytes of a block with layout `l`
///   list_of(size)      the list for free blocks of `size` bytes; the lists before it hold only
///                      smaller blocks
///
/// An allocation takes only the bytes that it needs of a free block, and the rest stays free.
/// Nothing is coalesced, so free blocks only get smaller: after every block was freed, only `reset`
/// makes the memory one piece again.
///
/// Source of the search and its cost: Knuth, The Art of Computer Programming, vol. 1, 2.5.
template <PageSource Pages, typename Tracker, typename Bins>
class BumpStrategy : public HeaderlessMemory<Pages, Tracker> {
 protected:
  using Memory = HeaderlessMemory<Pages, Tracker>;
  using Memory::checked_size_at;
  using Memory::heap_end_;
  using Memory::Memory;
  using Memory::next_at;
  using Memory::open_region;
  using Memory::set_link;
  using Memory::target;
  using Memory::tracker_;
  using Memory::write_run;

  [[nodiscard]] static constexpr Size block_bytes(const Layout& layout) noexcept {
    return Bins::block_bytes(layout);
  }

  [[nodiscard]] Address slack_begin() const noexcept { return bump_; }
  [[nodiscard]] Address used_end() const noexcept { return bump_; }

  void forget_free_blocks() noexcept {
    for (Address& list : lists_) list = 0;
    bump_ = heap_end_;
  }

  void enter_region(Address begin, Address end) noexcept {
    leave_region(begin);
    bump_ = begin + Tracker::kRegionPrefix;
    heap_end_ = end;
  }

  /// Takes a block and returns its start. Returns 0, and changes nothing, iff there is no memory.
  /// If `last` is the start of the block right below the slack, the result is that block, extended
  /// in place, or 0.
  [[nodiscard]] Address acquire(Size payload, Size alignment, Size prefix,
                                Address last = 0) noexcept {
    const Size size = block_bytes({payload, alignment, prefix});
#ifndef __OPTIMIZE_SIZE__
    // The path of most calls: no free block to look at, and enough slack. One comparison rejects
    // every size that is too large: `size` is 0 iff it wrapped, and 0 - 1 is more than any slack.
    const bool may_find_block = Bins::kLists != 1 || lists_[0] != 0;
    if (!may_find_block && last == 0 && alignment <= kGranule && size - 1 < heap_end_ - bump_) {
      const Address begin = bump_;
      bump_ += size;
      return begin;
    }
#endif
    if (payload > kMaxSize) return 0;  // no sum below wraps then
    return search(size, Memory::mask_of(alignment), prefix, last);
  }

  /// Takes the block from the high end of the first free block that is large enough, else from the
  /// slack. The rest of the free block goes to the front of its list, where the next search meets a
  /// large rest at once. On the allocations of a Lua program this takes a quarter of the time that
  /// it takes with a rest that keeps its place.
  [[nodiscard]] Address search(Size size, Size alignment_mask, Size prefix, Address last) noexcept {
    Address base = last;
    if (base == 0) {
      Address* list = &lists_[Bins::list_of(size)];
      Size most = heap_end_ / kGranule;
      do {
        Address block = 0;
        for (auto link = Memory::head_of(*list); (block = target(link)) != 0;
             link = Memory::behind(block)) {
          const Size available = checked_size_at(block);
          // A block that was freed twice makes the list a circle.
          if (Memory::Links::kSealed && most-- == 0) __builtin_trap();
          const Address end = block + available;
          const Address begin = ((end - size + prefix) & ~alignment_mask) - prefix;
          // One comparison for both: where `begin` is below the block, the difference wraps.
          if (begin - block >= available) continue;
          tracker_.free_block_cut(available);
          set_link(link, next_at(block));
          release(block, begin);
          release(begin + size, end);
          return begin;
        }
      } while (++list != lists_.data() + Bins::kLists);
      base = bump_;
#ifndef __OPTIMIZE_SIZE__
      if (alignment_mask < kGranule && size <= heap_end_ - base) {
        bump_ = base + size;
        return base;
      }
#endif
    }
    return take_from_slack(base, size, alignment_mask, prefix, last != 0);
  }

  /// Takes the block from the memory at `base`, which grows if need be. In a build for speed this
  /// is not inlined, so its callers need no stack frame.
#ifndef __OPTIMIZE_SIZE__
  [[gnu::noinline]]
#endif
  [[nodiscard]] Address
  take_from_slack(Address base, Size size, Size alignment_mask, Size prefix,
                  bool in_place) noexcept {
    return Memory::find_room(base, size, alignment_mask, prefix, in_place,
                             [&](Address start, Address lowest, Size gap, Address memory_end) {
                               if (start > heap_end_) leave_region(start);
                               const Address begin = lowest + gap;
                               release(lowest, begin);
                               bump_ = begin + size;
                               heap_end_ = memory_end;
                               return begin;
                             });
  }

  /// Lets the last block grow into the slack.
  [[nodiscard]] bool extend(Address begin, Address end, const Layout& layout,
                            Size new_size) noexcept {
    return end == bump_ && acquire(new_size, layout.alignment, layout.prefix, begin) != 0;
  }

  /// Starts a region at `next_region`. The slack of the region before becomes a free block.
  void leave_region(Address next_region) noexcept {
    release(bump_, heap_end_);
    open_region(next_region);
  }

  /// Makes `[begin, end)` free: part of the slack if it lies right below that, else the first block
  /// of its list.
  void release(Address begin, Address end) noexcept {
    if (end == bump_) {
      bump_ = begin;
    } else if (begin != end) {
      Address& list = lists_[Bins::list_of(end - begin)];
      write_run(begin, list, end - begin);
      list = begin;
      tracker_.free_block_added(end - begin);
    }
  }

  std::array<Address, Bins::kLists> lists_ = {};  // the first free block of each list, or 0
  Address bump_ = 0;                              // the bump pointer, where the slack starts
};

}  // namespace lite_alloc
