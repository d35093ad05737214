// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstring>
#include <utility>

#include "lite_alloc/heap/allocator.hpp"
#include "lite_alloc/memory/page_source.hpp"

namespace lite_alloc {

/// A bump pointer over grown pages and one unordered free list, last in first out, searched first
/// fit. The smallest of the allocators, for short-lived work.
///
///   region                                      top_              limit_
///   | used | free | used | used | free | used  | slack            |
///            |  next, size              |
///   free_ ---+----------- ... ----------+
///
/// Blocks have no header and take whole units of 16 bytes. The design is that of lite-alloc, a Rust
/// crate of the same name (MIT); on top of it here
/// - a free block gives away just what is asked, the rest stays in the list,
/// - alignments hold for free blocks too,
/// - a block that shrinks gives its tail back, and the last block gives all to the slack,
/// - sizes and ends are computed so that they cannot wrap,
/// - pages that somebody else grew are stepped over: the heap goes on behind them.
///
/// Nothing is coalesced, so free blocks only get smaller, and the search takes time in proportion
/// to the free blocks that are too small. All else is constant time, but copying and growing.
///
/// Source of the search and its cost: Knuth, The Art of Computer Programming, vol. 1, 2.5.
template <PageSource Pages, typename Tracker = Tracking>
class BumpFreeList {
 public:
  /// Touches no memory before the first allocation. The arguments are the page source's.
  template <typename... Arguments>
  constexpr explicit BumpFreeList(Arguments&&... arguments) noexcept
      : pages_(std::forward<Arguments>(arguments)...) {}

  BumpFreeList(const BumpFreeList&) = delete;
  BumpFreeList& operator=(const BumpFreeList&) = delete;

  /// A block, or 0. Fails iff no free block fits and memory cannot grow; the heap is as it was
  /// then.
  [[nodiscard]] Address allocate(const Layout& layout) noexcept {
    const Size size = block_size(layout);
    const Address begin = acquire(layout.size, layout.alignment, layout.prefix, 0);
    if (begin == 0) {
      tracker_.failed();
      return 0;
    }
    tracker_.allocated(size, layout.prefix);
    return begin + layout.prefix;
  }

  /// Frees a block. `layout` is what it was allocated with, or last reallocated to.
  void deallocate(Address address, const Layout& layout) noexcept {
    const Size size = block_size(layout);
    const Address begin = address - layout.prefix;
    release(begin, begin + size);
    tracker_.deallocated(size, layout.prefix);
  }

  /// The block with `new_size` bytes: in place when it shrinks or is the last one, else copied.
  /// Fails iff `allocate` would; returns 0 then, and the old block is as it was.
  [[nodiscard]] Address reallocate(Address address, const Layout& layout, Size new_size) noexcept {
    const Address moved = resize(address, layout, new_size);
    if (moved == 0) {
      tracker_.failed();
      return 0;
    }
    tracker_.resized(block_size(layout), block_size({new_size, layout.alignment, layout.prefix}));
    return moved;
  }

  /// Takes the memory that is there now as the first region, so that pages somebody else grows
  /// before the first allocation stay theirs. Does nothing where the heap has one already.
  void claim() noexcept {
    const Address begin = pages_.begin();
    const Address end = pages_.end();
    if (limit_ != 0 || end - begin < Tracker::kRegionPrefix) return;
    leave_region(begin);
    top_ = begin + Tracker::kRegionPrefix;
    limit_ = end;
  }

  /// Every block is gone; the memory stays for reuse. Time in proportion to the number of regions.
  void reset() noexcept requires(Tracker::kEnabled) {
    free_ = 0;
    tracker_.forget_blocks();
    for (RegionBounds region = oldest_region(); region.begin != 0; region = next_region(region)) {
      if (region.is_newest) {
        top_ = region.begin;
      } else {
        release(region.begin, region.end);
      }
    }
  }

  /// Whether `[address, address + size)` lies in this heap's memory, slack included.
  [[nodiscard]] bool owns(Address address, Size size) const noexcept requires(Tracker::kEnabled) {
    const RegionBounds region = region_around(address);
    return region.begin != 0 && size <= region.end - address;
  }

  /// Whether all of it has been handed out before: the slack has not.
  [[nodiscard]] bool has_handed_out(Address address, Size size) const noexcept
      requires(Tracker::kEnabled) {
    const RegionBounds region = region_around(address);
    const Address end = region.is_newest ? top_ : region.end;
    return region.begin != 0 && address <= end && size <= end - address;
  }

  /// The counters. Constant time; the first call after the largest free block was used walks the
  /// free list once.
  [[nodiscard]] Statistics statistics() noexcept requires(Tracker::kEnabled) {
    if (!tracker_.knows_largest_free()) {
      Size largest = 0;
      for (Address block = free_; block != 0; block = at(block).next) {
        largest = std::max(largest, at(block).size);
      }
      tracker_.set_largest_free(largest);
    }
    Statistics statistics = tracker_.counters();
    statistics.heap_bytes = heap_bytes();
    statistics.free_bytes = statistics.heap_bytes - tracker_.used_bytes();
    statistics.slack_bytes = limit_ - top_;
    statistics.largest_free_bytes = tracker_.largest_free();
    return statistics;
  }

  class Cursor;

  /// A cursor over used and free stretches in address order; a used stretch may hold many blocks.
  /// Sorts a second chain through the free blocks first: O(n log n) time for n free blocks, no
  /// memory, and the order of the free list stays as it is.
  [[nodiscard]] Cursor walk() noexcept requires(Tracker::kEnabled) {
    return Cursor(*this, sort_free_blocks());
  }

  /// Looks for broken links, free blocks that overlap, and counters that disagree. O(n log n).
  [[nodiscard]] Corruption find_corruption() noexcept requires(Tracker::kEnabled) {
    const Size heap_size = heap_bytes();
    Size free_size = limit_ - top_;
    for (Address block = free_; block != 0; block = at(block).next) {
      if (block % kUnit != 0 || !has_handed_out(block, kUnit) || at(block).size % kUnit != 0 ||
          at(block).size == 0 || !has_handed_out(block, at(block).size)) {
        return {Corruption::Kind::kFreeListOutsideHeap, block};
      }
      if (at(block).size > heap_size - free_size) {  // also where the list has become a circle
        return {Corruption::Kind::kFreeListOverlap, block};
      }
      free_size += at(block).size;
    }
    for (Address block = sort_free_blocks(); block != 0; block = at(block).above) {
      if (at(block).above != 0 && at(block).above - block < at(block).size) {
        return {Corruption::Kind::kFreeListOverlap, at(block).above};
      }
    }
    if (heap_size - free_size != tracker_.used_bytes()) {
      return {Corruption::Kind::kCountersDisagree, 0};
    }
    return {};
  }

  [[nodiscard]] Pages& pages() noexcept { return pages_; }
  [[nodiscard]] const Pages& pages() const noexcept { return pages_; }

 private:
  /// The start of a free block. An owner's header may lie in the same bytes while it is used.
  struct FreeBlock {
    Address next;  // 0 for the last
    Size size;
    std::uint32_t left_alone;  // keeps the last mark of an owner's header
    Address above;             // the next by address, while a walk or a check runs
  };
  static_assert(sizeof(FreeBlock) == kUnit, "every free block must hold its links");

  struct RegionBounds {
    Address begin;  // behind the record; 0: no region
    Address end;
    Address next;  // the next region's record
    bool is_newest;
  };

  [[nodiscard]] FreeBlock& at(Address block) const noexcept {
    return *pages_.template at<FreeBlock>(block);
  }

  // From here on layouts are taken apart, so that numbers stay in registers.

  /// The start of a new block, or 0 and all is as it was. With `last`, the start of the block right
  /// below the slack, no other place is taken than that: the block grows where it is.
  ///
  /// Carves from the end of the first free block that is large enough, then tries the slack. The
  /// rest of the block goes to the front of the list, where a large one is found at once: four
  /// times faster on the history of a Lua program than to leave it in its place.
  [[nodiscard]] Address acquire(Size payload, Size alignment, Size prefix, Address last) noexcept {
    if (payload > kMaxSize) return 0;  // so that no sum below wraps
    const Size size = block_size({payload, alignment, prefix});
    const Size alignment_mask = (alignment - 1) | (kUnit - 1);
    Address base = last;
    if (base == 0) {
      for (Address* link = &free_; *link != 0; link = &at(*link).next) {
        const Address block = *link;
        const Size available = at(block).size;
        const Address end = block + available;
        const Address begin = ((end - size + prefix) & ~alignment_mask) - prefix;
        // One test for both: a `begin` below the block gives a difference that wrapped.
        if (begin - block >= available) continue;
        tracker_.free_block_cut(available);
        *link = at(block).next;
        if (size != available) {
          release(block, begin);
          release(begin + size, end);
        }
        return begin;
      }
      base = top_;
    }
    return bump(base, size, alignment_mask, prefix, last != 0);
  }

  /// Takes the block from the memory at `base`: the slack, or the last block and the slack. Where
  /// that is too short, memory grows by just what is missing. Where pages that somebody else grew
  /// are in the way, another region starts behind them, unless `in_place`. The first region is what
  /// is there already. Nothing is written before it is clear that the block can be had.
  [[nodiscard]] Address bump(Address base, Size size, Size alignment_mask, Size prefix,
                             bool in_place) noexcept {
    Address limit = limit_;
    for (;;) {
      const bool is_new_region = base > top_;
      const Size record = is_new_region ? Tracker::kRegionPrefix : 0;
      const Size gap = -(base + record + prefix) & alignment_mask;
      const Size needed = record + gap + size;
      const Size available = limit - base;
      if (needed <= available) {
        if (is_new_region) leave_region(base);
        const Address begin = base + record + gap;
        if (gap != 0) release(begin - gap, begin);
        top_ = begin + size;
        limit_ = limit;
        return begin;
      }
      const Address memory_end = pages_.end();
      if (memory_end == limit) {
        if (!pages_.grow(needed - available)) return 0;
        tracker_.grew();
        limit = pages_.end();
      } else {
        if (in_place) return 0;
        base = limit == 0 ? pages_.begin() : memory_end;
        limit = memory_end;
      }
    }
  }

  /// The address of the block with `new_size` bytes, or 0 and all is as it was.
  [[nodiscard]] Address resize(Address address, const Layout& layout, Size new_size) noexcept {
    const Size old_size = block_size(layout);
    const Address begin = address - layout.prefix;
    const Address end = begin + old_size;
    if (new_size <= old_size - layout.prefix) {
      release(begin + block_size({new_size, layout.alignment, layout.prefix}), end);
      return address;
    }
    if (end == top_ && acquire(new_size, layout.alignment, layout.prefix, begin) != 0) {
      return address;
    }
    const Address moved = acquire(new_size, layout.alignment, layout.prefix, 0);
    if (moved == 0) return 0;
    std::memcpy(pages_.template at<std::byte>(moved), pages_.template at<std::byte>(begin),
                old_size);
    release(begin, end);
    return moved + layout.prefix;
  }

  /// The heap goes on at `next_region`: what is left of the newest region becomes a free block.
  void leave_region(Address next_region) noexcept {
    release(top_, limit_);
    tracker_.open_region(pages_, next_region, limit_);
  }

  /// Gives `[begin, end)` back: to the slack if it lies right below, else in front of the free
  /// list. Nothing happens if it is empty.
  void release(Address begin, Address end) noexcept {
    if (end == top_) {
      top_ = begin;
    } else if (begin != end) {
      at(begin).next = free_;
      at(begin).size = end - begin;
      free_ = begin;
      tracker_.free_block_added(end - begin);
    }
  }

  [[nodiscard]] RegionBounds region_at(Address record) const noexcept {
    if (record == 0) return {};
    const auto& region = *pages_.template at<Tracking::Region>(record);
    const bool is_newest = region.next == 0;
    return {record + Tracker::kRegionPrefix, is_newest ? limit_ : region.end, region.next,
            is_newest};
  }
  [[nodiscard]] RegionBounds oldest_region() const noexcept {
    return region_at(tracker_.oldest_region());
  }
  [[nodiscard]] RegionBounds next_region(const RegionBounds& region) const noexcept {
    return region_at(region.next);
  }

  /// The region that an address lies in; none if there is no such.
  [[nodiscard]] RegionBounds region_around(Address address) const noexcept {
    RegionBounds region = oldest_region();
    while (region.begin != 0 && (address < region.begin || address > region.end)) {
      region = next_region(region);
    }
    return region;
  }

  [[nodiscard]] Size heap_bytes() const noexcept {
    Size bytes = 0;
    for (RegionBounds region = oldest_region(); region.begin != 0; region = next_region(region)) {
      bytes += region.end - region.begin;
    }
    return bytes;
  }

  /// Chains the free blocks by address through `above` and returns the lowest: a bottom-up merge
  /// sort, which needs no memory (Knuth, vol. 3, 5.2.4, list merge).
  [[nodiscard]] Address sort_free_blocks() noexcept {
    for (Address block = free_; block != 0; block = at(block).next) {
      at(block).above = at(block).next;
    }
    Address sorted = free_;
    for (Size width = 1;; width *= 2) {
      Address rest = sorted;
      Address* tail = &sorted;
      Size merges = 0;
      while (rest != 0) {
        ++merges;
        Address left = rest;
        Size left_count = 0;
        for (; left_count < width && rest != 0; ++left_count) rest = at(rest).above;
        Address right = rest;
        Size right_count = width;
        while (left_count != 0 || (right_count != 0 && right != 0)) {
          const bool take_left =
              left_count != 0 && (right_count == 0 || right == 0 || left < right);
          Address& from = take_left ? left : right;
          --(take_left ? left_count : right_count);
          *tail = from;
          tail = &at(from).above;
          from = *tail;
        }
        rest = right;
      }
      *tail = 0;
      if (merges <= 1) return sorted;
    }
  }

  [[no_unique_address]] Pages pages_;
  [[no_unique_address]] Tracker tracker_;
  Address top_ = 0;    // where the slack starts
  Address limit_ = 0;  // where it ends; 0 until the first allocation
  Address free_ = 0;   // the newest free block
};

template <PageSource Pages, typename Tracker>
class BumpFreeList<Pages, Tracker>::Cursor {
 public:
  /// The next stretch. False, and nothing written, behind the last.
  [[nodiscard]] bool next(Extent& extent) noexcept {
    if (position_ == region_.end) {
      region_ = heap_->next_region(region_);
      position_ = region_.begin;
      if (position_ == region_.end) return region_.begin != 0 && next(extent);
    }
    if (position_ == free_) {
      extent = {position_, heap_->at(free_).size, Extent::State::kFree};
      free_ = heap_->at(free_).above;
    } else {
      const Address used_end = region_.is_newest ? heap_->top_ : region_.end;
      const bool is_slack = position_ == used_end;
      const bool free_follows = free_ > position_ && free_ < used_end;
      const Address end = is_slack ? region_.end : free_follows ? free_ : used_end;
      extent = {position_, end - position_, is_slack ? Extent::State::kFree : Extent::State::kUsed};
    }
    position_ = extent.end();
    return true;
  }

 private:
  friend class BumpFreeList;
  Cursor(const BumpFreeList& heap, Address lowest_free) noexcept
      : heap_(&heap), region_(heap.oldest_region()), position_(region_.begin), free_(lowest_free) {}

  const BumpFreeList* heap_;
  RegionBounds region_;
  Address position_;
  Address free_;
};

}  // namespace lite_alloc
