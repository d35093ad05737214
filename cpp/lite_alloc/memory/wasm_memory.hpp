// SPDX-License-Identifier: MIT
#pragma once

#ifndef __wasm__
#error "wasm_memory.hpp is for WebAssembly; native programs use host_memory.hpp or fixed_region.hpp"
#endif

#include <algorithm>

#include "lite_alloc/memory/page_source.hpp"

/// The first byte behind static data and stack. The linker defines it.
extern "C" std::byte __heap_base;

/// Part of Emscripten's runtime, which declares it in no header.
extern "C" void emscripten_notify_memory_growth(std::size_t memory_index);

namespace lite_alloc {

/// Is called after memory grew, so that code which keeps views of it can make new ones.
using GrowthListener = void (*)();

/// Notifies the glue of an Emscripten module that memory grew. Without that the glue would keep its
/// old views, whose length is 0 by then.
inline void notify_javascript() { emscripten_notify_memory_growth(0); }

/// The module's own linear memory. Other code may grow it too, so `end()` always asks the engine.
///
/// A heap uses at most 65 535 pages, even where memory has 65 536: see `kEndOfAddresses`.
///
/// With a `kMaxPages` of 0 growth is not checked against it: for a module whose declared maximum of
/// memory is 65 535 pages or less.
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
  // Not inlined: called from several places, and only when memory grows.
  [[nodiscard, gnu::noinline]] static Address end_of_usable_pages() noexcept {
    const Size pages = __builtin_wasm_memory_size(0);
    return std::min(pages, kEndOfAddresses / kPageBytes) * kPageBytes;
  }
};

static_assert(PageSource<WasmMemory<>>);

}  // namespace lite_alloc
