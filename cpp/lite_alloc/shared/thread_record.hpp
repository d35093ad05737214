// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "lite_alloc/shared/racy.hpp"
#include "lite_alloc/shared/size_classes.hpp"

namespace lite_alloc::shared {

/// A slab, as every thread sees it. A slab of several pages has an entry for each page, all with
/// the same values. They do not change while a block of the slab is live. So every thread that may
/// free the block can read them without a lock.
struct Slab {
  Racy<std::uint32_t> reciprocal;  // of the size of a block in granules: see `is_multiple`
  Racy<std::uint16_t> first;       // granules from the start of the segment to the first block
  Racy<std::uint16_t> last;        // granules from the first block to the last one
  Racy<std::uint16_t> owner;       // the id of a thread
  Racy<std::uint8_t> size_class;
  Racy<std::uint8_t> first_page;
  std::uint32_t unused;
};
static_assert(sizeof(Slab) == 16);

/// The list of a slab's free blocks, which only the owner uses: that of the entry of its first
/// page. It lies apart from the entry, so that the owner's writes do not take the line of a cache
/// away from threads that read the entry.
struct SlabList {
  Address free;          // the first block
  std::uint16_t blocks;  // in the slab; 0 if these pages are no slab
  std::uint16_t used;    // those that are not in the list
  Address next;          // lists, in the ring of the class
  Address previous;
};
static_assert(sizeof(SlabList) == 16);

/// The end of a segment.
struct SegmentHead {
  std::array<Slab, kSlabPages> slabs;
  std::array<SlabList, kSlabPages> lists;
  Address next;  // in the owner's list of segments that have free pages
  Address previous;
  std::uint16_t free_pages;  // bit p: page p is in no slab
  Racy<std::uint16_t> owner;
};
static_assert(sizeof(SegmentHead) + sizeof(Size) <= kHeadBytes, "the last word is a chunk's tag");

/// What one thread has: free blocks at hand, slabs with free blocks, and blocks that it sends to
/// other threads or gets from them. Only the thread itself writes a record, but for `inbox`, or, if
/// the thread has ended, the one that tends it. The record outlives the thread; a later one takes
/// it over.
struct alignas(64) ThreadRecord {
  struct Bin {
    Racy<std::uint64_t> calls;  // allocations since the last rare path
    Address magazine;           // free blocks at hand: the first one
    Racy<std::uint32_t> room;   // blocks that may still come back to the magazine
    Address ring;               // the list of the oldest slab with free blocks
    std::uint32_t unused;
  };

  /// Freed blocks of one class and one other thread, to which they are sent together.
  struct Parcel {
    Racy<std::uint32_t> label;  // owner * 256 + class
    Address first;
    Address last;
    Racy<std::uint32_t> count;
  };

  static constexpr Size kParcels = 64;

  /// For each class the chain of blocks that other threads freed: how many, and the first one. The
  /// last entry is unused, so that nothing else lies in a line of a cache that others write.
  std::array<std::atomic<std::uint64_t>, kClasses + 1> inbox;

  std::uint64_t key;                // the heap's: what marks and links are combined with
  std::uint32_t id;                 // 0 in the record of threads that have none
  Address segments;                 // the first one with free pages
  Racy<std::uint32_t> empty_pages;  // in slabs without used blocks
  Size parcel_bytes;                // in all parcels
  Address pending;                  // blocks that came back and are on their way to their slabs
  std::array<Bin, kClasses> bins;
  std::array<Parcel, kParcels> parcels;

  // For the counters. All are written in rare paths; `room` has the rest of the second one.
  std::array<Racy<std::int32_t>, kClasses> out_of_slabs;  // blocks, whoever has them
  Racy<std::uint64_t> allocations;
  Racy<std::uint32_t> failures;
  std::array<Racy<std::int32_t>, kClasses> taken;  // by callers, minus those that they freed here
};
static_assert(sizeof(ThreadRecord::inbox) % alignof(ThreadRecord) == 0);

}  // namespace lite_alloc::shared
