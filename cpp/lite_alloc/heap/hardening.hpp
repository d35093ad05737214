// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <type_traits>

#include "lite_alloc/core/layout.hpp"

namespace lite_alloc {

/// Metadata is stored as it is, for programs that must be small. Only the marks of free blocks,
/// which show a second free, are mixed with a constant.
class Unhardened {
 public:
  static constexpr bool kEnabled = false;

  static constexpr void begin() noexcept {}
  [[nodiscard]] static constexpr Size tag_key() noexcept { return 0; }
  [[nodiscard]] static constexpr Size mark(Address block) noexcept { return block ^ 0xF95B'D3C0; }
  [[nodiscard]] static constexpr Address link(Address, Address link) noexcept { return link; }
};

/// Metadata is mixed with a secret of the heap. So neither the contents of a block nor a write
/// through a stale pointer pass for metadata: not by accident, and not on purpose where the writer
/// cannot read the heap's memory.
///
/// The key lies beside the heap's other state and is 0 until the heap first uses memory: a module
/// needs no data segment for it.
class Hardened {
 public:
  static constexpr bool kEnabled = true;

  constexpr void set_secret(std::uint32_t secret) noexcept {
    key_ = secret - secret % kGranule + kLowestDigit;
  }

  /// Chooses the same key in all heaps whose secret nobody set. The heap calls this before it uses
  /// the key.
  constexpr void begin() noexcept {
    if (key_ == 0) set_secret(0xA5C3'96E0);
  }

  /// The number that tags are mixed with. Its lowest digit has a bit that is no flag of a tag, and
  /// not the one that says free: 0, numbers below 8 and multiples of 16 are never the tag of a used
  /// chunk, and no even number is that of a free one.
  [[nodiscard]] constexpr Size tag_key() const noexcept { return key_; }

  /// The mark of a free block: a multiple of 16.
  [[nodiscard]] constexpr Size mark(Address block) const noexcept {
    return (block ^ key_) - kLowestDigit;
  }

  /// What is stored at `place` for a link, and the link for what is stored there. Where somebody
  /// overwrites it with a multiple of 16, the heap reads an address that is not aligned.
  [[nodiscard]] constexpr Address link(Address place, Address link) const noexcept {
    return link ^ place ^ key_;
  }

 private:
  /// Neither 8 nor 12, in which the addresses of many members of structures end.
  static constexpr Size kLowestDigit = 0xE;

  Size key_ = 0;
};

/// What a heap does when nobody says otherwise: a heap that checks every address needs metadata
/// that contents do not look like.
template <typename Tracker>
using DefaultHardening = std::conditional_t<Tracker::kEnabled, Hardened, Unhardened>;

}  // namespace lite_alloc
