// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "lite_alloc/heap/code_size.hpp"
#include "lite_alloc/heap/segregated_fit/tagged_memory.hpp"

namespace lite_alloc::segregated_fit {

/// The layout of a slab, and the lists that hold slabs and their free blocks. The part above,
/// `Slabs`, decides when a slab moves from one list to another.
///
/// A *slab* is a used chunk of 4096 bytes at a multiple of 4096, cut into blocks of one size. The
/// *size class* of a slab is that size in granules of 16 bytes: 1 to 32, then 36, 42, 50 and 63,
/// which fill a slab with 7, 6, 5 and 4 blocks. A block in a slab has no tag; a free one begins
/// with a link and a mark:
///
///     slab           | head 16 | block | block | ...          | block | rest | tag of the next |
///     head           | frees until transition | free | next | previous |
///     free block     | link | mark | ...
///
/// The *slab map* says where slabs are. It has one byte for each 4096 bytes of address space: the
/// size class of the slab there, or 0 if no slab lies there. The map lies in a used chunk of the
/// heap.
///
/// Each slab has a list of its own free blocks. For each size class c there are three more:
///
///     free_lists_[c]     -> block -> block -> block -> block -> ...    malloc takes the first one
///                           |<--- stash --->|<--- was the own list of a slab -->|
///     partial_slabs_[c]  -> slab <-> slab <-> ...    slabs with free blocks: a ring, oldest first
///     active_slabs_[c]   -> slab                     the one whose own list became free_lists_[c]
///
/// and for all classes together
///
///     spare_slabs_       -> slab -> slab -> ...      slabs without used blocks, at most 16
///
/// `malloc` takes blocks from the front of `free_lists_[c]`. When that list is empty, it is
/// refilled with the own list of one slab, as a whole. Blocks that the program frees go to the
/// front of `free_lists_[c]`, whatever slab they lie in: these blocks are the *stash*. It holds at
/// most 15 blocks; `free` puts further ones in the own lists of their slabs. A program that frees
/// and allocates alternately works with the stash alone.
///
/// The mark of a block in the stash holds the *stash count*: the number of blocks that the stash
/// had once this one was in it. So the first block of the list says how full the stash is. `free`
/// reads it there, and `malloc` has no counter to update.
///
/// The mark of a free block is its address combined with a number by exclusive or, plus the stash
/// count in the low four bits. The contents of a used block hardly ever look like a mark. Where
/// they do, a search of the lists decides whether the block is free.
///
/// Invariants:
/// - A free block of a slab is in `free_lists_[c]` or in the slab's own list, and in only one.
/// - A block in `free_lists_[c]` counts as used in its slab.
/// - A slab's own list ends with the slab's address; `free_lists_[c]` with that of the slab whose
///   list it was, or with 0. Both are multiples of 4096, where no block starts.
/// - A slab is in at most one of: the ring of its class, `spare_slabs_`, `active_slabs_[c]`. A slab
///   in none of them has no free block in its own list.
template <PageSource Pages, typename Tracker, typename Hardening>
class SlabBlocks : public TaggedMemory<Pages, Tracker, Hardening> {
  using Base = TaggedMemory<Pages, Tracker, Hardening>;

 public:
  // Names from the base class: a class template must declare those that it uses.
  using Base::Base;
  using Base::expect;
  using Base::hardening_;
  using Base::kTagBytes;
  using Base::pages_;
  using Base::word_at;

  static constexpr Size kSlabBytes = 4096;
  static constexpr Size kSlabHead = kGranule;
  static constexpr Size kMaxSmall = 1008;     // the size of the largest block that lies in a slab
  static constexpr Size kMaxExactClass = 32;  // every number of granules up to this is a class
  static constexpr Size kClasses = kMaxSmall / kGranule + 1;  // class 0 does not exist
  static constexpr Size kMaxStash = kGranule - 1;
  /// The largest number of blocks that a free list can have: all blocks of a slab, and the stash.
  static constexpr Size kMaxFreeList = kSlabBytes / kGranule + kGranule;

  /// The head of a slab. `Slabs` lists what the countdown is in each state.
  struct Slab {
    Size frees_until_transition;  // after this many frees to its own list its state changes
    Address free;                 // its own list: the first block, or the slab itself if empty
    Address next;                 // in the ring, or in the list of spare slabs
    Address previous;             // in the ring
  };
  static_assert(sizeof(Slab) == kSlabHead, "blocks behind the head must be aligned");

  // --- places in slabs

  /// Returns the class of blocks that have room for `size` bytes.
  [[nodiscard]] static constexpr Size class_for(Size size) noexcept {
    return class_of_granules((size + kGranule - 1) / kGranule);
  }

  /// Above `kMaxExactClass`, the blocks of a class are as large as their number in a slab allows.
  [[nodiscard]] static constexpr Size class_of_granules(Size granules) noexcept {
    return granules <= kMaxExactClass ? granules
                                      : kGranulesOfBlocks / (kGranulesOfBlocks / granules);
  }

  static constexpr Size kGranulesOfBlocks = (kSlabBytes - kTagBytes - kSlabHead) / kGranule;
  static constexpr auto kClassOf = [] {
    std::array<std::uint8_t, kClasses> classes = {};
    for (Size granules = 1; granules < kClasses; ++granules) {
      classes[granules] = static_cast<std::uint8_t>(class_of_granules(granules));
    }
    return classes;
  }();

  [[nodiscard]] static constexpr Address slab_of(Address block) noexcept {
    return align_down(block, kSlabBytes);
  }

  [[nodiscard]] Slab& slab_at(Address slab) const noexcept { return this->template at<Slab>(slab); }

  [[nodiscard]] static constexpr Size blocks_in_slab(Size size_class) noexcept {
    return (kSlabBytes - kTagBytes - kSlabHead) / (size_class * kGranule);
  }

  /// Returns the bytes of a slab that are in no block.
  [[nodiscard]] static constexpr Size slab_overhead(Size size_class) noexcept {
    return kSlabBytes - blocks_in_slab(size_class) * size_class * kGranule;
  }

  /// Checks whether a block, free or used, starts at this address of a slab.
  [[nodiscard]] static constexpr bool is_block_start(Address address, Size size_class) noexcept {
    // For an address in the head this wraps to a number that is too high for the comparisons below.
    const Size offset = address % kSlabBytes - kSlabHead;
    if constexpr (!LITE_ALLOC_HAS_ROOM) {  // 110 bytes less, the table of reciprocals included
      const Size size = size_class * kGranule;
      return offset <= kSlabBytes - kTagBytes - kSlabHead - size && offset % size == 0;
    }
    // In granules; an offset that is not a multiple of 16 becomes too high a number.
    const Size number = std::rotr(offset, std::countr_zero(kGranule));
    return number <= kGranulesOfBlocks - size_class && is_multiple(number, size_class);
  }

  /// Checks whether a number up to 255 is a multiple of a size class. It multiplies by a
  /// reciprocal, because a division takes longer than the rest of `free`. The reciprocal is 16384
  /// / class, rounded up. The product modulo 16384 is the fractional part of number / class, in
  /// units of 1/16384, plus the rounding error of the reciprocal times the number. That error stays
  /// below one reciprocal, so the product modulo 16384 is less than the reciprocal iff the
  /// fractional part is 0.
  ///
  /// Source: Lemire, Kaser and Kurz, Faster remainder by direct computation, 2019.
  [[nodiscard]] static constexpr bool is_multiple(Size number, Size size_class) noexcept {
    const Size reciprocal = kReciprocals[size_class];
    return number * reciprocal % kFraction < reciprocal;
  }

  static constexpr Size kFraction = 16384;  // more than 255 * 63, as the proof requires
  static constexpr auto kReciprocals = [] {
    std::array<std::uint16_t, kClasses> reciprocals = {};
    for (Size size_class = 1; size_class < kClasses; ++size_class) {
      // Entries without a class stay 0, which compresses well.
      if (class_of_granules(size_class) != size_class) continue;
      reciprocals[size_class] =
          static_cast<std::uint16_t>((kFraction + size_class - 1) / size_class);
    }
    return reciprocals;
  }();

  // --- the slab map

  [[nodiscard]] Size map_index(Address address) const noexcept {
    return address / kSlabBytes - pages_.begin() / kSlabBytes;
  }

  [[nodiscard]] std::uint8_t& map_byte(Size index) const noexcept {
    return this->template at<std::uint8_t>(slab_map_ + index);
  }

  /// Returns the size class of the slab that an address lies in, or 0 if that is not in a slab.
  [[nodiscard]] Size class_at(Address address) const noexcept {
    const Size index = map_index(address);
    return index < slab_map_bytes_ ? map_byte(index) : 0;
  }

  /// Enters a slab in the map, or with class 0 removes it. Requires that the map is long enough.
  void set_class(Address slab, Size size_class) noexcept {
    map_byte(map_index(slab)) = static_cast<std::uint8_t>(size_class);
  }

  // --- free blocks

  /// Added to the mark of a block that was never handed out. `Tracking` only: if the caller frees
  /// such a block, the error is that it was never allocated, not that it was freed twice. The stash
  /// count of such a block is 0.
  static constexpr Size kNeverUsed = kMaxStash + 1;

  [[nodiscard]] static constexpr bool is_end_of_list(Address block) noexcept {
    return block % kSlabBytes == 0;
  }

  LITE_ALLOC_SHORT_CODE
  [[nodiscard]] Address next_block(Address block) const noexcept {
    return hardening_.link(block, word_at(block));
  }

  [[nodiscard]] Size& mark_of(Address block) const noexcept {
    return word_at(block + sizeof(Address));
  }

  /// Writes the link and the mark of a free block.
  LITE_ALLOC_SHORT_CODE
  void set_next_block(Address block, Address next, Size stash_count = 0) noexcept {
    word_at(block) = hardening_.link(block, next);
    mark_of(block) = hardening_.mark(block) + stash_count;
  }

  /// Returns how many blocks the stash has up to this one; 0 for a free block below the stash.
  [[nodiscard]] Size stash_count_of(Address block) const noexcept {
    return mark_of(block) % kGranule;
  }

  /// Checks for the mark of a free block.
  [[nodiscard]] bool is_marked_free(Address block) const noexcept {
    return mark_of(block) - hardening_.mark(block) <= (Tracker::kEnabled ? kNeverUsed : kMaxStash);
  }

  /// Checks for the mark of a block that `free` was called with.
  [[nodiscard]] bool is_marked_freed(Address block) const noexcept {
    return mark_of(block) - hardening_.mark(block) <= kMaxStash;
  }

  /// Checks whether a block is in one of the two lists that it could be in. Time in proportion to
  /// the length of the lists. Ends the program if a list is a circle, which means that it was
  /// overwritten.
  [[nodiscard, gnu::noinline]] LITE_ALLOC_RARE_CODE bool is_in_free_lists(
      Address block, Size size_class) const noexcept {
    return is_in_list(slab_at(slab_of(block)).free, block) ||
           is_in_list(free_lists_[size_class], block);
  }

  LITE_ALLOC_SHORT_CODE
  [[nodiscard]] bool is_in_list(Address list, Address block) const noexcept {
    for (Size left = kMaxFreeList; list != block; --left) {
      if (is_end_of_list(list)) return false;
      list = next_block(list);
      expect(left != 0 && (!Hardening::kEnabled || list % kGranule == 0));
    }
    return true;
  }

  /// Checks whether a block is free. Requires that one starts at this address.
  [[nodiscard]] bool is_free_block(Address block, Size size_class) const noexcept {
    return is_marked_free(block) && is_in_free_lists(block, size_class);
  }

  /// Checks whether a block of this class starts at an address. The address may be any number, so
  /// this is how a check validates a link before it follows it.
  [[nodiscard]] bool is_block_of(Address address, Size size_class) const noexcept {
    return class_at(address) == size_class && is_block_start(address, size_class);
  }

  // --- the free list of a class

  /// Returns the class of this size if its list has a block; 0 if it has none, if the size is 0, or
  /// if finding that out would take long. A table serves all classes where there is room: a
  /// comparison instead of it would often be predicted wrongly.
  [[nodiscard]] Size class_with_free_block(Size size) const noexcept {
    if (size > (LITE_ALLOC_HAS_ROOM ? kMaxSmall : kMaxExactClass * kGranule)) return 0;
    const Size granules = (size + kGranule - 1) / kGranule;
    const Size size_class = LITE_ALLOC_HAS_ROOM ? kClassOf[granules] : granules;
    return is_end_of_list(free_lists_[size_class]) ? 0 : size_class;
  }

  /// Takes the first block. Requires that the list has one.
  [[nodiscard]] Address pop_free_block(Size size_class) noexcept {
    const Address block = free_lists_[size_class];
    const Address next = next_block(block);
    if constexpr (Hardening::kEnabled) expect(next % kGranule == 0);
    free_lists_[size_class] = next;
    mark_of(block) = 0;
    return block;
  }

  // --- the ring of a class

  /// Puts a slab at the end of the ring, because the slab at the front is used next. While this one
  /// waits, more of its blocks may be freed.
  void add_partial(Address slab, Size size_class) noexcept {
    slab_at(slab).previous = slab;
    if (partial_slabs_[size_class] == 0) partial_slabs_[size_class] = slab;
    const Address first = partial_slabs_[size_class];
    const Address last = slab_at(first).previous;
    slab_at(slab).next = first;
    slab_at(slab).previous = last;
    slab_at(last).next = slab;
    slab_at(first).previous = slab;
  }

  void remove_partial(Address slab, Size size_class) noexcept {
    const Address next = slab_at(slab).next;
    const Address previous = slab_at(slab).previous;
    if constexpr (Hardening::kEnabled) {
      expect(slab_at(previous).next == slab && slab_at(next).previous == slab);
    }
    slab_at(previous).next = next;
    slab_at(next).previous = previous;
    if (partial_slabs_[size_class] == slab) partial_slabs_[size_class] = next == slab ? 0 : next;
  }

  Address slab_map_ = 0;  // the map's first byte; 0 before the first slab
  Size slab_map_bytes_ = 0;
  Address spare_slabs_ = 0;
  Size spare_count_ = 0;
  std::array<Address, kClasses> free_lists_ = {};
  std::array<Address, kClasses> active_slabs_ = {};
  std::array<Address, kClasses> partial_slabs_ = {};
};

}  // namespace lite_alloc::segregated_fit
