// SPDX-License-Identifier: MIT
//
// An allocator of this project, used through its sized calls. LITE_ALLOC_BENCH_STRATEGY is its
// class template, whose argument is the page source, and LITE_ALLOC_BENCH_HEADER is the file that
// defines it.

#include LITE_ALLOC_BENCH_HEADER

#include "lite_alloc/memory/stepped_growth.hpp"
#include "lite_alloc/memory/wasm_memory.hpp"
#include "sized_heap.hpp"

namespace {

using lite_alloc::Address;
using lite_alloc::Layout;

using Memory = lite_alloc::WasmMemory<lite_alloc::notify_javascript>;
#ifdef LITE_ALLOC_BENCH_EXACT
using Pages = Memory;  // grows by what is needed
#else
using Pages = lite_alloc::SteppedGrowth<Memory>;
#endif

constinit lite_alloc::LITE_ALLOC_BENCH_STRATEGY<Pages, lite_alloc::NoTracking> heap;

Address address_of(const std::byte* block) {
  return static_cast<Address>(reinterpret_cast<std::uintptr_t>(block));
}

std::byte* block_at(Address address) {
  return reinterpret_cast<std::byte*>(static_cast<std::uintptr_t>(address));
}

}  // namespace

std::byte* sized_allocate(std::uint32_t size) {
  return block_at(heap.allocate(Layout{.size = size}));
}

void sized_deallocate(std::byte* block, std::uint32_t size) {
  heap.deallocate(address_of(block), Layout{.size = size});
}

std::byte* sized_reallocate(std::byte* block, std::uint32_t old_size, std::uint32_t size) {
  return block_at(heap.reallocate(address_of(block), Layout{.size = old_size}, size));
}
