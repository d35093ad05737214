// SPDX-License-Identifier: MIT
#pragma once

#include "heap_functions.hpp"
#include "lite_alloc/heap/segregated_fit.hpp"
#include "module_memory.hpp"

namespace lite_alloc::bindings {

using DefaultHeap = SegregatedFit<Memory>;

/// The heap of an instance that was started with the default strategy.
extern DefaultHeap default_heap;
/// Whether it was.
extern bool is_default;

// The two hottest calls on a heap of another strategy.

[[nodiscard]] Address malloc_of_other(Size size) noexcept;
[[nodiscard]] Size free_of_other(Address address) noexcept;

}  // namespace lite_alloc::bindings
