// SPDX-License-Identifier: MIT
#pragma once

#include "lite_alloc/heap/region_walk.hpp"
#include "lite_alloc/heap/segregated_fit/chunks.hpp"
#include "lite_alloc/heap/tracking.hpp"

namespace lite_alloc::segregated_fit {

/// The memory that chunks are cut from: runs of pages that come from the page source, and their
/// growth.
///
/// A *region* is a run of pages that the heap owns. The first region is the memory that exists
/// before any growth. When free memory runs out, the heap asks the page source for just the bytes
/// that it lacks, and the newest region grows. If other code has added pages to the same memory in
/// the meantime, the heap does not touch these and opens a new region behind them. If the page
/// source declares `kOwnsAllPages`, all pages are the heap's, whoever added them, and there is only
/// one region.
///
///     | record | unused | tag | first chunk ... | tag | chunk ... | last tag, of size 0 |
///     |<-- 8 -->|<- 4 ->|<-4->|
///     ^ the region            ^ begin                                                  ^ end
///
/// The record, 8 bytes, is there for introspection: it chains the regions (`Tracking`). A heap with
/// `NoTracking` leaves it unwritten.
///
/// Invariants:
/// - Only the newest region grows. `heap_end_` is its end.
/// - All bytes between the last used chunk of the newest region and its end are `top_`.
template <PageSource Pages, typename Tracker, typename Hardening>
class Regions : public Chunks<Pages, Tracker, Hardening>,
                public RegionWalk<Regions<Pages, Tracker, Hardening>> {
  using Base = Chunks<Pages, Tracker, Hardening>;

 public:
  // Names from the base class: a class template must declare those that it uses.
  using Base::add_to_bin;
  using Base::Base;
  using Base::chunk_size;
  using Base::hardening_;
  using Base::heap_end_;
  using Base::kBelowFree;
  using Base::mark_free;
  using Base::pages_;
  using Base::place_in;
  using Base::set_tag;
  using Base::top_;
  using Base::tracker_;

  /// The bytes in front of a region's first chunk: the record, and the first tag.
  static constexpr Size kRegionHead = kGranule;

  static constexpr bool kOwnsAllPages = requires { requires Pages::kOwnsAllPages; };

  /// Returns the address where memory ended before any code grew it. If the page source cannot say
  /// that, returns the address where memory ends now.
  [[nodiscard]] Address initial_end() const noexcept {
    if constexpr (requires { pages_.first_end(); }) {
      return pages_.first_end();
    } else {
      return pages_.end();
    }
  }

  /// Checks whether new pages would extend the newest region, because no pages of other code lie
  /// between.
  [[nodiscard]] bool grows_in_place() const noexcept {
    return kOwnsAllPages || pages_.end() == heap_end_;
  }

  /// Makes the first region of the memory that exists. Fails iff the heap already has a region, or
  /// there is no memory.
  bool claim() noexcept {
    const Address begin = pages_.begin();
    const Address end = initial_end();
    if (heap_end_ != 0 || end - begin <= kRegionHead) return false;
    open_region(begin, end);
    return true;
  }

  /// Gives the heap more free memory, so that a search which found nothing can be tried again. It
  /// uses the first of these that exists: memory for the first region, pages that other code added
  /// and that belong to this heap (`kOwnsAllPages`), new pages. It asks for as many bytes as the
  /// chunk needs beyond those that `top_` already has; a new region needs all of them. Fails iff
  /// memory cannot grow.
  [[nodiscard, gnu::noinline]] LITE_ALLOC_RARE_CODE bool grow(Size size, Size alignment,
                                                              Size prefix) noexcept {
    if constexpr (kOwnsAllPages) {
      // There is only one region, and it starts empty. Memory may end inside its head.
      if (heap_end_ == 0) {
        hardening_.begin();
        heap_end_ = pages_.begin() + kRegionHead;
      }
    } else {
      if (claim()) return true;
    }
    const Address memory_end = pages_.end();
    const bool is_same_region = grows_in_place();
    if (kOwnsAllPages && memory_end > heap_end_) {
      extend_region(memory_end);
      return true;
    }
    const Address start = is_same_region && top_ != 0 ? top_ : memory_end;
    const Size head = is_same_region ? 0 : kRegionHead;
    const Size needed = place_in(start + head, alignment, prefix) - start + size;
    if (!pages_.grow(needed - (memory_end - start))) return false;
    tracker_.grew();
    if (is_same_region) {
      extend_region(pages_.end());
    } else {
      open_region(memory_end, pages_.end());
    }
    return true;
  }

  /// Starts a region. The free chunk at the end of the region before it goes to a bin.
  void open_region(Address begin, Address end) noexcept {
    if (heap_end_ == 0) hardening_.begin();
    if (top_ != 0) add_to_bin(top_, chunk_size(top_));
    tracker_.open_region(pages_, begin, heap_end_);
    heap_end_ = begin + kRegionHead;
    top_ = 0;
    extend_region(end);
  }

  /// Makes everything from the newest region's last used chunk to `end` free.
  void extend_region(Address end) noexcept {
    if (top_ == 0) top_ = heap_end_;
    heap_end_ = end;
    mark_free(top_, end - top_);
    set_tag(end, kBelowFree);
    if constexpr (kOwnsAllPages && Tracker::kEnabled) {
      // Only now is there memory for the record of the single region.
      if (oldest_region() == 0) tracker_.open_region(pages_, pages_.begin(), 0);
    }
  }

  // --- for `RegionWalk`

  [[nodiscard]] Address oldest_region() const noexcept requires(Tracker::kEnabled) {
    return tracker_.oldest_region();
  }

  /// Returns the region above this one. Records lie at the beginning of pages, in address order. A
  /// record that contradicts this was overwritten; it counts as the last one, so that every walk
  /// ends.
  [[nodiscard]] Address next_region(Address region) const noexcept requires(Tracker::kEnabled) {
    const Address newest = tracker_.newest_region();
    if (region == newest) return 0;
    const Address next = record_of(region).next;
    return region_begin(region) < next && next <= newest && next % kPageBytes == 0 ? next : 0;
  }

  /// Returns the address of a region's first chunk.
  [[nodiscard]] static constexpr Address region_begin(Address region) noexcept {
    return region + kRegionHead;
  }

  [[nodiscard]] Address region_end(Address region) const noexcept requires(Tracker::kEnabled) {
    return region == tracker_.newest_region() ? heap_end_ : record_of(region).end;
  }

  /// Checks whether these bytes may have been part of a block: they lie in a region, but not in
  /// `top_`.
  [[nodiscard]] bool is_in_used_part(Address address, Size size) const noexcept
      requires(Tracker::kEnabled) {
    const Address region = this->region_around(address);
    if (region == 0) return false;
    const Address limit = region_end(region);
    const Address end = limit == heap_end_ && top_ != 0 ? top_ : limit;
    return address <= end && size <= end - address;
  }

  [[nodiscard]] const Tracking::Region& record_of(Address region) const noexcept
      requires(Tracker::kEnabled) {
    return this->template at<Tracking::Region>(region);
  }
};

}  // namespace lite_alloc::segregated_fit
