// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>

#include "lite_alloc/heap/segregated_fit/parking.hpp"
#include "lite_alloc/heap/segregated_fit/slab_blocks.hpp"
#include "lite_alloc/heap/size_bins.hpp"

namespace lite_alloc::segregated_fit {

/// Free chunks, kept by size: a segregated fit. This part finds a free chunk for a size, cuts used
/// chunks out of free ones, merges a freed chunk with its free neighbours at once (a heap that
/// parks chunks makes one exception), and gives chunks another size where they are.
///
/// Each free chunk but `top_` is in the doubly linked list of a *bin* (`SizeBins` says which sizes
/// a bin has). `filled_bins_`, a set of bits, says which bins have chunks. So two bit scans find
/// the smallest bin that has chunks and whose sizes are all large enough:
///
///     bins_[31]  -> chunk <-> chunk          all of 496 bytes
///     bins_[32]  -> 0                        512 and 528 bytes
///     bins_[33]  -> chunk                    544 and 560 bytes
///     ...
///     top_       -> chunk                    the end of the heap: used last, and grown
///
/// A freed chunk goes to the front of its list. Its neighbours are found through tags. The one
/// above starts where this one ends. The one below, if it is free, has its size right below this
/// one's tag:
///
///     | tag | free chunk of n bytes ...  | n | tag, kBelowFree | chunk being freed ... | tag |
///           ^ address - n                                      ^ address
///
/// Why each step takes bounded time: a chunk is found in the first bin whose sizes all fit, or
/// among the first 8 of its own bin; it merges with two neighbours at most; the lists are doubly
/// linked.
///
/// A pair of `malloc` and `free` would cut a chunk and merge it again each time. So a heap whose
/// page source declares `kParks` makes an exception for the chunk that was allocated last, until
/// another call changes chunks: if a program frees it, it is *parked*. It stays as it is, with the
/// tag of a used chunk, and `Parking` knows that it is free. The next request takes it back if it
/// needs a chunk of that size:
///
///     used      -> parked    `free`, if no chunk has changed since this one was allocated
///     parked    -> used      `malloc` of the same size
///     parked    -> free      `release_parked`, before any other change of a chunk
///
/// Without parking, that `malloc` would cut the same chunk out of the same free one again. So a
/// heap returns the same addresses, and takes the same memory, whether it parks chunks or not.
///
/// Invariants, beside those of `TaggedMemory`:
/// - At most one chunk is parked. Its tag is that of a used chunk, and no slab lies in it.
/// - `filled_bins_` has bin b iff `bins_[b]` is not 0. `bins_[SizeBins::kCount]` is always 0: that
///   is the bin that `SizeBins::next` returns where no bin is filled.
/// - Links lead to free chunks of the same bin, and back: `previous` of a chunk's `next` is the
///   chunk. Before a chunk leaves its list, both neighbours in the list must point to it; otherwise
///   the program ends.
template <PageSource Pages, typename Tracker, typename Hardening>
class Chunks : public SlabBlocks<Pages, Tracker, Hardening> {
  using Base = SlabBlocks<Pages, Tracker, Hardening>;

 public:
  // Names from the base class: a class template must declare those that it uses.
  using Base::Base;
  using Base::bytes_at;
  using Base::chunk_size;
  using Base::expect;
  using Base::hardening_;
  using Base::heap_end_;
  using Base::kBelowFree;
  using Base::kFlags;
  using Base::kFree;
  using Base::kTagBytes;
  using Base::set_tag;
  using Base::size_at_end_of;
  using Base::size_of_chunk_below;
  using Base::slab_map_;
  using Base::tag_of;
  using Base::top_;

  static constexpr Size kSearchSteps = 8;
  static constexpr bool kParks = requires { requires Pages::kParks; };  // else no chunk is parked

  /// The first words of a free chunk, as stored: see `next_chunk` and `previous_chunk`.
  struct Links {
    Address next;
    Address previous;
  };

  [[nodiscard]] Links& links_at(Address chunk) const noexcept {
    return this->template at<Links>(chunk);
  }

  // --- finding one

  /// Returns the first address in a free chunk where a block can start, its prefix included:
  /// `prefix` bytes behind it lies an address that has the alignment.
  [[nodiscard]] static constexpr Address place_in(Address chunk, Size alignment,
                                                  Size prefix) noexcept {
    return align_up(chunk + prefix, alignment) - prefix;
  }

  // These functions use no lambda that captures by reference: its captures would lie on the stack
  // in memory, and the standalone module has no such stack.

  [[nodiscard]] bool fits(Address chunk, Size size, Size alignment, Size prefix) const noexcept {
    return place_in(chunk, alignment, prefix) - chunk + size <= chunk_size(chunk);
  }

  /// Returns a free chunk that is large enough; the chunk stays in its list. Returns 0 if it finds
  /// none. In the bin of this size it looks at no more than the first `kSearchSteps` chunks, so it
  /// may miss one further back.
  [[nodiscard]] Address find_chunk(Size size, Size alignment, Size prefix) const noexcept {
    const bool is_aligned = alignment > kGranule;
    const Address first = bins_[SizeBins::of(size)];
    if (first != 0) {
      if (fits(first, size, alignment, prefix)) return first;
      // This bin may hold a chunk that was aligned in the same way and has just been freed.
      const Address near = is_aligned ? find_in_list(first, size, alignment, prefix) : 0;
      if (near != 0) return near;
    }
    const Size larger = SizeBins::of(size + alignment - kGranule) + 1;
    if (const Address chunk = bins_[filled_bins_.next(larger)]; chunk != 0) return chunk;
    if (top_ != 0 && fits(top_, size, alignment, prefix)) return top_;
    return is_aligned ? 0 : find_in_list(first, size, alignment, prefix);
  }

  /// Returns the first of `kSearchSteps` chunks of a list that is large enough; 0 if none is.
  [[nodiscard, gnu::noinline]] LITE_ALLOC_RARE_CODE Address
  find_in_list(Address chunk, Size size, Size alignment, Size prefix) const noexcept {
    for (Size steps = kSearchSteps; chunk != 0 && !fits(chunk, size, alignment, prefix);) {
      chunk = --steps == 0 ? 0 : next_chunk(chunk);
    }
    return chunk;
  }

  // --- from free to used and back

  /// Does what `find_chunk` and `carve` do for most chunks without an alignment above 16, but takes
  /// half the time of these two: cuts a used chunk of `size` bytes out of the first chunk of the
  /// bin of this size, or of the next larger bin that has chunks, or out of `top_`. Returns 0, and
  /// changes nothing, iff none of these is large enough, or `top_` has exactly this size.
  [[nodiscard]] LITE_ALLOC_HOT_CODE Address take_chunk(Size size) noexcept {
    Size bin = SizeBins::of(size);
    Address chunk = bins_[bin];
    if (chunk == 0 || chunk_size(chunk) < size) {
      bin = filled_bins_.next(bin + 1);
      chunk = bins_[bin];
      if (chunk == 0) return take_from_top(size);
    }
    const Size whole = chunk_size(chunk);
    if constexpr (Hardening::kEnabled) {
      expect(has_sound_ends(chunk, whole) && previous_chunk(chunk) == 0);
    }
    const Address next = next_chunk(chunk);
    remove_first(bin, chunk, next);
    set_tag(chunk, size);
    const Address end = chunk + whole;
    const Size rest = whole - size;
    if (rest == 0) {
      set_tag(end, tag_of(end) & ~kBelowFree);
    } else {
      add_to_bin(end - rest, rest);
    }
    return chunk;
  }

  /// Cuts a used chunk of `size` bytes at `place` out of the free chunk `chunk`. The bytes of
  /// `chunk` in front of it and behind it stay free, as up to two free chunks.
  void carve(Address chunk, Address place, Size size) noexcept {
    const Size whole = chunk_size(chunk);
    const Address end = chunk + whole;
    const bool is_top = chunk == top_;
    if (is_top) {
      top_ = 0;
    } else {
      remove_from_bin(chunk, whole);
    }
    const Size gap = place - chunk;
    set_tag(place, size | (gap != 0 ? kBelowFree : 0));
    if (gap != 0) add_to_bin(chunk, gap);
    const Size rest = whole - gap - size;
    if (rest == 0) {
      set_tag(end, tag_of(end) & ~kBelowFree);
    } else if (is_top) {
      top_ = end - rest;
      mark_free(top_, rest);
    } else {
      add_to_bin(end - rest, rest);
    }
  }

  /// Cuts a used chunk off the lower end of `top_`. Returns 0, and changes nothing, iff that would
  /// leave no free chunk there.
  [[nodiscard]] LITE_ALLOC_HOT_CODE Address take_from_top(Size size) noexcept {
    const Address chunk = top_;
    if (chunk == 0) return 0;
    const Size whole = chunk_size(chunk);
    if constexpr (Hardening::kEnabled) expect(chunk + whole == heap_end_);
    if (whole <= size) return 0;
    set_tag(chunk, size);
    top_ = chunk + size;
    mark_free(top_, whole - size);
    return chunk;
  }

  /// Frees a used chunk and merges it with its free neighbours; before that, the parked chunk.
  void free_chunk(Address chunk) noexcept {
    release_parked();
    const Size tag = tag_of(chunk);
    free_chunk(chunk, tag, tag_of(chunk + (tag & ~kFlags)));
  }

  /// Does so for a caller that has read the tag of the chunk and that of the chunk above.
  LITE_ALLOC_HOT_CODE void free_chunk(Address chunk, Size tag, Size tag_above) noexcept {
    Address begin = chunk;
    Address end = chunk + (tag & ~kFlags);
    set_tag(chunk, tag | kFree);  // also if it merges: a second free then finds this tag
    if ((tag & kBelowFree) != 0) {
      const Size size_below = size_of_chunk_below(chunk);
      begin -= size_below;
      remove_from_bin(begin, size_below);
    }
    if ((tag_above & kFree) != 0) {
      const Size size_above = tag_above & ~kFlags;
      if (end != top_) remove_from_bin(end, size_above);
      end += size_above;
    } else {
      set_tag(end, tag_above | kBelowFree);
    }
    if (end == heap_end_) {
      top_ = begin;
      mark_free(begin, end - begin);
    } else {
      add_to_bin(begin, end - begin);
    }
  }

  // --- the parked chunk

  /// Takes the parked chunk if it has this size. Otherwise returns 0, and no chunk is parked then.
  /// A chunk whose tag has `kAligned` is not taken, since its new block has no alignment to keep.
  [[nodiscard]] LITE_ALLOC_HOT_CODE Address take_parked(Size size) noexcept {
    if (!parking_.has_parked()) return 0;
    if (parking_.tag() != size || (Hardening::kEnabled && !has_parked_tag())) {
      unpark();
      return 0;
    }
    parking_.clear();
    return parking_.latest();
  }

  /// Checks whether the tag of the parked chunk is the one that it was parked with.
  [[nodiscard]] bool has_parked_tag() const noexcept {
    return (tag_of(parking_.latest()) & ~kBelowFree) == parking_.tag();
  }

  /// Merges the parked chunk, if there is one, with its free neighbours. Until the next allocation
  /// no chunk can be parked.
  [[gnu::always_inline]] void release_parked() noexcept {
    if (parking_.has_parked()) unpark();
    parking_.forget_latest();
  }

  /// Does so for a chunk that is parked. A hardened heap ends the program if the chunk's tag was
  /// overwritten.
  [[gnu::noinline]] LITE_ALLOC_RARE_CODE void unpark() noexcept {
    const Address chunk = parking_.latest();
    if constexpr (Hardening::kEnabled) expect(has_parked_tag());
    parking_.clear();
    const Size tag = tag_of(chunk);
    free_chunk(chunk, tag, tag_of(chunk + (tag & ~kFlags)));
  }

  // --- another size

  /// Gives a used chunk another size without moving it. Fails, and changes nothing, iff it has to
  /// grow and the chunk behind it is used or too small.
  [[nodiscard]] bool resize_chunk(Address chunk, Size old_size, Size size) noexcept {
    const Address end = chunk + old_size;
    if (size <= old_size) {
      if (size != old_size) {
        set_tag(chunk, tag_of(chunk) - (old_size - size));
        set_tag(chunk + size, old_size - size);
        free_chunk(chunk + size);
      }
      return true;
    }
    const Size missing = size - old_size;
    if ((tag_of(end) & kFree) == 0 || chunk_size(end) < missing) return false;
    carve(end, end, missing);
    set_tag(end, kFree);  // no block starts here
    set_tag(chunk, tag_of(chunk) + missing);
    return true;
  }

  /// Moves a used chunk down into the free one below it and gives it another size. Returns its new
  /// address. Returns 0, and changes nothing, iff the chunk below is used, or the chunk and its
  /// free neighbours together are too small.
  [[nodiscard, gnu::noinline]] Address slide_down(Address chunk, Size size) noexcept {
    const Size tag = tag_of(chunk);
    if ((tag & kBelowFree) == 0) return 0;
    const Size old_size = tag & ~kFlags;
    const Size size_below = size_of_chunk_below(chunk);
    const Address end = chunk + old_size;
    const Size size_above = (tag_of(end) & kFree) != 0 ? chunk_size(end) : 0;
    if (size_below + old_size + size_above < size) return 0;
    const Address begin = chunk - size_below;
    remove_from_bin(begin, size_below);
    if constexpr (Tracker::kEnabled) set_tag(chunk, kFree);  // no block starts here any more
    std::memmove(bytes_at(begin), bytes_at(chunk), old_size - kTagBytes);
    if constexpr (Tracker::kEnabled) {
      if (chunk == slab_map_) {  // the bytes that it leaves behind may look like tags
        const Address rest = std::max(chunk, begin + old_size - kTagBytes);
        std::memset(bytes_at(rest), 0, end - kTagBytes - rest);
      }
    }
    set_tag(begin, size_below + old_size);
    return resize_chunk(begin, size_below + old_size, size) ? begin : 0;
  }

  // --- the lists

  /// Writes the tag of a free chunk, and its size at its other end.
  LITE_ALLOC_SHORT_CODE
  void mark_free(Address chunk, Size size) noexcept {
    set_tag(chunk, size | kFree);
    size_at_end_of(chunk, size) = size;
  }

  LITE_ALLOC_SHORT_CODE
  [[nodiscard]] Address next_chunk(Address chunk) const noexcept {
    return hardening_.link(chunk, links_at(chunk).next);
  }

  LITE_ALLOC_SHORT_CODE
  [[nodiscard]] Address previous_chunk(Address chunk) const noexcept {
    return hardening_.link(chunk, links_at(chunk).previous);
  }

  /// Makes these bytes a free chunk at the front of its list.
  LITE_ALLOC_LONG_HOT_CODE void add_to_bin(Address chunk, Size size) noexcept {
    mark_free(chunk, size);
    const Size bin = SizeBins::of(size);
    const Address next = bins_[bin];
    links_at(chunk) = {.next = hardening_.link(chunk, next), .previous = hardening_.link(chunk, 0)};
    bins_[bin] = chunk;
    if (next != 0) {
      links_at(next).previous = hardening_.link(next, chunk);
    } else {
      filled_bins_.add(bin);
    }
  }

  /// Takes a chunk out of its list. Ends the program unless its neighbours in the list, or the head
  /// of its bin, point back to it: otherwise other code has overwritten a link, and unlinking would
  /// write to an address that an attacker may have chosen.
  LITE_ALLOC_LONG_HOT_CODE void remove_from_bin(Address chunk, Size size) noexcept {
    if constexpr (Hardening::kEnabled) expect(has_sound_ends(chunk, size));
    const Address next = next_chunk(chunk);
    const Address previous = previous_chunk(chunk);
    if (previous == 0) {
      remove_first(SizeBins::of(size), chunk, next);
      return;
    }
    if (next != 0) {
      expect(previous_chunk(next) == chunk);
      links_at(next).previous = hardening_.link(next, previous);
    }
    expect(next_chunk(previous) == chunk);
    links_at(previous).next = hardening_.link(previous, next);
  }

  /// Does so for the first chunk of a bin; `next` is the second one, or 0.
  [[gnu::always_inline]] void remove_first(Size bin, Address chunk, Address next) noexcept {
    expect(bins_[bin] == chunk);
    bins_[bin] = next;
    if (next != 0) {
      expect(previous_chunk(next) == chunk);
      links_at(next).previous = hardening_.link(next, 0);
    } else {
      filled_bins_.remove(bin);
    }
  }

  /// Checks whether the tag of a chunk that is in a bin, and the word at its other end, have this
  /// size.
  [[nodiscard]] bool has_sound_ends(Address chunk, Size size) const noexcept {
    return tag_of(chunk) == (size | kFree) && size_at_end_of(chunk, size) == size;
  }

  [[no_unique_address]] std::conditional_t<kParks, Parking, NoParking> parking_;
  SizeBins filled_bins_;
  std::array<Address, SizeBins::kCount + 1> bins_ = {};
};

}  // namespace lite_alloc::segregated_fit
