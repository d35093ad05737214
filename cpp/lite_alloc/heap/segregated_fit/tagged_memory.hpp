// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <utility>

#include "lite_alloc/heap/code_size.hpp"
#include "lite_alloc/memory/page_source.hpp"

namespace lite_alloc::segregated_fit {

/// The lowest part of `SegregatedFit`: it divides memory into *chunks*, each with a *tag*.
///
/// A chunk is a contiguous part of memory that is either used or free. A word just below it, its
/// tag, holds the chunk's size and flags. All other bytes up to the tag of the next chunk are the
/// chunk's own, so a block that fills a chunk has 4 bytes less than the chunk's size:
///
///     used chunk     | tag | block ...                                  | tag of the next |
///     free chunk     | tag | next | previous | ...               | size | tag of the next |
///                          ^ the chunk's address, a multiple of 16
///                          |<---------------- the chunk's size ---------------->|
///
/// The words `next` and `previous` are the links of a list of free chunks (`Chunks`). The size
/// stands at both ends of a free chunk, so that the chunk above finds where this one begins.
///
/// Invariants:
/// - Addresses and sizes of chunks are multiples of 16, so the low four bits of a tag hold flags.
/// - The chunks of a region lie without gaps: the next one starts at `chunk + chunk_size(chunk)`.
///   The last tag of a region, right below its end, is that of a used chunk of size 0.
/// - Two neighbouring chunks are never both free. (A parked chunk, which `Chunks` explains, has the
///   tag of a used one and counts as used here.)
/// - A tag has `kBelowFree` iff the chunk below is free.
/// - The free chunk that ends at `heap_end_` is `top_`, and in no list. Every other free chunk is
///   in the list of its size.
///
/// A `Hardened` heap stores a tag combined with its secret, by exclusive or.
template <PageSource Pages, typename Tracker, typename Hardening>
class TaggedMemory {
 public:
  TaggedMemory(const TaggedMemory&) = delete;
  TaggedMemory& operator=(const TaggedMemory&) = delete;

  static constexpr Size kTagBytes = 4;
  static constexpr Size kFree = 1;       // the chunk is free
  static constexpr Size kBelowFree = 2;  // the chunk below is free, and its last word is its size
  static constexpr Size kAligned = 4;    // `Tracking` only: allocated with an alignment above 16
  static constexpr Size kUsedFlags = kBelowFree | kAligned;
  static constexpr Size kFlags = kGranule - 1;

  /// The object of type T at an address.
  template <typename T>
  [[nodiscard]] T& at(Address address) const noexcept {
    return *pages_.template at<T>(address);
  }

  [[nodiscard]] std::uint32_t& word_at(Address address) const noexcept {
    return at<std::uint32_t>(address);
  }

  [[nodiscard]] std::byte* bytes_at(Address address) const noexcept {
    return pages_.template at<std::byte>(address);
  }

  /// Ends the program unless `holds`. If a heap went on with overwritten metadata, it could return
  /// a block that is in use, or an address that an attacker has chosen.
  static void expect(bool holds) noexcept {
    if (!holds) [[unlikely]]
      __builtin_trap();
  }

  /// Returns the tag of a chunk: the value that `set_tag` last wrote.
  LITE_ALLOC_SHORT_CODE
  [[nodiscard]] Size tag_of(Address chunk) const noexcept {
    return word_at(chunk - kTagBytes) ^ hardening_.tag_key();
  }

  LITE_ALLOC_SHORT_CODE
  void set_tag(Address chunk, Size tag) noexcept {
    word_at(chunk - kTagBytes) = tag ^ hardening_.tag_key();
  }

  [[nodiscard]] Size chunk_size(Address chunk) const noexcept { return tag_of(chunk) & ~kFlags; }

  /// Returns the last word of a free chunk, where its size is stored a second time.
  [[nodiscard]] Size& size_at_end_of(Address chunk, Size size) const noexcept {
    return word_at(chunk + size - 2 * kTagBytes);
  }

  /// Returns the size of the free chunk below this one. Requires `kBelowFree`.
  [[nodiscard]] Size size_of_chunk_below(Address chunk) const noexcept {
    return word_at(chunk - 2 * kTagBytes);
  }

  /// Returns the size of the smallest chunk that holds a block of `size` bytes.
  [[nodiscard]] static constexpr Size chunk_size_for(Size size) noexcept {
    return align_up(size + kTagBytes, kGranule);
  }

  /// Checks whether `tag`, which was read below `chunk`, can be that of a used chunk. `chunk` may
  /// be any address: nothing outside the heap is read.
  [[nodiscard]] bool is_used_chunk(Address chunk, Size tag) const noexcept {
    const Size size = tag & ~kFlags;
    return ((chunk | (tag & ~kUsedFlags)) & kFlags) == 0 &&
           chunk - pages_.begin() < heap_end_ - pages_.begin() && size - 1 < heap_end_ - chunk &&
           (tag_of(chunk + size) & kBelowFree) == 0;
  }

  [[no_unique_address]] Pages pages_;
  [[no_unique_address]] Tracker tracker_;
  [[no_unique_address]] Hardening hardening_;
  Address top_ = 0;       // the free chunk that ends at `heap_end_`; 0 if that chunk is used
  Address heap_end_ = 0;  // the end of the newest region; 0 before the heap has one

 protected:
  /// Takes the arguments of the page source.
  template <typename... Arguments>
  constexpr explicit TaggedMemory(Arguments&&... arguments) noexcept
      : pages_(std::forward<Arguments>(arguments)...) {}
  ~TaggedMemory() = default;
};

}  // namespace lite_alloc::segregated_fit
