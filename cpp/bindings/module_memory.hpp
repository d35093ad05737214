// SPDX-License-Identifier: MIT
#pragma once

#ifdef LITE_ALLOC_REGION
#include "region/region_memory.hpp"
#else
#include "lite_alloc/memory/stepped_growth.hpp"
#include "lite_alloc/memory/wasm_memory.hpp"
#endif

namespace lite_alloc::bindings {

#ifdef LITE_ALLOC_REGION
using Memory = RegionMemory;
#else
/// The module's own linear memory. The glue is not notified of growth: it reads memory only while
/// it starts, and the package makes its views itself.
using Memory = SteppedGrowth<WasmMemory<> >;
#endif

}  // namespace lite_alloc::bindings
