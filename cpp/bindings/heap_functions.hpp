// SPDX-License-Identifier: MIT
#pragma once

#include "lite_alloc/core/layout.hpp"
#include "module_functions.hpp"
#include "module_memory.hpp"

/// The heap of a module instance as functions of plain numbers, at most four, the form in which a
/// call from JavaScript costs least. Each returns a number, too. Addresses and sizes are unsigned;
/// the caller has checked that they are integers below 2^32.
namespace lite_alloc::bindings {

/// Starts the instance with an empty heap over the memory of `pages`, of the strategy with this
/// index in `strategies` of js/src/core/strategies.ts. Returns 1. Returns 0, and there is no heap,
/// iff the module has no such strategy. Requires that no other function was called before, and is
/// called once. `secret` is a random number of this heap alone. The heap mixes it into its
/// metadata, so that the contents of blocks are not accepted as metadata.
[[nodiscard]] Size start(Memory pages, Size strategy, std::uint32_t secret) noexcept;

// Each of these does what the heap's function of the same name does. An address of 0 means that
// there is no memory.

[[nodiscard]] Address malloc(Size size) noexcept;
[[nodiscard]] Address zeroed(Size size) noexcept;
[[nodiscard]] Address memalign(Size alignment, Size size) noexcept;
[[nodiscard]] Address realloc(Address address, Size size) noexcept;
/// Frees a block. Returns a `FreeResult`.
[[nodiscard]] Size free(Address address) noexcept;
[[nodiscard]] Size usable_size(Address address) noexcept;
/// Frees every block. Returns the number of blocks that it freed.
[[nodiscard]] Size reset() noexcept;

[[nodiscard]] Address allocate(Size size, Size alignment) noexcept;
/// Frees a block of `allocate`. Returns 0, and changes nothing, iff `may_be_sized_block` does.
[[nodiscard]] Size deallocate(Address address, Size size, Size alignment) noexcept;
/// Resizes a block of `allocate`. Returns 0, and changes nothing, iff there is no memory or
/// `may_be_sized_block` returns 0.
[[nodiscard]] Address reallocate(Address address, Size old_size, Size new_size,
                                 Size alignment) noexcept;
/// Returns 0 where a few comparisons show that no live block of `allocate` has this address, size
/// and alignment, else 1.
[[nodiscard]] Size may_be_sized_block(Address address, Size size, Size alignment) noexcept;

// The functions that look into the heap return the address of a record, which
// js/src/module/heap-functions.ts reads. The next call of the same function overwrites it.

/// Returns the address of a `Report`.
[[nodiscard]] Address report() noexcept;
/// Returns the address of the `Corruption` found; 0 iff none was.
[[nodiscard]] Address check() noexcept;
/// Walks through the blocks and free extents in address order. Starts again unless `restart` is 0;
/// else requires that there was no other call since the last one. Returns the address of the next
/// `Block`; 0 behind the last.
[[nodiscard]] Address walk(Size restart) noexcept;

#ifdef LITE_ALLOC_REGION
#define LITE_ALLOC_EXPORT(name, function, ...) \
  [[clang::export_name(#name)]] decltype(function) function;
LITE_ALLOC_MODULE_FUNCTIONS(LITE_ALLOC_EXPORT)
#undef LITE_ALLOC_EXPORT
#endif

}  // namespace lite_alloc::bindings
