// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>

#include "lite_alloc/memory/page_source.hpp"

namespace lite_alloc {

/// The counters of a heap. Sizes in bytes.
struct Statistics {
  std::uint64_t allocations = 0;  // calls that returned a new block
  std::uint64_t frees = 0;
  std::uint64_t failures = 0;  // calls that returned 0
  std::uint64_t growths = 0;   // times this heap grew its memory
  Size live_blocks = 0;
  Size live_bytes = 0;  // in live blocks: rounding included, prefixes not
  Size peak_live_bytes = 0;
  Size heap_bytes = 0;          // blocks, free blocks and slack together
  Size free_bytes = 0;          // slack included
  Size slack_bytes = 0;         // at the end of the heap, behind the last block
  Size largest_free_bytes = 0;  // slack left out
};

/// A policy for heaps that need no introspection: counts nothing and costs nothing.
class NoTracking {
 public:
  static constexpr bool kEnabled = false;
  static constexpr Size kRegionPrefix = 0;

  static void allocated(Size, Size) noexcept {}
  static void deallocated(Size, Size) noexcept {}
  static void resized(Size, Size) noexcept {}
  static void failed() noexcept {}
  static void grew() noexcept {}
  static void overhead_added(Size) noexcept {}
  static void overhead_removed(Size) noexcept {}
  static void open_region(const auto&, Address, Address) noexcept {}
  static void free_block_added(Size) noexcept {}
  static void free_block_cut(Size) noexcept {}
};

/// A policy for heaps that introspection can look into: keeps counters, each call in constant time,
/// and the chain of the heap's regions. A region begins with its record, so that any number of
/// regions needs no memory elsewhere:
///
///     | next | end | unused | blocks, free blocks, slack ... |
///     ^ the region          ^ + 16                           ^ end
///
/// Invariants:
/// - Each `next` leads to the region above; that of the newest region is 0.
/// - Each record but the newest has its region's end. The end of the newest changes when memory
///   grows, so the heap itself keeps it.
class Tracking {
 public:
  static constexpr bool kEnabled = true;
  static constexpr Size kRegionPrefix = kGranule;

  /// The record of a region.
  struct Region {
    Address next;
    Address end;
  };
  static_assert(sizeof(Region) <= kRegionPrefix);

  /// Counts a new block of `bytes`, of which `prefix` are not usable by the caller.
  void allocated(Size bytes, Size prefix) noexcept {
    ++counters_.allocations;
    overhead_ += prefix;
    add_live_bytes(bytes - prefix);
  }

  /// Counts a block that was freed.
  void deallocated(Size bytes, Size prefix) noexcept {
    ++counters_.frees;
    overhead_ -= prefix;
    counters_.live_bytes -= bytes - prefix;
  }

  /// Counts the bytes of a live block that has another size.
  void resized(Size old_bytes, Size bytes) noexcept { add_live_bytes(bytes - old_bytes); }

  /// Counts a call that returned 0.
  void failed() noexcept { ++counters_.failures; }

  /// Counts that the heap has grown its memory.
  void grew() noexcept { ++counters_.growths; }

  /// Adds bytes that have become metadata: neither free, nor usable by a caller.
  void overhead_added(Size bytes) noexcept { overhead_ += bytes; }
  void overhead_removed(Size bytes) noexcept { overhead_ -= bytes; }

  /// Writes the record of a new region at `begin`, and completes that of the region before it,
  /// which ends at `end_before`.
  template <PageSource Pages>
  void open_region(const Pages& pages, Address begin, Address end_before) noexcept {
    if (newest_region_ == 0) {
      oldest_region_ = begin;
    } else {
      *pages.template at<Region>(newest_region_) = {.next = begin, .end = end_before};
    }
    newest_region_ = begin;
    *pages.template at<Region>(begin) = {.next = 0, .end = 0};
  }

  [[nodiscard]] Address oldest_region() const noexcept { return oldest_region_; }
  [[nodiscard]] Address newest_region() const noexcept { return newest_region_; }

  // The size of the largest free block, for heaps that would have to look at all of them. It is
  // known until a block of that size is used.

  /// Notes a free block of `size` bytes.
  void free_block_added(Size size) noexcept {
    if (size >= largest_free_) {
      largest_free_ = size;
      largest_free_is_exact_ = true;
    }
  }

  /// Notes that a free block of `size` bytes was used, whole or in part.
  void free_block_cut(Size size) noexcept {
    if (size == largest_free_) largest_free_is_exact_ = false;
  }

  /// Checks whether `largest_free` is exact. Otherwise it is an upper bound, and the heap has to
  /// look at its free blocks and call `set_largest_free`.
  [[nodiscard]] bool knows_largest_free() const noexcept { return largest_free_is_exact_; }
  [[nodiscard]] Size largest_free() const noexcept { return largest_free_; }
  void set_largest_free(Size size) noexcept {
    largest_free_ = size;
    largest_free_is_exact_ = true;
  }

  /// Returns the bytes that are not free: in live blocks, prefixes and overhead included.
  [[nodiscard]] Size used_bytes() const noexcept { return counters_.live_bytes + overhead_; }

  /// Returns the number of live blocks. It is computed, so that a call has one counter less to
  /// change.
  [[nodiscard]] Size live_blocks() const noexcept {
    return static_cast<Size>(counters_.allocations - counters_.frees);
  }

  /// Returns the counters. Those that only the heap knows are 0.
  [[nodiscard]] Statistics counters() const noexcept {
    Statistics statistics = counters_;
    statistics.live_blocks = live_blocks();
    return statistics;
  }

  /// Counts every live block as freed.
  void forget_blocks() noexcept {
    counters_.frees = counters_.allocations;
    counters_.live_bytes = 0;
    overhead_ = 0;
    set_largest_free(0);
  }

 private:
  /// Adds bytes modulo 2^32, so that a negative number removes some.
  void add_live_bytes(Size bytes) noexcept {
    counters_.live_bytes += bytes;
    counters_.peak_live_bytes = std::max(counters_.peak_live_bytes, counters_.live_bytes);
  }

  Statistics counters_;  // all but `live_blocks`, and what only the heap knows
  Size overhead_ = 0;    // bytes that are neither free nor live
  Size largest_free_ = 0;
  bool largest_free_is_exact_ = true;
  Address oldest_region_ = 0;
  Address newest_region_ = 0;
};

}  // namespace lite_alloc
