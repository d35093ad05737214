// SPDX-License-Identifier: MIT
#pragma once

#include "heap_functions.hpp"
#include "lite_alloc/heap/segregated_fit.hpp"
#include "module_memory.hpp"

namespace lite_alloc::bindings {

using DefaultHeap = SegregatedFit<Memory>;

/// Whether the module has the other strategies, too: they take almost half as many bytes again.
#ifdef LITE_ALLOC_DEFAULT_ALONE
inline constexpr bool kHasOthers = false;
#else
inline constexpr bool kHasOthers = true;
#endif

/// The heap of an instance that was started with the default strategy.
extern DefaultHeap default_heap;
/// Whether an instance of a module with others was started with another.
extern bool is_other;

[[nodiscard]] inline bool uses_default() noexcept { return !kHasOthers || !is_other; }

// The two hottest calls on a heap of another strategy.

[[nodiscard]] Address malloc_of_other(Size size) noexcept;
[[nodiscard]] Size free_of_other(Address address) noexcept;

}  // namespace lite_alloc::bindings
