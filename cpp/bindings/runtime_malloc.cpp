// SPDX-License-Identifier: MIT
//
// The malloc of the module's own runtime: Emscripten's glue allocates while it starts (it copies
// type names, and frees them). It is served from the module's heap, before JavaScript gets it.

#include <cstddef>

#include "module_heap.hpp"

using lite_alloc::Address;
using lite_alloc::Size;
using lite_alloc::bindings::heap;

extern "C" {

void* malloc(std::size_t size) {
  return heap.allocator().pages().at<void>(heap.malloc(static_cast<Size>(size)));
}

void free(void* block) { heap.free(static_cast<Address>(reinterpret_cast<std::uintptr_t>(block))); }

}  // extern "C"
