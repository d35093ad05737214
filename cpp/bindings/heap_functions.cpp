// SPDX-License-Identifier: MIT
//
// The functions of the module, except malloc and free, which are in default_heap.cpp. This file is
// compiled for size. Functions and types are local to it where possible, so that the compiler drops
// parameters that never vary.

#include "heap_functions.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>

#include "chosen_heap.hpp"
#include "default_heap.hpp"
#include "lite_alloc/heap/malloc_adaptor.hpp"
#include "lite_alloc/inspect/check.hpp"
#include "lite_alloc/inspect/statistics.hpp"
#include "lite_alloc/inspect/walk.hpp"

// Compiles the functions that default_heap.cpp leaves out.
template class lite_alloc::segregated_fit::Blocks<lite_alloc::bindings::Memory,
                                                  lite_alloc::Tracking, lite_alloc::Hardened>;

namespace lite_alloc::bindings {

constinit DefaultHeap default_heap;
constinit bool is_headerless = false;

namespace {

// Checks the numbers of the enumerators that JavaScript reads (shared_values.hpp).

#define LITE_ALLOC_ASSERT(number, name) static_assert(static_cast<int>(Asserted::name) == (number));
namespace free_results {
using Asserted = FreeResult;
LITE_ALLOC_FREE_RESULTS(LITE_ALLOC_ASSERT)
}  // namespace free_results
namespace corruption_kinds {
using Asserted = Corruption::Kind;
LITE_ALLOC_CORRUPTION_KINDS(LITE_ALLOC_ASSERT)
}  // namespace corruption_kinds
namespace extent_states {
using Asserted = Extent::State;
LITE_ALLOC_EXTENT_STATES(LITE_ALLOC_ASSERT)
}  // namespace extent_states
#undef LITE_ALLOC_ASSERT

// A type that only this file has, so that all templates over it are local to the file, too.
class HeaderlessPages : public Memory {
 public:
  constexpr HeaderlessPages() noexcept = default;
  constexpr explicit HeaderlessPages(const Memory& pages) noexcept : Memory(pages) {}
};

static_assert(Inspectable<ChosenHeap<HeaderlessPages>>);

/// Stands for a pointer to the parts of the default heap, for introspection. They lie at a fixed
/// address.
struct DefaultParts {
  using Parts = DefaultHeap::Parts;

  const Parts& operator*() const noexcept { return default_heap.parts(); }
  const Parts* operator->() const noexcept { return &default_heap.parts(); }
};

/// The heap of an instance that was started with a headerless strategy.
using HeaderlessMalloc = MallocAdaptor<ChosenHeap<HeaderlessPages>>;
constinit HeaderlessMalloc headerless_heap;

/// Calls `action` with the instance's heap.
template <typename Action>
decltype(auto) with_heap(Action action) noexcept {
  return uses_default() ? action(default_heap) : action(headerless_heap);
}

// Returns the allocator that has the sized calls.
[[nodiscard]] DefaultHeap& sized(DefaultHeap& heap) noexcept { return heap; }
[[nodiscard]] HeaderlessMalloc::Below& sized(HeaderlessMalloc& heap) noexcept {
  return heap.allocator();
}

// Returns false if a few comparisons show that no block of the sized calls has this address and
// size. Blocks of `malloc` on a headerless heap do not count.
[[nodiscard]] bool may_be_sized(DefaultHeap& heap, Address address, Size size) noexcept {
  return round_to_granules(heap.usable_size(address)) >= size && heap.is_live(address);
}
[[nodiscard]] bool may_be_sized(HeaderlessMalloc& heap, Address address, Size size) noexcept {
  return heap.allocator().may_be_used(address, size) && !heap.is_live(address);
}

// For the default heap these calls use `malloc` and `free`, so that their code is in the module
// only once.
[[nodiscard]] Address zeroed_in(DefaultHeap& heap, Size size) noexcept {
  const Address address = malloc(size);
  if (address != 0) std::memset(heap.pages().at<std::byte>(address), 0, size);
  return address;
}
[[nodiscard]] Address zeroed_in(HeaderlessMalloc& heap, Size size) noexcept {
  return heap.malloc_zeroed(size);
}
[[nodiscard]] Address resize_in(DefaultHeap& heap, Address address, Size size) noexcept {
  return heap.resize(address, size);
}
[[nodiscard]] Address resize_in(HeaderlessMalloc& heap, Address address, Size size) noexcept {
  return heap.realloc(address, size);
}
void deallocate_in(DefaultHeap&, Address address, const Layout&) noexcept {
  static_cast<void>(free(address));
}
void deallocate_in(HeaderlessMalloc& heap, Address address, const Layout& layout) noexcept {
  heap.allocator().deallocate(address, layout);
}

}  // namespace

Size start(Memory pages, Size index, std::uint32_t secret) noexcept {
  constexpr auto kDefault = static_cast<Size>(Strategy::kSegregatedFit);
  if (index > kDefault || (index < kDefault && !kHasHeaderless)) return 0;
  is_headerless = index < kDefault;
  if (uses_default()) {
    default_heap.pages() = pages;
  } else {
    headerless_heap.allocator().choose(static_cast<Strategy>(index), HeaderlessPages(pages));
  }
  with_heap([=](auto& heap) {
    heap.set_secret(secret);
    sized(heap).claim();
  });
  return 1;
}

Address malloc_headerless(Size size) noexcept { return headerless_heap.malloc(size); }

Size free_headerless(Address address) noexcept {
  return static_cast<Size>(headerless_heap.free(address));
}

Address zeroed(Size size) noexcept {
  return with_heap([=](auto& heap) { return zeroed_in(heap, size); });
}

Address memalign(Size alignment, Size size) noexcept {
  return with_heap([=](auto& heap) { return heap.memalign(alignment, size); });
}

Address realloc(Address address, Size size) noexcept {
  if (address == 0) return malloc(size);
  return with_heap([=](auto& heap) { return resize_in(heap, address, size); });
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
  const Size whole = round_to_granules(size);
  const bool may_be = address % std::max(alignment, kGranule) == 0 && whole != 0 &&
                      with_heap([=](auto& heap) { return may_be_sized(heap, address, whole); });
  return static_cast<Size>(may_be);
}

// --- inspection

namespace {

/// The record that `Heap.stats` reads.
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

/// The walk in progress, over the instance's heap.
union CurrentWalk {
  constexpr CurrentWalk() noexcept : none(0) {}
  char none;
  CursorWalk<SegregatedFitCursor<DefaultParts>> of_default;
  BlockWalk<HeaderlessMalloc::Below> of_headerless;
};
constinit CurrentWalk current_walk;

[[nodiscard]] auto& walk_over(DefaultHeap&) noexcept { return current_walk.of_default; }
[[nodiscard]] auto& walk_over(HeaderlessMalloc&) noexcept { return current_walk.of_headerless; }

void start_walk(DefaultHeap& heap) noexcept { std::construct_at(&walk_over(heap), DefaultParts{}); }
void start_walk(HeaderlessMalloc& heap) noexcept { std::construct_at(&walk_over(heap), heap); }

[[nodiscard]] Corruption corruption_of(DefaultHeap&) noexcept {
  return SegregatedFitCheck(DefaultParts{}).run();
}
[[nodiscard]] Corruption corruption_of(HeaderlessMalloc& heap) noexcept {
  return find_corruption(heap);
}

template <typename Record>
[[nodiscard]] Address address_of(const Record& record) noexcept {
  return static_cast<Address>(reinterpret_cast<std::uintptr_t>(&record));
}

}  // namespace

Address report() noexcept {
  // Constructed in place: a copy on the stack takes 40 bytes of code.
  new (&last_report.statistics)
      Statistics(with_heap([](auto& heap) { return sized(heap).statistics(); }));
  last_report.fragmentation = fragmentation(last_report.statistics);
  return address_of(last_report);
}

Address check() noexcept {
  const auto [kind, address] = with_heap([](auto& heap) { return corruption_of(heap); });
  // One by one: a copy of the whole record takes more code.
  last_corruption.kind = kind;
  last_corruption.address = address;
  return last_corruption ? address_of(last_corruption) : 0;
}

Address walk(Size restart) noexcept {
  if (restart != 0) with_heap([](auto& heap) { start_walk(heap); });
  const bool has_next = with_heap([](auto& heap) { return walk_over(heap).next(current_block); });
  return has_next ? address_of(current_block) : 0;
}

}  // namespace lite_alloc::bindings
