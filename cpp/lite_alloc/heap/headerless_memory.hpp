// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>
#include <utility>

#include "lite_alloc/heap/free_links.hpp"
#include "lite_alloc/heap/region_walk.hpp"
#include "lite_alloc/heap/tracking.hpp"
#include "lite_alloc/memory/page_source.hpp"

namespace lite_alloc {

template <typename Memory>
class HeaderlessInspection;

/// The memory of a headerless heap: its free blocks, its regions, and how it grows. The strategies
/// (`BumpStrategy`, `FreeListStrategy`) derive from this, and keep lists of the free blocks.
///
/// Memory comes in regions, runs of pages that no pages of other code interrupt. The newest region
/// ends at the heap end, `heap_end_`, and is the only one that grows. With tracking a region starts
/// with its record (see `Tracking`).
///
///     oldest region                                 newest region
///     | record | blocks, free blocks ... |          | record | blocks, free blocks ... |
///                                          pages of                                    ^ heap_end_
///                                          other code
///
/// With tracking, the links and sizes of free blocks and the records of regions are sealed with a
/// secret. A call that meets one that other code has overwritten traps. So no block comes from an
/// address that a writer chose, and no search runs forever. Without tracking nothing is checked.
template <PageSource P, typename T>
class HeaderlessMemory : protected RegionWalk<HeaderlessMemory<P, T>> {
 public:
  using Pages = P;
  using Tracker = T;

  HeaderlessMemory(const HeaderlessMemory&) = delete;
  HeaderlessMemory& operator=(const HeaderlessMemory&) = delete;

  /// Returns the page source of this heap.
  [[nodiscard]] Pages& pages() noexcept { return pages_; }
  [[nodiscard]] const Pages& pages() const noexcept { return pages_; }

 protected:
  friend HeaderlessInspection<HeaderlessMemory>;
  friend RegionWalk<HeaderlessMemory>;

  template <typename... Arguments>
  constexpr explicit HeaderlessMemory(Arguments&&... arguments) noexcept
      : pages_(std::forward<Arguments>(arguments)...) {}
  ~HeaderlessMemory() = default;

  // --- free blocks

  [[nodiscard]] FreeBlock& at(Address block) const noexcept {
    return *pages_.template at<FreeBlock>(block);
  }

  /// Decodes the link and the size of a free block, whether or not they are plausible.
  [[nodiscard, gnu::always_inline]] FreeRun run_at(Address block) const noexcept {
    return links_.read(block, at(block));
  }

  [[nodiscard]] Address next_at(Address block) const noexcept { return run_at(block).next; }
  [[nodiscard]] Size size_at(Address block) const noexcept { return run_at(block).size; }
  [[nodiscard]] bool is_plausible_at(Address block) const noexcept {
    return is_plausible(block, run_at(block), heap_end_);
  }

  /// Returns the size of a free block in bytes. Traps iff other code has overwritten the size or
  /// the link, as far as `is_plausible` detects it.
  [[nodiscard]] Size checked_size_at(Address block) const noexcept {
    if (Links::kSealed && !is_plausible_at(block)) __builtin_trap();
    return size_at(block);
  }

  void write_run(Address block, const Address& next, Size size) noexcept {
    links_.write(block, at(block), next, size);
  }

  /// A place that holds a link: the head of a list, or the first word of a free block.
  struct Link {
    std::uint32_t* word;
    Address block;  // the free block; 0 for the head of a list, which is not encoded
  };
  [[nodiscard]] static Link head_of(Address& list) noexcept { return {&list, 0}; }
  [[nodiscard]] Link behind(Address block) const noexcept { return {&at(block).link, block}; }

  /// Returns the free block that a link leads to, or 0. Requires that the block with the link has
  /// been checked.
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

  // --- regions

  /// Starts the newest region at `begin`, with a record of `Tracker::kRegionPrefix` bytes. The
  /// region before ends at `heap_end_`.
  void open_region(Address begin) noexcept {
    if constexpr (Tracker::kEnabled) {
      const Address before = tracker_.newest_region();
      tracker_.open_region(pages_, begin, heap_end_);
      if (before != 0) seal_of(before) = expected_seal(before);
    }
  }

  /// The seal of a region follows its record, in the same granule.
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

  // For `RegionWalk`. The heap itself keeps the end of the newest region. The functions trap where
  // other code has overwritten the record of another one.

  [[nodiscard]] Address oldest_region() const noexcept { return tracker_.oldest_region(); }
  [[nodiscard]] Address next_region(Address region) const noexcept {
    return region == tracker_.newest_region() ? 0 : checked_record(region).next;
  }
  [[nodiscard]] static constexpr Address region_begin(Address region) noexcept {
    return region + Tracker::kRegionPrefix;
  }
  [[nodiscard]] Address region_end(Address region) const noexcept {
    return region == tracker_.newest_region() ? heap_end_ : checked_record(region).end;
  }
  [[nodiscard]] const Tracking::Region& checked_record(Address region) const noexcept {
    if (!is_sealed(region)) __builtin_trap();
    return *pages_.template at<Tracking::Region>(region);
  }

  // The functions below take the members of a layout as separate numbers, which stay in registers.

  /// Returns a mask of the low bits that are 0 in an address with this alignment.
  [[nodiscard]] static constexpr Size mask_of(Size alignment) noexcept {
    return (alignment - 1) | (kGranule - 1);
  }

  /// Finds room for a block of `size` bytes, `prefix` included, in the free memory from `base` to
  /// the heap end. If that is too short, grows memory by the missing bytes. If pages of other code
  /// lie behind the heap end, the room is in a new region behind them, unless `in_place`. A heap
  /// without a region takes the memory that exists as its first one.
  ///
  /// Then calls `take(base, lowest, gap, memory_end)`, which takes the block and returns its start,
  /// and returns the same. If `base` is above the heap end, a new region begins there. `lowest` is
  /// `base` or, in a new region, the first byte behind its record. The lowest start at which the
  /// block is aligned is `lowest + gap`. `memory_end` is the new heap end.
  ///
  /// Returns 0, and changes nothing, iff memory cannot grow or the block cannot be in place.
  template <typename Take>
  [[nodiscard]] Address find_room(Address base, Size size, Size alignment_mask, Size prefix,
                                  bool in_place, Take take) noexcept {
    Address end = heap_end_;
    for (;;) {
      const Size record = base > heap_end_ ? Tracker::kRegionPrefix : 0;
      const Size gap = -(base + record + prefix) & alignment_mask;
      const Size needed = record + gap + size;
      const Size available = end - base;
      if (needed <= available) return take(base, base + record, gap, end);
      const Address memory_end = pages_.end();
      if (memory_end == end) {
        if (!pages_.grow(needed - available)) return 0;
        tracker_.grew();
      } else {
        if (in_place) return 0;
        base = end == 0 ? pages_.begin() : memory_end;
      }
      end = pages_.end();
    }
  }

  using Links = std::conditional_t<Tracker::kEnabled, SealedLinks, PlainLinks>;

  [[no_unique_address]] Pages pages_;
  [[no_unique_address]] Tracker tracker_;
  [[no_unique_address]] Links links_;
  Address heap_end_ = 0;  // 0 until the heap has memory
};

}  // namespace lite_alloc
