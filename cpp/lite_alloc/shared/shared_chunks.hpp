// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>

#include "lite_alloc/heap/hardening.hpp"
#include "lite_alloc/heap/segregated_fit/regions.hpp"
#include "lite_alloc/shared/owned_lock.hpp"
#include "lite_alloc/shared/shared_statistics.hpp"

namespace lite_alloc::shared {

/// The memory that all threads share, as chunks behind one lock: what threads cut their segments
/// from, and where large blocks lie. The chunks are those of `SegregatedFit`; this part adds the
/// lock, growth outside of it, and the rule that makes a death inside of it harmless:
///
/// *Tags are the truth.* After every single store, a walk from tag to tag through the region is
/// sound. What else there is (bins, sizes at the ends of free chunks, flags about the neighbour,
/// `top_`) can be wrong after a death; `rebuild` makes it again from the tags. So a chunk is cut in
/// this order: first the tags inside the free chunk, which no walk reaches yet, then the one tag
/// that makes them part of the walk.
///
/// The last word of a used chunk says what it is: the id of the thread that allocated the block in
/// it, or `kInternal` if it has a segment or a record.
///
/// Time: each call takes a bounded number of steps under the lock. `rebuild` and `free_chunks_of`
/// take time in proportion to the number of chunks.
template <PageSource Pages, ThreadHost Host>
class SharedChunks : public segregated_fit::Regions<Pages, NoTracking, Hardened> {
  using Base = segregated_fit::Regions<Pages, NoTracking, Hardened>;

 public:
  // Names from the base class: a class template must declare those that it uses.
  using Base::add_to_bin;
  using Base::Base;
  using Base::bins_;
  using Base::chunk_size;
  using Base::filled_bins_;
  using Base::fits;
  using Base::free_chunk;
  using Base::hardening_;
  using Base::heap_end_;
  using Base::is_used_chunk;
  using Base::kBelowFree;
  using Base::kFlags;
  using Base::kFree;
  using Base::kTagBytes;
  using Base::mark_free;
  using Base::pages_;
  using Base::remove_from_bin;
  using Base::set_tag;
  using Base::tag_of;
  using Base::top_;

  /// The bytes of a used chunk that its owner must not use: the tag of the next one, and the id.
  static constexpr Size kChunkOverhead = 2 * sizeof(Size);

  /// Returns the size of the smallest chunk that has `size` bytes for its owner.
  [[nodiscard]] static constexpr Size chunk_for(Size size) noexcept {
    return Base::chunk_size_for(size + kChunkOverhead - kTagBytes);
  }

  /// As the owner of a chunk: it is no block, so no caller can free it.
  static constexpr std::uint32_t kInternal = 0x8000'0000;

  /// Returns the id of the thread that allocated the block in a used chunk, or `kInternal`.
  [[nodiscard]] std::uint32_t& owner_of_chunk(Address chunk, Size size) const noexcept {
    return this->word_at(chunk + size - kChunkOverhead);
  }

  /// Sets the secret that tags and links are combined with. Requires that nothing was allocated.
  void set_secret(std::uint32_t secret) noexcept { hardening_.set_secret(secret); }

  /// Returns a used chunk of `size` bytes of this owner. `id` is that of the calling thread.
  /// Returns 0 iff nothing free fits and memory cannot grow, or the heap is damaged.
  [[nodiscard]] Address take_chunk(std::uint32_t id, Size size, Size alignment,
                                   std::uint32_t owner) noexcept {
    for (;;) {
      lock_.lock(id);
      if (is_damaged()) [[unlikely]] {
        lock_.unlock();
        return 0;
      }
      Address chunk = find(size, alignment);
      if (chunk == 0 && use_new_pages()) chunk = find(size, alignment);
      if (chunk != 0) {
        const Address place = Base::place_in(chunk, alignment, 0);
        cut(chunk, place, size, owner);
        used_bytes_ += size;
        lock_.unlock();
        return place;
      }
      const Address end = heap_end_ != 0 ? heap_end_ : Base::region_begin(pages_.begin());
      const Address free_end = top_ != 0 ? top_ : end;
      const Size missing = Base::place_in(free_end, alignment, 0) + size - end;
      lock_.unlock();
      // An engine takes long to grow memory, so no other thread waits for it.
      if (!pages_.grow(missing)) return 0;
      growths_.fetch_add(1, std::memory_order_relaxed);
    }
  }

  /// Frees a chunk that `take_chunk` returned.
  void give_chunk(std::uint32_t id, Address chunk) noexcept {
    lock_.lock(id);
    if (!is_damaged()) [[likely]] {
      used_bytes_ -= chunk_size(chunk);
      free_chunk(chunk);
    }
    lock_.unlock();
  }

  /// Returns the size of the chunk of a block; 0 iff none starts at this address.
  [[nodiscard]] Size used_chunk_size(std::uint32_t id, Address chunk) noexcept {
    lock_.lock(id);
    const Size tag = tag_if_used(chunk);
    lock_.unlock();
    return tag & ~kFlags;
  }

  enum class Freed : std::uint8_t { kFreed, kAlreadyFree, kNotAChunk };

  /// Frees the chunk at any address; checks the address. `size` gets the size of the chunk.
  [[nodiscard]] Freed free_chunk_at(std::uint32_t id, Address chunk, Size& size) noexcept {
    lock_.lock(id);
    const Size tag = tag_if_used(chunk);
    if (tag != 0) {
      size = tag & ~kFlags;
      used_bytes_ -= size;
      free_chunk(chunk);
      lock_.unlock();
      return Freed::kFreed;
    }
    const bool was_freed = has_tag(chunk) && (tag_of(chunk) & kFlags & ~kBelowFree) == kFree;
    lock_.unlock();
    return was_freed ? Freed::kAlreadyFree : Freed::kNotAChunk;
  }

  /// Gives a used chunk another size where it is. Fails, and changes nothing, iff what lies behind
  /// it is used or too small, and memory cannot grow there.
  [[nodiscard]] bool resize_chunk_at(std::uint32_t id, Address chunk, Size size) noexcept {
    for (;;) {
      lock_.lock(id);
      if (is_damaged()) [[unlikely]] {
        lock_.unlock();
        return false;
      }
      const Size old_size = chunk_size(chunk);
      const std::uint32_t owner = owner_of_chunk(chunk, old_size);
      bool is_done = size <= old_size;
      if (is_done) {
        shrink(chunk, old_size, size, owner);
      } else {
        (void)use_new_pages();
        is_done = extend(chunk, old_size, size, owner);
      }
      const Address end = chunk + old_size;
      const bool is_last = end == heap_end_ || end == top_;
      const Size missing = chunk + size - heap_end_;
      if (is_done) used_bytes_ += size - old_size;
      lock_.unlock();
      if (is_done) return true;
      if (!is_last || !pages_.grow(missing)) return false;
      growths_.fetch_add(1, std::memory_order_relaxed);
    }
  }

  [[nodiscard]] OwnedLock<Host>& chunk_lock() noexcept { return lock_; }

  /// Returns whether a death has damaged the heap beyond repair. Then there are no more chunks, and
  /// none is freed or resized; threads go on with the slabs that they have.
  [[nodiscard]] bool is_damaged() const noexcept { return is_damaged_ != 0; }

  // --- after a death

  /// Makes everything but the tags again. Requires the lock. The heap is damaged afterwards iff the
  /// tags do not lead from the start of the region to its end.
  void rebuild() noexcept {
    if (heap_end_ != 0 && !rebuild_lists()) is_damaged_ = 1;
  }

  struct Sum {
    Size chunks = 0;
    Size bytes = 0;
  };

  /// Frees the chunks of an owner. Returns what it freed.
  Sum free_chunks_of(std::uint32_t id, std::uint32_t owner) noexcept {
    Sum sum;
    lock_.lock(id);
    const Address end = is_damaged() ? 0 : heap_end_;
    for (Address chunk = Base::region_begin(pages_.begin()); chunk < end;) {
      const Size tag = tag_of(chunk);
      const Size size = tag & ~kFlags;
      if (size == 0) break;
      if ((tag & kFree) == 0 && owner_of_chunk(chunk, size) == owner) {
        used_bytes_ -= size;
        free_chunk(chunk);
        sum = {sum.chunks + 1, sum.bytes + size};
      }
      chunk += size;  // if the chunk was merged with others, the tags inside stay as they are
    }
    lock_.unlock();
    return sum;
  }

  // --- counters

  /// Writes the counters of chunks into a `SharedStatistics`.
  void add_chunk_counters(std::uint32_t id, SharedStatistics& sum) noexcept {
    sum.growths = growths_.load(std::memory_order_relaxed);
    lock_.lock(id);
    sum.heap_bytes = heap_end_ == 0 ? 0 : heap_end_ - pages_.begin();
    sum.used_chunk_bytes = used_bytes_;
    sum.slack_bytes = top_ == 0 ? 0 : chunk_size(top_);
    const Size bin = filled_bins_.highest();
    sum.largest_free_bytes = bin == SizeBins::kCount ? 0 : chunk_size(bins_[bin]);
    lock_.unlock();
  }

  /// Keeps the compiler from moving a store across this point; no instruction. Other threads need
  /// no order here: they read only under the lock.
  static void keep_order() noexcept { std::atomic_signal_fence(std::memory_order_seq_cst); }

 private:
  /// Makes everything but the tags again. Returns false iff the tags do not lead to the end.
  [[nodiscard]] bool rebuild_lists() noexcept {
    top_ = 0;
    bins_ = {};
    filled_bins_ = {};
    used_bytes_ = 0;
    const Address limit = pages_.end();
    Address run = 0;  // where the free chunks below this one begin; 0 if the last one is used
    for (Address chunk = Base::region_begin(pages_.begin());;) {
      const Size tag = tag_of(chunk);
      const Size size = tag & ~kFlags;
      if (size % kGranule != 0 || size > limit - chunk) return false;
      if (size != 0 && (tag & kFree) != 0) {
        if (run == 0) run = chunk;
      } else {
        set_tag(chunk, size | (run != 0 ? kBelowFree : 0));
        if (size == 0) {
          heap_end_ = chunk;
          top_ = run;
          if (run != 0) this->mark_free(run, chunk - run);
          return true;
        }
        used_bytes_ += size;
        if (run != 0) add_to_bin(run, chunk - run);
        run = 0;
      }
      chunk += size;
    }
  }

  /// Returns whether the word below an address can be read.
  [[nodiscard]] bool has_tag(Address chunk) const noexcept {
    const Address begin = Base::region_begin(pages_.begin());
    return chunk % kGranule == 0 && heap_end_ != 0 && chunk - begin < heap_end_ - begin;
  }

  /// Returns the tag of the chunk of a block; 0 if none starts here.
  [[nodiscard]] Size tag_if_used(Address chunk) const noexcept {
    if (!has_tag(chunk) || is_damaged()) return 0;
    const Size tag = tag_of(chunk);
    if (!is_used_chunk(chunk, tag)) return 0;
    return owner_of_chunk(chunk, tag & ~kFlags) == kInternal ? 0 : tag;
  }

  /// Returns a free chunk that is large enough; 0 if it finds none. The same as `find_chunk`, but
  /// with neither a loop nor a call.
  [[nodiscard]] Address find(Size size, Size alignment) const noexcept {
    Address chunk = bins_[SizeBins::of(size)];
    if (chunk != 0 && fits(chunk, size, alignment, 0)) return chunk;
    const Size larger = SizeBins::of(size + alignment - kGranule) + 1;
    if (const Address other = bins_[filled_bins_.next(larger)]; other != 0) return other;
    if (top_ != 0 && fits(top_, size, alignment, 0)) return top_;
#pragma GCC unroll 7
    for (Size steps = Base::kSearchSteps - 1; steps != 0; --steps) {
      if (chunk == 0) return 0;
      chunk = this->next_chunk(chunk);
      if (chunk != 0 && fits(chunk, size, alignment, 0)) return chunk;
    }
    return 0;
  }

  /// Takes the pages that some thread has added since into the region. Returns false iff there are
  /// none.
  [[nodiscard]] bool use_new_pages() noexcept {
    const Address end = pages_.end();
    const Address first = Base::region_begin(pages_.begin());
    if (end <= (heap_end_ != 0 ? heap_end_ : first)) return false;
    if (heap_end_ == 0) hardening_.begin();
    const Address begin = top_ != 0 ? top_ : heap_end_ != 0 ? heap_end_ : first;
    set_tag(end, kBelowFree);
    keep_order();
    mark_free(begin, end - begin);
    keep_order();
    heap_end_ = end;
    top_ = begin;
    return true;
  }

  /// Does what `carve` does, in the order that a walk needs.
  void cut(Address chunk, Address place, Size size, std::uint32_t owner) noexcept {
    const Size whole = chunk_size(chunk);
    const Address end = chunk + whole;
    const Size gap = place - chunk;
    const Size rest = whole - gap - size;
    const bool is_top = chunk == top_;
    if (is_top) {
      top_ = 0;
    } else {
      remove_from_bin(chunk, whole);
    }
    if (rest != 0) mark_free(end - rest, rest);
    if (gap != 0) set_tag(place, size | kBelowFree);
    owner_of_chunk(place, size) = owner;
    keep_order();
    set_tag(chunk, gap != 0 ? gap | kFree : size);
    keep_order();
    if (gap != 0) add_to_bin(chunk, gap);
    add_rest(end, rest, is_top);
  }

  /// Puts the free rest below `end` where it belongs.
  void add_rest(Address end, Size rest, bool is_top) noexcept {
    if (rest == 0) {
      set_tag(end, tag_of(end) & ~kBelowFree);
    } else if (is_top) {
      top_ = end - rest;
    } else {
      add_to_bin(end - rest, rest);
    }
  }

  void shrink(Address chunk, Size old_size, Size size, std::uint32_t owner) noexcept {
    if (size == old_size) return;
    owner_of_chunk(chunk, size) = owner;
    set_tag(chunk + size, old_size - size);
    keep_order();
    set_tag(chunk, tag_of(chunk) - (old_size - size));
    keep_order();
    free_chunk(chunk + size);
  }

  [[nodiscard]] bool extend(Address chunk, Size old_size, Size size, std::uint32_t owner) noexcept {
    const Address next = chunk + old_size;
    const Size missing = size - old_size;
    const Size tag = tag_of(next);
    const Size whole = tag & ~kFlags;
    if ((tag & kFree) == 0 || whole < missing) return false;
    const bool is_top = next == top_;
    if (is_top) {
      top_ = 0;
    } else {
      remove_from_bin(next, whole);
    }
    const Size rest = whole - missing;
    if (rest != 0) mark_free(next + missing, rest);
    owner_of_chunk(chunk, size) = owner;
    keep_order();
    set_tag(chunk, tag_of(chunk) + missing);
    keep_order();
    set_tag(next, kFree);  // no block starts here
    add_rest(next + whole, rest, is_top);
    return true;
  }

  alignas(64) OwnedLock<Host> lock_;
  Racy<std::uint32_t> is_damaged_;
  Size used_bytes_ = 0;
  std::atomic<std::uint32_t> growths_{0};
};

}  // namespace lite_alloc::shared
