// SPDX-License-Identifier: MIT

#include "heap_functions.hpp"

#include <memory>
#include <optional>

#include "lite_alloc/inspect/check.hpp"
#include "lite_alloc/inspect/statistics.hpp"
#include "module_heap.hpp"

namespace lite_alloc::bindings {

constinit ModuleHeap heap;

namespace {

constinit Corruption last_corruption{};
constinit std::optional<BlockWalk<ModuleHeap::Below>> current_walk{};
constinit Block current_block{};

}  // namespace

void start() noexcept {
  std::destroy_at(&heap);
  std::construct_at(&heap);
  heap.allocator().claim();
}

Address malloc(Size size) noexcept { return heap.malloc(size); }
Address zeroed(Size size) noexcept { return heap.zeroed(size); }
Address memalign(Size alignment, Size size) noexcept { return heap.memalign(alignment, size); }
Address realloc(Address address, Size size) noexcept { return heap.realloc(address, size); }
Size free(Address address) noexcept { return static_cast<Size>(heap.free(address)); }
Size usable_size(Address address) noexcept { return heap.usable_size(address); }
void reset() noexcept { heap.reset(); }

Address allocate(Size size, Size alignment) noexcept {
  return heap.allocator().allocate({.size = size, .alignment = alignment});
}

bool deallocate(Address address, Size size, Size alignment) noexcept {
  const bool may_be = may_be_sized_block(address, size, alignment);
  if (may_be) heap.allocator().deallocate(address, {.size = size, .alignment = alignment});
  return may_be;
}

Address reallocate(Address address, Size old_size, Size new_size, Size alignment) noexcept {
  if (!may_be_sized_block(address, old_size, alignment)) return 0;
  return heap.allocator().reallocate(address, {.size = old_size, .alignment = alignment}, new_size);
}

bool may_be_sized_block(Address address, Size size, Size alignment) noexcept {
  const Size whole = block_size({.size = size});
  return address % std::max(alignment, kUnit) == 0 && whole != 0 &&
         heap.allocator().has_handed_out(address, whole) && !heap.is_live(address);
}

Statistics statistics() noexcept { return heap.allocator().statistics(); }
double fragmentation() noexcept { return lite_alloc::fragmentation(statistics()); }

Size check() noexcept {
  last_corruption = find_corruption(heap);
  return static_cast<Size>(last_corruption.kind);
}

Address corrupt_address() noexcept { return last_corruption.address; }

void walk_start() noexcept { current_walk.emplace(heap); }

Address walk_next() noexcept {
  return current_walk && current_walk->next(current_block) ? current_block.address : 0;
}

Size walk_size() noexcept { return current_block.size; }
bool walk_is_used() noexcept { return current_block.state == Extent::State::kUsed; }

}  // namespace lite_alloc::bindings
