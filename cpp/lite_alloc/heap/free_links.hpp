// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "lite_alloc/core/layout.hpp"

namespace lite_alloc {

/// The first granule of a free block. While the block is used, the header of `MallocAdaptor` lies
/// in the same bytes.
struct FreeBlock {
  std::uint32_t link;       // the next free block, as `PlainLinks` or `SealedLinks` encodes it
  std::uint32_t size;       // bytes, encoded by the same class
  std::uint32_t kept_seal;  // never written: the last header's seal, which reveals a second free
  Address next_by_address;  // the next free block by address, while a walk or a check runs
};
static_assert(sizeof(FreeBlock) == kGranule, "every free block must hold its links");

/// The first two words of a free block, decoded.
struct FreeRun {
  Address next;  // the next free block of the list; 0 for the last
  Size size;     // bytes, this granule included
};

/// Returns whether a free block at `block` can have these values in a heap that ends at `heap_end`:
/// whole granules, a link below the heap end, and a size that ends there or below.
[[nodiscard, gnu::always_inline]] constexpr bool is_plausible(Address block, FreeRun run,
                                                              Address heap_end) noexcept {
  return (run.next | run.size) % kGranule == 0 && run.next < heap_end &&
         run.size - 1 < heap_end - block;
}

/// Mixes 32 bits by a multiplication (Knuth, vol. 3, 6.4). Each bit of the result depends on all
/// lower bits of `value`; the low half depends on the high half, too.
[[nodiscard, gnu::always_inline]] constexpr std::uint32_t mixed(std::uint32_t value) noexcept {
  const std::uint32_t product = value * 0x9E37'79B1U;
  return product ^ (product >> 15U);
}

/// Stores the link and the size of a free block as they are. For the standalone modules, where
/// every byte of code counts.
class PlainLinks {
 public:
  static constexpr bool kSealed = false;

  static void set_secret(std::uint32_t) noexcept {}

  [[nodiscard]] static FreeRun read(Address, const FreeBlock& words) noexcept {
    return {words.link, words.size};
  }
  // `next` by reference, so that it is read last: two bytes of code less.
  static void write(Address, FreeBlock& words, const Address& next, Size size) noexcept {
    words.size = size;
    words.link = next;
  }
};

/// Stores the link and the size of a free block encoded with its address and the heap's secret.
/// Words that other code writes there decode to a size that is random in all bits. At most one such
/// size in 16 passes `is_plausible`, and fewer the smaller the heap is.
///
/// A search waits for the link before it can load the next free block, so decoding a link is short:
/// one operation after the load. Decoding the size runs beside that.
class SealedLinks {
 public:
  static constexpr bool kSealed = true;

  constexpr void set_secret(std::uint32_t secret) noexcept { secret_ = secret; }

  [[nodiscard, gnu::always_inline]] FreeRun read(Address block,
                                                 const FreeBlock& words) const noexcept {
    const std::uint32_t key = mixed(block ^ secret_);
    const std::uint32_t product = (words.size ^ mixed(words.link + key)) * kFactor;
    return {words.link ^ key, product ^ (product >> kShift)};
  }

  void write(Address block, FreeBlock& words, Address next, Size size) const noexcept {
    const std::uint32_t key = mixed(block ^ secret_);
    words.link = next ^ key;
    words.size = ((size ^ (size >> kShift)) * kInverse) ^ mixed(words.link + key);
  }

  /// Returns a number that code which does not know the secret cannot derive from `content`.
  [[nodiscard]] std::uint32_t seal(std::uint32_t content) const noexcept {
    return mixed(content ^ ~secret_);
  }

 private:
  static constexpr std::uint32_t kFactor = 0xC2B2'AE3DU;
  static constexpr std::uint32_t kInverse = 0xA89E'D915U;
  static_assert(kFactor * kInverse == 1);
  // Every bit has an effect on the highest bits. This brings those to the place of the four bits
  // that are 0 in a size.
  static constexpr std::uint32_t kShift = 28;

  std::uint32_t secret_ = 0;
};

}  // namespace lite_alloc
