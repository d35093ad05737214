// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <utility>

#include "lite_alloc/heap/headerless_heap.hpp"
#include "lite_alloc/heap/headerless_memory.hpp"

namespace lite_alloc {

/// Takes blocks from one free list in address order, and merges a freed block with both neighbours
/// at once.
///
///   region                                             heap_end_
///   | free     | used | free | used | used | free     |
///     next, size -----> next, size ---------> 0, size
///
/// Blocks have no header and take whole granules of 16 bytes, from the high end of the first free
/// block that is large enough; its rest keeps its place in the list. Only the free block at the
/// heap end gives its low end, so that its rest merges with the memory that growth adds there. The
/// gaps that an alignment leaves on either side stay free. New memory merges with a free block at
/// the heap end, so memory grows by what is missing. After every block was freed, each region is
/// one free block.
///
/// This fragments little. Every call takes time in proportion to the number of free blocks below
/// the block that it takes or frees.
///
/// Source: Knuth, The Art of Computer Programming, vol. 1, 2.5, algorithms A and B.
template <PageSource Pages, typename Tracker>
class FreeListStrategy : public HeaderlessMemory<Pages, Tracker> {
 protected:
  using Memory = HeaderlessMemory<Pages, Tracker>;
  using Memory::heap_end_;
  using Memory::Memory;
  using Memory::next_at;
  using Memory::open_region;
  using Memory::set_link;
  using Memory::target;
  using Memory::tracker_;
  using Memory::write_run;

  [[nodiscard]] static constexpr Size block_bytes(const Layout& layout) noexcept {
    return block_size(layout);
  }

  /// There is no slack: all free memory is in the list, the lowest block first.
  [[nodiscard]] Address slack_begin() const noexcept { return heap_end_; }

  void forget_free_blocks() noexcept { lists_[0] = 0; }

  void enter_region(Address begin, Address end) noexcept {
    open_region(begin);
    heap_end_ = end;
    release(begin + Tracker::kRegionPrefix, end);
  }

  /// Takes a block and returns its start. Returns 0, and changes nothing, iff there is no memory.
  /// With `place`, the end of a used block, the new block starts there or nowhere.
  [[nodiscard]] Address acquire(Size payload, Size alignment, Size prefix,
                                Address place = 0) noexcept {
    if (payload > kMaxSize) return 0;  // no sum below wraps then
    const Size size = block_bytes({payload, alignment, prefix});
    const Size alignment_mask = Memory::mask_of(alignment);
    Address base = heap_end_;  // where the free memory at the heap end starts
    Address block = 0;
    for (auto link = Memory::head_of(lists_[0]); (block = target(link)) != 0;
         link = Memory::behind(block)) {
      const Size available = ordered_size_at(block);
      const Address end = block + available;
      const Address highest = end == heap_end_ ? block + alignment_mask : end - size;
      const Address begin = place != 0 ? place : ((highest + prefix) & ~alignment_mask) - prefix;
      // The second comparison also rejects a `begin` below the block: the difference wraps.
      if (size <= available && begin - block <= available - size) {
        tracker_.free_block_cut(available);
        if (begin == block) {
          set_link(link, next_at(block));
        } else {
          add(block, next_at(block), begin);
        }
        release(begin + size, end);
        return begin;
      }
      if (end == heap_end_) base = block;
    }
    if (place != 0 && place != base) return 0;
    return Memory::find_room(base, size, alignment_mask, prefix, place != 0,
                             [&](Address start, Address, Size, Address memory_end) {
                               if (start > heap_end_) {
                                 enter_region(start, memory_end);
                               } else {
                                 release(std::exchange(heap_end_, memory_end), memory_end);
                               }
                               return acquire(payload, alignment, prefix, place);
                             });
  }

  /// Lets the block take what it needs from the free block behind it, or from memory that is grown
  /// there.
  [[nodiscard]] bool extend(Address begin, Address end, const Layout& layout,
                            Size new_size) noexcept {
    const Size capacity = end - begin - layout.prefix;
    return acquire(new_size - capacity, kGranule, 0, end) != 0;
  }

  /// Returns the start of the free block at the heap end, or the heap end. Takes time in proportion
  /// to the number of free blocks.
  [[nodiscard]] Address used_end() const noexcept {
    Address end = heap_end_;
    for (Address block = lists_[0]; block != 0; block = next_at(block)) {
      if (block + ordered_size_at(block) == heap_end_) end = block;
    }
    return end;
  }

  /// Makes `[begin, end)` free, merged with the free blocks on both sides.
  void release(Address begin, Address end) noexcept {
    if (begin == end) return;
    typename Memory::Link link = Memory::head_of(lists_[0]);
    Address next = lists_[0];
    // Minus 1, so that the 0 at the end of the list compares as above every address.
    while (next - 1 < begin) {
      const Address block = next;
      link = Memory::behind(block);
      next = next_at(block);
      // Links must ascend, so the search ends. Only the block where it ends is checked completely,
      // below; if that block is valid, so are the links that led to it.
      if (Memory::Links::kSealed && (next - 1 < block || next % kGranule != 0)) __builtin_trap();
    }
    if (next == end) {
      end += ordered_size_at(next);
      next = next_at(next);
    }
    const Address below = link.block;
    if (below != 0 && below + ordered_size_at(below) == begin) {
      begin = below;
    } else {
      set_link(link, begin);
    }
    add(begin, next, end);
  }

  std::array<Address, 1> lists_ = {};  // the lowest free block, or 0

 private:
  /// Does what `checked_size_at` does. Also traps if the next block is not above this one, so that
  /// every search ends.
  [[nodiscard]] Size ordered_size_at(Address block) const noexcept {
    const Size size = Memory::checked_size_at(block);
    if (Memory::Links::kSealed && next_at(block) - 1 < block + size) __builtin_trap();
    return size;
  }

  /// Writes a free block `[begin, end)` whose successor in the list is `next`.
  void add(Address begin, Address next, Address end) noexcept {
    write_run(begin, next, end - begin);
    tracker_.free_block_added(end - begin);
  }
};

/// One free list in address order: least memory, for few blocks. Blocks have no header and take
/// whole granules of 16 bytes. A call takes time in proportion to the number of free blocks;
/// `FreeListStrategy` describes the list.
template <PageSource Pages, typename Tracker = Tracking>
class FreeList : public HeaderlessHeap<FreeListStrategy<Pages, Tracker>> {
 public:
  using HeaderlessHeap<FreeListStrategy<Pages, Tracker>>::HeaderlessHeap;
};

}  // namespace lite_alloc
