// SPDX-License-Identifier: MIT
//
// The part of heap_functions.hpp that looks into the heap: compiled for size.

#include <optional>

#include "heap_functions.hpp"
#include "lite_alloc/inspect/check.hpp"
#include "lite_alloc/inspect/statistics.hpp"
#include "lite_alloc/inspect/walk.hpp"
#include "module_heap.hpp"

namespace lite_alloc::bindings {
namespace {

template <typename Heap>
struct WalkOver;
template <Allocator A>
struct WalkOver<MallocAdaptor<A>> {
  using Type = BlockWalk<A>;
};
template <PageSource Pages>
struct WalkOver<SegregatedFit<Pages>> {
  using Type = BlockWalk<SegregatedFit<Pages>>;
};

constinit Corruption last_corruption{};
constinit Block current_block{};

/// The walk of the heap's own type, while there is one.
template <typename Heap>
constinit std::optional<typename WalkOver<Heap>::Type> current_walk{};

}  // namespace

Statistics statistics() noexcept {
  return heap.with([](auto& chosen) { return sized(chosen).statistics(); });
}

double fragmentation() noexcept { return lite_alloc::fragmentation(statistics()); }

Size check() noexcept {
  last_corruption = heap.with([](auto& chosen) { return find_corruption(chosen); });
  return static_cast<Size>(last_corruption.kind);
}

Address corrupt_address() noexcept { return last_corruption.address; }

void walk_start() noexcept {
  heap.with([]<typename Heap>(Heap& chosen) { current_walk<Heap>.emplace(chosen); });
}

Address walk_next() noexcept {
  return heap.with([]<typename Heap>(Heap&) {
    auto& walk = current_walk<Heap>;
    return walk && walk->next(current_block) ? current_block.address : 0;
  });
}

Size walk_size() noexcept { return current_block.size; }
bool walk_is_used() noexcept { return current_block.state == Extent::State::kUsed; }

}  // namespace lite_alloc::bindings
