// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "lite_alloc/core/layout.hpp"

namespace lite_alloc {

/// The first unit of a free block. The owner's header lies in the same bytes while the block is
/// used.
struct FreeBlock {
  std::uint32_t link;        // the next free block, as `PlainLinks` or `SealedLinks` writes it
  std::uint32_t size;        // written by the same
  std::uint32_t left_alone;  // keeps the last seal of an owner's header
  Address above;             // the next free block by address, while a walk or a check runs
};
static_assert(sizeof(FreeBlock) == kGranule, "every free block must hold its links");

/// What the first two words of a free block say.
struct FreeRun {
  Address next;  // the next free block of the list; 0 for the last
  Size size;     // bytes, this unit included
};

/// Whether a free block at `block` can say this in a heap that ends at `limit`.
[[nodiscard, gnu::always_inline]] constexpr bool is_possible(Address block, FreeRun run,
                                                             Address limit) noexcept {
  return (run.next | run.size) % kGranule == 0 && run.next < limit && run.size - 1 < limit - block;
}

/// Mixes 32 bits by a multiplication (Knuth, vol. 3, 6.4): each bit of the result depends on all
/// lower bits of `value`, and its low half on the high half, too.
[[nodiscard, gnu::always_inline]] constexpr std::uint32_t mixed(std::uint32_t value) noexcept {
  const std::uint32_t product = value * 0x9E37'79B1U;
  return product ^ (product >> 15U);
}

/// Free blocks hold their link and size as they are. For the standalone modules, where every byte
/// of code counts.
class PlainLinks {
 public:
  static constexpr bool kSealed = false;

  static void set_secret(std::uint32_t) noexcept {}

  [[nodiscard]] static FreeRun read(Address, const FreeBlock& words) noexcept {
    return {words.link, words.size};
  }
  // `next` by reference, so that it is read last: two bytes less.
  static void write(Address, FreeBlock& words, const Address& next, Size size) noexcept {
    words.size = size;
    words.link = next;
  }
};

/// Free blocks hold their link and size encoded with their address and the heap's secret. Whatever
/// other code writes there decodes to a size that is random in all bits: `is_possible` holds for
/// one of 16 such sizes at most, and for fewer the smaller the heap is.
///
/// The link alone is on the way to the next free block, so its decoding is short: one operation
/// after the load. The size does not depend on anything that the search waits for.
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

  /// A number that nobody without the secret can derive from `content`.
  [[nodiscard]] std::uint32_t seal(std::uint32_t content) const noexcept {
    return mixed(content ^ ~secret_);
  }

 private:
  static constexpr std::uint32_t kFactor = 0xC2B2'AE3DU;
  static constexpr std::uint32_t kInverse = 0xA89E'D915U;
  static_assert(kFactor * kInverse == 1);
  // Brings the highest bits, which every other bit has an effect on, to where a size has zeros.
  static constexpr std::uint32_t kShift = 28;

  std::uint32_t secret_ = 0;
};

}  // namespace lite_alloc
