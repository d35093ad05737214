// SPDX-License-Identifier: MIT
#pragma once

#include <cstring>
#include <utility>

#include "lite_alloc/heap/allocator.hpp"
#include "lite_alloc/heap/free_links.hpp"
#include "lite_alloc/heap/free_result.hpp"

namespace lite_alloc {

/// Gives an allocator whose blocks have no header (`HeaderlessHeap`) the semantics of malloc and
/// free: blocks that know their size. A header of one unit lies below each block:
///
///     address - 16                                 address
///     | capacity | alignment | seal | (unused)     | capacity bytes ...
///
/// The seal is a hash of the header's place and content and of the heap's secret. It tells a live
/// block from anything else at the cost of two multiplications, so that a wrong or second free is
/// refused, and it lets a walk find the blocks between those that have no header. Contents of a
/// block pass for a header only if whoever wrote them knows the secret, or guesses one of 2^32
/// seals.
///
/// Memory that an earlier heap with the same secret used is to be cleared before it is handed to a
/// new one: headers that still stand there would pass for the new heap's.
///
/// The sized calls of the allocator itself stay usable beside it, through `allocator()`.
template <Allocator A>
class MallocAdaptor {
 public:
  using Below = A;

  template <typename... Arguments>
  constexpr explicit MallocAdaptor(Arguments&&... arguments) noexcept
      : allocator_(std::forward<Arguments>(arguments)...) {}

  /// Sets what seals are mixed with, those of the allocator below too. Requires that the heap has
  /// no memory yet. Without this call the secret is 0.
  void set_secret(std::uint32_t secret) noexcept {
    allocator_.set_secret(secret);
    // Numbers of its own, so that a link of a free block, which can be read from its bytes, reveals
    // none of them.
    secret_ = mixed(secret ^ 0x85EB'CA77U);
    factor_ = mixed(secret_) | 1U;
  }

  /// A block of `size` bytes aligned to `kGranule`, or 0. A size of 0 gives a distinct live block.
  [[nodiscard]] Address malloc(Size size) noexcept { return memalign(kGranule, size); }

  /// The same, its bytes zero.
  [[nodiscard]] Address zeroed(Size size) noexcept {
    const Address address = malloc(size);
    if (address != 0) std::memset(allocator_.pages().template at<std::byte>(address), 0, size);
    return address;
  }

  /// `count` times `size` bytes, zero. Fails also iff that is 2^32 or more.
  [[nodiscard]] Address calloc(Size count, Size size) noexcept {
    Size whole = 0;
    return __builtin_mul_overflow(count, size, &whole) ? 0 : zeroed(whole);
  }

  /// A block of `size` bytes at a multiple of `alignment`, or 0: also iff `is_alignment` is false.
  [[nodiscard]] Address memalign(Size alignment, Size size) noexcept {
    if (!is_alignment(alignment)) return 0;
    const Address address = allocator_.allocate({size, alignment, kPrefix});
    if (address != 0) {
      seal(address, size, alignment);
      ++live_blocks_;
    }
    return address;
  }

  /// The block with `size` bytes, perhaps elsewhere, contents kept up to the smaller size. Fails
  /// iff memory cannot be had, or iff `address` is not a live block; returns 0 then, and nothing
  /// changed.
  [[nodiscard]] Address realloc(Address address, Size size) noexcept {
    if (address == 0) return malloc(size);
    if (!is_live(address)) return 0;
    const Header old = header(address);
    header(address).seal = freed_seal(address);
    const Address moved = allocator_.reallocate(address, layout_of(old), size);
    if (moved == 0) {
      header(address) = old;
    } else {
      seal(moved, size, old.alignment);
    }
    return moved;
  }

  /// Frees a block; 0 is ignored. Nothing changes unless the result is `kFreed`.
  FreeResult free(Address address) noexcept {
    if (address == 0) return FreeResult::kFreed;
    if (!is_live(address)) {
      return was_freed(address) ? FreeResult::kAlreadyFree : FreeResult::kNotABlock;
    }
    const Layout layout = layout_of(header(address));
    header(address).seal = freed_seal(address);
    allocator_.deallocate(address, layout);
    --live_blocks_;
    return FreeResult::kFreed;
  }

  /// The bytes a live block really has; 0 iff it is none.
  [[nodiscard]] Size usable_size(Address address) const noexcept {
    return is_live(address) ? header(address).capacity : 0;
  }

  /// Whether `address` is what `malloc` or one of its kin returned, and not freed since.
  [[nodiscard]] bool is_live(Address address) const noexcept {
    return could_be_block(address) && header(address).seal == live_seal(address, header(address));
  }

  /// Every block is gone, those of the sized calls too; the memory stays for reuse.
  void reset() noexcept {
    allocator_.reset();
    live_blocks_ = 0;
    secret_ = mixed(secret_ + 1);  // so that no seal outlives this
  }

  /// Live blocks that have a header.
  [[nodiscard]] Size live_blocks() const noexcept { return live_blocks_; }

  /// The allocator below, whose blocks have no header.
  [[nodiscard]] A& allocator() noexcept { return allocator_; }

  static constexpr Size kPrefix = kGranule;

 private:
  struct Header {
    Size capacity;
    Size alignment;
    std::uint32_t seal;
    std::uint32_t unused;
  };
  static_assert(sizeof(Header) == kPrefix, "a header must leave the block above it aligned");

  [[nodiscard]] Header& header(Address address) const noexcept {
    return *allocator_.pages().template at<Header>(address - kPrefix);
  }

  [[nodiscard]] static constexpr Layout layout_of(const Header& header) noexcept {
    return {.size = header.capacity, .alignment = header.alignment, .prefix = kPrefix};
  }

  void seal(Address address, Size size, Size alignment) noexcept {
    Header& sealed = header(address);
    sealed = {.capacity = A::capacity({.size = size, .alignment = alignment, .prefix = kPrefix}),
              .alignment = alignment,
              .seal = 0,
              .unused = 0};
    sealed.seal = live_seal(address, sealed);
  }

  [[nodiscard]] bool could_be_block(Address address) const noexcept {
    return address % kGranule == 0 && address > kPrefix &&
           allocator_.owns(address - kPrefix, kPrefix + kGranule);
  }

  [[nodiscard]] bool was_freed(Address address) const noexcept {
    return could_be_block(address) && header(address).seal == freed_seal(address);
  }

  // Multiplicative hashing (Knuth, vol. 3, 6.4). The factor is secret, too: from the seals that a
  // reader finds in memory no subtraction leads to another seal.
  [[nodiscard]] std::uint32_t freed_seal(Address address) const noexcept {
    const std::uint32_t product = (address ^ secret_) * factor_;
    return product ^ (product >> 15U);
  }

  [[nodiscard]] std::uint32_t live_seal(Address address, const Header& header) const noexcept {
    const std::uint32_t content = (header.capacity + header.alignment * 0xC2B2'AE3DU) * factor_;
    return ~freed_seal(address) + (content | 1U);
  }

  A allocator_;
  Size live_blocks_ = 0;
  std::uint32_t secret_ = mixed(0x85EB'CA77U);
  std::uint32_t factor_ = mixed(mixed(0x85EB'CA77U)) | 1U;
};

}  // namespace lite_alloc
