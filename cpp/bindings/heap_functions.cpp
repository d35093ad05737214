// SPDX-License-Identifier: MIT

#include "heap_functions.hpp"

#include <memory>

#include "module_heap.hpp"

namespace lite_alloc::bindings {

constinit ModuleHeap heap;

void ModuleHeap::start(Strategy strategy) noexcept {
  std::destroy_at(&segregated_fit_);  // where the runtime's own malloc was served from
  std::construct_at(&segregated_fit_);
  strategy_ = strategy;
  with([](auto& chosen) { sized(chosen).claim(); });
}

namespace {

/// What a few comparisons can tell of a block of the sized calls beside those of `malloc`.
template <Allocator A>
[[nodiscard]] bool may_be_sized(MallocAdaptor<A>& chosen, Address address, Size size) noexcept {
  return chosen.allocator().has_handed_out(address, size) && !chosen.is_live(address);
}
template <PageSource Pages>
[[nodiscard]] bool may_be_sized(SegregatedFit<Pages>& chosen, Address address, Size size) noexcept {
  return size_in_units(chosen.usable_size(address)) >= size && chosen.is_live(address);
}

}  // namespace

void start(Size strategy) noexcept { heap.start(static_cast<Strategy>(strategy)); }

Address malloc(Size size) noexcept {
  return heap.with([=](auto& chosen) { return chosen.malloc(size); });
}

Address zeroed(Size size) noexcept {
  return heap.with([=](auto& chosen) { return chosen.zeroed(size); });
}

Address memalign(Size alignment, Size size) noexcept {
  return heap.with([=](auto& chosen) { return chosen.memalign(alignment, size); });
}

Address realloc(Address address, Size size) noexcept {
  return heap.with([=](auto& chosen) { return chosen.realloc(address, size); });
}

Size free(Address address) noexcept {
  return heap.with([=](auto& chosen) { return static_cast<Size>(chosen.free(address)); });
}

Size usable_size(Address address) noexcept {
  return heap.with([=](auto& chosen) { return chosen.usable_size(address); });
}

void reset() noexcept {
  heap.with([](auto& chosen) { chosen.reset(); });
}

Address allocate(Size size, Size alignment) noexcept {
  return heap.with(
      [=](auto& chosen) { return sized(chosen).allocate({.size = size, .alignment = alignment}); });
}

bool deallocate(Address address, Size size, Size alignment) noexcept {
  const bool may_be = may_be_sized_block(address, size, alignment);
  if (may_be) {
    heap.with([=](auto& chosen) {
      sized(chosen).deallocate(address, {.size = size, .alignment = alignment});
    });
  }
  return may_be;
}

Address reallocate(Address address, Size old_size, Size new_size, Size alignment) noexcept {
  if (!may_be_sized_block(address, old_size, alignment)) return 0;
  return heap.with([=](auto& chosen) {
    return sized(chosen).reallocate(address, {.size = old_size, .alignment = alignment}, new_size);
  });
}

bool may_be_sized_block(Address address, Size size, Size alignment) noexcept {
  const Size whole = block_size({.size = size});
  return address % std::max(alignment, kUnit) == 0 && whole != 0 &&
         heap.with([=](auto& chosen) { return may_be_sized(chosen, address, whole); });
}

}  // namespace lite_alloc::bindings
