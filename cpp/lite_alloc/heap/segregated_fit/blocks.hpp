// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstring>

#include "lite_alloc/heap/free_result.hpp"
#include "lite_alloc/heap/segregated_fit/slabs.hpp"

namespace lite_alloc::segregated_fit {

/// Blocks of either kind: what the public calls have in common. A block of up to 512 bytes lies in
/// a slab. A larger one, or one with an alignment above 16, fills a chunk of its own. The slab map
/// tells the two kinds apart.
///
/// The sized calls can keep a *prefix* in front of a block, for an owner's header. In this part
/// `block` is the address of the prefix, where the chunk or the place in the slab starts:
///
///     | tag | prefix | bytes of the caller ... | tag of the next |
///           ^ block  ^ the address that a call returns
///
/// A layout is passed as separate numbers, which stay in registers.
///
/// What the heap can tell of an address that it is asked to free:
///
///     in a slab        a block must start there; if it has the mark of a free block, the lists
///                      that it could be in are searched
///     anywhere else    the word below must be the tag of a used chunk that ends in this heap
///
/// With `Tracking` this finds every wrong address, except one in a large block whose contents below
/// the address equal a tag mixed with the secret. With `NoTracking` and `Unhardened`, contents that
/// look like a tag are taken for one.
template <PageSource Pages, typename Tracker, typename Hardening>
class Blocks : public Slabs<Pages, Tracker, Hardening> {
  using Base = Slabs<Pages, Tracker, Hardening>;

 public:
  // What this part uses of those below: a template has to name it.
  using Base::active_slabs_;
  using Base::add_to_bin;
  using Base::allocate_chunk;
  using Base::Base;
  using Base::bins_;
  using Base::bytes_at;
  using Base::chunk_size;
  using Base::chunk_size_for;
  using Base::class_at;
  using Base::class_for;
  using Base::filled_bins_;
  using Base::find_chunk;
  using Base::free_chunk;
  using Base::free_lists_;
  using Base::free_to_list;
  using Base::grow;
  using Base::grows_in_place;
  using Base::has_free_block;
  using Base::heap_end_;
  using Base::is_block_start;
  using Base::is_end_of_list;
  using Base::is_free_block;
  using Base::is_in_region;
  using Base::is_marked_freed;
  using Base::is_used_chunk;
  using Base::kAligned;
  using Base::kBelowFree;
  using Base::kClasses;
  using Base::kFlags;
  using Base::kFree;
  using Base::kMaxSmall;
  using Base::kSlabBytes;
  using Base::kTagBytes;
  using Base::kUsedFlags;
  using Base::mark_blocks_free;
  using Base::mark_free;
  using Base::next_region;
  using Base::oldest_region;
  using Base::partial_slabs_;
  using Base::pop_free_block;
  using Base::reclaim;
  using Base::refill;
  using Base::region_around;
  using Base::region_begin;
  using Base::region_end;
  using Base::resize_chunk;
  using Base::set_tag;
  using Base::slab_map_;
  using Base::slab_map_bytes_;
  using Base::slide_down;
  using Base::spare_count_;
  using Base::spare_slabs_;
  using Base::tag_of;
  using Base::top_;
  using Base::tracker_;

  /// The bytes that a block takes, and how many of them are the heap's.
  struct Footprint {
    Size bytes;
    Size tag_bytes;
  };

  [[nodiscard]] Footprint footprint_of(Address block) const noexcept {
    const Size size_class = class_at(block);
    if (size_class != 0) return {size_class * kGranule, 0};
    return {chunk_size(block), kTagBytes};
  }

  /// Returns the usable size of a live block, its prefix included.
  [[nodiscard]] Size usable_size_of(Address block) const noexcept {
    const Size size_class = class_at(block);
    return size_class != 0 ? size_class * kGranule : chunk_size(block) - kTagBytes;
  }

  /// Returns the alignment that a block keeps when it moves: at least what was asked for.
  [[nodiscard]] Size alignment_of(Address block) const noexcept {
    if constexpr (Tracker::kEnabled) {
      const bool is_aligned = class_at(block) == 0 && (tag_of(block) & kAligned) != 0;
      return is_aligned ? std::min(block & (~block + 1), kMaxAlignment) : kGranule;
    } else {
      return kGranule;
    }
  }

  // --- allocation

  /// Counts a call that fails, and returns its result.
  Address fail() noexcept {
    tracker_.failed();
    return 0;
  }

  void count_allocation(Address block, Size prefix) noexcept {
    if constexpr (Tracker::kEnabled) {
      const Footprint footprint = footprint_of(block);
      tracker_.allocated(footprint.bytes, footprint.tag_bytes + prefix);
    }
  }

  /// Returns a block, or 0. Counts nothing, as all of the functions below but `allocate_counted`.
  [[nodiscard]] Address allocate_block(Size size) noexcept {
    // With `Tracking`, `malloc` itself tries this first.
    if constexpr (!Tracker::kEnabled) {
      if (has_free_block(size)) return pop_free_block(class_for(size));
    }
    return allocate_slowly(size);
  }

  /// The rest of `allocate_block`: where the free list is used up, for large blocks, and for a size
  /// of 0, for which `has_free_block` is always false.
  [[nodiscard, gnu::noinline]] Address allocate_slowly(Size size) noexcept {
    if (size <= kMaxSmall) {
      const Size size_class = class_for(std::max<Size>(1, size));
      const bool has_block = !is_end_of_list(free_lists_[size_class]);
      if (has_block || refill(size_class)) return pop_free_block(size_class);
    }
    return size > kMaxBlock ? 0 : allocate_chunk(chunk_size_for(size), kGranule, 0);
  }

  /// Returns a block for any layout, or 0.
  [[nodiscard]] Address allocate_any(Size size, Size alignment, Size prefix) noexcept {
    if (size > kMaxSize) return 0;
    const Size whole = std::max<Size>(size, 1) + prefix;
    if (alignment <= kGranule) return allocate_block(whole);
    const Address block = allocate_chunk(chunk_size_for(whole), alignment, prefix);
    if constexpr (Tracker::kEnabled) {
      if (block != 0) set_tag(block, tag_of(block) | kAligned);
    }
    return block;
  }

  /// Returns the address behind the prefix of a new block, or 0, and counts the call.
  [[nodiscard]] Address allocate_counted(Size size, Size alignment, Size prefix) noexcept {
    const Address block = allocate_any(size, alignment, prefix);
    if (block == 0) return fail();
    count_allocation(block, prefix);
    return block + prefix;
  }

  // --- free

  FreeResult free_block(Address block, Size prefix) noexcept {
    const Size size_class = class_at(block);
    return size_class != 0 ? free_small(block, size_class, prefix) : free_large(block, prefix);
  }

  /// Frees a block in a slab. Requires that one starts at this address.
  FreeResult free_small(Address block, Size size_class, Size prefix) noexcept {
    if (is_free_block(block, size_class)) [[unlikely]] {
      return FreeResult::kAlreadyFree;
    }
    tracker_.deallocated(size_class * kGranule, prefix);
    free_to_list(block, size_class);
    return FreeResult::kFreed;
  }

  /// Frees the block of a chunk, at any address outside slabs.
  [[gnu::noinline]] FreeResult free_large(Address block, Size prefix) noexcept {
    if (block == 0) return FreeResult::kFreed;
    if (block % kGranule != 0) return FreeResult::kNotABlock;
    const Size tag = tag_of(block);
    if (!is_used_chunk(block, tag)) {
      return (tag & kFree) != 0 ? FreeResult::kAlreadyFree : FreeResult::kNotABlock;
    }
    return free_live_chunk(block, prefix);
  }

  FreeResult free_live_chunk(Address block, Size prefix) noexcept {
    tracker_.deallocated(chunk_size(block), prefix + kTagBytes);
    free_chunk(block);
    return FreeResult::kFreed;
  }

  // --- what an address is

  /// Checks whether a block in a chunk starts here. Requires that no slab lies here.
  [[nodiscard]] bool is_live_chunk(Address address) const noexcept requires(Tracker::kEnabled) {
    const Address region = region_around(address);
    if (address % kGranule != 0 || region == 0 || address - slab_map_ < slab_map_bytes_)
      return false;
    const Size tag = tag_of(address);
    // Where the region ends the size is 0, which `is_used_chunk` rejects.
    return (tag & ~kFlags) <= region_end(region) - address && is_used_chunk(address, tag);
  }

  /// Checks whether an address that is not a live block looks like one that was freed.
  [[nodiscard]] LITE_ALLOC_RARE_CODE bool was_freed(Address address) const noexcept
      requires(Tracker::kEnabled) {
    if (address % kGranule != 0 || !is_in_region(address, kGranule)) return false;
    if (is_marked_freed(address)) return true;
    const Size tag = tag_of(address);
    return class_at(address) == 0 && (tag & kFlags & ~kUsedFlags) == kFree &&
           is_in_region(address, tag & ~kFlags);
  }

  // --- reallocation

  /// Makes `missing` bytes free behind `end`, where the newest region's last used chunk ends. Fails
  /// iff no such chunk ends there, or memory cannot grow, or the region cannot.
  [[nodiscard]] bool grow_behind(Address end, Size missing) noexcept {
    return (end == heap_end_ || end == top_) && grows_in_place() && grow(missing, kGranule, 0);
  }

  /// Gives a block another size and counts the call. Returns the address behind its prefix, or 0:
  /// nothing has changed then.
  [[nodiscard]] Address reallocate_counted(Address block, Size alignment, Size prefix,
                                           Size size) noexcept {
    const Size size_class = class_at(block);
    const Size old_size = usable_size_of(block);
    const Address moved = reallocate_block(block, size_class, old_size, alignment, prefix, size);
    if (moved == 0) return fail();
    if constexpr (Tracker::kEnabled) {
      tracker_.resized(old_size, usable_size_of(moved));
      tracker_.overhead_added(class_at(moved) != 0 ? 0 : kTagBytes);
      tracker_.overhead_removed(size_class != 0 ? 0 : kTagBytes);
    }
    return moved + prefix;
  }

  /// Gives a block another size where it is; else slides it down into a free chunk below; else
  /// frees slabs without blocks or grows memory behind it, if no free chunk fits; else copies it.
  [[nodiscard]] Address reallocate_block(Address block, Size size_class, Size old_size,
                                         Size alignment, Size prefix, Size size) noexcept {
    if (size > kMaxSize) return 0;
    const Size whole = std::max<Size>(size, 1) + prefix;
    if (size_class != 0) {
      if (whole <= old_size) return block;
    } else {
      const Size chunk = chunk_size_for(whole);
      do {
        if (resize_chunk(block, old_size + kTagBytes, chunk)) return block;
        if (alignment <= kGranule) {
          const Address below = slide_down(block, chunk);
          if (below != 0) return below;
        }
      } while (
          find_chunk(chunk, alignment, prefix) == 0 &&
          (reclaim() || grow_behind(block + old_size + kTagBytes, chunk - old_size - kTagBytes)));
    }
    const Address moved = allocate_any(size, alignment, prefix);
    if (moved == 0) return 0;
    std::memcpy(bytes_at(moved), bytes_at(block), std::min(old_size, whole));
    if (size_class != 0) {
      free_to_list(block, size_class);
    } else {
      free_chunk(block);
    }
    return moved;
  }

  // --- all blocks

  /// Frees every block and forgets every list: each region becomes one free chunk.
  void free_all() noexcept requires(Tracker::kEnabled) {
    for (Address region = oldest_region(); region != 0; region = next_region(region)) {
      mark_all_free(region_begin(region), region_end(region));
    }
    // What was the map may look like tags.
    if (slab_map_ != 0) std::memset(bytes_at(slab_map_), 0, slab_map_bytes_);
    tracker_.forget_blocks();
    forget_lists();
    for (Address region = oldest_region(); region != 0; region = next_region(region)) {
      const Address begin = region_begin(region);
      const Address end = region_end(region);
      set_tag(end, kBelowFree);
      if (end == heap_end_) {
        top_ = begin;
        mark_free(begin, end - begin);
      } else {
        add_to_bin(begin, end - begin);
      }
    }
  }

  /// Marks what starts in a region as free, so that a late free of it is detected.
  void mark_all_free(Address begin, Address end) noexcept requires(Tracker::kEnabled) {
    for (Address chunk = begin; chunk != end;) {
      const Size size = chunk_size(chunk);
      if (size - 1 >= end - chunk) break;  // overwritten: where the next chunk is cannot be known
      const Size size_class = size == kSlabBytes ? class_at(chunk) : 0;
      if (size_class != 0) mark_blocks_free(chunk, size_class);
      set_tag(chunk, tag_of(chunk) | kFree);
      chunk += size;
    }
  }

  void forget_lists() noexcept {
    top_ = slab_map_ = slab_map_bytes_ = spare_slabs_ = spare_count_ = 0;
    free_lists_ = {};
    active_slabs_ = {};
    partial_slabs_ = {};
    bins_ = {};
    filled_bins_ = {};
  }
};

}  // namespace lite_alloc::segregated_fit
