// SPDX-License-Identifier: MIT
#pragma once

#include "lite_alloc/core/layout.hpp"

#if defined(__EMSCRIPTEN_SHARED_MEMORY__) || defined(_REENTRANT) || defined(__wasm_atomics__)
#error \
    "lite_alloc::malloc serves one thread: with -pthread, -sWASM_WORKERS or -sSHARED_MEMORY \
link Emscripten's own malloc instead, with -sMALLOC=dlmalloc, emmalloc or mimalloc"
#endif

namespace lite_alloc {

/// Returns the address that a pointer of the program holds; 0 for null.
[[nodiscard]] inline Address address_of(const void* block) noexcept {
  return static_cast<Address>(reinterpret_cast<std::uintptr_t>(block));
}

/// Returns the pointer to an address; null for 0.
[[nodiscard]] inline void* pointer_to(Address block) noexcept {
  return reinterpret_cast<void*>(static_cast<std::uintptr_t>(block));
}

}  // namespace lite_alloc
