// SPDX-License-Identifier: MIT
#pragma once

#include "lite_alloc/memory/stepped_growth.hpp"
#include "lite_alloc/memory/wasm_memory.hpp"

namespace lite_alloc::bindings {

/// The module's own linear memory. The glue is not told of growth: it looks into memory only while
/// it starts, and views are the package's own matter.
using Memory = SteppedGrowth<WasmMemory<>>;

}  // namespace lite_alloc::bindings
