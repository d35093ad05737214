// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>
#include <utility>

#include "lite_alloc/heap/allocator.hpp"
#include "lite_alloc/heap/free_links.hpp"
#include "lite_alloc/memory/page_source.hpp"

namespace lite_alloc {

/// What the allocators whose blocks have no header have in common: the calls and what they count,
/// the regions, and looking into the heap. `Heap`, which derives from this, brings the strategy:
///
///   block_bytes(layout)             the bytes that a block with this layout takes
///   acquire(size, alignment, prefix)  the start of a new block, or 0 and all is as it was
///   extend(begin, end, layout, size)  whether the block could grow to `size` where it is
///   release(begin, end)             gives these bytes back; nothing happens if there are none
///   enter_region(begin, end)        goes on with this memory, empty
///   forget_free_blocks()            there is no free byte
///   top()                           where the slack starts; the heap's end if it has none
///
/// `lists_` holds the first free block of each of its `kLists` lists.
///
/// With tracking, the links and sizes of free blocks and the records of regions are sealed with a
/// secret. A call that meets one that other code has overwritten traps, so that no block comes from
/// an address of the writer's choice and no search goes on for ever; `find_corruption` reports it.
/// Without tracking nothing is checked.
template <typename Heap, PageSource Pages, typename Tracker, Size kLists>
class HeaderlessHeap {
 public:
  HeaderlessHeap(const HeaderlessHeap&) = delete;
  HeaderlessHeap& operator=(const HeaderlessHeap&) = delete;

  /// A block, or 0. Fails iff no free stretch fits and memory cannot grow; the heap is as it was
  /// then.
  [[nodiscard]] Address allocate(const Layout& layout) noexcept {
    const Address begin = heap().acquire(layout.size, layout.alignment, layout.prefix);
    if (begin == 0) {
      tracker_.failed();
      return 0;
    }
    tracker_.allocated(Heap::block_bytes(layout), layout.prefix);
    return begin + layout.prefix;
  }

  /// Frees a block. `layout` is what it was allocated with, or last reallocated to.
  void deallocate(Address address, const Layout& layout) noexcept {
    const Size size = Heap::block_bytes(layout);
    const Address begin = address - layout.prefix;
    heap().release(begin, begin + size);
    tracker_.deallocated(size, layout.prefix);
  }

  /// The block with `new_size` bytes: in place when it shrinks or can be extended, else copied.
  /// Fails iff `allocate` would; returns 0 then, and the old block is as it was.
  [[nodiscard]] Address reallocate(Address address, const Layout& layout, Size new_size) noexcept {
    const Address moved = resize(address, layout, new_size);
    if (moved == 0) {
      tracker_.failed();
      return 0;
    }
    tracker_.resized(Heap::block_bytes(layout),
                     Heap::block_bytes({new_size, layout.alignment, layout.prefix}));
    return moved;
  }

  /// Sets what links, sizes and records are sealed with. Requires that the heap has no memory yet.
  void set_secret(std::uint32_t secret) noexcept { links_.set_secret(secret); }

  /// Takes the memory that is there now as the first region, so that pages somebody else grows
  /// before the first allocation stay theirs. Does nothing where the heap has one already.
  void claim() noexcept {
    const Address begin = pages_.begin();
    const Address end = pages_.end();
    if (limit_ == 0 && end - begin >= Tracker::kRegionPrefix) heap().enter_region(begin, end);
  }

  /// The bytes that a block with this layout has above its prefix: what was asked for, rounded.
  [[nodiscard]] static constexpr Size capacity(const Layout& layout) noexcept {
    return Heap::block_bytes(layout) - layout.prefix;
  }

  /// Every block is gone; the memory stays for reuse. Time in proportion to the number of regions.
  void reset() noexcept requires(Tracker::kEnabled) {
    heap().forget_free_blocks();
    tracker_.forget_blocks();
    for (RegionBounds region = oldest_region(); region.begin != 0; region = next_region(region)) {
      heap().release(region.begin, region.end);
    }
  }

  /// Whether `[address, address + size)` lies in this heap's memory, slack included.
  [[nodiscard]] bool owns(Address address, Size size) const noexcept requires(Tracker::kEnabled) {
    const RegionBounds region = region_around(address);
    return region.begin != 0 && size <= region.end - address;
  }

  /// Whether all of it may have been handed out before: the slack has not.
  [[nodiscard]] bool has_handed_out(Address address, Size size) const noexcept
      requires(Tracker::kEnabled) {
    const RegionBounds region = region_around(address);
    return region.begin != 0 && address <= region.used_end && size <= region.used_end - address;
  }

  /// The counters. Constant time but for the number of regions; the first call after the largest
  /// free block was used goes through the free blocks once.
  [[nodiscard]] Statistics statistics() noexcept requires(Tracker::kEnabled) {
    if (!tracker_.knows_largest_free()) {
      Size largest = 0;
      for_each_possible_block(
          [&](Address, Size size) noexcept { largest = std::max(largest, size); });
      tracker_.set_largest_free(largest);
    }
    Statistics statistics = tracker_.counters();
    statistics.heap_bytes = heap_bytes();
    statistics.free_bytes = statistics.heap_bytes - tracker_.used_bytes();
    statistics.slack_bytes = limit_ - heap().top();
    statistics.largest_free_bytes = tracker_.largest_free();
    return statistics;
  }

  class Cursor;

  /// A cursor over used and free stretches in address order; a used stretch may hold many blocks.
  /// Sorts a second chain through the free blocks first: O(n log n) time for n free blocks, no
  /// memory, and the order of the free lists stays as it is.
  [[nodiscard]] Cursor walk() noexcept requires(Tracker::kEnabled) {
    return Cursor(*this, sort_free_blocks());
  }

  /// Looks for overwritten records, links and sizes, free blocks that overlap, and counters that
  /// disagree. O(n log n) for n free blocks.
  [[nodiscard]] Corruption find_corruption() noexcept requires(Tracker::kEnabled) {
    // Records first: all that follows asks which region an address lies in.
    for (Address record = tracker_.oldest_region(); record != tracker_.newest_region();
         record = pages_.template at<Tracking::Region>(record)->next) {
      if (!is_sealed(record)) return {Corruption::Kind::kRegionOverwritten, record};
    }
    const Size heap_size = heap_bytes();
    Size free_size = limit_ - heap().top();
    for (const Address list : lists_) {
      for (Address block = list; block != 0; block = next_at(block)) {
        const Address next = has_handed_out(block, kGranule) ? next_at(block) : 1;
        const bool is_inside = next == 0 || has_handed_out(next, kGranule);
        if (!is_inside || !is_possible_at(block) || !has_handed_out(block, size_at(block))) {
          return {Corruption::Kind::kFreeListOutsideHeap, block};
        }
        if (size_at(block) > heap_size - free_size) {  // also where the list has become a circle
          return {Corruption::Kind::kFreeListOverlap, block};
        }
        free_size += size_at(block);
      }
    }
    for (Address block = sort_free_blocks(); block != 0; block = at(block).above) {
      if (at(block).above != 0 && at(block).above - block < size_at(block)) {
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

 protected:
  template <typename... Arguments>
  constexpr explicit HeaderlessHeap(Arguments&&... arguments) noexcept
      : pages_(std::forward<Arguments>(arguments)...) {}
  ~HeaderlessHeap() = default;

  struct RegionBounds {
    Address begin;     // behind the record; 0: no region
    Address used_end;  // where its slack starts
    Address end;
    Address next;  // the next region's record
  };

  [[nodiscard]] Heap& heap() noexcept { return static_cast<Heap&>(*this); }
  [[nodiscard]] const Heap& heap() const noexcept { return static_cast<const Heap&>(*this); }

  [[nodiscard]] FreeBlock& at(Address block) const noexcept {
    return *pages_.template at<FreeBlock>(block);
  }

  /// The words of a free block, whatever they say.
  [[nodiscard, gnu::always_inline]] FreeRun run_at(Address block) const noexcept {
    return links_.read(block, at(block));
  }

  [[nodiscard]] Address next_at(Address block) const noexcept { return run_at(block).next; }
  [[nodiscard]] Size size_at(Address block) const noexcept { return run_at(block).size; }
  [[nodiscard]] bool is_possible_at(Address block) const noexcept {
    return is_possible(block, run_at(block), limit_);
  }

  /// The size of a free block. Traps where other code has overwritten that or the link.
  [[nodiscard]] Size checked_size_at(Address block) const noexcept {
    if (Links::kSealed && !is_possible_at(block)) __builtin_trap();
    return size_at(block);
  }

  void write_run(Address block, const Address& next, Size size) noexcept {
    links_.write(block, at(block), next, size);
  }

  /// The place of a link: the head of a list, or the first word of the free block before.
  struct Link {
    std::uint32_t* word;
    Address block;  // 0 for the head of a list, whose word is the address itself
  };
  [[nodiscard]] static Link head_of(Address& list) noexcept { return {&list, 0}; }
  [[nodiscard]] Link behind(Address block) const noexcept { return {&at(block).link, block}; }

  /// The free block that a link leads to, or 0. Requires that a free block before it is sound.
  [[nodiscard]] Address target(Link link) const noexcept {
    return Links::kSealed && link.block != 0 ? next_at(link.block) : *link.word;
  }
  void set_link(Link link, Address next) noexcept {
    if (Links::kSealed && link.block != 0) {
      write_run(link.block, next, size_at(link.block));
    } else {
      *link.word = next;
    }
  }

  /// Calls `visit(block, size)` for the free blocks, of each list up to the first that other code
  /// has overwritten, and for no more blocks than the heap can hold: a list may be a circle.
  template <typename Visit>
  void for_each_possible_block(Visit visit) const noexcept {
    Size most = limit_ / kGranule;
    for (const Address list : lists_) {
      for (Address block = list; block != 0 && most != 0; --most) {
        if (!is_possible_at(block)) break;
        visit(block, size_at(block));
        block = next_at(block);
      }
    }
  }

  /// The heap goes on at `begin`, where a record takes `Tracker::kRegionPrefix` bytes.
  void open_region(Address begin) noexcept {
    if constexpr (Tracker::kEnabled) {
      const Address before = tracker_.newest_region();
      tracker_.open_region(pages_, begin, limit_);
      if (before != 0) seal_of(before) = expected_seal(before);
    }
  }

  // From here on layouts are taken apart, so that numbers stay in registers.

  /// What a block's address is to be a multiple of, less 1.
  [[nodiscard]] static constexpr Size mask_of(Size alignment) noexcept {
    return (alignment - 1) | (kGranule - 1);
  }

  /// Finds room for a block of `size` bytes in the memory at `base`, which reaches to the heap's
  /// end. Where that is too short, memory grows by just what is missing. Where pages that somebody
  /// else grew are in the way, another region starts behind them, unless `in_place`. The first
  /// region is what is there already. False, and nothing was written, iff there is no room; else
  /// calls `take(base, lowest, limit)`: the lowest place for the block, and where memory ends now.
  /// A `base` above the heap's end starts a region.
  template <typename Take>
  [[nodiscard]] Address find_room(Address base, Size size, Size alignment_mask, Size prefix,
                                  bool in_place, Take take) noexcept {
    Address limit = limit_;
    for (;;) {
      const Size record = base > limit_ ? Tracker::kRegionPrefix : 0;
      const Size gap = -(base + record + prefix) & alignment_mask;
      const Size needed = record + gap + size;
      const Size available = limit - base;
      if (needed <= available) return take(base, base + record, gap, limit);
      const Address memory_end = pages_.end();
      if (memory_end == limit) {
        if (!pages_.grow(needed - available)) return 0;
        tracker_.grew();
      } else {
        if (in_place) return 0;
        base = limit == 0 ? pages_.begin() : memory_end;
      }
      limit = pages_.end();
    }
  }

  /// The address of the block with `new_size` bytes, or 0 and all is as it was.
  [[nodiscard]] Address resize(Address address, const Layout& layout, Size new_size) noexcept {
    const Size old_size = Heap::block_bytes(layout);
    const Address begin = address - layout.prefix;
    const Address end = begin + old_size;
    if (new_size <= old_size - layout.prefix) {
      heap().release(begin + Heap::block_bytes({new_size, layout.alignment, layout.prefix}), end);
      return address;
    }
    if (heap().extend(begin, end, layout, new_size)) return address;
    const Address moved = heap().acquire(new_size, layout.alignment, layout.prefix);
    if (moved == 0) return 0;
    std::memcpy(pages_.template at<std::byte>(moved), pages_.template at<std::byte>(begin),
                old_size);
    heap().release(begin, end);
    return moved + layout.prefix;
  }

  /// Of the newest region the heap itself knows the bounds. Traps where other code has overwritten
  /// the record of another.
  [[nodiscard]] RegionBounds region_at(Address record) const noexcept {
    if (record == 0) return {};
    const Address begin = record + Tracker::kRegionPrefix;
    if (record == tracker_.newest_region()) return {begin, heap().top(), limit_, 0};
    if (!is_sealed(record)) __builtin_trap();
    const auto& region = *pages_.template at<Tracking::Region>(record);
    return {begin, region.end, region.end, region.next};
  }

  /// Behind a record in its unit.
  [[nodiscard]] std::uint32_t& seal_of(Address record) const noexcept {
    return *pages_.template at<std::uint32_t>(record + sizeof(Tracking::Region));
  }
  [[nodiscard]] std::uint32_t expected_seal(Address record) const noexcept {
    const auto& region = *pages_.template at<Tracking::Region>(record);
    return links_.seal(mixed(record + mixed(region.next)) ^ region.end);
  }
  [[nodiscard]] bool is_sealed(Address record) const noexcept {
    return seal_of(record) == expected_seal(record);
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
    Address sorted = 0;
    Address* end = &sorted;
    for_each_possible_block([&](Address block, Size) noexcept {
      *end = block;
      end = &at(block).above;
    });
    *end = 0;  // of a list that is a circle, too: the chain ends with the block visited last
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

  using Links = std::conditional_t<Tracker::kEnabled, SealedLinks, PlainLinks>;

  [[no_unique_address]] Pages pages_;
  [[no_unique_address]] Tracker tracker_;
  [[no_unique_address]] Links links_;
  Address limit_ = 0;  // where the newest region ends; 0 until the first allocation
  std::array<Address, kLists> lists_ = {};
};

template <typename Heap, PageSource Pages, typename Tracker, Size kLists>
class HeaderlessHeap<Heap, Pages, Tracker, kLists>::Cursor {
 public:
  /// The next stretch. False, and nothing written, behind the last.
  [[nodiscard]] bool next(Extent& extent) noexcept {
    if (position_ == region_.end) {
      region_ = heap_->next_region(region_);
      position_ = region_.begin;
      if (position_ == region_.end) return region_.begin != 0 && next(extent);
    }
    if (position_ == free_) {
      extent = {position_, heap_->checked_size_at(free_), Extent::State::kFree};
      free_ = heap_->at(free_).above;
    } else {
      const bool is_slack = position_ == region_.used_end;
      const bool free_follows = free_ > position_ && free_ < region_.used_end;
      const Address end = is_slack ? region_.end : free_follows ? free_ : region_.used_end;
      extent = {position_, end - position_, is_slack ? Extent::State::kFree : Extent::State::kUsed};
    }
    position_ = extent.end();
    return true;
  }

 private:
  friend class HeaderlessHeap;
  Cursor(const HeaderlessHeap& heap, Address lowest_free) noexcept
      : heap_(&heap), region_(heap.oldest_region()), position_(region_.begin), free_(lowest_free) {}

  const HeaderlessHeap* heap_;
  RegionBounds region_;
  Address position_;
  Address free_;
};

}  // namespace lite_alloc
