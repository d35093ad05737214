// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>

#include "lite_alloc/shared/shared_slabs.hpp"

namespace lite_alloc::shared {

/// The threads of a heap: how they come and go, how they send blocks to each other, and how what a
/// dead one leaves behind is saved.
///
/// A *record* has what a thread has. The table of slots has a state for each record:
///
///     unused      no thread had it yet
///     live        the record of a thread
///     tended      some thread returns its blocks to their slabs
///     abandoned   its thread has left; slabs with live blocks are still its own
///
/// A thread that attaches takes over an abandoned record with its slabs, if there is one. A thread
/// that sends a parcel to an abandoned record also tends it.
template <PageSource Pages, ThreadHost Host>
class ThreadRecords : public SharedSlabs<Pages, Host> {
  using Base = SharedSlabs<Pages, Host>;

 public:
  using Base::Base;

  static constexpr Size kMaxThreads = 127;

  /// Sets the secret that all metadata is combined with; pass a random number. Requires that the
  /// heap was not used yet.
  void set_secret(std::uint64_t secret) noexcept {
    Base::set_secret(static_cast<std::uint32_t>(secret >> 32U));
    secret_ = secret;
  }

  // --- threads

  /// Gives the calling thread a record. Other calls do it where it is needed. Fails iff
  /// `kMaxThreads` threads have one, or there is no memory.
  bool attach() noexcept {
    if (Host::record()->id != 0) return true;
    const std::uint32_t id = claim();
    return id != 0 && enter(id);
  }

  /// Reserves a record, and returns its id; 0 iff `kMaxThreads` threads have one. Each id is that
  /// of one live thread. Needs no stack, so a thread can choose its stack by the id.
  [[nodiscard]] std::uint32_t claim() noexcept {
    for (std::uint32_t id = 1; id <= kMaxThreads; ++id) {
      std::uint32_t state = slots_[id].state.load(std::memory_order_relaxed);
      if (state != kUnused && state != kAbandoned) continue;
      if (slots_[id].state.compare_exchange_strong(state, kLive, std::memory_order_acq_rel)) {
        return id;
      }
    }
    return 0;
  }

  /// Gives the calling thread the record with an id that `claim` has returned. Fails, and gives the
  /// id back, iff there is no memory for it.
  [[nodiscard]] bool enter(std::uint32_t id) noexcept {
    const Address place = record_of(id);
    if (place == 0) {
      slots_[id].state.store(kUnused, std::memory_order_release);
      return false;
    }
    Host::set_record(this->template at<ThreadRecord>(place));
    return true;
  }

  /// Takes the record away from the calling thread, which ends. Its free blocks and empty slabs go
  /// back to the heap. If the thread calls the heap again, it attaches again.
  void detach() noexcept {
    ThreadRecord& record = *Host::record();
    if (record.id == 0) return;
    tidy(record);
    Host::set_record(nullptr);
    slots_[record.id].state.store(kAbandoned, std::memory_order_release);
  }

  /// Returns the free blocks of the calling thread and of abandoned records to their slabs, and
  /// segments without used blocks to the memory that all threads share. Returns false iff the
  /// calling thread has no record.
  bool trim() noexcept {
    ThreadRecord& record = *Host::record();
    if (record.id == 0) return false;
    tidy(record);
    for (std::uint32_t id = 1; id <= kMaxThreads; ++id) tend_if_abandoned(id);
    return true;
  }

  /// Returns the id with which this thread takes the lock. Attaches it first: others can take the
  /// lock of a dead thread only by the id of its record.
  [[nodiscard]] std::uint32_t own_id() noexcept {
    (void)attach();
    return this->lock_id();
  }

  // --- blocks that come and go

  /// Fills an empty magazine: with blocks that came back from other threads, or from slabs. Fails
  /// iff there is no memory.
  [[nodiscard]] bool fill_magazine(ThreadRecord& record, Size c) noexcept {
    // Where a new segment would be needed, what came back in other sizes may make it unnecessary.
    if (record.bins[c].ring == 0 && record.segments == 0) collect_all(record);
    if (const Size count = collect(record, c); count != 0) {
      const Size limit = kSizeClasses[c].magazine;
      if (count * bytes_of(c) <= kMaxDirectBytes) {
        this->set_room(record, c, limit > count ? limit - count : 0);
        record.bins[c].magazine = record.pending;
        Base::keep_order();
        record.pending = 0;
        return true;
      }
      free_pending(record);
    }
    return this->fill_from_slabs(record, c);
  }

  /// Returns an own block to its slab, because the magazine is full.
  void free_own(ThreadRecord& record, Address block, Size c) noexcept {
    record.taken[c] = record.taken[c] - 1;
    this->free_to_slab(record, block);
  }

  /// Puts a block of another thread into the parcel for it, which is sent when it is full.
  void free_remote(ThreadRecord& record, Address block, const Slab& slab) noexcept {
    const Size c = slab.size_class;
    const std::uint32_t label = Size{slab.owner} * kLabelStep + c;
    if (record.id == 0) {
      remove_from_large(1, bytes_of(c));
      deliver(label, block, block, 1);
      return;
    }
    auto& parcel = record.parcels[(c + slab.owner * kParcelStep) % ThreadRecord::kParcels];
    if (parcel.label != label) {
      send(record, parcel);
      parcel.label = label;
    }
    if (parcel.count == 0) parcel.last = block;
    this->set_next(record, block, parcel.first);
    Base::keep_order();
    parcel.first = block;
    parcel.count = parcel.count + 1;
    record.parcel_bytes += bytes_of(c);
    if (parcel.count >= kSizeClasses[c].parcel) {
      send(record, parcel);
    } else if (record.parcel_bytes > kMaxParcelBytes) {
      send_all(record);
    }
  }

  // --- marks

  [[nodiscard]] std::uint64_t key() const noexcept { return secret_ ^ kDefaultKey; }

  [[nodiscard]] bool is_marked(Address block) const noexcept {
    return this->mark_at(block) == (key() ^ block);
  }

  // --- counters

  /// Counts a call that fails, and returns its result.
  Address fail() noexcept {
    ThreadRecord& record = *Host::record();
    if (record.id != 0) record.failures = record.failures + 1;
    return 0;
  }

  // The counters that no record has: those of large blocks, and of blocks that threads without a
  // record free.

  /// Counts a new large block.
  void add_to_large(Size bytes) noexcept {
    large_allocations_.fetch_add(1, std::memory_order_relaxed);
    large_blocks_.fetch_add(1, std::memory_order_relaxed);
    large_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  }

  void remove_from_large(Size blocks, Size bytes) noexcept {
    large_blocks_.fetch_sub(blocks, std::memory_order_relaxed);
    large_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  }

  /// Counts a large block that has another size.
  void resize_large_bytes(Size old_bytes, Size bytes) noexcept {
    large_bytes_.fetch_add(bytes - old_bytes, std::memory_order_relaxed);
  }

  /// Returns the counters. Takes time in proportion to the number of records.
  [[nodiscard]] SharedStatistics statistics() noexcept {
    SharedStatistics sum;
    Balance balance = {
        .blocks = static_cast<std::int32_t>(large_blocks_.load(std::memory_order_relaxed))};
    for (const Slot& slot : slots_) {
      const Address place = slot.record.load(std::memory_order_acquire);
      if (place == 0) continue;
      sum.threads += slot.state.load(std::memory_order_relaxed) == kLive ? 1 : 0;
      add_record(*this->template at<ThreadRecord>(place), sum, balance);
    }
    const auto large_bytes =
        static_cast<std::int32_t>(large_bytes_.load(std::memory_order_relaxed));
    sum.allocations += large_allocations_.load(std::memory_order_relaxed);
    sum.cached_bytes += not_negative(balance.out_bytes - balance.bytes);
    sum.live_blocks = not_negative(balance.blocks);
    sum.live_bytes = not_negative(balance.bytes + large_bytes);
    sum.peak_live_bytes = raise_peak(sum.live_bytes);
    this->add_chunk_counters(own_id(), sum);
    return sum;
  }

  /// Returns whether the chunk at an address is a thread's record.
  [[nodiscard]] bool is_record(Address chunk) const noexcept {
    for (const Slot& slot : slots_) {
      if (slot.record.load(std::memory_order_acquire) == chunk) return true;
    }
    return false;
  }

  // --- after a death

  /// Saves what a dead thread leaves behind: the lock, if the thread died with it, its free blocks
  /// and its slabs. Its live blocks stay, unless `frees_blocks`: then all that were allocated under
  /// its id are freed, those of earlier threads with this id too. Takes time in proportion to the
  /// chunks of the heap and the blocks of the thread.
  ///
  /// Requires proof that the thread has ended: a thread that only pauses would go on in the middle
  /// of its call. Requires that this is the first call since then, because a later thread may have
  /// the id. With `frees_blocks` it also requires that no other thread uses one of the blocks.
  ///
  /// Fails iff the heap is damaged, or no thread can have died with this id: it is the caller's
  /// own, or out of range, or the caller has no record and gets none.
  bool recover(std::uint32_t dead, bool frees_blocks = false) noexcept {
    if (dead == 0 || dead > kMaxThreads || Host::record()->id == dead) return false;
    // Asked before this thread attaches: it could get the id of a thread that has left.
    const bool was_live = slots_[dead].state.load(std::memory_order_acquire) == kLive;
    if (!attach()) return false;
    const std::uint32_t id = Host::record()->id;
    auto& lock = this->chunk_lock();
    if (id != dead && lock.take_from(dead, id)) {
      this->rebuild();
      lock.unlock();
    }
    if (was_live && frees_blocks) free_large_blocks_of(dead);
    for (std::uint32_t other = 1; other <= kMaxThreads; ++other) {
      const std::uint32_t state = slots_[other].state.load(std::memory_order_acquire);
      const bool is_its_own = other == dead && was_live && state == kLive;
      const bool was_tended = other != dead && state == tended_by(dead);
      if (is_its_own || was_tended) adopt(other, state, is_its_own && frees_blocks);
    }
    return !this->is_damaged();
  }

 private:
  enum State : std::uint32_t { kUnused, kLive, kAbandoned, kTended };

  struct Slot {
    std::atomic<std::uint32_t> state{0};
    std::atomic<Address> record{0};
  };

  static constexpr std::uint64_t kDefaultKey = 0x9E37'79B9'7F4A'7C10;
  static constexpr Size kLabelStep = 256;
  static constexpr Size kParcelStep = 19;         // so that parcels for two threads seldom collide
  static constexpr Size kMaxParcelBytes = 65536;  // in all parcels of a thread
  /// A longer chain goes back to its slabs, of which some may have no used block then.
  static constexpr Size kMaxDirectBytes = 16384;
  static_assert(kClasses <= kLabelStep);

  /// Sums over records. Signed: a block that changes hands while they add up may be counted as
  /// freed alone.
  struct Balance {
    std::int64_t blocks = 0;
    std::int64_t bytes = 0;      // of live blocks in slabs
    std::int64_t out_bytes = 0;  // of blocks outside of slabs, live or not
  };

  [[nodiscard]] static Size not_negative(std::int64_t number) noexcept {
    return static_cast<Size>(std::max<std::int64_t>(number, 0));
  }

  static void add_record(const ThreadRecord& record, SharedStatistics& sum,
                         Balance& balance) noexcept {
    sum.cached_bytes += record.empty_pages * kSlabPageBytes;
    sum.allocations += record.allocations;
    sum.failures += record.failures;
    for (Size c = 1; c < kClasses; ++c) {
      const auto& bin = record.bins[c];
      const auto taken = static_cast<std::int32_t>(static_cast<Size>(record.taken[c]) + bin.room);
      const std::int32_t out = record.out_of_slabs[c];
      balance.blocks += taken;
      balance.bytes += std::int64_t{taken} * bytes_of(c);
      balance.out_bytes += std::int64_t{out} * bytes_of(c);
      sum.blocks_out_of_slabs += static_cast<Size>(out);
      sum.allocations += bin.calls;
    }
    for (const auto& parcel : record.parcels) {
      balance.blocks -= std::int64_t{parcel.count};
      balance.bytes -= std::int64_t{parcel.count} * bytes_of(parcel.label % kLabelStep);
    }
  }

  [[nodiscard]] static constexpr std::uint32_t tended_by(std::uint32_t id) noexcept {
    return kTended + id * 4;
  }

  /// Returns the record of a slot that this thread has reserved, and makes one if the slot has none
  /// yet. Returns 0 iff there is no memory for it.
  [[nodiscard]] Address record_of(std::uint32_t id) noexcept {
    std::atomic<Address>& place = slots_[id].record;
    if (const Address old = place.load(std::memory_order_acquire); old != 0) return old;
    const Size bytes = Base::chunk_for(sizeof(ThreadRecord));
    const Address made = this->take_chunk(id, bytes, alignof(ThreadRecord), Base::kInternal);
    if (made == 0) return 0;
    auto* record = this->template at<ThreadRecord>(made);
    std::memset(static_cast<void*>(record), 0, sizeof(ThreadRecord));
    record->key = key();
    record->id = id;
    place.store(made, std::memory_order_release);
    return made;
  }

  /// Returns the largest number that it was called with so far.
  [[nodiscard]] Size raise_peak(Size bytes) noexcept {
    Size peak = peak_live_bytes_.load(std::memory_order_relaxed);
    while (peak < bytes && !peak_live_bytes_.compare_exchange_weak(peak, bytes)) {
    }
    return std::max(peak, bytes);
  }

  // --- parcels

  void send_all(ThreadRecord& record) noexcept {
    for (auto& parcel : record.parcels) send(record, parcel);
  }

  void send(ThreadRecord& record, ThreadRecord::Parcel& parcel) noexcept {
    const Size count = parcel.count;
    if (count == 0) return;
    const std::uint32_t label = parcel.label;
    const Address first = parcel.first;
    record.parcel_bytes -= count * bytes_of(label % kLabelStep);
    record.taken[label % kLabelStep] =
        record.taken[label % kLabelStep] - static_cast<std::int32_t>(count);
    // In this order: a thread that dies here loses a parcel; in the other one its blocks would be
    // in two lists.
    parcel.count = 0;
    parcel.first = 0;
    Base::keep_order();
    deliver(label, first, parcel.last, count);
  }

  /// Puts a chain of blocks into the inbox of their owner.
  void deliver(std::uint32_t label, Address first, Address last, Size count) noexcept {
    const std::uint32_t owner = label / kLabelStep;
    auto& target = *this->template at<ThreadRecord>(slots_[owner].record.load());
    auto& inbox = target.inbox[label % kLabelStep];
    std::uint64_t old = inbox.load(std::memory_order_relaxed);
    std::uint64_t chain = 0;
    do {
      this->set_next(target, last, static_cast<Address>(old));
      chain = ((old >> 32U) + count) << 32U | first;
    } while (!inbox.compare_exchange_weak(old, chain, std::memory_order_release,
                                          std::memory_order_relaxed));
    tend_if_abandoned(owner);
  }

  /// Moves the chain of an inbox to `pending`. Returns the number of its blocks.
  [[nodiscard]] Size collect(ThreadRecord& record, Size c) noexcept {
    auto& inbox = record.inbox[c];
    std::uint64_t chain = inbox.load(std::memory_order_relaxed);
    if (chain == 0) return 0;
    // In this order: after a death both may have the chain, which can be seen.
    do {
      record.pending = static_cast<Address>(chain);
      Base::keep_order();
    } while (!inbox.compare_exchange_weak(chain, 0, std::memory_order_acquire,
                                          std::memory_order_relaxed));
    return static_cast<Size>(chain >> 32U);
  }

  /// Returns all blocks that came back to their slabs.
  void collect_all(ThreadRecord& record) noexcept {
    for (Size c = 1; c < kClasses; ++c) {
      if (collect(record, c) != 0) free_pending(record);
    }
  }

  void free_pending(ThreadRecord& record) noexcept {
    while (record.pending != 0) {
      const Address block = record.pending;
      record.pending = this->next_of(record, block);
      Base::keep_order();
      this->free_to_slab(record, block);
    }
  }

  // --- tidying up

  /// Sends all parcels, returns every free block to its slab, and empty segments to the heap.
  void tidy(ThreadRecord& record) noexcept {
    send_all(record);
    free_pending(record);
    for (Size c = 1; c < kClasses; ++c) this->empty_magazine(record, c);
    collect_all(record);
    this->release_empty_slabs(record);
  }

  void tend_if_abandoned(std::uint32_t id) noexcept {
    std::atomic<std::uint32_t>& slot = slots_[id].state;
    std::uint32_t state = kAbandoned;
    if (slot.load(std::memory_order_relaxed) != state) return;
    if (!slot.compare_exchange_strong(state, tended_by(this->lock_id()),
                                      std::memory_order_acq_rel)) {
      return;
    }
    tidy(*this->template at<ThreadRecord>(slots_[id].record.load()));
    slot.store(kAbandoned, std::memory_order_release);
  }

  // --- after a death

  /// Makes the record of a dead thread an abandoned one.
  void adopt(std::uint32_t id, std::uint32_t state, bool frees_blocks) noexcept {
    std::atomic<std::uint32_t>& slot = slots_[id].state;
    const std::uint32_t mine = tended_by(Host::record()->id);
    if (!slot.compare_exchange_strong(state, mine, std::memory_order_acq_rel)) return;
    const Address place = slots_[id].record.load(std::memory_order_acquire);
    if (place == 0) {
      slot.store(kUnused, std::memory_order_release);
      return;
    }
    auto& record = *this->template at<ThreadRecord>(place);
    mend(record);
    if (frees_blocks) free_all_blocks(record);
    tidy(record);
    slot.store(kAbandoned, std::memory_order_release);
  }

  void free_large_blocks_of(std::uint32_t dead) noexcept {
    const auto freed = this->free_chunks_of(this->lock_id(), dead);
    remove_from_large(freed.chunks, freed.bytes - freed.chunks * Base::kChunkOverhead);
  }

  /// Frees the used blocks of all slabs of a record.
  void free_all_blocks(ThreadRecord& record) noexcept {
    this->for_each_segment_of(record, [&](Address segment) {
      for (Size page = 0; page < kSlabPages; ++page) {
        if (this->slab_pages(segment, page) == 0) continue;
        const Slab& slab = this->slab_at(segment, page);
        const Size c = slab.size_class;
        Address block = segment + slab.first * kGranule;
        const Address last = block + slab.last * kGranule;
        for (; block <= last; block += bytes_of(c)) {
          if (this->is_marked(block)) continue;
          this->mark_at(block) = this->mark_of(record, block);
          record.taken[c] = record.taken[c] - 1;
          // A segment that is released could be another thread's at once.
          this->free_to_slab(record, block, false);
        }
      }
    });
  }

  /// Makes a record again from what is true after any store: the entries of slabs, their lists, and
  /// the chains of free blocks that the record has.
  void mend(ThreadRecord& record) noexcept {
    mend_pending(record);
    for (Size c = 1; c < kClasses; ++c) {
      record.bins[c].ring = 0;
      record.out_of_slabs[c] = 0;
    }
    record.segments = 0;
    record.empty_pages = 0;
    this->mend_slabs(record);
    record.parcel_bytes = 0;
    for (auto& parcel : record.parcels) {
      const Size c = parcel.label % kLabelStep;
      Address last = 0;
      parcel.count = this->mend_chain(record, parcel.first, c, size_classes::kMaxParcel, last);
      parcel.last = last;
      record.parcel_bytes += parcel.count * bytes_of(c);
    }
  }

  /// The chain on its way may still be in the inbox, or be in a magazine already.
  void mend_pending(ThreadRecord& record) noexcept {
    const Address first = record.pending;
    if (first == 0) return;
    const Size c = this->slab_of(first).size_class;
    bool is_elsewhere = record.bins[c].magazine == first;
    auto block = static_cast<Address>(record.inbox[c].load(std::memory_order_acquire));
    for (; block != 0 && !is_elsewhere; block = this->next_of(record, block)) {
      is_elsewhere = block == first;
    }
    if (is_elsewhere) record.pending = 0;
  }

  std::uint64_t secret_ = 0;
  std::atomic<std::uint64_t> large_allocations_{0};
  std::atomic<Size> large_blocks_{0};
  std::atomic<Size> large_bytes_{0};
  std::atomic<Size> peak_live_bytes_{0};
  std::array<Slot, kMaxThreads + 1> slots_ = {};
};

}  // namespace lite_alloc::shared
