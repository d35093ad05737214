// SPDX-License-Identifier: MIT
#pragma once

#include "heap_functions.hpp"
#include "lite_alloc/heap/segregated_fit.hpp"
#include "module_memory.hpp"

namespace lite_alloc::bindings {

using DefaultHeap = SegregatedFit<Memory>;

/// Whether the module also has the headerless strategies. They make it almost one and a half times
/// as large.
#ifdef LITE_ALLOC_DEFAULT_ALONE
inline constexpr bool kHasHeaderless = false;
#else
inline constexpr bool kHasHeaderless = true;
#endif

/// The heap of an instance that was started with the default strategy.
extern DefaultHeap default_heap;
/// Whether the instance was started with a headerless strategy.
extern bool is_headerless;

[[nodiscard]] inline bool uses_default() noexcept { return !kHasHeaderless || !is_headerless; }

// The two hottest calls, for an instance that was started with a headerless strategy.

[[nodiscard]] Address malloc_headerless(Size size) noexcept;
[[nodiscard]] Size free_headerless(Address address) noexcept;

}  // namespace lite_alloc::bindings
