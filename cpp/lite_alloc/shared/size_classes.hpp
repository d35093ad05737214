// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "lite_alloc/core/layout.hpp"

namespace lite_alloc::shared {

/// \file The sizes of blocks that threads keep in slabs of their own, and where such slabs lie.
///
/// A *segment* is 64 KiB at a multiple of 64 KiB, divided into 16 pages of 4 KiB. A *slab* takes 1,
/// 4 or all 16 of these pages and has blocks of one size class. The last bytes of a segment are its
/// head, so the slab that has the last page has less room than others:
///
///     class      bytes of a block                       pages
///     1 to 32    16, 32, ... 512                        1
///     33 to 36   576, 672, 816, 1024                    1
///     37 to 48   1088 to 4096: 4 pages / 15, ... / 4    4
///     49 to 62   4288 to 32 448: 16 pages / 15, ... / 2 16
///
/// Sizes above 1024 bytes are rounded down to multiples of 64, the bytes of a cache line.

inline constexpr Size kSegmentBytes = 65536;
inline constexpr Size kSlabPageBytes = 4096;
inline constexpr Size kSlabPages = kSegmentBytes / kSlabPageBytes;
inline constexpr Size kHeadBytes = 640;

inline constexpr Size kClasses = 63;  // class 0 does not exist
inline constexpr Size kMaxSlabBlock = 32448;

namespace size_classes {

inline constexpr Size kExact = 32;
inline constexpr Size kOnePage = 36;
inline constexpr Size kFourPages = 48;
inline constexpr std::array<Size, kOnePage - kExact> kLarger = {36, 42, 51, 64};  // granules
inline constexpr Size kMaxFine = 1024;
inline constexpr Size kCoarseStep = 64;

/// Bytes of free blocks of a class that a thread keeps at hand, outside of their slabs.
inline constexpr Size kMagazineBytes = 4096;

constexpr Size pages_of(Size size_class) noexcept {
  return size_class <= kOnePage ? 1 : size_class <= kFourPages ? 4 : kSlabPages;
}

constexpr Size granules_of(Size size_class) noexcept {
  if (size_class <= kExact) return size_class;
  if (size_class <= kOnePage) return kLarger[size_class - kExact - 1];
  const bool is_medium = size_class <= kFourPages;
  const Size room = is_medium ? 4 * kSlabPageBytes : kSegmentBytes - kHeadBytes;
  const Size blocks = 15 - (size_class - 1 - (is_medium ? kOnePage : kFourPages));
  return align_down(room / blocks, kCoarseStep) / kGranule;
}

template <Size kEntries, Size kStep>
constexpr auto make_table() noexcept {
  std::array<std::uint8_t, kEntries> classes = {};
  Size size_class = 1;
  for (Size entry = 0; entry < kEntries; ++entry) {
    while (granules_of(size_class) * kGranule < entry * kStep) ++size_class;
    classes[entry] = static_cast<std::uint8_t>(size_class);
  }
  return classes;
}

inline constexpr auto kFine = make_table<kMaxFine / kGranule + 1, kGranule>();
inline constexpr auto kCoarse = make_table<kMaxSlabBlock / kCoarseStep + 1, kCoarseStep>();

/// Blocks of another thread that are sent to it together, at most.
inline constexpr Size kMaxParcel = 64;

}  // namespace size_classes

/// What a class is.
struct SizeClass {
  std::uint32_t reciprocal = 0;  // 2^32 / granules, rounded up
  std::uint16_t granules = 0;    // of a block
  std::uint16_t magazine = 0;    // blocks that a thread keeps at hand
  std::uint8_t pages = 0;        // of a slab
  std::uint8_t parcel = 0;       // blocks that a thread sends to another one together
};

inline constexpr std::array<SizeClass, kClasses> kSizeClasses = [] {
  using namespace size_classes;
  std::array<SizeClass, kClasses> classes = {};
  for (Size c = 1; c < kClasses; ++c) {
    const Size granules = granules_of(c);
    const std::uint64_t reciprocal = ((std::uint64_t{1} << 32U) + granules - 1) / granules;
    const Size magazine = kMagazineBytes / (granules * kGranule);
    classes[c] = {.reciprocal = static_cast<std::uint32_t>(reciprocal),
                  .granules = static_cast<std::uint16_t>(granules),
                  .magazine = static_cast<std::uint16_t>(magazine),
                  .pages = static_cast<std::uint8_t>(pages_of(c)),
                  .parcel = static_cast<std::uint8_t>(std::clamp<Size>(magazine, 1, kMaxParcel))};
  }
  return classes;
}();

/// Returns the class of the smallest blocks with room for `size` bytes, at most `kMaxSlabBlock`.
[[nodiscard]] constexpr Size class_for(Size size) noexcept {
  using namespace size_classes;
  return size <= kMaxFine ? kFine[(size + kGranule - 1) / kGranule]
                          : kCoarse[(size + kCoarseStep - 1) / kCoarseStep];
}

[[nodiscard]] constexpr Size bytes_of(Size size_class) noexcept {
  return Size{kSizeClasses[size_class].granules} * kGranule;
}

/// Returns whether a number of granules, below 2^16, is a multiple of the granules of a class. The
/// product modulo 2^32 is the fractional part of the quotient in units of 2^-32, plus an error
/// below one reciprocal.
///
/// Source: Lemire, Kaser and Kurz, Faster remainder by direct computation, 2019.
[[nodiscard]] constexpr bool is_multiple(Size number, std::uint32_t reciprocal) noexcept {
  // For class 1 the reciprocal is 2^32, which wraps to 0: then every number passes.
  return number * reciprocal <= reciprocal - 1;
}

static_assert(bytes_of(kClasses - 1) == kMaxSlabBlock);
static_assert(class_for(0) == 1 && class_for(16) == 1 && class_for(17) == 2);
static_assert(bytes_of(class_for(4096)) == 4096 && bytes_of(class_for(1025)) == 1088);

}  // namespace lite_alloc::shared
