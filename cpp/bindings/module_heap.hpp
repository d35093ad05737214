// SPDX-License-Identifier: MIT
#pragma once

#include "lite_alloc/heap/bump_free_list.hpp"
#include "lite_alloc/heap/malloc_adaptor.hpp"
#include "lite_alloc/memory/stepped_growth.hpp"
#include "lite_alloc/memory/wasm_memory.hpp"

namespace lite_alloc::bindings {

using ModuleHeap = MallocAdaptor<BumpFreeList<SteppedGrowth<WasmMemory<notify_javascript>>>>;

/// The one heap of a module instance, over all of its linear memory.
extern ModuleHeap heap;

}  // namespace lite_alloc::bindings
