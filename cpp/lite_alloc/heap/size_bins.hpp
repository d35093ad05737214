// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "lite_alloc/core/layout.hpp"

namespace lite_alloc {

/// Sorts sizes into *bins*, and is a set of bins: those that a heap has free chunks for.
///
/// Sizes are multiples of 16 bytes, from 16 on. Up to 496 bytes a bin has one size. Above, each
/// power of two has 16 bins, so the sizes of one bin differ by at most 6 %:
///
///     size   16   32   48  ...  496 | 512  544  576  ...  992 | 1024  1088  ...  1984 | 2048 ...
///                                   | 528  560  592      1008 | 1040  1104       2000 | ...
///                                   |                         | 1056  1120       2016 |
///                                   |                         | 1072  1136       2032 |
///     bin     1    2    3  ...   31 |  32   33   34  ...   47 |   48    49  ...    63 |   64 ...
///
/// The set is one bit for each bin, in seven words of 64 bits. A word has the bins of four powers
/// of two, so nearly always a single bit scan finds the next bin in the set.
///
/// Source: Masmano et al., TLSF: a new dynamic memory allocator for real-time systems, 2004. There
/// the two levels are two indices; here one number orders all bins.
class SizeBins {
 public:
  static constexpr Size kCount = 400;

  /// Returns the bin of a size. Every size of a higher bin is larger.
#ifdef __OPTIMIZE_SIZE__
  [[gnu::noinline]]  // 80 bytes less in five places
#endif
  [[nodiscard]] static constexpr Size
  of(Size size) noexcept {
    const Size granules = size / kGranule;
    const auto zeros = static_cast<Size>(std::countl_zero(granules | kSteps));
    const Size shift = 32 - zeros - kStepBits - 1;
    return (shift << kStepBits) + (granules >> shift);
  }

  /// Puts a bin into the set.
  constexpr void add(Size bin) noexcept { words_[bin / kWordBits] |= mask(bin); }

  /// Takes a bin out of the set.
  constexpr void remove(Size bin) noexcept { words_[bin / kWordBits] &= ~mask(bin); }

  /// Checks whether a bin is in the set.
  [[nodiscard]] constexpr bool has(Size bin) const noexcept {
    return (words_[bin / kWordBits] & mask(bin)) != 0;
  }

  /// Returns the lowest bin in the set that is `bin` or higher; `kCount` if none is. Constant
  /// time.
  [[nodiscard]] constexpr Size next(Size bin) const noexcept {
    Size word = bin / kWordBits;
    std::uint64_t bits = words_[word] & (~std::uint64_t{0} << bin % kWordBits);
    while (bits == 0) {
      if (++word == kWords) return kCount;
      bits = words_[word];
    }
    return word * kWordBits + static_cast<Size>(std::countr_zero(bits));
  }

  /// Returns the highest bin in the set; `kCount` if the set is empty. Constant time.
  [[nodiscard]] constexpr Size highest() const noexcept {
    for (Size word = kWords; word-- != 0;) {
      if (words_[word] == 0) continue;
      return word * kWordBits + kWordBits - 1 - static_cast<Size>(std::countl_zero(words_[word]));
    }
    return kCount;
  }

 private:
  static constexpr Size kWordBits = 64;
  static constexpr Size kStepBits = 4;
  static constexpr Size kSteps = 1U << kStepBits;

  [[nodiscard]] static constexpr std::uint64_t mask(Size bin) noexcept {
    return std::uint64_t{1} << bin % kWordBits;
  }

  static constexpr Size kWords = (kCount + kWordBits - 1) / kWordBits;

  std::array<std::uint64_t, kWords> words_ = {};
};

static_assert(SizeBins::of(kGranule) == 1 && SizeBins::of(496) == 31);
static_assert(SizeBins::of(512) == 32 && SizeBins::of(512 + 16) == 32 && SizeBins::of(544) == 33);
static_assert(SizeBins::of(1008) == 47 && SizeBins::of(1072) == 48 && SizeBins::of(2032) == 63);
static_assert(SizeBins::of(0xFFFF'FFF0) == SizeBins::kCount - 1);

}  // namespace lite_alloc
