// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstring>
#include <utility>

#include "lite_alloc/heap/free_result.hpp"
#include "lite_alloc/shared/thread_records.hpp"

namespace lite_alloc::shared {

/// A heap that any number of threads use at once. A block that one thread allocated can be freed by
/// every other one.
///
/// Each thread has slabs of its own for blocks of up to 32 448 bytes, so its `malloc`, and its
/// `free` of its own blocks, take no lock, write nothing atomically and share no line of a cache
/// with another thread. A block of another thread goes into a parcel for that thread, which is sent
/// when it is full: one atomic operation for up to 64 blocks. Larger blocks fill chunks, which all
/// threads take from the same memory, under a lock.
///
/// The parts, from the last to the first:
///
///     thread_records.hpp  which threads there are; parcels; what a dead thread leaves behind
///     shared_slabs.hpp    the slabs of a thread
///     shared_chunks.hpp   memory that all share, behind a lock
///     owned_lock.hpp, thread_record.hpp, size_classes.hpp, racy.hpp
///
/// The heap uses all pages from the start of its page source on, whoever added them.
///
/// All state lies in the object and in the memory of the page source, and starts as zeroes, so that
/// each thread can have an instance of the program of its own over the same memory.
template <PageSource Pages, ThreadHost Host>
class SharedFit : private ThreadRecords<Pages, Host> {
  using Base = ThreadRecords<Pages, Host>;

 public:
  using Base::attach;
  using Base::claim;
  using Base::detach;
  using Base::enter;
  using Base::is_damaged;
  using Base::kMaxThreads;
  using Base::recover;
  using Base::set_secret;
  using Base::statistics;
  using Base::trim;

  /// Takes the arguments of the page source. Touches no memory before the first allocation.
  template <typename... Arguments>
  constexpr explicit SharedFit(Arguments&&... arguments) noexcept
      : Base(std::forward<Arguments>(arguments)...) {}

  /// Allocates a block of `size` bytes, aligned to 16. A size of 0 gives a distinct live block.
  /// Returns 0 iff nothing free fits and memory cannot grow.
  [[nodiscard]] Address malloc(Size size) noexcept {
    if (size > kMaxSlabBlock) [[unlikely]] {
      return allocate_large(size, kGranule);
    }
    return allocate_small(class_for(size), size, kGranule);
  }

  /// Allocates `size` bytes that are all 0. Fails iff `malloc` does.
  [[nodiscard]] Address malloc_zeroed(Size size) noexcept {
    const Address address = malloc(size);
    if (address != 0) std::memset(this->template at<std::byte>(address), 0, size);
    return address;
  }

  /// Allocates `count` times `size` bytes that are all 0. Fails iff the product is 2^32 or more, or
  /// `malloc` fails.
  [[nodiscard]] Address calloc(Size count, Size size) noexcept {
    Size whole = 0;
    return __builtin_mul_overflow(count, size, &whole) ? this->fail() : malloc_zeroed(whole);
  }

  /// Allocates `size` bytes at a multiple of `alignment`. Returns 0 iff nothing free fits and
  /// memory cannot grow, or the alignment is not a power of two.
  [[nodiscard]] Address memalign(Size alignment, Size size) noexcept {
    if (!std::has_single_bit(alignment) || size > kMaxSize - alignment) return this->fail();
    if (alignment <= kGranule) return malloc(size);
    const Size c = aligned_class(alignment, size);
    return c != 0 ? allocate_small(c, size, alignment) : allocate_large(size, alignment);
  }

  /// Gives a block another size and returns its address, which may be another one. Contents are
  /// kept up to the smaller size. For address 0 it does what `malloc` does. Returns 0, and changes
  /// nothing, iff memory cannot grow or no live block starts at the address.
  [[nodiscard]] Address realloc(Address address, Size size) noexcept {
    if (address == 0) return malloc(size);
    const Size usable = usable_size(address);
    if (usable == 0 || size > kMaxSize) return 0;
    if (this->is_in_segment(address)) {
      if (size <= usable) return address;
    } else if (resize_large(address, usable, size)) {
      return address;
    }
    const Address moved = malloc(size);
    if (moved == 0) return 0;
    std::memcpy(this->template at<std::byte>(moved), this->template at<std::byte>(address),
                std::min(usable, size));
    free(address);
    return moved;
  }

  /// Frees a block; ignores 0. If the result is not `kFreed`, the heap is unchanged. It does not
  /// notice that two threads free the same block at the same moment.
  FreeResult free(Address address) noexcept {
    if (!this->is_in_segment(address)) [[unlikely]] {
      return free_large(address);
    }
    const Slab& slab = this->slab_of(address);
    if (!this->is_block_start(address, slab)) [[unlikely]] {
      return FreeResult::kNotABlock;
    }
    ThreadRecord& record = *Host::record();
    const std::uint64_t mark = this->mark_of(record, address);
    auto& bin = record.bins[slab.size_class];
    if (this->mark_at(address) == mark || slab.owner != record.id || bin.room == 0) [[unlikely]] {
      return free_slowly(address);
    }
    bin.room = bin.room - 1;
    this->set_next(record, address, bin.magazine);
    this->mark_at(address) = mark;
    Base::keep_order();
    bin.magazine = address;
    return FreeResult::kFreed;
  }

  /// Returns the usable size of a live block, in bytes; 0 if none starts here.
  [[nodiscard]] Size usable_size(Address address) noexcept {
    if (this->is_in_segment(address)) {
      const Slab& slab = this->slab_of(address);
      const bool is_live = this->is_block_start(address, slab) && !this->is_marked(address);
      return is_live ? bytes_of(slab.size_class) : 0;
    }
    const Size chunk = this->used_chunk_size(this->own_id(), address);
    return chunk != 0 ? chunk - Base::kChunkOverhead : 0;
  }

  /// Frees every block. Requires that no other thread calls the heap meanwhile. Takes time in
  /// proportion to the memory of the heap. Returns the number of blocks that it freed.
  Size reset() noexcept {
    const Size count = free_blocks();
    trim();
    return count;
  }

  /// Returns the id of the thread that allocated a live block; 0 if none starts here, or if a
  /// thread without a record allocated it.
  [[nodiscard]] std::uint32_t owner_of(Address block) noexcept {
    const Size usable = usable_size(block);
    if (usable == 0) return 0;
    if (this->is_in_segment(block)) return this->slab_of(block).owner;
    const std::uint32_t owner = this->owner_of_chunk(block, usable + Base::kChunkOverhead);
    return owner <= kMaxThreads ? owner : 0;
  }

  /// Returns the id of the thread that has the lock; 0 if none has it.
  [[nodiscard]] std::uint32_t lock_owner() noexcept { return this->chunk_lock().owner(); }

  /// Gives the code in inspect/ read access to all metadata.
  using Parts = Base;
  [[nodiscard]] const Parts& parts() const noexcept { return *this; }

  /// Returns the page source of this heap.
  [[nodiscard]] Pages& pages() noexcept { return this->pages_; }

 private:
  // --- blocks in slabs

  [[nodiscard]] Address allocate_small(Size c, Size size, Size alignment) noexcept {
    ThreadRecord& record = *Host::record();
    auto& bin = record.bins[c];
    const Address block = bin.magazine;
    if (block == 0) [[unlikely]] {
      return allocate_slowly(c, size, alignment);
    }
    bin.magazine = this->next_of(record, block);
    Base::keep_order();
    bin.room = bin.room + 1;
    bin.calls = bin.calls + 1;
    this->mark_at(block) = 0;
    return block;
  }

  /// Does so with an empty magazine. Where there is no room for a slab, the block fills a chunk.
  [[nodiscard, gnu::noinline]] Address allocate_slowly(Size c, Size size, Size alignment) noexcept {
    if (!attach()) return allocate_large(size, alignment);
    ThreadRecord& record = *Host::record();
    const bool has_block = record.bins[c].magazine != 0 || this->fill_magazine(record, c);
    return has_block ? allocate_small(c, size, alignment) : allocate_large(size, alignment);
  }

  /// Returns the smallest class whose blocks have room for `size` bytes, if they all have this
  /// alignment; otherwise 0.
  [[nodiscard]] static Size aligned_class(Size alignment, Size size) noexcept {
    const Size needed = align_up(std::max<Size>(size, 1), alignment);
    if (alignment > kSlabPageBytes || needed > kMaxSlabBlock) return 0;
    const Size c = class_for(needed);
    // Slabs begin at multiples of a page.
    return bytes_of(c) % alignment == 0 ? c : 0;
  }

  /// Frees a block of another thread, one whose magazine is full, or one that is free already.
  [[gnu::noinline]] FreeResult free_slowly(Address block) noexcept {
    if (this->is_marked(block)) return FreeResult::kAlreadyFree;
    (void)attach();
    ThreadRecord& record = *Host::record();
    this->mark_at(block) = this->key() ^ block;
    const Slab& slab = this->slab_of(block);
    if (slab.owner != record.id) {
      this->free_remote(record, block, slab);
    } else {
      this->free_own(record, block, slab.size_class);
    }
    return FreeResult::kFreed;
  }

  // --- all blocks

  [[nodiscard]] Size free_blocks() noexcept {
    Size count = 0;
    const Address end = this->heap_end_;
    if (end == 0 || is_damaged()) return 0;
    for (Address chunk = this->region_begin(this->pages_.begin()); chunk < end;) {
      const Size tag = this->tag_of(chunk);
      // If this chunk is merged with others, the tags inside of the merged one stay as they are.
      const Size size = tag & ~Base::kFlags;
      if (size == 0) break;
      // A record is no block, so that free rejects it.
      if ((tag & Base::kFree) == 0) {
        count += this->is_in_segment(chunk) ? free_segment(chunk) : free_counted(chunk);
      }
      chunk += size;
    }
    return count;
  }

  /// Frees the blocks of a segment. The segment may end with its last block.
  [[nodiscard]] Size free_segment(Address segment) noexcept {
    Size count = 0;
    for (Size page = 0; page < kSlabPages && this->is_in_segment(segment); ++page) {
      if (this->slab_pages(segment, page) == 0) continue;
      const Slab& slab = this->slab_at(segment, page);
      const Size bytes = bytes_of(slab.size_class);
      Address block = segment + slab.first * kGranule;
      const Address last = block + slab.last * kGranule;
      for (; block <= last && this->is_in_segment(block); block += bytes) {
        count += free_counted(block);
      }
    }
    return count;
  }

  [[nodiscard]] Size free_counted(Address block) noexcept {
    return free(block) == FreeResult::kFreed ? 1 : 0;
  }

  // --- blocks in chunks

  [[nodiscard, gnu::noinline]] Address allocate_large(Size size, Size alignment) noexcept {
    if (size > kMaxSize) return this->fail();
    const Size chunk = Base::chunk_for(size);
    const std::uint32_t id = this->own_id();
    Address block = this->take_chunk(id, chunk, alignment, id);
    if (block == 0 && trim()) block = this->take_chunk(id, chunk, alignment, id);
    if (block == 0) return this->fail();
    this->add_to_large(chunk - Base::kChunkOverhead);
    return block;
  }

  /// Resizes a large block, which has `usable` usable bytes, where it is. Fails iff that is not
  /// possible.
  [[nodiscard]] bool resize_large(Address block, Size usable, Size size) noexcept {
    const Size chunk = Base::chunk_for(size);
    if (!this->resize_chunk_at(this->own_id(), block, chunk)) return false;
    this->resize_large_bytes(usable, chunk - Base::kChunkOverhead);
    return true;
  }

  [[gnu::noinline]] FreeResult free_large(Address block) noexcept {
    if (block == 0) return FreeResult::kFreed;
    Size chunk = 0;
    switch (this->free_chunk_at(this->own_id(), block, chunk)) {
      case Base::Freed::kFreed:
        this->remove_from_large(1, chunk - Base::kChunkOverhead);
        return FreeResult::kFreed;
      case Base::Freed::kAlreadyFree:
        return FreeResult::kAlreadyFree;
      case Base::Freed::kNotAChunk:
        break;
    }
    return FreeResult::kNotABlock;
  }
};

}  // namespace lite_alloc::shared
