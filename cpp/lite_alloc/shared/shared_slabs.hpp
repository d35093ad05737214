// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <bit>

#include "lite_alloc/shared/shared_chunks.hpp"

namespace lite_alloc::shared {

/// The slabs of one thread, and how its free blocks move between them and its magazines. No other
/// thread touches them, so there is neither a lock nor an atomic write.
///
///     record.bins[c].magazine  -> block -> block -> ...     malloc takes the first one
///     record.bins[c].ring      -> slab <-> slab <-> ...     slabs with free blocks, oldest first
///     record.segments          -> segment <-> segment ...   those with free pages
///
/// A free block begins with the link of its list and, 8 bytes behind its start, has a mark of 64
/// bits: its address combined with the heap's key. The contents of a used block equal its mark once
/// in 2^64 times, so the mark alone says whether a block is free, in whatever list it is.
///
///     free block     | link | unused | mark, 8 bytes | ...
///
/// Invariants:
/// - A slab is in the ring of its class iff its own list has a block.
/// - A block in a magazine counts as used in its slab.
/// - A segment is in the owner's list iff it has a free page.
/// - At most `kMaxEmptyPages` pages are in slabs without used blocks, but for a slab that alone has
///   more pages.
///
/// Like chunks, slabs survive the death of their owner: the own list of a slab can be walked after
/// every single store, and `blocks` says whether the pages are a slab at all. The rest is made
/// again by `mend_slabs`.
template <PageSource Pages, ThreadHost Host>
class SharedSlabs : public SharedChunks<Pages, Host> {
  using Base = SharedChunks<Pages, Host>;

 public:
  using Base::Base;
  using Base::pages_;

  static constexpr std::uint32_t kNobody = 0x7FFF;  // no thread has this id
  static constexpr Size kMaxEmptyPages = 8;
  static constexpr Size kMaxSteps = 8;

  template <typename T>
  [[nodiscard]] T* at(Address address) const noexcept {
    return pages_.template at<T>(address);
  }

  // --- blocks

  [[nodiscard]] std::uint64_t& mark_at(Address block) const noexcept {
    return *at<std::uint64_t>(block + kMarkOffset);
  }

  [[nodiscard]] static std::uint64_t mark_of(const ThreadRecord& record, Address block) noexcept {
    return record.key ^ block;
  }

  /// Returns the block behind this one in its list. Ends the program if the link was overwritten.
  [[nodiscard]] Address next_of(const ThreadRecord& record, Address block) const noexcept {
    const Address next = stored_link(record.key, block);
    Base::expect(next % kGranule == 0);
    return next;
  }

  void set_next(const ThreadRecord& record, Address block, Address next) noexcept {
    *at<Address>(block) = next ^ block ^ static_cast<Address>(record.key);
  }

  // --- where a block lies

  /// Returns whether a segment of slabs lies here.
  [[nodiscard]] bool is_in_segment(Address address) const noexcept {
    return segment_map_[address / kSegmentBytes] != 0;
  }

  /// Returns the slab that has this address. Requires `is_in_segment`.
  [[nodiscard]] Slab& slab_of(Address address) const noexcept {
    return slab_at(address, address / kSlabPageBytes);
  }

  /// Returns whether a block starts at this address of a slab. No block starts in free pages.
  [[nodiscard]] static bool is_block_start(Address address, const Slab& slab) noexcept {
    // An offset that is not a multiple of 16 becomes too high a number.
    const Size granule = std::rotr(address % kSegmentBytes, std::countr_zero(kGranule));
    const Size number = granule - slab.first;
    return number <= slab.last && is_multiple(number, slab.reciprocal);
  }

  // --- a magazine

  /// Fills an empty magazine. Fails iff there is no memory for a slab.
  [[nodiscard]] bool fill_from_slabs(ThreadRecord& record, Size c) noexcept {
    auto& bin = record.bins[c];
    if (bin.ring == 0 && !add_slab(record, c)) return false;
    SlabList& list = *at<SlabList>(bin.ring);
    if (list.used == 0) record.empty_pages = record.empty_pages - kSizeClasses[c].pages;
    const Size free = Size{list.blocks} - list.used;
    const Size limit = std::max<Size>(kSizeClasses[c].magazine, 1);
    const Size count = std::min(free, limit);
    count_out(record, c, static_cast<std::int32_t>(count));
    set_room(record, c, limit - count);
    if (count == free) {
      remove_from_ring(bin, bin.ring);
      list.used = list.blocks;
      // In this order: after a death both may have the list, which can be seen.
      bin.magazine = list.free;
      Base::keep_order();
      list.free = 0;
    } else {
      const Address first = list.free;
      Address last = first;
      for (Size left = count - 1; left != 0; --left) last = next_of(record, last);
      list.used = static_cast<std::uint16_t>(list.used + count);
      list.free = next_of(record, last);
      set_next(record, last, 0);
      Base::keep_order();
      bin.magazine = first;
    }
    return true;
  }

  /// Returns a block, which counts as used in its slab, to the slab's own list. If too many slabs
  /// have no used block then, this one is released, unless `releases` is false.
  void free_to_slab(ThreadRecord& record, Address block, bool releases = true) noexcept {
    const Slab& slab = slab_of(block);
    const Size c = slab.size_class;
    const Address place = list_of(block, slab.first_page);
    SlabList& list = *at<SlabList>(place);
    const Address next = list.free;
    set_next(record, block, next);
    Base::keep_order();
    list.free = block;
    count_out(record, c, -1);
    if (next == 0) add_to_ring(record.bins[c], place);
    if (--list.used == 0) {
      record.empty_pages = record.empty_pages + kSizeClasses[c].pages;
      if (releases && record.empty_pages > kMaxEmptyPages) release_slab(record, place);
    }
  }

  /// Returns the blocks of a magazine to their slabs.
  void empty_magazine(ThreadRecord& record, Size c) noexcept {
    auto& bin = record.bins[c];
    set_room(record, c, 0);
    while (bin.magazine != 0) {
      const Address block = bin.magazine;
      bin.magazine = next_of(record, block);
      Base::keep_order();
      free_to_slab(record, block);
    }
  }

  /// Turns all slabs without used blocks into free pages, and segments without slabs into free
  /// chunks.
  void release_empty_slabs(ThreadRecord& record) noexcept {
    for (Size c = 1; c < kClasses && record.empty_pages != 0; ++c) {
      const Address first = record.bins[c].ring;
      if (first == 0) continue;
      const Address last = at<SlabList>(first)->previous;
      Address list = first;
      for (bool is_last = false; !is_last;) {
        is_last = list == last;
        const Address next = at<SlabList>(list)->next;
        if (at<SlabList>(list)->used == 0) release_slab(record, list);
        list = next;
      }
    }
    for (Address segment = record.segments; segment != 0;) {
      const Address next = segment_at(segment).next;
      if (segment_at(segment).free_pages == kAllPages) {
        close_segment(record, segment);
        release_segment(segment);
      }
      segment = next;
    }
  }

  /// Returns the id with which the calling thread takes the lock.
  [[nodiscard]] static std::uint32_t lock_id() noexcept {
    const std::uint32_t id = Host::record()->id;
    return id != 0 ? id : kNobody;
  }

  // --- counters

  static void count_out(ThreadRecord& record, Size c, std::int32_t blocks) noexcept {
    record.out_of_slabs[c] = record.out_of_slabs[c] + blocks;
  }

  /// Sets `room`, of which each block that a caller takes adds 1, and each that comes back takes 1.
  static void set_room(ThreadRecord& record, Size c, Size room) noexcept {
    auto& bin = record.bins[c];
    record.taken[c] = record.taken[c] + static_cast<std::int32_t>(bin.room - room);
    bin.room = room;
    record.allocations = record.allocations + bin.calls;
    bin.calls = 0;
  }

  static constexpr Size kMarkOffset = 8;
  static constexpr std::uint16_t kAllPages = 0xFFFF;

  [[nodiscard]] Address stored_link(std::uint64_t key, Address block) const noexcept {
    return *at<Address>(block) ^ block ^ static_cast<Address>(key);
  }

  [[nodiscard]] static constexpr Address head_of(Address address) noexcept {
    return (address | (kSegmentBytes - 1)) + 1 - kHeadBytes;
  }

  [[nodiscard]] SegmentHead& segment_at(Address address) const noexcept {
    return *at<SegmentHead>(head_of(address));
  }

  /// Returns where the entry of a page stands in its segment. Segments have their entries in
  /// different orders; otherwise the busiest ones would all compete for the same lines of a cache.
  [[nodiscard]] static constexpr Size place_of(Address address, Size page) noexcept {
    return (page ^ (address / kSegmentBytes)) % kSlabPages;
  }

  /// Returns the slab that has a page of the segment at an address.
  [[nodiscard]] Slab& slab_at(Address address, Size page) const noexcept {
    return *at<Slab>(head_of(address) + place_of(address, page) * Size{sizeof(Slab)});
  }

  /// Returns the address of the list of the slab that begins at a page of this segment.
  [[nodiscard]] static constexpr Address list_of(Address address, Size page) noexcept {
    return head_of(address) + kSlabPages * Size{sizeof(Slab)} +
           place_of(address, page) * Size{sizeof(SlabList)};
  }

  /// Returns the slab that a list belongs to.
  [[nodiscard]] Slab& slab_of_list(Address list) const noexcept {
    return *at<Slab>(list - kSlabPages * Size{sizeof(Slab)});
  }

  /// Returns the segment of a list.
  [[nodiscard]] static constexpr Address segment_of(Address list) noexcept {
    return align_down(list, kSegmentBytes);
  }

  // --- slabs

  /// Makes a slab with free blocks, in the ring.
  [[nodiscard]] bool add_slab(ThreadRecord& record, Size c) noexcept {
    const Size pages = kSizeClasses[c].pages;
    Address segment = record.segments;
    for (Size steps = kMaxSteps; segment != 0; segment = segment_at(segment).next) {
      const Size page = find_pages(segment_at(segment).free_pages, pages);
      if (page != kSlabPages) {
        cut_up(record, segment, page, c);
        return true;
      }
      if (--steps == 0) break;
    }
    if (record.empty_pages != 0) {
      release_empty_slabs(record);
      return add_slab(record, c);
    }
    segment = add_segment(record);
    if (segment == 0) return false;
    cut_up(record, segment, 0, c);
    return true;
  }

  /// Returns the first of `pages` free pages that a slab can take; `kSlabPages` if there are none.
  [[nodiscard]] static constexpr Size find_pages(Size free_pages, Size pages) noexcept {
    Size starts = free_pages;
    if (pages != 1) {
      starts &= starts >> 1U;
      starts &= starts >> 2U;
      starts &= 0x1111;
    }
    if (pages == kSlabPages) starts = free_pages == kAllPages ? 1 : 0;
    return starts == 0 ? kSlabPages : static_cast<Size>(std::countr_zero(starts));
  }

  [[nodiscard]] static constexpr std::uint16_t page_bits(Size page, Size pages) noexcept {
    return static_cast<std::uint16_t>(((1U << pages) - 1) << page);
  }

  /// Makes a slab of free pages. All its blocks are free.
  void cut_up(ThreadRecord& record, Address segment, Size page, Size c) noexcept {
    const SizeClass& kind = kSizeClasses[c];
    SegmentHead& head = segment_at(segment);
    if (head.free_pages == page_bits(page, kind.pages)) close_segment(record, segment);
    head.free_pages = static_cast<std::uint16_t>(head.free_pages & ~page_bits(page, kind.pages));
    const Size begin = page * kSlabPageBytes;
    const Size end = std::min(begin + kind.pages * kSlabPageBytes, kSegmentBytes - kHeadBytes);
    const Size bytes = bytes_of(c);
    const Size blocks = (end - begin) / bytes;
    for (Size p = page; p < page + kind.pages; ++p) {
      Slab& entry = slab_at(segment, p);
      entry.reciprocal = kind.reciprocal;
      entry.first = static_cast<std::uint16_t>(begin / kGranule);
      entry.last = static_cast<std::uint16_t>((blocks - 1) * kind.granules);
      entry.owner = static_cast<std::uint16_t>(record.id);
      entry.size_class = static_cast<std::uint8_t>(c);
      entry.first_page = static_cast<std::uint8_t>(page);
    }
    Address block = segment + begin;
    const Address place = list_of(segment, page);
    SlabList& list = *at<SlabList>(place);
    list.free = block;
    list.used = 0;
    for (Size left = blocks; left != 0; --left, block += bytes) {
      set_next(record, block, left == 1 ? 0 : block + bytes);
      mark_at(block) = mark_of(record, block);
    }
    Base::keep_order();
    list.blocks = static_cast<std::uint16_t>(blocks);
    record.empty_pages = record.empty_pages + kind.pages;
    add_to_ring(record.bins[c], place);
  }

  /// Makes the pages of a slab free. Requires that no block is used.
  void release_slab(ThreadRecord& record, Address list) noexcept {
    const Size c = slab_of_list(list).size_class;
    const Size page = slab_of_list(list).first_page;
    const Size pages = kSizeClasses[c].pages;
    const Address segment = segment_of(list);
    at<SlabList>(list)->blocks = 0;
    Base::keep_order();
    remove_from_ring(record.bins[c], list);
    record.empty_pages = record.empty_pages - pages;
    for (Size p = page; p < page + pages; ++p) clear_page(segment, p);
    SegmentHead& head = segment_at(segment);
    const bool was_full = head.free_pages == 0;
    head.free_pages = static_cast<std::uint16_t>(head.free_pages | page_bits(page, pages));
    if (was_full) open_segment(record, segment);
    const bool is_only = record.segments == segment && head.next == 0;
    if (head.free_pages == kAllPages && !is_only) {
      close_segment(record, segment);
      release_segment(segment);
    }
  }

  void clear_page(Address segment, Size page) noexcept {
    Slab& entry = slab_at(segment, page);
    entry.first = kNowhere;
    entry.last = 0;
    entry.size_class = 0;
    at<SlabList>(list_of(segment, page))->blocks = 0;
  }

  void add_to_ring(ThreadRecord::Bin& bin, Address list) noexcept {
    SlabList& added = *at<SlabList>(list);
    added.previous = list;
    if (bin.ring == 0) bin.ring = list;
    SlabList& first = *at<SlabList>(bin.ring);
    const Address last = first.previous;
    added.next = bin.ring;
    added.previous = last;
    at<SlabList>(last)->next = list;
    first.previous = list;
  }

  void remove_from_ring(ThreadRecord::Bin& bin, Address list) noexcept {
    const Address next = at<SlabList>(list)->next;
    const Address previous = at<SlabList>(list)->previous;
    Base::expect(at<SlabList>(next)->previous == list && at<SlabList>(previous)->next == list);
    if (bin.ring == list) bin.ring = next == list ? 0 : next;
    at<SlabList>(previous)->next = next;
    at<SlabList>(next)->previous = previous;
  }

  /// Returns the pages of the slab that begins at a page; 0 if none does.
  [[nodiscard]] Size slab_pages(Address segment, Size page) const noexcept {
    const Slab& slab = slab_at(segment, page);
    const bool begins =
        at<SlabList>(list_of(segment, page))->blocks != 0 && slab.first_page == page;
    return begins ? kSizeClasses[slab.size_class].pages : 0;
  }

  /// Calls `visit(segment)` for all segments of a record that no other thread changes. It may
  /// release the segment.
  template <typename Visit>
  void for_each_segment_of(const ThreadRecord& record, Visit visit) noexcept {
    for (Size number = 0; number < segment_map_.size(); ++number) {
      const Address segment = number * kSegmentBytes;
      if (is_segment_of(record, segment)) visit(segment);
    }
  }

  /// Another thread may give its segment back meanwhile, which another one then fills with any
  /// contents. It needs the lock for that, so what is read under the lock is true.
  [[nodiscard]] bool is_segment_of(const ThreadRecord& record, Address segment) noexcept {
    const auto looks_so = [&] {
      return is_in_segment(segment) && segment_at(segment).owner == record.id;
    };
    if (!looks_so()) return false;
    this->chunk_lock().lock(lock_id());
    const bool is_so = looks_so();
    this->chunk_lock().unlock();
    return is_so;
  }

  // --- after a death

  /// Makes the rings, the list of segments and the counters of a record again: from the entries of
  /// its slabs, and from the lists of their blocks. Requires that these are empty.
  void mend_slabs(ThreadRecord& record) noexcept {
    for_each_segment_of(record, [&](Address segment) { mend_segment(record, segment); });
  }

  void mend_segment(ThreadRecord& record, Address segment) noexcept {
    std::uint16_t used_pages = 0;
    for (Size page = 0; page < kSlabPages;) {
      const Size pages = slab_pages(segment, page);
      if (pages != 0) {
        mend_slab(record, list_of(segment, page));
        used_pages = static_cast<std::uint16_t>(used_pages | page_bits(page, pages));
      } else {
        clear_page(segment, page);
      }
      page += std::max<Size>(pages, 1);
    }
    SegmentHead& head = segment_at(segment);
    head.free_pages = static_cast<std::uint16_t>(~used_pages);
    if (head.free_pages != 0) open_segment(record, segment);
  }

  void mend_slab(ThreadRecord& record, Address place) noexcept {
    SlabList& list = *at<SlabList>(place);
    const Size c = slab_of_list(place).size_class;
    // The magazine has got the whole list of the slab, but the slab has not lost it yet.
    if (list.free == record.bins[c].magazine) list.free = 0;
    Address last = 0;
    const Size free = mend_chain(record, list.free, c, list.blocks, last);
    list.used = static_cast<std::uint16_t>(list.blocks - free);
    count_out(record, c, list.used);
    if (free != 0) add_to_ring(record.bins[c], place);
    if (list.used == 0) record.empty_pages = record.empty_pages + kSizeClasses[c].pages;
  }

  /// Returns the number of blocks in a chain, and its last block. Ends the chain before the first
  /// link that does not lead to a free block of this class, and behind `most` blocks.
  [[nodiscard]] Size mend_chain(const ThreadRecord& record, Address& first, Size c, Size most,
                                Address& last) noexcept {
    Size count = 0;
    last = 0;
    for (Address block = first; block != 0; ++count) {
      const bool is_sound = count != most && block % kGranule == 0 && is_in_segment(block) &&
                            slab_of(block).size_class == c &&
                            is_block_start(block, slab_of(block)) &&
                            mark_at(block) == mark_of(record, block);
      if (!is_sound) {
        if (last == 0) {
          first = 0;
        } else {
          set_next(record, last, 0);
        }
        break;
      }
      last = block;
      block = stored_link(record.key, block);
    }
    return count;
  }

  // --- segments

  /// Makes a new segment, all of whose pages are free; 0 iff there is no memory.
  [[nodiscard]] Address add_segment(ThreadRecord& record) noexcept {
    const Address segment =
        this->take_chunk(lock_id(), kSegmentBytes, kSegmentBytes, Base::kInternal);
    if (segment == 0) return 0;
    SegmentHead& head = segment_at(segment);
    for (Size page = 0; page < kSlabPages; ++page) clear_page(segment, page);
    head.free_pages = kAllPages;
    // Under the lock: `is_segment_of` must not see one without the other.
    this->chunk_lock().lock(lock_id());
    head.owner = static_cast<std::uint16_t>(record.id);
    segment_map_[segment / kSegmentBytes] = 1;
    this->chunk_lock().unlock();
    open_segment(record, segment);
    return segment;
  }

  void release_segment(Address segment) noexcept {
    segment_map_[segment / kSegmentBytes] = 0;
    this->give_chunk(lock_id(), segment);
  }

  void open_segment(ThreadRecord& record, Address segment) noexcept {
    SegmentHead& head = segment_at(segment);
    head.next = record.segments;
    head.previous = 0;
    if (head.next != 0) segment_at(head.next).previous = segment;
    record.segments = segment;
  }

  void close_segment(ThreadRecord& record, Address segment) noexcept {
    const SegmentHead& head = segment_at(segment);
    if (head.next != 0) segment_at(head.next).previous = head.previous;
    if (head.previous != 0) {
      segment_at(head.previous).next = head.next;
    } else {
      record.segments = head.next;
    }
  }

  static constexpr std::uint16_t kNowhere = 0xFFFF;  // as `first`: no block starts in this page

  std::array<Racy<std::uint8_t>, (std::uint64_t{1} << 32U) / kSegmentBytes> segment_map_ = {};
};

}  // namespace lite_alloc::shared
