// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstdint>

#include "lite_alloc/heap/allocator.hpp"
#include "lite_alloc/heap/tracking.hpp"

namespace lite_alloc {

/// A run of bytes in a heap, used or free, as a walk reports it.
struct Extent {
  enum class State : std::uint8_t { kUsed, kFree };

  Address begin = 0;
  Size size = 0;  // bytes
  State state = State::kFree;

  /// Returns the address behind the last byte.
  [[nodiscard]] constexpr Address end() const noexcept { return begin + size; }
  friend constexpr bool operator==(const Extent&, const Extent&) = default;
};

/// The broken invariant that a check found, and where.
struct Corruption {
  enum class Kind : std::uint8_t {
    kNone,
    kFreeListOutsideHeap,   // other code overwrote a link of a free list
    kFreeListOverlap,       // two free blocks share bytes: freed twice, or with a wrong size
    kCountersDisagree,      // the counters differ from a walk: a block was freed with a wrong size
    kHeaderOverwritten,     // other code overwrote the header of a block
    kRegionOverwritten,     // other code overwrote the record at the start of a region
    kSpareListOverwritten,  // other code overwrote the list of spare slabs
    kSlabMapOverwritten,    // other code overwrote the slab map
  };

  Kind kind = Kind::kNone;
  Address address = 0;  // 0 where no single place is known

  /// Returns whether a broken invariant was found.
  [[nodiscard]] constexpr explicit operator bool() const noexcept { return kind != Kind::kNone; }
};

/// A heap with tracking: an `Allocator` that also seals its metadata with a secret, frees all
/// blocks at once, and lets a program look into it.
///
///   set_secret(secret)             Sets the random number that the heap mixes into its metadata.
///                                  Requires that the heap has no memory yet.
///   reset()                        Frees every block. The heap keeps its memory.
///   owns(address, size)            Returns whether all these bytes lie in the heap's memory.
///   has_handed_out(address, size)  Returns whether the heap owns them and none of them lies in the
///                                  slack, the memory behind the last block.
///   statistics()                   Returns the counters.
///   walk()                         Returns a cursor. Its `next(extent)` writes the next extent in
///                                  address order, or returns false behind the last. Any other call
///                                  on the heap invalidates the cursor.
///   find_corruption()              Returns the first broken invariant of the heap's metadata that
///                                  it finds; `kNone` if it finds none.
// clang-format would lay the requirements out as statements.
// clang-format off
template <typename A>
concept Inspectable = Allocator<A> &&
    requires(A heap, Address address, Size size, std::uint32_t secret, Extent& extent) {
  { heap.set_secret(secret) } noexcept -> std::same_as<void>;
  { heap.reset() } noexcept -> std::same_as<void>;
  { heap.owns(address, size) } noexcept -> std::same_as<bool>;
  { heap.has_handed_out(address, size) } noexcept -> std::same_as<bool>;
  { heap.statistics() } noexcept -> std::same_as<Statistics>;
  { heap.walk().next(extent) } noexcept -> std::same_as<bool>;
  { heap.find_corruption() } noexcept -> std::same_as<Corruption>;
};
// clang-format on

}  // namespace lite_alloc
