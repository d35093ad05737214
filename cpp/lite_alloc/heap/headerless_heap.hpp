// SPDX-License-Identifier: MIT
#pragma once

#include <cstring>
#include <utility>

#include "lite_alloc/heap/headerless_inspection.hpp"
#include "lite_alloc/heap/inspectable.hpp"

namespace lite_alloc {

/// A heap whose blocks have no header: the calls, their counters, and with tracking the inspection.
/// It is an `Allocator`, and with tracking `Inspectable`. `Strategy` decides which bytes a block
/// takes. It derives from `HeaderlessMemory`, keeps the head of each free list in the array
/// `lists_`, and adds:
///
///   block_bytes(layout)              the bytes that a block with this layout takes
///   acquire(size, alignment, prefix) takes a block; returns its start, or 0 and changes nothing
///   extend(begin, end, layout, size) lets a block grow to `size` usable bytes where it is; returns
///                                    false, and changes nothing, iff it cannot
///   release(begin, end)              makes these bytes free; does nothing if `begin` is `end`
///   enter_region(begin, end)         makes this memory the newest region, all of it free
///   forget_free_blocks()             empties the free lists and the slack
///   slack_begin()                    where the slack starts, the free memory that is in no list;
///                                    the heap end if the heap has no slack
///   used_end()                       the end of the newest region's last block, or where that
///                                    region's free memory starts
///
/// A block's start is its address minus its prefix.
template <typename Strategy>
class HeaderlessHeap : public Strategy {
  using Strategy::heap_end_;
  using Strategy::links_;
  using Strategy::lists_;
  using Strategy::pages_;
  using Strategy::tracker_;
  using Tracker = typename Strategy::Tracker;
  using Inspection = HeaderlessInspection<typename Strategy::Memory>;

 public:
  /// Touches no memory before the first allocation. The arguments are the page source's.
  template <typename... Arguments>
  constexpr explicit HeaderlessHeap(Arguments&&... arguments) noexcept
      : Strategy(std::forward<Arguments>(arguments)...) {}

  /// Returns the address of a new block, a multiple of its alignment and of `kGranule`. Fails iff
  /// no free block is large enough and memory cannot grow; returns 0 then, and only the count of
  /// failures changes. Takes the time that the strategy takes to find a block.
  [[nodiscard]] Address allocate(const Layout& layout) noexcept {
    const Address begin = Strategy::acquire(layout.size, layout.alignment, layout.prefix);
    if (begin == 0) {
      tracker_.failed();
      return 0;
    }
    tracker_.allocated(Strategy::block_bytes(layout), layout.prefix);
    return begin + layout.prefix;
  }

  /// Frees a block. `layout` is the one that it was allocated with, or last reallocated to. Takes
  /// the time that the strategy takes to release a block.
  void deallocate(Address address, const Layout& layout) noexcept {
    const Size size = Strategy::block_bytes(layout);
    const Address begin = address - layout.prefix;
    Strategy::release(begin, begin + size);
    tracker_.deallocated(size, layout.prefix);
  }

  /// Gives a block `new_size` usable bytes: in place where it shrinks or can be extended, else in
  /// another block, to which it copies the contents. Returns the block's address. Fails iff
  /// `allocate` would; returns 0 then, and the block remains as it was.
  [[nodiscard]] Address reallocate(Address address, const Layout& layout, Size new_size) noexcept {
    const Address moved = resize(address, layout, new_size);
    if (moved == 0) {
      tracker_.failed();
      return 0;
    }
    tracker_.resized(Strategy::block_bytes(layout),
                     Strategy::block_bytes({new_size, layout.alignment, layout.prefix}));
    return moved;
  }

  /// Sets the number that links, sizes and records are sealed with. Requires that the heap has no
  /// memory yet.
  void set_secret(std::uint32_t secret) noexcept { links_.set_secret(secret); }

  /// Takes the memory that the page source has now as the first region. Without this call, pages
  /// that other code adds before the first allocation become part of that region. Returns false,
  /// and changes nothing, iff the heap has a region already or the memory is too small for one.
  bool claim() noexcept {
    const Address begin = pages_.begin();
    const Address end = pages_.end();
    if (heap_end_ != 0 || end - begin < Tracker::kRegionPrefix) return false;
    Strategy::enter_region(begin, end);
    return true;
  }

  /// Returns the usable bytes of a block with this layout: its size, rounded up.
  [[nodiscard]] static constexpr Size capacity(const Layout& layout) noexcept {
    return Strategy::block_bytes(layout) - layout.prefix;
  }

  /// Frees every block. The heap keeps its memory. Takes time in proportion to the number of
  /// regions.
  void reset() noexcept requires(Tracker::kEnabled) {
    Strategy::forget_free_blocks();
    tracker_.forget_blocks();
    for (Address region = Strategy::oldest_region(); region != 0;
         region = Strategy::next_region(region)) {
      Strategy::release(Strategy::region_begin(region), Strategy::region_end(region));
    }
  }

  /// Returns whether `[address, address + size)` lies in one region of this heap, slack included.
  /// Takes time in proportion to the number of regions.
  [[nodiscard]] bool owns(Address address, Size size) const noexcept requires(Tracker::kEnabled) {
    return Strategy::is_in_region(address, size);
  }

  /// Returns whether this heap owns these bytes and none of them lies in the slack. Only then can
  /// they have been part of a block. Takes the time of `owns`.
  [[nodiscard]] bool has_handed_out(Address address, Size size) const noexcept
      requires(Tracker::kEnabled) {
    const Address end = Strategy::slack_begin();
    return owns(address, size) && address <= end && size <= end - address;
  }

  /// Returns whether this heap owns these bytes and none of them lies in the free memory at its
  /// end. Only then can they be part of a live block. Takes the time of `deallocate`.
  [[nodiscard]] bool may_be_used(Address address, Size size) const noexcept
      requires(Tracker::kEnabled) {
    return owns(address, size) && address + size - 1 < Strategy::used_end();
  }

  /// Returns the counters. Takes time in proportion to the number of regions. The first call after
  /// the largest free block was used visits every free block.
  [[nodiscard]] Statistics statistics() noexcept requires(Tracker::kEnabled) {
    if (!tracker_.knows_largest_free()) {
      tracker_.set_largest_free(Inspection::largest_free(*this, lists_));
    }
    Statistics statistics = tracker_.counters();
    statistics.heap_bytes = Strategy::bytes_in_regions();
    statistics.free_bytes = statistics.heap_bytes - tracker_.used_bytes();
    statistics.slack_bytes = heap_end_ - Strategy::slack_begin();
    statistics.largest_free_bytes = tracker_.largest_free();
    return statistics;
  }

  /// Returns a cursor over used and free extents in address order. A used extent may hold many
  /// blocks. Takes O(n log n) time for n free blocks, which it chains by address first. Uses no
  /// memory, and leaves the order of the free lists as it is. Any other call on the heap
  /// invalidates the cursor.
  [[nodiscard]] auto walk() noexcept requires(Tracker::kEnabled) {
    return typename Inspection::Cursor(*this, lists_, Strategy::slack_begin());
  }

  /// Looks for overwritten records, links and sizes, for free blocks that overlap, and for counters
  /// that disagree with the free blocks. Takes O(n log n) time for n free blocks.
  [[nodiscard]] Corruption find_corruption() noexcept requires(Tracker::kEnabled) {
    return Inspection::find_corruption(*this, lists_, Strategy::slack_begin());
  }

 private:
  /// Returns the address of the block with `new_size` bytes. Returns 0, and changes nothing, iff
  /// there is no memory.
  [[nodiscard]] Address resize(Address address, const Layout& layout, Size new_size) noexcept {
    const Size old_size = Strategy::block_bytes(layout);
    const Address begin = address - layout.prefix;
    const Address end = begin + old_size;
    if (new_size <= old_size - layout.prefix) {
      Strategy::release(begin + Strategy::block_bytes({new_size, layout.alignment, layout.prefix}),
                        end);
      return address;
    }
    if (Strategy::extend(begin, end, layout, new_size)) return address;
    const Address moved = Strategy::acquire(new_size, layout.alignment, layout.prefix);
    if (moved == 0) return 0;
    std::memcpy(pages_.template at<std::byte>(moved), pages_.template at<std::byte>(begin),
                old_size);
    Strategy::release(begin, end);
    return moved + layout.prefix;
  }
};

}  // namespace lite_alloc
