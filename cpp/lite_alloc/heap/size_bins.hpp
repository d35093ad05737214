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
/// The set is one bit for each bin, in words of 64 bits: those of four powers of two. A word of
/// summary bits says which words of the set are not 0, so the next bin in the set is found by two
/// bit scans. Nearly always the first one finds it.
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
    const Size shift = kShiftOfOne - static_cast<Size>(std::countl_zero(granules | kSteps));
    return (shift << kStepBits) + (granules >> shift);
  }

  /// Puts a bin into the set.
  constexpr void add(Size bin) noexcept {
    words_[bin / kWordBits] |= mask(bin);
    summary_ |= 1U << bin / kWordBits;
  }

  /// Takes a bin out of the set.
  constexpr void remove(Size bin) noexcept {
    words_[bin / kWordBits] &= ~mask(bin);
    if (words_[bin / kWordBits] == 0) summary_ &= ~(1U << bin / kWordBits);
  }

  /// Checks whether a bin is in the set.
  [[nodiscard]] constexpr bool has(Size bin) const noexcept {
    return (words_[bin / kWordBits] & mask(bin)) != 0;
  }

  /// Returns the lowest bin in the set that is `bin` or higher; `kCount` if none is. Constant
  /// time.
  [[nodiscard]] constexpr Size next(Size bin) const noexcept {
    Size word = bin / kWordBits;
    std::uint64_t bits = words_[word] & (~std::uint64_t{0} << bin % kWordBits);
    if (bits == 0) {
      const std::uint32_t higher = summary_ & (~std::uint32_t{1} << word);
      if (higher == 0) return kCount;
      word = static_cast<Size>(std::countr_zero(higher));
      bits = words_[word];
    }
    return word * kWordBits + static_cast<Size>(std::countr_zero(bits));
  }

  /// Returns the highest bin in the set; `kCount` if the set is empty. Looks at one bin after the
  /// other, since only introspection calls it.
  [[nodiscard]] constexpr Size highest() const noexcept {
    Size bin = kCount;
    while (bin != 0 && !has(bin - 1)) --bin;
    return bin != 0 ? bin - 1 : kCount;
  }

 private:
  static constexpr Size kWordBits = 64;
  static constexpr Size kStepBits = 4;
  static constexpr Size kSteps = 1U << kStepBits;
  static constexpr Size kShiftOfOne = 32 - kStepBits - 1;

  [[nodiscard]] static constexpr std::uint64_t mask(Size bin) noexcept {
    return std::uint64_t{1} << bin % kWordBits;
  }

  std::array<std::uint64_t, (kCount + kWordBits - 1) / kWordBits> words_ = {};
  std::uint32_t summary_ = 0;
};

static_assert(SizeBins::of(kGranule) == 1 && SizeBins::of(496) == 31);
static_assert(SizeBins::of(512) == 32 && SizeBins::of(512 + 16) == 32 && SizeBins::of(544) == 33);
static_assert(SizeBins::of(1008) == 47 && SizeBins::of(1072) == 48 && SizeBins::of(2032) == 63);
static_assert(SizeBins::of(0xFFFF'FFF0) == SizeBins::kCount - 1);

}  // namespace lite_alloc
