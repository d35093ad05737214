// SPDX-License-Identifier: MIT
//
// The functions of the module but malloc and free, which are in default_heap.cpp. This file is
// compiled for size, and what it can is internal to it: parameters that never vary go.

#include "heap_functions.hpp"

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>

#include "default_heap.hpp"
#include "lite_alloc/heap/malloc_adaptor.hpp"
#include "lite_alloc/inspect/check.hpp"
#include "lite_alloc/inspect/statistics.hpp"
#include "lite_alloc/inspect/walk.hpp"
#include "small_heap.hpp"

template class lite_alloc::SegregatedFit<lite_alloc::bindings::Memory>;

namespace lite_alloc::bindings {

constinit DefaultHeap default_heap;
constinit bool is_other = false;

namespace {

/// In the order of `strategies` in js/src/core/strategies.ts.
constexpr std::array kSmallStrategies = {SmallStrategy::kBumpFreeList,
                                         SmallStrategy::kSegregatedBump, SmallStrategy::kFreeList};
constexpr Size kDefaultStrategy = kSmallStrategies.size();

class PagesOfOther : public Memory {};  // of this file alone, and so are all templates with it
using OtherHeap = MallocAdaptor<SmallHeap<PagesOfOther>>;
constinit OtherHeap other_heap;

/// Calls `action` with the heap, whatever it is.
template <typename Action>
decltype(auto) with_heap(Action action) noexcept {
  return uses_default() ? action(default_heap) : action(other_heap);
}

// The sized calls of a heap.
[[nodiscard]] DefaultHeap& sized(DefaultHeap& heap) noexcept { return heap; }
[[nodiscard]] OtherHeap::Below& sized(OtherHeap& heap) noexcept { return heap.allocator(); }

// What a few comparisons can tell of a block of the sized calls beside those of `malloc`.
[[nodiscard]] bool may_be_sized(DefaultHeap& heap, Address address, Size size) noexcept {
  return size_in_units(heap.usable_size(address)) >= size && heap.is_live(address);
}
[[nodiscard]] bool may_be_sized(OtherHeap& heap, Address address, Size size) noexcept {
  return heap.allocator().may_be_used(address, size) && !heap.is_live(address);
}

// These calls of the default heap are those of `malloc` and `free`, whose code is there already.
[[nodiscard]] Address zeroed_in(DefaultHeap& heap, Size size) noexcept {
  const Address address = malloc(size);
  if (address != 0) std::memset(heap.pages().at<std::byte>(address), 0, size);
  return address;
}
[[nodiscard]] Address zeroed_in(OtherHeap& heap, Size size) noexcept { return heap.zeroed(size); }
void deallocate_in(DefaultHeap&, Address address, const Layout&) noexcept {
  static_cast<void>(free(address));
}
void deallocate_in(OtherHeap& heap, Address address, const Layout& layout) noexcept {
  heap.allocator().deallocate(address, layout);
}

}  // namespace

Size start(Size strategy, std::uint32_t secret) noexcept {
  if (strategy > kDefaultStrategy || (strategy < kDefaultStrategy && !kHasOthers)) return 0;
  is_other = strategy < kDefaultStrategy;
  if (!uses_default()) other_heap.allocator().choose(kSmallStrategies[strategy]);
  with_heap([=](auto& heap) {
    heap.set_secret(secret);
    sized(heap).claim();
  });
  return 1;
}

Address malloc_of_other(Size size) noexcept { return other_heap.malloc(size); }

Size free_of_other(Address address) noexcept { return static_cast<Size>(other_heap.free(address)); }

Address zeroed(Size size) noexcept {
  return with_heap([=](auto& heap) { return zeroed_in(heap, size); });
}

Address memalign(Size alignment, Size size) noexcept {
  return with_heap([=](auto& heap) { return heap.memalign(alignment, size); });
}

Address realloc(Address address, Size size) noexcept {
  if (address == 0) return malloc(size);
  return with_heap([=](auto& heap) { return heap.realloc(address, size); });
}

Size usable_size(Address address) noexcept {
  return with_heap([=](auto& heap) { return heap.usable_size(address); });
}

Size reset() noexcept {
  return with_heap([](auto& heap) {
    const Size blocks = heap.live_blocks();
    heap.reset();
    return blocks;
  });
}

Address allocate(Size size, Size alignment) noexcept {
  return with_heap(
      [=](auto& heap) { return sized(heap).allocate({.size = size, .alignment = alignment}); });
}

Size deallocate(Address address, Size size, Size alignment) noexcept {
  const Size may_be = may_be_sized_block(address, size, alignment);
  if (may_be != 0) {
    with_heap(
        [=](auto& heap) { deallocate_in(heap, address, {.size = size, .alignment = alignment}); });
  }
  return may_be;
}

Address reallocate(Address address, Size old_size, Size new_size, Size alignment) noexcept {
  if (may_be_sized_block(address, old_size, alignment) == 0) return 0;
  return with_heap([=](auto& heap) {
    return sized(heap).reallocate(address, {.size = old_size, .alignment = alignment}, new_size);
  });
}

Size may_be_sized_block(Address address, Size size, Size alignment) noexcept {
  const Size whole = block_size({.size = size});
  const bool may_be = address % std::max(alignment, kUnit) == 0 && whole != 0 &&
                      with_heap([=](auto& heap) { return may_be_sized(heap, address, whole); });
  return static_cast<Size>(may_be);
}

// --- what looks into the heap

namespace {

/// What `Heap.stats` reads.
struct Report {
  Statistics statistics;
  double fragmentation;
};

// js/src/module/heap-functions.ts reads records at these places.
static_assert(offsetof(Statistics, allocations) == 0 && offsetof(Statistics, frees) == 8 &&
              offsetof(Statistics, failures) == 16 && offsetof(Statistics, growths) == 24 &&
              offsetof(Statistics, live_blocks) == 32 && offsetof(Statistics, live_bytes) == 36 &&
              offsetof(Statistics, peak_live_bytes) == 40 &&
              offsetof(Statistics, free_bytes) == 48 && offsetof(Statistics, slack_bytes) == 52 &&
              offsetof(Statistics, largest_free_bytes) == 56 &&
              offsetof(Report, fragmentation) == 64);
static_assert(offsetof(Corruption, kind) == 0 && offsetof(Corruption, address) == 4);
static_assert(offsetof(Block, address) == 0 && offsetof(Block, size) == 4 &&
              offsetof(Block, state) == 8);

constinit Report last_report{};
constinit Corruption last_corruption{};
constinit Block current_block{};

/// The walk that is under way, of the heap's own type.
union CurrentWalk {
  constexpr CurrentWalk() noexcept : none(0) {}
  char none;
  BlockWalk<DefaultHeap> of_default;
  BlockWalk<OtherHeap::Below> of_other;
};
constinit CurrentWalk current_walk;

[[nodiscard]] auto& walk_over(DefaultHeap&) noexcept { return current_walk.of_default; }
[[nodiscard]] auto& walk_over(OtherHeap&) noexcept { return current_walk.of_other; }

template <typename Record>
[[nodiscard]] Address address_of(const Record& record) noexcept {
  return static_cast<Address>(reinterpret_cast<std::uintptr_t>(&record));
}

}  // namespace

Address report() noexcept {
  // Made where it stays: a copy on the stack takes 40 bytes of code.
  new (&last_report.statistics)
      Statistics(with_heap([](auto& heap) { return sized(heap).statistics(); }));
  last_report.fragmentation = fragmentation(last_report.statistics);
  return address_of(last_report);
}

Address check() noexcept {
  last_corruption = with_heap([](auto& heap) { return find_corruption(heap); });
  return last_corruption ? address_of(last_corruption) : 0;
}

Address walk_start() noexcept {
  with_heap([](auto& heap) { std::construct_at(&walk_over(heap), heap); });
  return walk_next();
}

Address walk_next() noexcept {
  const bool has_next = with_heap([](auto& heap) { return walk_over(heap).next(current_block); });
  return has_next ? address_of(current_block) : 0;
}

}  // namespace lite_alloc::bindings
