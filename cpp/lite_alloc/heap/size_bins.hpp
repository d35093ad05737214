// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "lite_alloc/core/layout.hpp"

namespace lite_alloc {

/// Sorts sizes, multiples of `kGranule` from `kGranule` on, into bins: one bin a size up to 496
/// bytes, above that 16 bins for each power of two, so that the sizes of a bin differ by 6 % at
/// most.
///
/// Source: Masmano et al., TLSF: a new dynamic memory allocator for real-time systems, 2004. There
/// the two levels are two indices; here one number orders all bins.
class SizeBins {
 public:
  static constexpr Size kCount = 400;

  /// The bin of a size. Every size of a higher bin is larger.
#ifdef __OPTIMIZE_SIZE__
  [[gnu::noinline]]  // 80 bytes in five places
#endif
  [[nodiscard]] static constexpr Size
  of(Size size) noexcept {
    const Size units = size / kGranule;
    const auto digits = width_of(units | kSteps);
    const Size shift = digits - kStepDigits - 1;
    return (shift << kStepDigits) + (units >> shift);
  }

  constexpr void add(Size bin) noexcept {
    words_[bin / kDigits] |= mask(bin);
    summary_ |= 1U << (bin / kDigits);
  }

  constexpr void remove(Size bin) noexcept {
    words_[bin / kDigits] &= ~mask(bin);
    if (words_[bin / kDigits] == 0) summary_ &= ~(1U << (bin / kDigits));
  }

  /// The lowest bin added that is `bin` or higher; `kCount` if there is none. Constant time.
  [[nodiscard]] constexpr Size next(Size bin) const noexcept {
    Size word = bin / kDigits;
    std::uint32_t bits = words_[word] & (~std::uint32_t{0} << bin % kDigits);
    if (bits == 0) {
      const std::uint32_t higher = summary_ & (~std::uint32_t{1} << word);
      if (higher == 0) return kCount;
      word = static_cast<Size>(std::countr_zero(higher));
      bits = words_[word];
    }
    return word * kDigits + static_cast<Size>(std::countr_zero(bits));
  }

  /// The highest bin added; `kCount` if there is none.
  [[nodiscard]] constexpr Size highest() const noexcept {
    if (summary_ == 0) return kCount;
    const auto word = width_of(summary_) - 1;
    return word * kDigits + width_of(words_[word]) - 1;
  }

 private:
  static constexpr Size kDigits = 32;  // in a word of the set
  static constexpr Size kStepDigits = 4;
  static constexpr Size kSteps = 1U << kStepDigits;

  /// As `std::bit_width`, whose result is an int in some standard libraries and not in others: a
  /// cast of it would draw a warning in one of them.
  [[nodiscard]] static constexpr Size width_of(std::uint32_t word) noexcept {
    return kDigits - static_cast<Size>(std::countl_zero(word));
  }

  [[nodiscard]] static constexpr std::uint32_t mask(Size bin) noexcept {
    return std::uint32_t{1} << bin % kDigits;
  }

  std::array<std::uint32_t, (kCount + kDigits - 1) / kDigits> words_ = {};
  std::uint32_t summary_ = 0;
};

static_assert(SizeBins::of(kGranule) == 1 && SizeBins::of(496) == 31);
static_assert(SizeBins::of(512) == 32 && SizeBins::of(512 + 16) == 32 && SizeBins::of(544) == 33);
static_assert(SizeBins::of(0xFFFF'FFF0) == SizeBins::kCount - 1);

}  // namespace lite_alloc
