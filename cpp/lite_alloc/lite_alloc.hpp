// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Everything that a C++ program may use: page sources, heaps, their inspection, and adaptors for
/// the standard library.

#include "lite_alloc/adaptors/memory_resource.hpp"
#include "lite_alloc/adaptors/standard_allocator.hpp"
#include "lite_alloc/core/layout.hpp"
#include "lite_alloc/heap/bump_free_list.hpp"
#include "lite_alloc/heap/free_list.hpp"
#include "lite_alloc/heap/malloc_adaptor.hpp"
#include "lite_alloc/heap/segregated_bump.hpp"
#include "lite_alloc/heap/segregated_fit.hpp"
#include "lite_alloc/inspect/check.hpp"
#include "lite_alloc/inspect/statistics.hpp"
#include "lite_alloc/inspect/walk.hpp"
#include "lite_alloc/memory/fixed_region.hpp"
#include "lite_alloc/memory/stepped_growth.hpp"

#ifdef __wasm__
#include "lite_alloc/memory/wasm_memory.hpp"
#else
#include "lite_alloc/memory/host_memory.hpp"
#endif
