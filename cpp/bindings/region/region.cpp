// SPDX-License-Identifier: MIT
//
// The heap of a module instance inside somebody else's memory, as plain exports. The module is
// position independent: the importer says where its state and its stack lie, both in the region.

#include "../heap_functions.hpp"
#include "region_memory.hpp"

namespace lite_alloc::bindings::region {

/// `start` of heap_functions.hpp over `[begin, end)`, multiples of `kGranule`, where all bytes are
/// 0: what an earlier heap left there could pass for blocks.
[[clang::export_name("start")]] Size start(Size strategy, Address begin, Address end,
                                           std::uint32_t secret) noexcept {
  RegionMemory::take(begin, end);
  return bindings::start(strategy, secret);
}

[[clang::export_name("malloc")]] Address malloc(Size size) noexcept {
  return bindings::malloc(size);
}
[[clang::export_name("zeroed")]] Address zeroed(Size size) noexcept {
  return bindings::zeroed(size);
}
[[clang::export_name("memalign")]] Address memalign(Size alignment, Size size) noexcept {
  return bindings::memalign(alignment, size);
}
[[clang::export_name("realloc")]] Address realloc(Address address, Size size) noexcept {
  return bindings::realloc(address, size);
}
[[clang::export_name("free")]] Size free(Address address) noexcept {
  return bindings::free(address);
}
[[clang::export_name("usableSize")]] Size usable_size(Address address) noexcept {
  return bindings::usable_size(address);
}
[[clang::export_name("reset")]] Size reset() noexcept { return bindings::reset(); }
[[clang::export_name("allocate")]] Address allocate(Size size, Size alignment) noexcept {
  return bindings::allocate(size, alignment);
}
[[clang::export_name("deallocate")]] Size deallocate(Address address, Size size,
                                                     Size alignment) noexcept {
  return bindings::deallocate(address, size, alignment);
}
[[clang::export_name("reallocate")]] Address reallocate(Address address, Size old_size,
                                                        Size new_size, Size alignment) noexcept {
  return bindings::reallocate(address, old_size, new_size, alignment);
}
[[clang::export_name("mayBeSizedBlock")]] Size may_be_sized_block(Address address, Size size,
                                                                  Size alignment) noexcept {
  return bindings::may_be_sized_block(address, size, alignment);
}
[[clang::export_name("report")]] Address report() noexcept { return bindings::report(); }
[[clang::export_name("check")]] Address check() noexcept { return bindings::check(); }
[[clang::export_name("walkStart")]] Address walk_start() noexcept { return bindings::walk_start(); }
[[clang::export_name("walkNext")]] Address walk_next() noexcept { return bindings::walk_next(); }

}  // namespace lite_alloc::bindings::region
