// SPDX-License-Identifier: MIT
#pragma once

#include "lite_alloc/heap/tracking.hpp"

/// The heap of a module instance as functions of plain numbers, the form in which a call through
/// embind costs least. Addresses and sizes are unsigned; the caller has checked that they are whole
/// numbers under 2^32.
namespace lite_alloc::bindings {

/// Begins with an empty heap of this `Strategy` over the memory that is there now.
void start(Size strategy) noexcept;

[[nodiscard]] Address malloc(Size size) noexcept;
[[nodiscard]] Address zeroed(Size size) noexcept;
[[nodiscard]] Address memalign(Size alignment, Size size) noexcept;
[[nodiscard]] Address realloc(Address address, Size size) noexcept;
/// A `FreeResult`.
[[nodiscard]] Size free(Address address) noexcept;
[[nodiscard]] Size usable_size(Address address) noexcept;
void reset() noexcept;

[[nodiscard]] Address allocate(Size size, Size alignment) noexcept;
/// False, and nothing done, iff no block of the sized calls may be here.
[[nodiscard]] bool deallocate(Address address, Size size, Size alignment) noexcept;
[[nodiscard]] Address reallocate(Address address, Size old_size, Size new_size,
                                 Size alignment) noexcept;
/// Whether a block of the sized calls may be here: what a few comparisons can tell.
[[nodiscard]] bool may_be_sized_block(Address address, Size size, Size alignment) noexcept;

[[nodiscard]] Statistics statistics() noexcept;
[[nodiscard]] double fragmentation() noexcept;

/// One of the statistics, as a number that JavaScript holds exactly.
template <auto kMember>
[[nodiscard]] double statistic() noexcept {
  return static_cast<double>(statistics().*kMember);
}

/// 0, or the `Corruption::Kind` found, whose place `corrupt_address` tells.
[[nodiscard]] Size check() noexcept;
[[nodiscard]] Address corrupt_address() noexcept;

/// Starts a walk through the blocks in address order. Any other call ends it.
void walk_start() noexcept;
/// The address of the next block or free stretch; 0 behind the last.
[[nodiscard]] Address walk_next() noexcept;
/// Bytes up to the one after it.
[[nodiscard]] Size walk_size() noexcept;
[[nodiscard]] bool walk_is_used() noexcept;

}  // namespace lite_alloc::bindings
