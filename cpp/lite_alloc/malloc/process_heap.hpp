// SPDX-License-Identifier: MIT
#pragma once

#include "lite_alloc/inspect/segregated_fit_totals.hpp"
#include "lite_alloc/malloc/pointers.hpp"

/// The calls of the heap in malloc.cpp that the other files of the malloc family use. The linker
/// drops those that a program does not need.
namespace lite_alloc::process {

/// Returns a block at a higher address than all other blocks: see `SegregatedFit::allocate_last`.
[[nodiscard]] Address allocate_last(Size size) noexcept;

/// See `SegregatedFit::resize_in_place`.
[[nodiscard]] bool resize_in_place(Address block, Size size) noexcept;

/// Counts the heap's blocks and bytes. Takes time in proportion to the number of blocks.
[[nodiscard]] HeapTotals totals() noexcept;

/// Returns the bytes of memory that the heap has taken so far.
[[nodiscard]] Size footprint() noexcept;

/// Ends the program, with a message, iff this is a live block that was allocated with another size
/// or alignment. Defined with LITE_ALLOC_CHECKED only.
void check_size(Address block, Size size, Size alignment) noexcept;

}  // namespace lite_alloc::process
