// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <type_traits>

#include "lite_alloc/core/layout.hpp"

namespace lite_alloc {

/// Allocator metadata as it is, for programs that are trusted and must be small. Of the marks that
/// show a second free, only the address of the block varies.
class Unhardened {
 public:
  static constexpr bool kEnabled = false;

  static constexpr void begin() noexcept {}
  [[nodiscard]] static constexpr Size tag_key() noexcept { return 0; }
  [[nodiscard]] static constexpr Size mark_key() noexcept { return 0xF95B'D3C0; }
  [[nodiscard]] static constexpr Address link(Address, Address stored) noexcept { return stored; }
};

/// Allocator metadata mixed with a secret of each heap, so that neither the contents of a block nor
/// a write through a stale pointer can pass for metadata: not by accident, and not on purpose by
/// code that can write but cannot read.
///
/// The keys lie beside the heap's other state and are 0 until the heap first uses memory: a module
/// needs no data segment for them.
class Hardened {
 public:
  static constexpr bool kEnabled = true;

  constexpr void set_secret(std::uint32_t secret) noexcept {
    // Different odd factors, since code that sees one key in stale contents is not to know another.
    tag_key_ = with_lowest_digit(kDefaultTagKey ^ secret, 0x8);
    mark_key_ = with_lowest_digit(kDefaultMarkKey ^ (secret * 0x9E37'79B1), 0x0);
    link_key_ = with_lowest_digit(kDefaultLinkKey ^ (secret * 0x85EB'CA77), 0xB);
  }

  /// Chooses the same keys in every run where nobody set a secret. To be called before any key is
  /// used.
  constexpr void begin() noexcept {
    if (link_key_ == 0) set_secret(0);
  }

  /// The key of tags. Its lowest digit is no flag of a tag, so that 0, small numbers and multiples
  /// of 16 are never the tag of a used chunk.
  [[nodiscard]] constexpr Size tag_key() const noexcept { return tag_key_; }

  /// The key of the marks of free blocks. Its lowest digit is 0, since a mark counts in that digit.
  [[nodiscard]] constexpr Size mark_key() const noexcept { return mark_key_; }

  /// The link stored at the address `place` for an address, and the address for a stored link. The
  /// lowest digit of the key is neither 0 nor common at the start of a word of text: whatever
  /// multiple of 16 somebody writes there, the heap reads an address that is not aligned.
  [[nodiscard]] constexpr Address link(Address place, Address link) const noexcept {
    return link ^ place ^ link_key_;
  }

 private:
  static constexpr Size kDefaultTagKey = 0xA5C3'96E8;
  static constexpr Size kDefaultMarkKey = 0xF95B'D3C0;
  static constexpr Size kDefaultLinkKey = 0x6D2E'B70B;

  [[nodiscard]] static constexpr Size with_lowest_digit(Size key, Size digit) noexcept {
    return key - key % kUnit + digit;
  }

  Size tag_key_ = 0;
  Size mark_key_ = 0;
  Size link_key_ = 0;
};

/// What a heap does when nobody says otherwise: a heap that checks every address needs metadata
/// that contents do not look like.
template <typename Tracker>
using DefaultHardening = std::conditional_t<Tracker::kEnabled, Hardened, Unhardened>;

}  // namespace lite_alloc
