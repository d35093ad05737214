// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>

#include "lite_alloc/core/layout.hpp"

namespace lite_alloc {

/// The calls of a heap. Every heap has them, with or without tracking; code that only allocates
/// needs no more. `Inspectable` adds what only heaps with tracking have.
///
///   allocate(layout)                   Returns the address of a new block: a multiple of the
///                                      layout's alignment and of `kGranule`. Returns 0, and
///                                      changes nothing, iff there is no memory.
///   deallocate(address, layout)        Frees a block. `layout` is the one it was allocated with,
///                                      with the size that it was last reallocated to, or any size
///                                      between that and the block's capacity.
///   reallocate(address, layout, size)  Gives a block another size and returns its address, which
///                                      may be another one. Contents are kept up to the smaller of
///                                      both sizes. Returns 0, and changes nothing, iff there is no
///                                      memory.
///   capacity(layout)                   Returns the usable bytes that every block with this layout
///                                      has: at least its size. Requires a size up to `kMaxSize`.
///   claim()                            Takes the memory that the page source has now as the heap's
///                                      first region. Without this call, pages that other code adds
///                                      before the first allocation may become part of that region.
///                                      Returns false, and changes nothing, iff the heap has a
///                                      region or the memory is too small for one.
///   pages()                            Returns the page source, a reference.
///
/// Every address and layout that a caller passes must be those of a live block of the heap. The
/// comment of each allocator says how much time its calls take.
// clang-format would lay the requirements out as statements.
// clang-format off
template <typename A>
concept Allocator = requires(A heap, Layout layout, Address address, Size size) {
  { heap.allocate(layout) } noexcept -> std::same_as<Address>;
  { heap.deallocate(address, layout) } noexcept -> std::same_as<void>;
  { heap.reallocate(address, layout, size) } noexcept -> std::same_as<Address>;
  { heap.capacity(layout) } noexcept -> std::same_as<Size>;
  { heap.claim() } noexcept -> std::same_as<bool>;
  heap.pages();
};
// clang-format on

}  // namespace lite_alloc
