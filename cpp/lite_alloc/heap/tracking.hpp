// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>

#include "lite_alloc/memory/page_source.hpp"

namespace lite_alloc {

/// What a heap tells of itself. Sizes in bytes.
struct Statistics {
  std::uint64_t allocations = 0;  // calls that gave a new block
  std::uint64_t frees = 0;
  std::uint64_t failures = 0;  // calls that gave 0
  std::uint64_t growths = 0;   // times this heap grew its memory
  Size live_blocks = 0;
  Size live_bytes = 0;  // handed out: rounding included, prefixes not
  Size peak_live_bytes = 0;
  Size heap_bytes = 0;          // blocks, free blocks and slack together
  Size free_bytes = 0;          // slack included
  Size slack_bytes = 0;         // at the top of the heap, behind the last block
  Size largest_free_bytes = 0;  // slack left out
};

/// For heaps that nobody looks into: costs nothing, tells nothing.
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

/// What a heap remembers so that it can be seen: constant-time counters, and the chain of its
/// regions. A region begins with its record,
///
///     begin          begin + 16                                                end
///     | next | end | (unused) | blocks, free blocks, slack ...                 |
///
/// so that any number of them costs no memory elsewhere.
class Tracking {
 public:
  static constexpr bool kEnabled = true;
  static constexpr Size kRegionPrefix = kGranule;

  struct Region {
    Address next;  // 0 for the newest
    Address end;  // what the heap's own limit says for the newest, whose record is not kept current
  };
  static_assert(sizeof(Region) <= kRegionPrefix);

  void allocated(Size bytes, Size prefix) noexcept {
    ++counters_.allocations;
    overhead_ += prefix;
    use(bytes - prefix);
  }

  void deallocated(Size bytes, Size prefix) noexcept {
    ++counters_.frees;
    overhead_ -= prefix;
    counters_.live_bytes -= bytes - prefix;
  }

  void resized(Size old_bytes, Size bytes) noexcept { use(bytes - old_bytes); }
  void failed() noexcept { ++counters_.failures; }
  void grew() noexcept { ++counters_.growths; }

  /// Counts bytes that have become neither free nor part of a block's usable size.
  void overhead_added(Size bytes) noexcept { overhead_ += bytes; }
  void overhead_removed(Size bytes) noexcept { overhead_ -= bytes; }

  /// The heap goes on at `begin`, behind pages of somebody else; the region before ends at `limit`.
  template <PageSource Pages>
  void open_region(const Pages& pages, Address begin, Address limit) noexcept {
    if (newest_region_ == 0) {
      oldest_region_ = begin;
    } else {
      *pages.template at<Region>(newest_region_) = {.next = begin, .end = limit};
    }
    newest_region_ = begin;
    *pages.template at<Region>(begin) = {.next = 0, .end = 0};
  }

  [[nodiscard]] Address oldest_region() const noexcept { return oldest_region_; }
  [[nodiscard]] Address newest_region() const noexcept { return newest_region_; }

  void free_block_added(Size size) noexcept {
    if (size >= largest_free_) {
      largest_free_ = size;
      largest_free_is_exact_ = true;
    }
  }

  /// A free block of `size` bytes was used, whole or in part.
  void free_block_cut(Size size) noexcept {
    if (size == largest_free_) largest_free_is_exact_ = false;
  }

  /// The size of the largest free block, or no more than an upper bound: then the heap has to look.
  [[nodiscard]] bool knows_largest_free() const noexcept { return largest_free_is_exact_; }
  [[nodiscard]] Size largest_free() const noexcept { return largest_free_; }
  void set_largest_free(Size size) noexcept {
    largest_free_ = size;
    largest_free_is_exact_ = true;
  }

  /// Bytes that are not free: in live blocks, prefixes and overhead included.
  [[nodiscard]] Size used_bytes() const noexcept { return counters_.live_bytes + overhead_; }

  /// What was allocated and not freed: one counter less for each call to change.
  [[nodiscard]] Size live_blocks() const noexcept {
    return static_cast<Size>(counters_.allocations - counters_.frees);
  }

  /// The counters, with what only the heap knows left at 0.
  [[nodiscard]] Statistics counters() const noexcept {
    Statistics statistics = counters_;
    statistics.live_blocks = live_blocks();
    return statistics;
  }

  void forget_blocks() noexcept {
    counters_.frees = counters_.allocations;
    counters_.live_bytes = 0;
    overhead_ = 0;
    set_largest_free(0);
  }

 private:
  /// So many live bytes more; fewer, if negative modulo 2^32.
  void use(Size live_bytes) noexcept {
    counters_.live_bytes += live_bytes;
    counters_.peak_live_bytes = std::max(counters_.peak_live_bytes, counters_.live_bytes);
  }

  Statistics counters_;  // all but `live_blocks`
  Size overhead_ = 0;    // neither free nor live
  Size largest_free_ = 0;
  bool largest_free_is_exact_ = true;
  Address oldest_region_ = 0;
  Address newest_region_ = 0;
};

}  // namespace lite_alloc
