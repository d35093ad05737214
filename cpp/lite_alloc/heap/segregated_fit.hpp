// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstring>
#include <utility>

#include "lite_alloc/heap/free_result.hpp"
#include "lite_alloc/heap/hardening.hpp"
#include "lite_alloc/heap/inspectable.hpp"
#include "lite_alloc/heap/segregated_fit/blocks.hpp"

namespace lite_alloc {

/// The general-purpose allocator: slabs of equal small blocks over a segregated fit of coalescing
/// chunks. Blocks are aligned to 16 bytes and know their size. Unless its comment says otherwise, a
/// call takes a bounded number of steps, apart from copying and zeroing bytes, from growing memory,
/// and from the work on slabs and their map that `Slabs` lists.
///
/// This class has the public calls. Below it are six parts, each of which derives from the next one
/// down. The comment on each part explains it, draws it and lists its invariants; the easiest order
/// to read them is from the last to the first:
///
///     blocks.hpp          which kind of block a size gets; free and resize of either kind
///     slabs.hpp           the life of a slab, and the slab map
///     regions.hpp         memory that the heap has, and how it grows
///     chunks.hpp          free chunks: find, cut, merge, park (parking.hpp)
///     slab_blocks.hpp     the layout of slabs, and the lists of their free blocks
///     tagged_memory.hpp   memory as chunks with tags
///
/// A `Hardened` heap stores tags, links and marks combined with its secret, by exclusive or. So the
/// contents of a block hardly ever look like metadata. If other code overwrites a link, what the
/// heap decodes is usually an address that is not a multiple of 16; the heap then ends the program.
/// The sizes at the end of free chunks and the heads of slabs are stored as they are; the heap
/// checks each of them against other metadata before it uses it.
template <PageSource Pages, typename Tracker = Tracking,
          typename Hardening = DefaultHardening<Tracker>>
class SegregatedFit : private segregated_fit::Blocks<Pages, Tracker, Hardening> {
  static_assert(Hardening::kEnabled || !Tracker::kEnabled,
                "Tracking checks every address, which needs Hardened");

 public:
  using Parts = segregated_fit::Blocks<Pages, Tracker, Hardening>;

  /// Takes the arguments of the page source. Touches no memory before the first allocation.
  template <typename... Arguments>
  constexpr explicit SegregatedFit(Arguments&&... arguments) noexcept
      : Parts(std::forward<Arguments>(arguments)...) {}

  /// Sets the secret that this heap's metadata is combined with; pass a random number. Requires
  /// that neither `claim` nor an allocation has been called. Heaps that are given no secret all use
  /// the same constant.
  void set_secret(std::uint32_t secret) noexcept requires(Hardening::kEnabled) {
    hardening_.set_secret(secret);
  }

  // --- the malloc family: blocks know their size

  /// Allocates a block of `size` bytes, aligned to 16. A size of 0 gives a distinct live block.
  /// Returns 0 iff nothing free fits and memory cannot grow.
  [[nodiscard]] Address malloc(Size size) noexcept {
    if constexpr (Tracker::kEnabled) {
      const Size size_class = class_with_free_block(size);
      if (size_class != 0) [[likely]] {
        tracker_.allocated(size_class * kGranule, 0);
        return pop_free_block(size_class);
      }
    }
    const Address block = allocate_block(size);
    if (block == 0) return fail();
    count_allocation(block, size_with_prefix(size, 0), kGranule, 0);
    return block;
  }

  /// Allocates `size` bytes that are all 0. Fails iff `malloc` does.
  [[nodiscard]] Address malloc_zeroed(Size size) noexcept {
    const Address address = malloc(size);
    if (address != 0) std::memset(bytes_at(address), 0, size);
    return address;
  }

  /// Allocates `count` times `size` bytes that are all 0. Fails iff the product is 2^32 or more, or
  /// `malloc` fails.
  [[nodiscard]] Address calloc(Size count, Size size) noexcept {
    Size whole = 0;
    return __builtin_mul_overflow(count, size, &whole) ? fail() : malloc_zeroed(whole);
  }

  /// Allocates `size` bytes at a multiple of `alignment`. Returns 0 iff nothing free fits and
  /// memory cannot grow, or the alignment is not valid. With `Tracking` an alignment is valid iff
  /// `is_alignment` holds; with `NoTracking` every power of two is.
  [[nodiscard]] Address memalign(Size alignment, Size size) noexcept {
    if constexpr (Tracker::kEnabled) {
      if (!is_alignment(alignment)) return fail();
    } else {
      // This bound also keeps the sum of size and alignment below 2^32.
      if (!std::has_single_bit(alignment) || size > kMaxSize - alignment) return fail();
    }
    return allocate_counted(size, alignment, 0);
  }

  /// Gives a block another size and returns its address, which may be another one. Contents are
  /// kept up to the smaller size, and with `Tracking` the alignment that the block was allocated
  /// with. For address 0 it does what `malloc` does. Returns 0, and changes nothing, iff memory
  /// cannot grow or `may_be_live` is false.
  [[nodiscard]] Address realloc(Address address, Size size) noexcept {
    return address == 0 ? malloc(size) : resize(address, size);
  }

  /// Does what `realloc` does for an address that is not 0.
  [[nodiscard]] Address resize(Address address, Size size) noexcept {
    return may_be_live(address) ? reallocate_counted(address, alignment_of(address), 0, size) : 0;
  }

  /// Frees a block; ignores 0. If the result is not `kFreed`, the heap is unchanged.
  ///
  /// With `Tracking` it rejects every address where no live block starts, with one exception: an
  /// address inside a large block, if the word below it happens to equal a valid tag combined with
  /// the secret. With `NoTracking` it makes only checks of a few instructions. These reject most
  /// second frees, every address inside a small block, and most addresses that have no tag below
  /// them. Ends the program if it finds overwritten metadata.
  FreeResult free(Address address) noexcept {
    const Size size_class = class_at(address);
    if constexpr (Tracker::kEnabled) {
      if (size_class != 0) {
        if (is_block_start(address, size_class) &&
            free_small(address, size_class, 0) == FreeResult::kFreed) {
          return FreeResult::kFreed;
        }
      } else if (address == 0) {
        return FreeResult::kFreed;
      } else if (const Size tag = live_tag_at(address); tag != 0) {
        return free_live_chunk(address, tag, 0);
      }
      return was_freed(address) ? FreeResult::kAlreadyFree : FreeResult::kNotABlock;
    } else {
      if (size_class == 0) return free_large(address, 0);
      if (!is_block_start(address, size_class)) [[unlikely]]
        return FreeResult::kNotABlock;
      return free_small(address, size_class, 0);
    }
  }

  /// Checks whether `free` and `realloc` would accept this address as a live block. With `Tracking`
  /// the answer is that of `is_live`.
  [[nodiscard]] bool may_be_live(Address address) const noexcept {
    if constexpr (Tracker::kEnabled) {
      return is_live(address);
    } else {
      const Size size_class = class_at(address);
      if (size_class == 0) {
        return address % kGranule == 0 && is_used_chunk(address, tag_of(address)) &&
               !parking_.is_parked(address);
      }
      return is_block_start(address, size_class) && !is_free_block(address, size_class);
    }
  }

  /// Returns the usable size of a live block, in bytes. For an address that `may_be_live` rejects,
  /// the result is 0 if the heap is `Hardened`, else unspecified.
  [[nodiscard]] Size usable_size(Address address) const noexcept {
    if constexpr (Hardening::kEnabled) {
      if (!may_be_live(address)) return 0;
    }
    return Parts::usable_size_of(address);
  }

  // --- the sized calls, for the same blocks

  /// Allocates a block and returns its address, a multiple of its alignment and of 16. Returns 0
  /// iff nothing free fits and memory cannot grow; no block has changed in that case.
  [[nodiscard, gnu::always_inline]] Address allocate(const Layout& layout) noexcept {
    return allocate_counted(layout.size, layout.alignment, layout.prefix);
  }

  /// Frees a block. `layout` is what it was allocated with, or last reallocated to.
  void deallocate(Address address, const Layout& layout) noexcept {
    free_block(address - layout.prefix, layout.prefix);
  }

  /// Gives a block `new_size` bytes: in place when it shrinks or finds room, else by a copy.
  /// Returns 0 iff it needs a new block and `allocate` would return 0; the old block is unchanged
  /// in that case.
  [[nodiscard, gnu::always_inline]] Address reallocate(Address address, const Layout& layout,
                                                       Size new_size) noexcept {
    return reallocate_counted(address - layout.prefix, layout.alignment, layout.prefix, new_size);
  }

  /// Returns the usable bytes that every block with this layout has: at least its size.
  [[nodiscard]] static constexpr Size capacity(const Layout& layout) noexcept {
    const Size whole = Parts::size_with_prefix(layout.size, layout.prefix);
    const Size in_chunk = chunk_size_for(whole) - Parts::kTagBytes;
    const bool is_small = Parts::lies_in_slab(whole, layout.alignment);
    return (is_small ? std::min(class_for(whole) * kGranule, in_chunk) : in_chunk) - layout.prefix;
  }

  /// Checks whether a block with this layout, which was never reallocated, can have `usable` usable
  /// bytes: those of a slab's block or those of a chunk. A block that is small enough for a slab
  /// fills a chunk if there is no room for a slab.
  [[nodiscard]] static constexpr bool can_be_usable_size(Size usable,
                                                         const Layout& layout) noexcept {
    const Size whole = Parts::size_with_prefix(layout.size, layout.prefix);
    const bool is_small = Parts::lies_in_slab(whole, layout.alignment);
    return usable == chunk_size_for(whole) - Parts::kTagBytes ||
           (is_small && usable == class_for(whole) * kGranule);
  }

  // --- for a program break

  /// Allocates a block of `size` bytes at a higher address than all other blocks. While no later
  /// block lies behind it, `resize_in_place` can extend it by growing memory. Returns 0 iff memory
  /// cannot grow.
  [[nodiscard]] Address allocate_last(Size size) noexcept {
    if (size > kMaxBlock) return 0;
    release_parked();
    const Size chunk = chunk_size_for(size);
    while (top_ == 0 || chunk_size(top_) < chunk) {
      if (!grow(chunk, kGranule, 0)) return 0;
    }
    const Address block = top_;
    carve(block, block, chunk);
    tracker_.allocated(chunk, Parts::kTagBytes);
    return block;
  }

  /// Resizes a block without moving it, and grows memory if need be. Fails, and changes nothing,
  /// iff the block lies in a slab, `may_be_live` is false, or there is no room behind the block.
  [[nodiscard]] bool resize_in_place(Address block, Size size) noexcept {
    if (size > kMaxBlock || block == 0 || class_at(block) != 0 || !may_be_live(block)) return false;
    release_parked();
    const Size old_size = chunk_size(block);
    const Size chunk = chunk_size_for(size_with_prefix(size, 0));
    while (!resize_chunk(block, old_size, chunk)) {
      if (!grow_behind(block + old_size, chunk - old_size)) return false;
    }
    tracker_.resized(old_size, chunk);
    return true;
  }

  // --- the whole heap

  /// Makes the first region of the memory that exists now. Without this call the first allocation
  /// does it; pages that other code has added by then could become this heap's. Fails iff the heap
  /// already has a region, or there is no memory.
  bool claim() noexcept { return Parts::claim(); }

  /// Frees every block; the memory stays for reuse. Takes time in proportion to the number of
  /// blocks, because it marks each one as free: if the caller frees such a block later, the heap
  /// detects that.
  void reset() noexcept requires(Tracker::kEnabled) { free_all(); }

  /// Returns the page source of this heap.
  [[nodiscard]] Pages& pages() noexcept { return pages_; }
  [[nodiscard]] const Pages& pages() const noexcept { return pages_; }

  // --- introspection

  /// Checks whether `[address, address + size)` lies in one region of this heap. Takes time in
  /// proportion to the number of regions.
  [[nodiscard]] bool owns(Address address, Size size) const noexcept requires(Tracker::kEnabled) {
    return is_in_region(address, size);
  }

  /// Checks whether these bytes may ever have been part of a block: they lie in this heap, but not
  /// in the free memory at its end, which has not been used yet.
  [[nodiscard]] bool has_handed_out(Address address, Size size) const noexcept
      requires(Tracker::kEnabled) {
    return is_in_used_part(address, size);
  }

  /// Checks whether a live block starts here; `free` documents the one exception. Reads the tag of
  /// a large block. For a small block it reads the mark, and searches the free lists only if that
  /// is the mark of a free block.
  [[nodiscard]] bool is_live(Address address) const noexcept requires(Tracker::kEnabled) {
    const Size size_class = class_at(address);
    if (size_class == 0) return live_tag_at(address) != 0 && !parking_.is_parked(address);
    return is_block_start(address, size_class) && !is_free_block(address, size_class);
  }

  /// Returns the number of live blocks. Constant time.
  [[nodiscard]] Size live_blocks() const noexcept requires(Tracker::kEnabled) {
    return tracker_.live_blocks();
  }

  // The next three are defined in inspect/, in files with the names of their results: include
  // inspect/statistics.hpp, inspect/walk.hpp or inspect/check.hpp to call them.

  /// Returns the counters. Takes time in proportion to the number of regions, to the free chunks in
  /// one bin, and to the free lists of the size classes.
  [[nodiscard]] Statistics statistics() const noexcept requires(Tracker::kEnabled);

  /// Returns a cursor over free and used extents in address order. A step takes constant time,
  /// except one that enters a slab: that takes time in proportion to the lengths of the slab's own
  /// list and of the free list of its class. Any other call on the heap invalidates the cursor.
  [[nodiscard]] auto walk() const noexcept requires(Tracker::kEnabled);

  /// Looks for broken invariants in tags, lists, slabs and counters. Takes time in proportion to
  /// the number of chunks and free blocks, and for each slab to the free list of its class.
  [[nodiscard]] Corruption find_corruption() const noexcept requires(Tracker::kEnabled);

  /// Gives the code in inspect/ read access to all metadata.
  [[nodiscard]] const Parts& parts() const noexcept { return *this; }

 private:
  using Parts::alignment_of;
  using Parts::allocate_block;
  using Parts::allocate_counted;
  using Parts::bytes_at;
  using Parts::carve;
  using Parts::chunk_size;
  using Parts::chunk_size_for;
  using Parts::class_at;
  using Parts::class_for;
  using Parts::class_with_free_block;
  using Parts::count_allocation;
  using Parts::fail;
  using Parts::free_all;
  using Parts::free_block;
  using Parts::free_large;
  using Parts::free_live_chunk;
  using Parts::free_small;
  using Parts::grow;
  using Parts::grow_behind;
  using Parts::hardening_;
  using Parts::is_block_start;
  using Parts::is_free_block;
  using Parts::is_in_region;
  using Parts::is_in_used_part;
  using Parts::is_used_chunk;
  using Parts::live_tag_at;
  using Parts::pages_;
  using Parts::parking_;
  using Parts::pop_free_block;
  using Parts::reallocate_counted;
  using Parts::release_parked;
  using Parts::resize_chunk;
  using Parts::size_with_prefix;
  using Parts::tag_of;
  using Parts::top_;
  using Parts::tracker_;
  using Parts::was_freed;
};

}  // namespace lite_alloc
