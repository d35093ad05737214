// SPDX-License-Identifier: MIT
#pragma once

#include "lite_alloc/core/layout.hpp"

/// The heap of a module instance as functions of plain numbers, the form in which a call through
/// embind costs least. Each returns a number, too: so all with as many parameters share one
/// invoker, and a call site in the glue sees one target only. Addresses and sizes are unsigned; the
/// caller has checked that they are whole numbers under 2^32.
namespace lite_alloc::bindings {

/// Begins with an empty heap over the memory that is there now, of the strategy with this index in
/// `strategies` of js/src/core/strategies.ts. 0, and no heap, iff the module has no such strategy.
/// To be called once, before any other call. `secret` is a random number of this heap alone: the
/// heap mixes it into its metadata, so that contents of blocks cannot pass for that.
[[nodiscard]] Size start(Size strategy, std::uint32_t secret) noexcept;

[[nodiscard]] Address malloc(Size size) noexcept;
[[nodiscard]] Address zeroed(Size size) noexcept;
[[nodiscard]] Address memalign(Size alignment, Size size) noexcept;
[[nodiscard]] Address realloc(Address address, Size size) noexcept;
/// A `FreeResult`.
[[nodiscard]] Size free(Address address) noexcept;
[[nodiscard]] Size usable_size(Address address) noexcept;
/// Drops every block. How many there were.
[[nodiscard]] Size reset() noexcept;

[[nodiscard]] Address allocate(Size size, Size alignment) noexcept;
/// 0, and nothing done, iff no block of the sized calls may be here.
[[nodiscard]] Size deallocate(Address address, Size size, Size alignment) noexcept;
[[nodiscard]] Address reallocate(Address address, Size old_size, Size new_size,
                                 Size alignment) noexcept;
/// Whether a block of the sized calls may be here: what a few comparisons can tell.
[[nodiscard]] Size may_be_sized_block(Address address, Size size, Size alignment) noexcept;

// What looks into the heap gives the address of a record, which stays as it is until the next call
// of these. js/src/module/heap-functions.ts reads it.

/// A `Report`.
[[nodiscard]] Address report() noexcept;
/// The `Corruption` found; 0 for a sound heap.
[[nodiscard]] Address check() noexcept;
/// Starts a walk through the blocks in address order. Any other call ends it. Returns what
/// `walk_next` does.
[[nodiscard]] Address walk_start() noexcept;
/// The next `Block` or free stretch; 0 behind the last.
[[nodiscard]] Address walk_next() noexcept;

}  // namespace lite_alloc::bindings
