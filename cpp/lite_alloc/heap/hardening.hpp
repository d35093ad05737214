// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <type_traits>

#include "lite_alloc/core/layout.hpp"

namespace lite_alloc {

/// A policy for programs that must be small: the heap stores metadata as it is. Only the marks of
/// free blocks, by which a heap detects that a block is freed twice, are combined with a constant.
class Unhardened {
 public:
  static constexpr bool kEnabled = false;

  static constexpr void begin() noexcept {}
  [[nodiscard]] static constexpr Size tag_key() noexcept { return 0; }
  [[nodiscard]] static constexpr Size mark(Address block) noexcept { return block ^ 0xF95B'D3C0; }
  [[nodiscard]] static constexpr Address link(Address, Address link) noexcept { return link; }
};

/// A policy for heaps that check their metadata. The heap stores it combined with a secret by
/// exclusive or. So the contents of a block, or a word that was written through a stale pointer,
/// are hardly ever valid metadata. An attacker who cannot read the heap's memory cannot forge it
/// either.
///
/// The key made from the secret lies beside the heap's other state and is 0 until the heap first
/// uses memory, so that a module needs no data segment for it.
class Hardened {
 public:
  static constexpr bool kEnabled = true;

  /// Sets the secret. Requires that the heap has not used memory yet.
  constexpr void set_secret(std::uint32_t secret) noexcept {
    key_ = secret - secret % kGranule + kLowestDigit;
  }

  /// Sets a constant key, the same in all heaps, unless there is a secret. A heap calls this before
  /// it uses the key.
  constexpr void begin() noexcept {
    if (key_ == 0) set_secret(0xA5C3'96E0);
  }

  /// Returns the number that tags are combined with. Its lowest four bits are chosen so that likely
  /// contents of a block are never a valid tag: 0, numbers below 8 and multiples of 16 do not
  /// decode to the tag of a used chunk, and even numbers do not decode to that of a free one.
  [[nodiscard]] constexpr Size tag_key() const noexcept { return key_; }

  /// Returns the mark of a free block: a multiple of 16.
  [[nodiscard]] constexpr Size mark(Address block) const noexcept {
    return (block ^ key_) - kLowestDigit;
  }

  /// Encodes a link that is stored at `place`; given the stored value, decodes it. If other code
  /// overwrites the stored value with a multiple of 16, it decodes to an address that is not
  /// aligned, which the heap detects.
  [[nodiscard]] constexpr Address link(Address place, Address link) const noexcept {
    return link ^ place ^ key_;
  }

 private:
  /// The lowest hexadecimal digit of the key. It has the bit 8, which is not a flag of a tag, and
  /// does not have the bit 1, which means free. So the likely contents that `tag_key` lists decode
  /// to invalid tags. It is neither 8 nor 12: the addresses of many members of structures end in
  /// these digits, and would decode to a multiple of 16.
  static constexpr Size kLowestDigit = 0xE;

  Size key_ = 0;
};

/// The default policy of a heap. A heap with `Tracking` checks every address. It needs `Hardened`,
/// since for that check the contents of blocks must not look like metadata.
template <typename Tracker>
using DefaultHardening = std::conditional_t<Tracker::kEnabled, Hardened, Unhardened>;

}  // namespace lite_alloc
