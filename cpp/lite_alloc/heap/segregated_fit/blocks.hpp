// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstring>

#include "lite_alloc/heap/free_result.hpp"
#include "lite_alloc/heap/segregated_fit/slabs.hpp"

namespace lite_alloc::segregated_fit {

/// Blocks of both kinds: this part decides which kind a block is, and holds what the public calls
/// share. A block of up to 1008 bytes lies in a slab. A larger block, or one with an alignment
/// above 16, fills a chunk of its own; so does a smaller one where memory has no room for a slab.
/// The slab map says which kind an address belongs to.
///
/// A sized call can reserve a *prefix* in front of the bytes that it returns, in which the code
/// that calls the heap keeps a header of its own. In this part `block` is the address of the
/// prefix, where the chunk or the place in the slab starts:
///
///     | tag | prefix | bytes of the caller ... | tag of the next |
///           ^ block  ^ the address that a call returns
///
/// Functions here take the members of a `Layout` as separate numbers, which stay in registers.
///
/// How `free` checks the address that it gets:
///
///     in a slab        a block must start there; if it has the mark of a free block, the lists
///                      that it could be in are searched
///     anywhere else    the word below must be the tag of a used chunk that ends in this heap
///
/// With `Tracking` this finds every wrong address, with one exception: an address inside a large
/// block, if the word below it happens to equal a valid tag combined with the secret. With
/// `NoTracking` and `Unhardened` there is no secret, so every word that looks like a tag is
/// accepted as one.
template <PageSource Pages, typename Tracker, typename Hardening>
class Blocks : public Slabs<Pages, Tracker, Hardening> {
  using Base = Slabs<Pages, Tracker, Hardening>;

 public:
  // Names from the base class: a class template must declare those that it uses.
  using Base::active_slabs_;
  using Base::add_to_bin;
  using Base::allocate_chunk;
  using Base::allocate_plain_chunk;
  using Base::Base;
  using Base::bins_;
  using Base::bytes_at;
  using Base::chunk_size;
  using Base::chunk_size_for;
  using Base::class_at;
  using Base::class_for;
  using Base::class_with_free_block;
  using Base::filled_bins_;
  using Base::find_chunk;
  using Base::free_chunk;
  using Base::free_lists_;
  using Base::free_to_list;
  using Base::grow;
  using Base::grows_in_place;
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
  using Base::parking_;
  using Base::partial_slabs_;
  using Base::pop_free_block;
  using Base::reclaim;
  using Base::refill;
  using Base::region_around;
  using Base::region_begin;
  using Base::region_end;
  using Base::release_parked;
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

  /// Returns the bytes that a block needs, its prefix included.
  [[nodiscard]] static constexpr Size size_with_prefix(Size size, Size prefix) noexcept {
    return std::max<Size>(size, 1) + prefix;
  }

  /// Returns whether a block of `size` bytes, its prefix included, lies in a slab if there is room
  /// for one.
  [[nodiscard]] static constexpr bool lies_in_slab(Size size, Size alignment) noexcept {
    return size <= kMaxSmall && alignment <= kGranule;
  }

  /// Counts a call that fails, and returns its result.
  Address fail() noexcept {
    tracker_.failed();
    return 0;
  }

  /// Counts a new block of `size` bytes, its prefix included.
  void count_allocation(Address block, Size size, Size alignment, Size prefix) noexcept {
    if constexpr (Tracker::kEnabled) {
      // A block that should lie in a slab may fill a chunk: see `allocate_slowly`.
      const Size size_class = lies_in_slab(size, alignment) ? class_at(block) : 0;
      const Size bytes = size_class != 0 ? size_class * kGranule : chunk_size(block);
      tracker_.allocated(bytes, prefix + (size_class != 0 ? 0 : kTagBytes));
    }
  }

  /// Returns a block, or 0. Does not update the counters, and neither do `allocate_slowly` and
  /// `allocate_any`.
  [[nodiscard]] Address allocate_block(Size size) noexcept {
    // With `Tracking`, `malloc` itself tries this first.
    if constexpr (!Tracker::kEnabled) {
      const Size size_class = class_with_free_block(size);
      if (size_class != 0) return pop_free_block(size_class);
    }
    return allocate_slowly(size);
  }

  /// The rare cases of `allocate_block`: the free list of the class is empty, the block is large,
  /// or the size is 0. If there is no room for a slab, a small block fills a chunk, too.
  [[nodiscard, gnu::noinline]] Address allocate_slowly(Size size) noexcept {
    if (size <= kMaxSmall) {
      const Size size_class = class_for(std::max<Size>(1, size));
      const bool has_block = !is_end_of_list(free_lists_[size_class]);
      if (has_block || refill(size_class)) return pop_free_block(size_class);
    }
    return size > kMaxBlock ? 0 : allocate_plain_chunk(chunk_size_for(size));
  }

  /// Returns a block for any layout, or 0.
  [[nodiscard]] Address allocate_any(Size size, Size alignment, Size prefix) noexcept {
    if (size > kMaxSize) return 0;
    const Size whole = size_with_prefix(size, prefix);
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
    count_allocation(block, size_with_prefix(size, prefix), alignment, prefix);
    return block + prefix;
  }

  // --- free

  FreeResult free_block(Address block, Size prefix) noexcept {
    const Size size_class = class_at(block);
    return size_class != 0 ? free_small(block, size_class, prefix) : free_large(block, prefix);
  }

  /// Frees a block in a slab. Requires that a block, used or free, starts at this address.
  FreeResult free_small(Address block, Size size_class, Size prefix) noexcept {
    if (is_free_block(block, size_class)) [[unlikely]] {
      return FreeResult::kAlreadyFree;
    }
    tracker_.deallocated(size_class * kGranule, prefix);
    free_to_list(block, size_class);
    return FreeResult::kFreed;
  }

  /// Frees a block that fills a chunk. Accepts any address that is not in a slab, and checks it.
  LITE_ALLOC_HOT_CODE FreeResult free_large(Address block, Size prefix) noexcept {
    if (block == 0) return FreeResult::kFreed;
    if (block % kGranule != 0) return FreeResult::kNotABlock;
    const Size tag = tag_of(block);
    if (!is_used_chunk(block, tag)) {
      return (tag & kFree) != 0 ? FreeResult::kAlreadyFree : FreeResult::kNotABlock;
    }
    return free_live_chunk(block, tag, prefix);
  }

  /// Frees or parks a used chunk. Requires that `tag` is its tag. Finds out whether it is parked
  /// already.
  FreeResult free_live_chunk(Address block, Size tag, Size prefix) noexcept {
    const Size size = tag & ~kFlags;
    if (parking_.is_latest(block)) {
      if (parking_.has_parked()) return FreeResult::kAlreadyFree;
      tracker_.deallocated(size, prefix + kTagBytes);
      parking_.park(tag & ~kBelowFree);
      return FreeResult::kFreed;
    }
    tracker_.deallocated(size, prefix + kTagBytes);
    if (parking_.has_parked()) [[unlikely]] {
      free_chunk(block);  // first merges the parked chunk, which may change the tags of this one
      return FreeResult::kFreed;
    }
    parking_.forget_latest();
    if constexpr (LITE_ALLOC_HAS_ROOM) {
      free_chunk(block, tag, tag_of(block + size));  // both tags are known already
    } else {
      free_chunk(block);
    }
    return FreeResult::kFreed;
  }

  // --- what an address is

  /// Returns the tag of the used chunk with a block that starts here; 0 iff none does. The chunk
  /// may be parked. Requires that no slab lies here.
  [[nodiscard]] Size live_tag_at(Address address) const noexcept requires(Tracker::kEnabled) {
    const Address region = region_around(address);
    if (address % kGranule != 0 || region == 0 || address - slab_map_ < slab_map_bytes_) return 0;
    const Size tag = tag_of(address);
    // At the end of the region lies a last tag, with a size of 0. `is_used_chunk` rejects that
    // size.
    const bool is_live =
        (tag & ~kFlags) <= region_end(region) - address && is_used_chunk(address, tag);
    return is_live ? tag : 0;
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

  /// Grows memory so that `missing` bytes behind `end` are free. Fails iff the newest region's last
  /// used chunk does not end at `end`, or memory cannot grow, or other code's pages lie behind the
  /// region.
  [[nodiscard]] bool grow_behind(Address end, Size missing) noexcept {
    return (end == heap_end_ || end == top_) && grows_in_place() && grow(missing, kGranule, 0);
  }

  /// Gives a block another size and counts the call. Returns the address behind its prefix; returns
  /// 0, and leaves the block unchanged, iff there is no memory for the new size.
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

  /// Gives a block another size. A block in a slab stays if its place is large enough; otherwise it
  /// is copied to a new block. For a block in a chunk, the first of these steps that is possible is
  /// taken:
  ///
  /// 1. It stays, and shrinks, or grows into the free chunk behind it.
  /// 2. It is copied to a new block, if that lies in a slab or a free chunk has room for it.
  /// 3. It slides down, into the free chunk below it; not if its alignment is above 16.
  /// 4. Slabs without used blocks become free chunks, or memory grows behind the block. Then all
  ///    steps are tried again.
  /// 5. It is copied to a new block, for which memory grows.
  [[nodiscard]] Address reallocate_block(Address block, Size size_class, Size old_size,
                                         Size alignment, Size prefix, Size size) noexcept {
    if (size > kMaxSize) return 0;
    const Size whole = size_with_prefix(size, prefix);
    if (size_class != 0) {
      if (whole <= old_size) return block;
    } else {
      release_parked();
      const Size chunk = chunk_size_for(whole);
      for (;;) {
        if (resize_chunk(block, old_size + kTagBytes, chunk)) return block;
        if (lies_in_slab(whole, alignment) || find_chunk(chunk, alignment, prefix) != 0) break;
        if (alignment <= kGranule) {
          const Address below = slide_down(block, chunk);
          if (below != 0) return below;
        }
        const Address end = block + old_size + kTagBytes;
        if (!reclaim() && !grow_behind(end, block + chunk - end)) break;
      }
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
    // Clears the slab map, whose bytes could later look like tags.
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

  /// Marks every chunk and every block of a region as free, so that a later free of one is
  /// detected.
  void mark_all_free(Address begin, Address end) noexcept requires(Tracker::kEnabled) {
    for (Address chunk = begin; chunk != end;) {
      const Size size = chunk_size(chunk);
      if (size - 1 >= end - chunk) break;  // overwritten: the next chunk cannot be found
      const Size size_class = size == kSlabBytes ? class_at(chunk) : 0;
      if (size_class != 0) mark_blocks_free(chunk, size_class);
      set_tag(chunk, tag_of(chunk) | kFree);
      chunk += size;
    }
  }

  void forget_lists() noexcept {
    parking_.clear();
    parking_.forget_latest();
    top_ = slab_map_ = slab_map_bytes_ = spare_slabs_ = spare_count_ = 0;
    free_lists_ = {};
    active_slabs_ = {};
    partial_slabs_ = {};
    bins_ = {};
    filled_bins_ = {};
  }
};

}  // namespace lite_alloc::segregated_fit
