// SPDX-License-Identifier: MIT
#pragma once

#include "lite_alloc/heap/bump_free_list.hpp"
#include "lite_alloc/heap/free_list.hpp"
#include "lite_alloc/heap/malloc_adaptor.hpp"
#include "lite_alloc/heap/segregated_bump.hpp"
#include "lite_alloc/heap/segregated_fit.hpp"
#include "lite_alloc/memory/stepped_growth.hpp"
#include "lite_alloc/memory/wasm_memory.hpp"

namespace lite_alloc::bindings {

/// In the order of `strategies` in js/src/options.ts.
enum class Strategy : std::uint8_t { kBumpFreeList, kSegregatedBump, kFreeList, kSegregatedFit };

using Memory = SteppedGrowth<WasmMemory<notify_javascript>>;

}  // namespace lite_alloc::bindings

// The default strategy is compiled for speed, in default_heap.cpp; what dispatches to it and the
// other ones for size.
extern template class lite_alloc::SegregatedFit<lite_alloc::bindings::Memory>;

namespace lite_alloc::bindings {

/// The heap of a module instance, over all of its linear memory: of one strategy, chosen once.
class ModuleHeap {
 public:
  /// Takes the memory that is there now. To be called once, before any other call but those of the
  /// runtime's own `malloc`, whose blocks are forgotten.
  void start(Strategy strategy) noexcept;

  /// Calls `action` with the heap: a `SegregatedFit`, or another strategy below a `MallocAdaptor`.
  template <typename Action>
  decltype(auto) with(Action action) noexcept {
    // The default first: one comparison on its way.
    if (strategy_ == Strategy::kSegregatedFit) [[likely]]
      return action(segregated_fit_);
    if (strategy_ == Strategy::kFreeList) return action(free_list_);
    if (strategy_ == Strategy::kSegregatedBump) return action(segregated_bump_);
    return action(bump_free_list_);
  }

 private:
  Strategy strategy_ = Strategy::kSegregatedFit;
  SegregatedFit<Memory> segregated_fit_;
  MallocAdaptor<FreeList<Memory>> free_list_;
  MallocAdaptor<SegregatedBump<Memory>> segregated_bump_;
  MallocAdaptor<BumpFreeList<Memory>> bump_free_list_;
};

/// The sized calls of a heap.
template <Allocator A>
[[nodiscard]] A& sized(MallocAdaptor<A>& heap) noexcept {
  return heap.allocator();
}
template <PageSource Pages>
[[nodiscard]] SegregatedFit<Pages>& sized(SegregatedFit<Pages>& heap) noexcept {
  return heap;
}

/// The one heap of a module instance.
extern ModuleHeap heap;

}  // namespace lite_alloc::bindings
