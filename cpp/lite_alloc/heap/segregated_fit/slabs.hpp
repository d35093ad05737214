// SPDX-License-Identifier: MIT
#pragma once

#include <cstring>

#include "lite_alloc/heap/segregated_fit/regions.hpp"

namespace lite_alloc::segregated_fit {

/// The life of a slab: how a chunk becomes a slab, which states the slab goes through while its
/// blocks are allocated and freed, and how it becomes a free chunk again.
///
/// `malloc` takes blocks from `free_lists_[c]` until that list is empty. Then `refill` makes the
/// own list of one slab the new `free_lists_[c]`, as a whole. It chooses the first of these that
/// has free blocks: the active slab, the oldest slab in the ring, a spare slab, a new slab. `free`
/// puts a block in the stash, at the front of `free_lists_[c]`. If the stash is full, it puts the
/// block in the own list of the block's slab. So neither call looks at more than two blocks.
///
/// A slab has one of four states. `frees_until_transition` counts down with each free to the slab's
/// own list, so `free` only has to compare it with 0:
///
///     state     is in              own list       frees_until_transition
///     active    active_slabs_[c]   any            the number of blocks outside its own list
///     full      no list            empty          1
///     partial   the ring of c      some blocks    the number of blocks outside its own list
///     empty     spare_slabs_       all blocks     0
///
///     transition                     happens when
///     active  -> full                `refill` makes another slab the active one
///     full    -> partial             a block is freed to its own list
///     partial -> empty               its last used block is freed
///     partial -> active              `refill` takes it: it is the oldest in the ring
///     empty   -> active              `refill` takes it: the ring has no slab
///     empty   -> none, a free chunk  there are 16 spare slabs already, or `reclaim` runs
///
/// The heap keeps 16 empty slabs, so that a program which frees and allocates whole slabs in turn
/// need not cut them up each time. `reclaim` runs before memory grows. It returns the blocks of all
/// free lists to their slabs, leaves no slab active, and turns every slab without used blocks into
/// a free chunk.
///
/// Time: a call takes a bounded number of steps, with three exceptions. Cutting up a slab writes
/// 508 words at most. `reclaim` goes through the free list of each class and the spare slabs. The
/// slab map, which takes 1/4096 of the address space that is used, is copied when it must be
/// longer; it doubles then.
template <PageSource Pages, typename Tracker, typename Hardening>
class Slabs : public Regions<Pages, Tracker, Hardening> {
  using Base = Regions<Pages, Tracker, Hardening>;

 public:
  // Names from the base class: a class template must declare those that it uses.
  using Base::active_slabs_;
  using Base::add_partial;
  using Base::Base;
  using Base::blocks_in_slab;
  using Base::bytes_at;
  using Base::carve;
  using Base::chunk_size;
  using Base::chunk_size_for;
  using Base::class_at;
  using Base::find_chunk;
  using Base::free_chunk;
  using Base::free_lists_;
  using Base::grow;
  using Base::is_end_of_list;
  using Base::is_marked_free;
  using Base::is_marked_freed;
  using Base::kClasses;
  using Base::kFree;
  using Base::kMaxStash;
  using Base::kNeverUsed;
  using Base::kSlabBytes;
  using Base::kSlabHead;
  using Base::kTagBytes;
  using Base::map_index;
  using Base::next_block;
  using Base::parking_;
  using Base::partial_slabs_;
  using Base::place_in;
  using Base::pop_free_block;
  using Base::release_parked;
  using Base::remove_partial;
  using Base::set_class;
  using Base::set_next_block;
  using Base::set_tag;
  using Base::slab_at;
  using Base::slab_map_;
  using Base::slab_map_bytes_;
  using Base::slab_of;
  using Base::slab_overhead;
  using Base::slide_down;
  using Base::spare_count_;
  using Base::spare_slabs_;
  using Base::stash_count_of;
  using Base::take_chunk;
  using Base::take_parked;
  using Base::tracker_;

  static constexpr Size kMaxSpare = 16;
  static constexpr Size kFirstMapBytes = 60;  // for 240 KiB

  /// Returns a new used chunk of `size` bytes without an alignment. Fails iff `allocate_chunk`
  /// does.
  [[nodiscard]] LITE_ALLOC_HOT_CODE Address allocate_plain_chunk(Size size) noexcept {
    if (const Address chunk = take_parked(size); chunk != 0) return chunk;
    Address chunk = LITE_ALLOC_HAS_ROOM ? take_chunk(size) : 0;
    if (chunk == 0) chunk = allocate_chunk(size, kGranule, 0);
    parking_.allocated(chunk);
    return chunk;
  }

  /// Returns a new used chunk of `size` bytes; reclaims slabs and grows memory if need be. Returns
  /// 0 iff memory cannot grow and nothing free fits.
  [[nodiscard]] Address allocate_chunk(Size size, Size alignment, Size prefix) noexcept {
    release_parked();
    for (;;) {
      const Address chunk = find_chunk(size, alignment, prefix);
      if (chunk != 0) {
        const Address place = place_in(chunk, alignment, prefix);
        carve(chunk, place, size);
        return place;
      }
      if (!reclaim() && !grow(size, alignment, prefix) && !slide_map_down()) return 0;
    }
  }

  // --- a free

  /// Puts a freed block in the stash, or, if the stash is full, in the own list of its slab.
  ///
  /// If `free_lists_[c]` is empty, `first` is not a block but the address of the slab whose list it
  /// was. Then `stash_count_of` reads a word of the slab's head: `Slab::free`, a multiple of 16, so
  /// the count is 0, as it should be. If that slab has become a free chunk since, the word may hold
  /// anything, and the count may be any number from 0 to 15. That is harmless: the stash then only
  /// has room for fewer blocks than usual, or for none.
  void free_to_list(Address block, Size size_class) noexcept {
    const Address first = free_lists_[size_class];
    const Size stash_count = stash_count_of(first);
    if (stash_count != kMaxStash) {
      set_next_block(block, first, stash_count + 1);
      free_lists_[size_class] = block;
    } else {
      free_to_slab(block, size_class);
    }
  }

  LITE_ALLOC_RARE_CODE void free_to_slab(Address block, Size size_class) noexcept {
    const Address slab = slab_of(block);
    auto& head = slab_at(slab);
    set_next_block(block, head.free);
    head.free = block;
    if (--head.frees_until_transition == 0) change_state(slab, size_class);
  }

  /// Called when a full slab gets its first free block, or a partial slab loses its last used
  /// block. An active slab keeps its state.
  [[gnu::noinline]] void change_state(Address slab, Size size_class) noexcept {
    if (slab == active_slabs_[size_class]) return;
    const bool was_full = is_end_of_list(next_block(slab_at(slab).free));
    if (was_full) {
      slab_at(slab).frees_until_transition = blocks_in_slab(size_class) - 1;
      add_partial(slab, size_class);
    } else {
      remove_partial(slab, size_class);
      if (spare_count_ < kMaxSpare) {
        slab_at(slab).next = spare_slabs_;
        spare_slabs_ = slab;
        ++spare_count_;
      } else {
        release_slab(slab, size_class);
      }
    }
  }

  // --- an allocation

  /// Fills the free list of a class. Requires that it is empty. Fails iff there is no memory for a
  /// slab.
  [[nodiscard]] LITE_ALLOC_RARE_CODE bool refill(Size size_class) noexcept {
    Address slab = active_slabs_[size_class];
    if (slab == 0 || is_end_of_list(slab_at(slab).free)) {
      if (slab != 0) slab_at(slab).frees_until_transition = 1;
      active_slabs_[size_class] = 0;
      slab = partial_slabs_[size_class];
      if (slab != 0) {
        remove_partial(slab, size_class);
      } else {
        slab = take_empty_slab(size_class);
        if (slab == 0) return false;
      }
      active_slabs_[size_class] = slab;
    }
    auto& head = slab_at(slab);
    free_lists_[size_class] = head.free;
    head.free = slab;
    head.frees_until_transition = blocks_in_slab(size_class);
    return true;
  }

  /// Returns a spare slab or a new one, cut up for this class and in no list; 0 iff there is no
  /// memory.
  [[nodiscard]] LITE_ALLOC_RARE_CODE Address take_empty_slab(Size size_class) noexcept {
    Address slab = spare_slabs_;
    if (slab != 0) {
      spare_slabs_ = slab_at(slab).next;
      --spare_count_;
      const Size old_class = class_at(slab);
      if (old_class == size_class) return slab;
      tracker_.overhead_removed(slab_overhead(old_class));
    } else {
      slab = allocate_chunk(kSlabBytes, kSlabBytes, 0);
      if (slab == 0) return 0;
      if (!extend_map_to(slab)) {
        free_chunk(slab);
        return 0;
      }
    }
    cut_up(slab, size_class);
    return slab;
  }

  /// Makes blocks of a slab, all free. `refill` writes the rest of its head.
  void cut_up(Address slab, Size size_class) noexcept {
    const Size size = size_class * kGranule;
    set_class(slab, size_class);
    tracker_.overhead_added(slab_overhead(size_class));
    Address block = slab + kSlabHead;
    slab_at(slab).free = block;
    for (Size left = blocks_in_slab(size_class); left != 0; --left, block += size) {
      // If a freed block started at this address before, its mark is kept: another free of it is
      // then still reported as a second one.
      const bool was_never_used = Tracker::kEnabled && !is_marked_freed(block);
      set_next_block(block, left != 1 ? block + size : slab, was_never_used ? kNeverUsed : 0);
    }
  }

  // --- the end of a slab

  /// Turns a slab into a free chunk. Requires that all its blocks are free and that it is in no
  /// list.
  void release_slab(Address slab, Size size_class) noexcept {
    if constexpr (Tracker::kEnabled) mark_blocks_free(slab, size_class);
    set_class(slab, 0);
    tracker_.overhead_removed(slab_overhead(size_class));
    free_chunk(slab);
  }

  /// Called when a slab becomes a free chunk. Marks its blocks as free, so that a later free of one
  /// is detected. Also overwrites the word below each block: that word would be the block's tag if
  /// the block were a chunk, and contents that are still there may look like one.
  void mark_blocks_free(Address slab, Size size_class) noexcept requires(Tracker::kEnabled) {
    const Size size = size_class * kGranule;
    Address block = slab + kSlabHead;
    for (Size left = blocks_in_slab(size_class); left != 0; --left, block += size) {
      if (!is_marked_free(block)) set_next_block(block, slab);
      // A tag of 0 is never that of a block: no chunk that holds one has a size of 0.
      set_tag(block, is_marked_freed(block) ? kFree : 0);
    }
  }

  /// Turns all slabs without used blocks into free chunks. Returns false iff there was none.
  [[nodiscard, gnu::noinline]] LITE_ALLOC_RARE_CODE bool reclaim() noexcept {
    bool has_reclaimed = false;
    for (Size size_class = 1; size_class < kClasses; ++size_class) {
      while (!is_end_of_list(free_lists_[size_class])) {
        free_to_slab(pop_free_block(size_class), size_class);
      }
      const Address slab = active_slabs_[size_class];
      if (slab == 0) continue;
      active_slabs_[size_class] = 0;
      auto& head = slab_at(slab);
      if (head.frees_until_transition == 0) {
        release_slab(slab, size_class);
        has_reclaimed = true;
      } else if (is_end_of_list(head.free)) {
        head.frees_until_transition = 1;
      } else {
        add_partial(slab, size_class);
      }
    }
    while (spare_slabs_ != 0) {
      const Address slab = spare_slabs_;
      spare_slabs_ = slab_at(slab).next;
      release_slab(slab, class_at(slab));
      has_reclaimed = true;
    }
    spare_count_ = 0;
    return has_reclaimed;
  }

  // --- the slab map

  /// Extends the map if it has no byte for this address. Fails iff there is no memory for that.
  [[nodiscard]] bool extend_map_to(Address address) noexcept {
    const Size index = map_index(address);
    if (index < slab_map_bytes_) return true;
    const Size size = chunk_size_for(2 * index + kFirstMapBytes);
    const Address map = allocate_chunk(size, kGranule, 0);
    if (map == 0) return false;
    const Size old_bytes = slab_map_bytes_;
    const Address old_map = slab_map_;
    std::byte* const bytes = bytes_at(map);
    std::memset(bytes, 0, size - kTagBytes);
    if (old_bytes != 0) std::memcpy(bytes, bytes_at(old_map), old_bytes);
    slab_map_ = map;
    slab_map_bytes_ = size - kTagBytes;
    tracker_.overhead_added(size);
    if (old_bytes != 0) {
      tracker_.overhead_removed(chunk_size(old_map));
      std::memset(bytes_at(old_map), 0, old_bytes);  // its bytes may look like tags
      free_chunk(old_map);
    }
    return true;
  }

  /// Moves the map into the free chunk below it. When the map is extended, its new place is often
  /// at the end of the heap. Memory that grows later lies behind it, so the map may separate two
  /// free chunks that would be large enough together. This is called only when memory cannot grow:
  /// moving the map at every growth made some programs take more memory. Fails iff there is no map,
  /// or the chunk below it is used.
  [[nodiscard, gnu::noinline]] LITE_ALLOC_RARE_CODE bool slide_map_down() noexcept {
    if (slab_map_ == 0) return false;
    const Address old_map = slab_map_;
    const Address map = slide_down(old_map, slab_map_bytes_ + kTagBytes);
    if (map == 0) return false;
    slab_map_ = map;
    return true;
  }
};

}  // namespace lite_alloc::segregated_fit
