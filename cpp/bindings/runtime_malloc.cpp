// SPDX-License-Identifier: MIT
//
// The malloc of the module's own runtime: Emscripten's glue allocates while it starts (it copies
// type names, and frees them). It is served from the module's heap, before JavaScript gets it.

#include <cstddef>
#include <tuple>

#include "heap_functions.hpp"

using lite_alloc::Address;
using lite_alloc::Size;

extern "C" {

void* malloc(std::size_t size) {
  return reinterpret_cast<void*>(lite_alloc::bindings::malloc(static_cast<Size>(size)));
}

void free(void* block) {
  const auto address = static_cast<Address>(reinterpret_cast<std::uintptr_t>(block));
  std::ignore = lite_alloc::bindings::free(address);
}

}  // extern "C"
