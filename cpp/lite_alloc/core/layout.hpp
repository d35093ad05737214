// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <cstdint>

namespace lite_alloc {

/// A number of bytes from the start of a wasm32 linear memory. 0 is never the address of a block.
/// Native page sources map the same 32-bit addresses onto memory they reserve (`PageSource::at`),
/// so that native tests meet every layout and every overflow that wasm meets.
using Address = std::uint32_t;

/// A size in bytes.
using Size = std::uint32_t;

/// Blocks start and end at multiples of this many bytes.
inline constexpr Size kGranule = 16;

/// The largest alignment a block can ask for, in bytes: one WebAssembly page.
inline constexpr Size kMaxAlignment = 65536;

/// What a caller asks of an allocator, and what it says again when it gives the block back.
struct Layout {
  /// Bytes wanted at the block's address. 0 is served like 1: the block is live and distinct.
  Size size = 0;
  /// A power of two up to `kMaxAlignment`. Anything up to `kGranule` means `kGranule`.
  Size alignment = kGranule;
  /// Bytes wanted just below the block's address, for an owner's header: a multiple of `kGranule`
  /// up to `kMaxAlignment`. The alignment holds for the address above them.
  Size prefix = 0;
};

/// Whether `alignment` is one that every allocator takes.
[[nodiscard]] constexpr bool is_alignment(Size alignment) noexcept {
  return std::has_single_bit(alignment) && alignment <= kMaxAlignment;
}

/// `value` rounded down to a multiple of `alignment`, a power of two.
[[nodiscard]] constexpr Size align_down(Size value, Size alignment) noexcept {
  return value & ~(alignment - 1);
}

/// `value` rounded up to a multiple of `alignment`, a power of two. The caller sees to it that this
/// is under 2^32.
[[nodiscard]] constexpr Size align_up(Size value, Size alignment) noexcept {
  return align_down(value + (alignment - 1), alignment);
}

/// The largest block there can be. With the gap before an aligned address and the record of a new
/// region the sum stays under the 65 535 pages that a heap can have, so no such sum ever wraps.
inline constexpr Size kMaxBlock = 0xFFFF'0000 - 2 * kMaxAlignment;

/// The bytes a block of `size` usable bytes takes: whole units, at least one. 0 iff they do not fit
/// in 32 bits.
[[nodiscard]] constexpr Size round_to_granules(Size size) noexcept {
  return align_down(size + (kGranule - 1) + static_cast<Size>(size == 0), kGranule);
}

/// The largest `Layout::size` that is served: with any prefix its block is at most `kMaxBlock`.
inline constexpr Size kMaxSize = kMaxBlock - kMaxAlignment;

/// The bytes a block with this layout takes, prefix included. 0 iff they do not fit in 32 bits.
[[nodiscard]] constexpr Size block_size(const Layout& layout) noexcept {
  const Size payload = round_to_granules(layout.size);
  const bool fits = payload != 0 && payload <= ~layout.prefix;
  return fits ? payload + layout.prefix : 0;
}

static_assert(round_to_granules(0) == kGranule && round_to_granules(1) == kGranule &&
              round_to_granules(17) == 32);
static_assert(round_to_granules(0xFFFF'FFF0) == 0xFFFF'FFF0 && round_to_granules(0xFFFF'FFF1) == 0);

}  // namespace lite_alloc
