// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <type_traits>

#include "lite_alloc/core/layout.hpp"

namespace lite_alloc {

/// A policy for programs that must be small: metadata is stored as it is. Only the marks of free
/// blocks, by which a heap detects that a block is freed twice, are mixed with a constant.
class Unhardened {
 public:
  static constexpr bool kEnabled = false;

  static constexpr void begin() noexcept {}
  [[nodiscard]] static constexpr Size tag_key() noexcept { return 0; }
  [[nodiscard]] static constexpr Size mark(Address block) noexcept { return block ^ 0xF95B'D3C0; }
  [[nodiscard]] static constexpr Address link(Address, Address link) noexcept { return link; }
};

/// A policy for heaps that check their metadata: it is stored mixed with a secret of the heap. So
/// neither the contents of a block nor a write through a stale pointer pass for metadata: not by
/// accident, and not on purpose where the attacker cannot read the heap's memory.
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

  /// Returns the number that tags are mixed with. Its lowest four bits are chosen so that likely
  /// contents of a block are never a tag: 0, numbers below 8 and multiples of 16 are not the tag of
  /// a used chunk, and even numbers are not that of a free one.
  [[nodiscard]] constexpr Size tag_key() const noexcept { return key_; }

  /// Returns the mark of a free block: a multiple of 16.
  [[nodiscard]] constexpr Size mark(Address block) const noexcept {
    return (block ^ key_) - kLowestDigit;
  }

  /// Returns what is stored at `place` for a link, and also the link for what is stored there. If
  /// other code overwrites it with a multiple of 16, the link becomes an address that is not
  /// aligned, which the heap detects.
  [[nodiscard]] constexpr Address link(Address place, Address link) const noexcept {
    return link ^ place ^ key_;
  }

 private:
  /// Has a bit that is no flag of a tag, and not the bit that says free. It is neither 8 nor 12, in
  /// which the addresses of many members of structures end.
  static constexpr Size kLowestDigit = 0xE;

  Size key_ = 0;
};

/// The policy of a heap whose user chooses none. A heap with `Tracking` checks every address, which
/// needs metadata that contents do not look like.
template <typename Tracker>
using DefaultHardening = std::conditional_t<Tracker::kEnabled, Hardened, Unhardened>;

}  // namespace lite_alloc
