// SPDX-License-Identifier: MIT
#pragma once

#include "lite_alloc/inspect/segregated_fit_totals.hpp"
#include "lite_alloc/malloc/pointers.hpp"

/// What the rest of the malloc family asks of the heap in malloc.cpp. The linker drops each
/// function that a program does not need.
namespace lite_alloc::process {

/// A block behind all others: see `SegregatedFit::allocate_last`.
[[nodiscard]] Address allocate_last(Size size) noexcept;

/// See `SegregatedFit::resize_in_place`.
[[nodiscard]] bool resize_in_place(Address block, Size size) noexcept;

/// Counts the heap's blocks and bytes, in time in proportion to them.
[[nodiscard]] HeapTotals totals() noexcept;

/// The bytes of memory that the heap has taken so far.
[[nodiscard]] Size footprint() noexcept;

}  // namespace lite_alloc::process
