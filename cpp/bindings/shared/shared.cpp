// SPDX-License-Identifier: MIT
//
// The module for heaps that several threads share. Each thread has an instance over the same
// shared memory, without Emscripten's runtime. Statics lie in that memory, so they are common to
// all instances; what belongs to one instance lies in wasm globals and in the place of its thread.
//
// An instance starts without a stack of its own: its importer calls `claim`, which needs none, sets
// `__stack_pointer` to `stackOf(id)`, and calls `enter(id)`.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>

#include "lite_alloc/inspect/shared_fit_check.hpp"
#include "lite_alloc/inspect/shared_fit_walk.hpp"
#include "lite_alloc/inspect/statistics.hpp"
#include "lite_alloc/memory/stepped_growth.hpp"
#include "lite_alloc/memory/wasm_memory.hpp"
#include "lite_alloc/shared/shared_fit.hpp"

/// Blocks until `wake` is called for this word, for a millisecond at most. Returns at once if the
/// word has another value, or if the thread must not block. JavaScript does it, since the baseline
/// compiler of V8 loses local variables across a `memory.atomic.wait32` in a loop (Node 20).
extern "C" [[clang::import_module("env"), clang::import_name("wait")]] void lite_alloc_wait(
    std::uint32_t word, std::uint32_t value) noexcept;

namespace lite_alloc::bindings::shared {

namespace {

using lite_alloc::shared::ThreadRecord;

/// A wasm global: each instance has one of its own.
#define LITE_ALLOC_INSTANCE __attribute__((address_space(1)))

LITE_ALLOC_INSTANCE Address current_record = 0;

/// The record of a thread that has none.
constinit ThreadRecord no_record{};

template <typename Object>
[[nodiscard]] Address address_of(const Object& object) noexcept {
  return static_cast<Address>(reinterpret_cast<std::uintptr_t>(&object));
}

template <typename Object>
[[nodiscard]] Object* object_at(Address address) noexcept {
  return reinterpret_cast<Object*>(static_cast<std::uintptr_t>(address));
}

class InstanceThread {
 public:
  static ThreadRecord* record() noexcept { return object_at<ThreadRecord>(current_record); }

  static void set_record(ThreadRecord* record) noexcept {
    current_record = address_of(record != nullptr ? *record : no_record);
  }

  static void wait(std::atomic<std::uint32_t>& word, std::uint32_t value) noexcept {
    lite_alloc_wait(address_of(word), value);
  }

  static void wake(std::atomic<std::uint32_t>& word) noexcept {
    __builtin_wasm_memory_atomic_notify(reinterpret_cast<int*>(&word), 1);
  }
};

using Heap = lite_alloc::shared::SharedFit<SteppedGrowth<WasmMemory<>>, InstanceThread>;

constinit Heap heap;

/// What `report` writes; js/src/shared reads it at these places.
struct Report {
  Statistics statistics;
  double fragmentation;
  Size cached_bytes;
  Size threads;
};
static_assert(offsetof(Report, fragmentation) == 64 && offsetof(Report, cached_bytes) == 72 &&
              offsetof(Report, threads) == 76);

/// What the instance of one thread needs in memory.
struct Place {
  static constexpr Size kStackBytes = 4096;

  alignas(kGranule) std::array<std::byte, kStackBytes> stack;
  Report report;
  Corruption corruption;
  Block block;
  SharedFitWalk<Heap::Parts> walk;
};

/// Not initialised as an object: the memory is all zeroes, and each thread writes before it reads.
union Places {
  constexpr Places() noexcept : none(0) {}
  char none;
  std::array<Place, Heap::kMaxThreads + 1> of;
};
constinit Places places;

/// The place of the calling thread. Threads without a record share the first one.
[[nodiscard]] Place& place() noexcept { return places.of[InstanceThread::record()->id]; }

#define LITE_ALLOC_EXPORT(name) [[clang::export_name(#name)]]

}  // namespace

// --- threads

/// Sets the secret of the heap. Requires that no thread has entered it.
LITE_ALLOC_EXPORT(start) Size start(Size low, Size high) noexcept {
  heap.set_secret(std::uint64_t{high} << 32U | low);
  return 1;
}

/// Reserves the place of a thread. Returns its id, from 1; 0 iff there are too many threads.
LITE_ALLOC_EXPORT(claim) Size claim() noexcept { return heap.claim(); }

/// Returns the end of the stack of a thread: what `__stack_pointer` must be.
LITE_ALLOC_EXPORT(stackOf) Address stack_of(Size id) noexcept {
  return address_of(places.of[id]) + Place::kStackBytes;
}

/// Makes this instance that of the thread with this id. Returns 0 iff there is no memory.
LITE_ALLOC_EXPORT(enter) Size enter(Size id) noexcept { return heap.enter(id) ? 1 : 0; }

/// Ends the thread of this instance: no other function may be called afterwards.
LITE_ALLOC_EXPORT(leave) Size leave() noexcept {
  heap.detach();
  return 1;
}

/// Returns the address of the word that has the end of the heap's memory. It changes before a call
/// returns a block behind the old end.
LITE_ALLOC_EXPORT(endAddress) Address end_address() noexcept {
  return address_of(heap.parts().heap_end_);
}

/// Saves what a dead thread leaves behind; with `frees` its live blocks are freed. Returns 0 iff
/// the heap is damaged.
LITE_ALLOC_EXPORT(recover) Size recover(Size dead, Size frees) noexcept {
  return heap.recover(dead, frees != 0) ? 1 : 0;
}

/// Returns the id of the thread that allocated a block; 0 if none did.
LITE_ALLOC_EXPORT(ownerOf) Size owner_of(Address block) noexcept { return heap.owner_of(block); }

LITE_ALLOC_EXPORT(trim) Size trim() noexcept { return heap.trim() ? 1 : 0; }

/// Returns the id of the thread that has the lock; 0 if none has.
LITE_ALLOC_EXPORT(lockOwner) Size lock_owner() noexcept { return heap.lock_owner(); }

// --- the functions of heap_functions.hpp

LITE_ALLOC_EXPORT(malloc) Address malloc(Size size) noexcept { return heap.malloc(size); }

LITE_ALLOC_EXPORT(zeroed) Address zeroed(Size size) noexcept { return heap.malloc_zeroed(size); }

LITE_ALLOC_EXPORT(memalign) Address memalign(Size alignment, Size size) noexcept {
  return heap.memalign(alignment, size);
}

LITE_ALLOC_EXPORT(realloc) Address realloc(Address address, Size size) noexcept {
  return heap.realloc(address, size);
}

LITE_ALLOC_EXPORT(free) Size free(Address address) noexcept {
  return static_cast<Size>(heap.free(address));
}

LITE_ALLOC_EXPORT(usableSize) Size usable_size(Address address) noexcept {
  return heap.usable_size(address);
}

LITE_ALLOC_EXPORT(reset) Size reset() noexcept { return heap.reset(); }

LITE_ALLOC_EXPORT(allocate) Address allocate(Size size, Size alignment) noexcept {
  return heap.memalign(alignment, size);
}

LITE_ALLOC_EXPORT(mayBeSizedBlock)
Size may_be_sized_block(Address address, Size size, Size alignment) noexcept {
  const Size whole = std::max<Size>(size, 1);
  const bool is_aligned = address % std::max(alignment, kGranule) == 0;
  return is_aligned && heap.usable_size(address) >= whole ? 1 : 0;
}

LITE_ALLOC_EXPORT(deallocate)
Size deallocate(Address address, Size size, Size alignment) noexcept {
  if (may_be_sized_block(address, size, alignment) == 0) return 0;
  return heap.free(address) == FreeResult::kFreed ? 1 : 0;
}

LITE_ALLOC_EXPORT(reallocate)
Address reallocate(Address address, Size old_size, Size new_size, Size alignment) noexcept {
  if (may_be_sized_block(address, old_size, alignment) == 0) return 0;
  if (alignment <= kGranule || new_size <= heap.usable_size(address)) {
    return heap.realloc(address, new_size);
  }
  const Address moved = heap.memalign(alignment, new_size);
  if (moved == 0) return 0;
  std::memcpy(object_at<std::byte>(moved), object_at<std::byte>(address),
              std::min(old_size, new_size));
  heap.free(address);
  return moved;
}

LITE_ALLOC_EXPORT(report) Address report() noexcept {
  Report& report = place().report;
  const auto sum = heap.statistics();
  report.statistics = {
      .allocations = sum.allocations,
      .frees = sum.allocations - sum.live_blocks,
      .failures = sum.failures,
      .growths = sum.growths,
      .live_blocks = sum.live_blocks,
      .live_bytes = sum.live_bytes,
      .peak_live_bytes = sum.peak_live_bytes,
      .heap_bytes = sum.heap_bytes,
      .free_bytes = sum.heap_bytes - sum.live_bytes,
      .slack_bytes = sum.slack_bytes,
      .largest_free_bytes = sum.largest_free_bytes,
  };
  report.fragmentation = fragmentation(report.statistics);
  report.cached_bytes = sum.cached_bytes;
  report.threads = sum.threads;
  return address_of(report);
}

LITE_ALLOC_EXPORT(check) Address check() noexcept {
  Corruption& found = place().corruption;
  found = SharedFitCheck<Heap::Parts>(heap.parts()).run();
  return found ? address_of(found) : 0;
}

LITE_ALLOC_EXPORT(walk) Address walk(Size restart) noexcept {
  Place& own = place();
  if (restart != 0) std::construct_at(&own.walk, heap.parts());
  return own.walk.next(own.block) ? address_of(own.block) : 0;
}

}  // namespace lite_alloc::bindings::shared
