// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <cstdint>

namespace lite_alloc {

/// A number of bytes from the start of a wasm32 linear memory. 0 is never the address of a block.
/// Native page sources map the same 32-bit addresses onto memory that they reserve
/// (`PageSource::at`), so native tests reach every layout and every overflow that wasm reaches.
using Address = std::uint32_t;

/// A size in bytes.
using Size = std::uint32_t;

/// Bytes in a granule: every block starts and ends at a multiple of this.
inline constexpr Size kGranule = 16;

/// Bytes in a WebAssembly page, the step in which linear memory grows.
inline constexpr Size kPageBytes = 65536;

/// The end of the last page that a heap can use, the 65 535th. The next page would end at 2^32,
/// which does not fit in 32 bits.
inline constexpr Address kEndOfAddresses = 65535 * kPageBytes;

/// The largest alignment of a block, in bytes.
inline constexpr Size kMaxAlignment = kPageBytes;

/// The shape of a block. A caller passes it to allocate the block, and passes it again to resize or
/// free the block, since blocks have no header that could hold it.
struct Layout {
  /// Usable bytes at the block's address. 0 is served like 1: the block is live and distinct.
  Size size = 0;
  /// A power of two up to `kMaxAlignment`. An alignment below `kGranule` means `kGranule`.
  Size alignment = kGranule;
  /// Bytes just below the block's address, for a header of the caller: a multiple of `kGranule` up
  /// to `kMaxAlignment`. The block's address, above the prefix, has the alignment.
  Size prefix = 0;
};

/// Returns whether every allocator accepts this alignment.
[[nodiscard]] constexpr bool is_alignment(Size alignment) noexcept {
  return std::has_single_bit(alignment) && alignment <= kMaxAlignment;
}

/// Returns `value` rounded down to a multiple of `alignment`, a power of two.
[[nodiscard]] constexpr Size align_down(Size value, Size alignment) noexcept {
  return value & ~(alignment - 1);
}

/// Returns `value` rounded up to a multiple of `alignment`, a power of two. Requires that the
/// result is below 2^32.
[[nodiscard]] constexpr Size align_up(Size value, Size alignment) noexcept {
  return align_down(value + (alignment - 1), alignment);
}

/// The largest block in bytes, prefix included. The block, the gap before an aligned address and
/// the record of a new region together are smaller than the 65 535 pages that a heap can use, so
/// the sum of all three never wraps.
inline constexpr Size kMaxBlock = kEndOfAddresses - 2 * kMaxAlignment;

/// Returns `size` rounded up to whole granules, to at least one. Returns 0 iff the result does not
/// fit in 32 bits.
[[nodiscard]] constexpr Size round_to_granules(Size size) noexcept {
  return align_down(size + (kGranule - 1) + static_cast<Size>(size == 0), kGranule);
}

/// The largest `Layout::size` that an allocator serves: with any prefix the block has at most
/// `kMaxBlock` bytes.
inline constexpr Size kMaxSize = kMaxBlock - kMaxAlignment;

/// Returns the bytes that a block with this layout takes, prefix included. Returns 0 iff they do
/// not fit in 32 bits.
[[nodiscard]] constexpr Size block_size(const Layout& layout) noexcept {
  const Size payload = round_to_granules(layout.size);
  const bool fits = payload != 0 && payload <= ~layout.prefix;
  return fits ? payload + layout.prefix : 0;
}

static_assert(round_to_granules(0) == kGranule && round_to_granules(1) == kGranule &&
              round_to_granules(17) == 32);
static_assert(round_to_granules(0xFFFF'FFF0) == 0xFFFF'FFF0 && round_to_granules(0xFFFF'FFF1) == 0);

}  // namespace lite_alloc
