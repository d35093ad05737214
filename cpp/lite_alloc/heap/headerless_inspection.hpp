// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <span>

#include "lite_alloc/heap/headerless_memory.hpp"
#include "lite_alloc/heap/inspectable.hpp"

namespace lite_alloc {

/// Looks into the memory of a headerless heap with tracking. All strategies share this: the heads
/// of the free lists and the start of the slack are arguments.
template <typename Memory>
class HeaderlessInspection {
 public:
  using Lists = std::span<const Address>;

  class Cursor;

  /// Returns the size of the largest free block in bytes, slack left out. Visits every free block.
  [[nodiscard]] static Size largest_free(const Memory& memory, Lists lists) noexcept {
    Size largest = 0;
    for_each_plausible_block(
        memory, lists, [&](Address, Size size) noexcept { largest = std::max(largest, size); });
    return largest;
  }

  /// See `HeaderlessHeap::find_corruption`.
  [[nodiscard]] static Corruption find_corruption(Memory& memory, Lists lists,
                                                  Address slack_begin) noexcept {
    const auto is_inside = [&](Address begin, Size size) noexcept {
      return begin <= slack_begin && size <= slack_begin - begin &&
             memory.is_in_region(begin, size);
    };
    // Records first: everything below asks which region an address lies in.
    for (Address record = memory.tracker_.oldest_region();
         record != memory.tracker_.newest_region();
         record = memory.pages_.template at<Tracking::Region>(record)->next) {
      if (!memory.is_sealed(record)) return {Corruption::Kind::kRegionOverwritten, record};
    }
    const Size heap_size = memory.bytes_in_regions();
    Size free_size = memory.heap_end_ - slack_begin;
    for (const Address list : lists) {
      for (Address block = list; block != 0; block = memory.next_at(block)) {
        const Address next = is_inside(block, kGranule) ? memory.next_at(block) : 1;
        const bool is_linked_inside = next == 0 || is_inside(next, kGranule);
        if (!is_linked_inside || !memory.is_plausible_at(block) ||
            !is_inside(block, memory.size_at(block))) {
          return {Corruption::Kind::kFreeListOutsideHeap, block};
        }
        if (memory.size_at(block) >
            heap_size - free_size) {  // also where the list has become a circle
          return {Corruption::Kind::kFreeListOverlap, block};
        }
        free_size += memory.size_at(block);
      }
    }
    for (Address block = chain_by_address(memory, lists); block != 0;
         block = memory.at(block).next_by_address) {
      const Address next = memory.at(block).next_by_address;
      if (next != 0 && next - block < memory.size_at(block)) {
        return {Corruption::Kind::kFreeListOverlap, next};
      }
    }
    if (heap_size - free_size != memory.tracker_.used_bytes()) {
      return {Corruption::Kind::kCountersDisagree, 0};
    }
    return {};
  }

 private:
  /// Calls `visit(block, size)` for free blocks: for those of each list up to the first one that is
  /// not plausible, and for no more than the heap can hold, since a list may have become a circle.
  template <typename Visit>
  static void for_each_plausible_block(const Memory& memory, Lists lists, Visit visit) noexcept {
    Size most = memory.heap_end_ / kGranule;
    for (const Address list : lists) {
      for (Address block = list; block != 0 && most != 0; --most) {
        if (!memory.is_plausible_at(block)) break;
        visit(block, memory.size_at(block));
        block = memory.next_at(block);
      }
    }
  }

  /// Chains the free blocks through `next_by_address` and returns the lowest. Merges runs
  /// bottom-up, which needs no memory beside the chain (Knuth, vol. 3, 5.2.4, list merge).
  [[nodiscard]] static Address chain_by_address(Memory& memory, Lists lists) noexcept {
    Address sorted = 0;
    Address* end = &sorted;
    for_each_plausible_block(memory, lists, [&](Address block, Size) noexcept {
      *end = block;
      end = &memory.at(block).next_by_address;
    });
    *end = 0;  // ends the chain even where a list is a circle: at the block visited last
    for (Size width = 1;; width *= 2) {
      Address rest = sorted;
      Address* tail = &sorted;
      Size merges = 0;
      while (rest != 0) {
        ++merges;
        Address left = rest;
        Size left_count = 0;
        for (; left_count < width && rest != 0; ++left_count)
          rest = memory.at(rest).next_by_address;
        Address right = rest;
        Size right_count = width;
        while (left_count != 0 || (right_count != 0 && right != 0)) {
          const bool take_left =
              left_count != 0 && (right_count == 0 || right == 0 || left < right);
          Address& from = take_left ? left : right;
          --(take_left ? left_count : right_count);
          *tail = from;
          tail = &memory.at(from).next_by_address;
          from = *tail;
        }
        rest = right;
      }
      *tail = 0;
      if (merges <= 1) return sorted;
    }
  }
};

/// See `HeaderlessHeap::walk`.
template <typename Memory>
class HeaderlessInspection<Memory>::Cursor {
 public:
  Cursor(Memory& memory, Lists lists, Address slack_begin) noexcept
      : memory_(&memory), slack_begin_(slack_begin), free_(chain_by_address(memory, lists)) {
    enter(memory.oldest_region());
  }

  /// Writes the next extent. Returns false, and writes nothing, behind the last.
  [[nodiscard]] bool next(Extent& extent) noexcept {
    while (position_ == region_end_) {  // a region may have no byte behind its record
      if (region_ == 0) return false;
      enter(memory_->next_region(region_));
    }
    const bool is_newest = region_end_ == memory_->heap_end_;
    const Address used_end = is_newest ? slack_begin_ : region_end_;
    if (position_ == free_) {
      extent = {position_, memory_->checked_size_at(free_), Extent::State::kFree};
      free_ = memory_->at(free_).next_by_address;
    } else {
      const bool is_slack = position_ == used_end;
      const bool free_follows = free_ > position_ && free_ < used_end;
      const Address end = is_slack ? region_end_ : free_follows ? free_ : used_end;
      extent = {position_, end - position_, is_slack ? Extent::State::kFree : Extent::State::kUsed};
    }
    position_ = extent.end();
    return true;
  }

 private:
  /// Goes to the start of a region; with 0 behind the last one.
  void enter(Address region) noexcept {
    region_ = region;
    position_ = region == 0 ? 0 : Memory::region_begin(region);
    region_end_ = region == 0 ? 0 : memory_->region_end(region);
  }

  const Memory* memory_;
  Address region_ = 0;
  Address region_end_ = 0;
  Address position_ = 0;
  Address slack_begin_;
  Address free_;  // the next free block at or above `position_`, or 0
};

}  // namespace lite_alloc
