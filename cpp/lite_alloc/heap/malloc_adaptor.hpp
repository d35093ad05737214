// SPDX-License-Identifier: MIT
#pragma once

#include <cstring>
#include <utility>

#include "lite_alloc/heap/free_links.hpp"
#include "lite_alloc/heap/free_result.hpp"
#include "lite_alloc/heap/inspectable.hpp"

namespace lite_alloc {

/// Gives an allocator whose blocks have no header (`HeaderlessHeap`) the interface of malloc and
/// free: blocks that know their size. A header of one granule lies below each block:
///
///     address - 16                                 address
///     | capacity | alignment | seal | (unused)     | capacity bytes ...
///
/// The seal is a hash of the header's address and contents and of the heap's secret. It
/// distinguishes a live block from everything else, at the cost of two multiplications: `free`
/// rejects a wrong or second free, and a walk finds the blocks with a header among those without
/// one. The contents of a block are accepted as a header only if the code that wrote them knows the
/// secret or guesses one of 2^32 seals.
///
/// Requires that memory which an earlier heap with the same secret used is cleared before a new
/// heap uses it: the headers that remained there would be accepted as the new heap's.
///
/// The sized calls of the allocator remain usable beside this interface, through `allocator()`.
///
/// A call takes the time of the allocator's own call, and of finding the region of the address in
/// calls that get one.
template <Inspectable A>
class MallocAdaptor {
 public:
  /// The allocator below this interface.
  using Below = A;

  /// The arguments are the page source's.
  template <typename... Arguments>
  constexpr explicit MallocAdaptor(Arguments&&... arguments) noexcept
      : allocator_(std::forward<Arguments>(arguments)...) {}

  /// Sets the secret of the seals here and in the allocator. Requires that the heap has no memory
  /// yet. Without this call the secret is 0.
  void set_secret(std::uint32_t secret) noexcept {
    allocator_.set_secret(secret);
    // Numbers derived from the secret, not the secret itself: the link of a free block can be read
    // from its bytes, and must not reveal them.
    secret_ = mixed(secret ^ 0x85EB'CA77U);
    factor_ = mixed(secret_) | 1U;
  }

  /// Returns the address of a new block of `size` bytes, aligned to `kGranule`. A size of 0 gives a
  /// distinct live block. Returns 0 iff there is no memory.
  [[nodiscard]] Address malloc(Size size) noexcept { return memalign(kGranule, size); }

  /// Like `malloc`, and sets the block's bytes to zero.
  [[nodiscard]] Address malloc_zeroed(Size size) noexcept {
    const Address address = malloc(size);
    if (address != 0) std::memset(allocator_.pages().template at<std::byte>(address), 0, size);
    return address;
  }

  /// Returns the address of a new block of `count` times `size` bytes, all zero. Returns 0 iff
  /// there is no memory or the product is 2^32 or more.
  [[nodiscard]] Address calloc(Size count, Size size) noexcept {
    Size whole = 0;
    return __builtin_mul_overflow(count, size, &whole) ? 0 : malloc_zeroed(whole);
  }

  /// Returns the address of a new block of `size` bytes at a multiple of `alignment`. Returns 0 iff
  /// there is no memory or `is_alignment(alignment)` is false.
  [[nodiscard]] Address memalign(Size alignment, Size size) noexcept {
    if (!is_alignment(alignment)) return 0;
    const Address address = allocator_.allocate({size, alignment, kPrefix});
    if (address != 0) {
      seal(address, size, alignment);
      ++live_blocks_;
    }
    return address;
  }

  /// Gives a block another size and returns its address, which may be another one. Contents are
  /// kept up to the smaller of both sizes. Address 0 gives a new block. Returns 0, and changes
  /// nothing, iff there is no memory or no live block has this address.
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

  /// Frees a block; address 0 is ignored. Changes nothing unless the result is `kFreed`.
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

  /// Returns the usable size of a live block in bytes; 0 iff no live block has this address.
  [[nodiscard]] Size usable_size(Address address) const noexcept {
    return is_live(address) ? header(address).capacity : 0;
  }

  /// Returns whether this is the address of a live block with a header. Rejects any other address.
  [[nodiscard]] bool is_live(Address address) const noexcept {
    return could_be_block(address) && header(address).seal == live_seal(address, header(address));
  }

  /// Frees every block, those of the sized calls too. The heap keeps its memory.
  void reset() noexcept {
    allocator_.reset();
    live_blocks_ = 0;
    secret_ = mixed(secret_ + 1);  // no seal from before is valid after this
  }

  /// Returns the number of live blocks with a header. Constant time.
  [[nodiscard]] Size live_blocks() const noexcept { return live_blocks_; }

  /// Returns the allocator below, whose blocks have no header.
  [[nodiscard]] A& allocator() noexcept { return allocator_; }

  /// Bytes of a header.
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
    sealed = {
        .capacity = allocator_.capacity({.size = size, .alignment = alignment, .prefix = kPrefix}),
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

  // Multiplicative hashing (Knuth, vol. 3, 6.4). The factor is secret, too: code that reads seals
  // from memory cannot compute another seal from their differences.
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
