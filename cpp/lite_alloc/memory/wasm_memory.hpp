// SPDX-License-Identifier: MIT
#pragma once

#ifndef __wasm__
#error "wasm_memory.hpp is for WebAssembly: natively use host_memory.hpp or fixed_region.hpp"
#endif

#include <algorithm>

#include "lite_alloc/memory/page_source.hpp"

/// Set by the linker: the first byte behind static data and stack.
extern "C" std::byte __heap_base;

/// Part of Emscripten's runtime; no header of it declares this.
extern "C" void emscripten_notify_memory_growth(std::size_t memory_index);

namespace lite_alloc {

/// Called after memory grew, so that whoever keeps views of it can make them anew.
using GrowthListener = void (*)();

/// Tells the glue of an Emscripten module that memory grew: without it the glue goes on with views
/// of length 0.
inline void notify_javascript() { emscripten_notify_memory_growth(0); }

/// The module's own linear memory. Other code may grow it too: `end()` always asks the engine.
///
/// A heap uses at most 65 535 pages, also where memory has 65 536: see `kEndOfAddresses`.
///
/// `kMaxPages` is not checked where it is 0: for a module whose own declared maximum is no more.
template <GrowthListener kOnGrowth = nullptr, Size kMaxPages = 65535>
class WasmMemory {
 public:
  [[nodiscard]] Address begin() const noexcept {
    return static_cast<Address>(reinterpret_cast<std::uintptr_t>(&__heap_base));
  }

  [[nodiscard]] static Address end() noexcept {
    if constexpr (kMaxPages == 0) {
      return __builtin_wasm_memory_size(0) * kPageBytes;
    } else {
      return end_of_usable_pages();
    }
  }

  [[nodiscard]] bool grow(Size bytes) noexcept {
    const Size pages = (bytes - 1) / kPageBytes + 1;
    if (kMaxPages != 0 && __builtin_wasm_memory_size(0) + pages > kMaxPages) return false;
    if (__builtin_wasm_memory_grow(0, pages) == static_cast<std::size_t>(-1)) return false;
    if constexpr (kOnGrowth != nullptr) kOnGrowth();
    return true;
  }

  template <typename T>
  [[nodiscard]] T* at(Address address) const noexcept {
    return reinterpret_cast<T*>(static_cast<std::uintptr_t>(address));
  }

 private:
  // Not inlined: only what grows memory asks, from several places.
  [[nodiscard, gnu::noinline]] static Address end_of_usable_pages() noexcept {
    const Size pages = __builtin_wasm_memory_size(0);
    return std::min(pages, kEndOfAddresses / kPageBytes) * kPageBytes;
  }
};

static_assert(PageSource<WasmMemory<>>);

}  // namespace lite_alloc
