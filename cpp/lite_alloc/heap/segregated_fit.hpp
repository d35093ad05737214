// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "lite_alloc/heap/free_result.hpp"
#include "lite_alloc/heap/hardening.hpp"
#include "lite_alloc/heap/inspectable.hpp"
#include "lite_alloc/heap/size_bins.hpp"
#include "lite_alloc/memory/page_source.hpp"

/// Of a function of two or three instructions that is called from many places: in a build for size
/// the calls together take 150 bytes less than the instructions.
#ifdef __OPTIMIZE_SIZE__
#define LITE_ALLOC_SMALL_CODE [[gnu::noinline]]
#else
#define LITE_ALLOC_SMALL_CODE
#endif

namespace lite_alloc {

template <typename Heap>
class SlabPicture;
template <typename Heap>
class SegregatedFitCursor;
template <typename Heap>
class SegregatedFitCheck;
template <typename Heap>
class SegregatedFitTotals;

/// The general-purpose allocator: slabs of equal small blocks over a segregated fit of coalescing
/// chunks.
///
/// A *chunk* is a stretch of a region. Its tag, one word, lies just below it; all other bytes are
/// its own, so a block of one chunk has 4 bytes less than the chunk:
///
///     used                              | tag | block ...                             | tag
///     free                              | tag | next | previous | ...          | size | tag
///                                             ^ a multiple of 16                      ^ the next
///
/// Where the heap is `Hardened`, tags, links and marks are mixed with its secret: contents do not
/// pass for them, and a link that was overwritten leads to an address that is not aligned, at which
/// malloc ends the program. The words `size` and those in heads of slabs are as they are; each is
/// checked against others before it is used. `Hardened` or not, a chunk leaves its bin only if its
/// neighbours in the list point back to it.
///
/// Neighbouring chunks are never both free. A free one lies in a bin by its size (`SizeBins`), all
/// but the one at the end of the newest region, `top_`, which is used last, and grown.
///
/// A *slab* is a chunk of 4096 bytes at a multiple of 4096, cut into blocks of one size:
///
///     | head 16 | block | block | ... | block | rest |
///
/// A byte of the map for each 4096 bytes of address space says whether a slab lies there, and of
/// what size its blocks are. A block of a slab has no header; a free one holds the link to the
/// next, and a mark:
///
///     ready_[c] -> block -> block -> ...       where malloc takes from, and free puts to at first
///     head      -> block -> ...                each slab has its own: for all else that is freed
///     partial_[c] -> slab <-> slab <-> ...     a ring of the slabs with free blocks, oldest first
///     spare_    -> slab -> slab                slabs with nothing but free blocks, at most 16
///
/// When `ready_[c]` is used up, the list of slab `active_[c]`, which it came from, takes its place
/// at once, or that of another slab. On top of that list free puts 15 blocks of any slabs: a
/// program that frees and allocates in turn reaches nothing else. Their marks count them, so that
/// malloc need not. So neither call looks at more than two blocks. To its slab a block in `ready_`
/// is a used one.
///
/// Why the time of every operation is bounded: a chunk is found in the first non-empty bin whose
/// sizes all fit (two bit scans), or among the first 8 of its own bin; it merges with at most two
/// neighbours; lists of slabs are doubly linked. The one loop over many things, `reclaim`, runs
/// before memory grows, and touches at most the spare slabs and the ready blocks of each size.
/// Cutting a slab up writes 508 words. Beside that only copying, zeroing, growing and the map,
/// which doubles when it is too short (1/4096 of the address space used), take time in proportion
/// to sizes.
template <PageSource Pages, typename Tracker = Tracking,
          typename Hardening = DefaultHardening<Tracker>>
class SegregatedFit {
  static_assert(Hardening::kEnabled || !Tracker::kEnabled,
                "Tracking checks every address, which needs Hardened");

 public:
  /// Touches no memory before the first allocation. The arguments are the page source's.
  template <typename... Arguments>
  constexpr explicit SegregatedFit(Arguments&&... arguments) noexcept
      : pages_(std::forward<Arguments>(arguments)...) {}

  SegregatedFit(const SegregatedFit&) = delete;
  SegregatedFit& operator=(const SegregatedFit&) = delete;

  /// Sets what this heap's metadata is mixed with: a random number. To be called at most once,
  /// before `claim` and before the first allocation; without it the keys are the same in all heaps.
  void set_secret(std::uint32_t secret) noexcept requires(Hardening::kEnabled) {
    hardening_.set_secret(secret);
  }

  // --- malloc and its kin: blocks know their size

  /// A block of `size` bytes aligned to `kGranule`, or 0. A size of 0 gives a distinct live block.
  [[nodiscard]] Address malloc(Size size) noexcept {
    if constexpr (Tracker::kEnabled) {
      if (is_ready(size)) [[likely]] {
        tracker_.allocated(class_for(size) * kGranule, 0);
        return take_ready(class_for(size));
      }
    }
    const Address block = take_block(size);
    if (block == 0) return fail();
    count_new(block, 0);
    return block;
  }

  /// The same, its bytes zero.
  [[nodiscard]] Address zeroed(Size size) noexcept {
    const Address address = malloc(size);
    if (address != 0) std::memset(pages_.template at<std::byte>(address), 0, size);
    return address;
  }

  /// `count` times `size` bytes, zero. Fails also iff that is 2^32 or more.
  [[nodiscard]] Address calloc(Size count, Size size) noexcept {
    Size whole = 0;
    return __builtin_mul_overflow(count, size, &whole) ? fail() : zeroed(whole);
  }

  /// A block of `size` bytes at a multiple of `alignment`, or 0: also iff `is_alignment` is false.
  /// With `NoTracking` any power of two will do.
  [[nodiscard]] Address memalign(Size alignment, Size size) noexcept {
    if constexpr (Tracker::kEnabled) {
      if (!is_alignment(alignment)) return fail();
    } else {
      // No sum of both wraps then.
      if (!std::has_single_bit(alignment) || size > kMaxSize - alignment) return fail();
    }
    return take_counted(size, alignment, 0);
  }

  /// The block with `size` bytes, perhaps elsewhere, contents kept up to the smaller size; with
  /// `Tracking` at the alignment that it was asked with. Fails iff memory cannot be had or
  /// `may_be_live` is false; returns 0 then, and nothing changed.
  [[nodiscard]] Address realloc(Address address, Size size) noexcept {
    if (address == 0) return malloc(size);
    return may_be_live(address) ? resize(address, alignment_of(address), 0, size) : 0;
  }

  /// Frees a block; 0 is ignored. Nothing changes unless the result is `kFreed`. With `Tracking`
  /// the heap rejects every wrong address, except one inside a large block below which that holds
  /// the tag of a chunk, mixed with the secret. Without, it rejects what a few instructions can:
  /// most second frees, every address inside a small block, and most where no tag can be. Ends the
  /// program where metadata that it needs was overwritten.
  FreeResult free(Address address) noexcept {
    if constexpr (Tracker::kEnabled) {
      const Size size_class = class_at(address);
      if (size_class != 0) {
        if (is_place_in_slab(address, size_class) &&
            release_small(address, size_class, 0) == FreeResult::kFreed) {
          return FreeResult::kFreed;
        }
      } else if (address == 0) {
        return FreeResult::kFreed;
      } else if (is_live_chunk(address)) {
        return release_chunk(address, 0);
      }
      return was_freed(address) ? FreeResult::kAlreadyFree : FreeResult::kNotABlock;
    } else {
      const Size size_class = class_at(address);
      if (size_class == 0) return release_large(address, 0);
      if (!is_place_in_slab(address, size_class)) [[unlikely]]
        return FreeResult::kNotABlock;
      return release_small(address, size_class, 0);
    }
  }

  /// Whether `free` and `realloc` take this for a live block. With `Tracking` it is one then.
  [[nodiscard]] bool may_be_live(Address address) const noexcept {
    if constexpr (Tracker::kEnabled) {
      return is_live(address);
    } else {
      const Size size_class = class_at(address);
      if (size_class == 0)
        return address % kGranule == 0 && is_used_chunk(address, tag_of(address));
      return is_place_in_slab(address, size_class) &&
             !(looks_free(address) && is_free_in_slab(address, size_class));
    }
  }

  /// The bytes a live block really has. For an address that `may_be_live` rejects, 0 where the heap
  /// is `Hardened`, else any number.
  [[nodiscard]] Size usable_size(Address address) const noexcept {
    if constexpr (Hardening::kEnabled) {
      if (!may_be_live(address)) return 0;
    }
    return capacity(address);
  }

  // --- the sized contract: the same blocks

  /// A block, or 0. Fails iff nothing free fits and memory cannot grow; all blocks are as they were
  /// then.
  [[nodiscard]] Address allocate(const Layout& layout) noexcept {
    return take_counted(layout.size, layout.alignment, layout.prefix);
  }

  /// Frees a block. `layout` is what it was allocated with, or last reallocated to.
  void deallocate(Address address, const Layout& layout) noexcept {
    release(address - layout.prefix, layout.prefix);
  }

  /// The block with `new_size` bytes: in place when it shrinks or finds room, else copied. Fails
  /// iff `allocate` would; returns 0 then, and the old block is as it was.
  [[nodiscard]] Address reallocate(Address address, const Layout& layout, Size new_size) noexcept {
    return resize(address - layout.prefix, layout.alignment, layout.prefix, new_size);
  }

  /// Returns the usable bytes that every block with this layout has: its size, rounded up.
  [[nodiscard]] static constexpr Size capacity(const Layout& layout) noexcept {
    const Size whole = std::max<Size>(layout.size, 1) + layout.prefix;
    const bool is_small = whole <= kMaxSmall && layout.alignment <= kGranule;
    return (is_small ? class_for(whole) * kGranule : chunk_size_for(whole) - kTag) - layout.prefix;
  }

  // --- for a program break

  /// A block of `size` bytes behind all others, which `resize_in_place` extends as far as memory
  /// goes until another block is allocated behind it. 0 iff there is no memory.
  [[nodiscard]] Address allocate_last(Size size) noexcept {
    if (size > kMaxBlock) return 0;
    const Size chunk = chunk_size_for(size);
    while (top_ == 0 || chunk_size(top_) < chunk) {
      if (!grow(chunk, kGranule, 0)) return 0;
    }
    const Address block = top_;
    cut_out(block, block, chunk);
    count_new(block, 0);
    return block;
  }

  /// Gives a block another size where it is, with memory that grows if need be. False, and nothing
  /// changed, iff it lies in a slab, or `may_be_live` is false, or there is no room behind it.
  [[nodiscard]] bool resize_in_place(Address block, Size size) noexcept {
    if (size > kMaxBlock || block == 0 || class_at(block) != 0 || !may_be_live(block)) return false;
    const Size old_size = chunk_size(block);
    const Size chunk = chunk_size_for(std::max<Size>(size, 1));
    while (!resize_chunk(block, old_size, chunk)) {
      if (!grow_behind(block + old_size, chunk - old_size)) return false;
    }
    tracker_.resized(old_size, chunk);
    return true;
  }

  /// Takes the memory that is there now as the first region, so that pages somebody else grows
  /// before the first allocation stay theirs. False iff the heap has one already, or there is none.
  bool claim() noexcept {
    const Address begin = pages_.begin();
    const Address end = first_end();
    if (limit_ != 0 || end - begin <= kRegionHead) return false;
    open_region(begin, end);
    return true;
  }

  /// Every block is gone; the memory stays for reuse. Time in proportion to the number of blocks:
  /// each is marked, so that a late free is told.
  void reset() noexcept requires(Tracker::kEnabled) {
    for (Address region = oldest_region(); region != 0; region = next_region(region)) {
      const Address end = region_end(region);
      for (Address chunk = first_chunk(region); chunk != end;) {
        const Size size = chunk_size(chunk);
        if (size - 1 >= end - chunk) break;  // overwritten: nobody knows what follows
        const Size size_class = size == kSlab ? class_at(chunk) : 0;
        if (size_class != 0) mark_blocks_free(chunk, size_class);
        set_tag(chunk, tag_of(chunk) | kFree);
        chunk += size;
      }
    }
    if (map_ != 0) clear_map();
    tracker_.forget_blocks();
    forget_lists();
    for (Address region = oldest_region(); region != 0; region = next_region(region)) {
      const Address begin = first_chunk(region);
      const Address end = region_end(region);
      set_tag(end, kBelowFree);
      if (end == limit_) {
        top_ = begin;
        mark_free(begin, end - begin);
      } else {
        put_in_bin(begin, end - begin);
      }
    }
  }

  // --- what can be seen

  /// Whether `[address, address + size)` lies in this heap's memory.
  [[nodiscard]] bool owns(Address address, Size size) const noexcept requires(Tracker::kEnabled) {
    const Address region = region_around(address);
    return region != 0 && size <= region_end(region) - address;
  }

  /// Whether all of it may have been handed out before: what is free at the end has not.
  [[nodiscard]] bool has_handed_out(Address address, Size size) const noexcept
      requires(Tracker::kEnabled) {
    const Address region = region_around(address);
    if (region == 0) return false;
    const Address region_limit = region_end(region);
    const Address end = region_limit == limit_ && top_ != 0 ? top_ : region_limit;
    return address <= end && size <= end - address;
  }

  /// Whether a block that was not freed starts here: for any address, see `free`. Reads one tag or
  /// the head of one slab; and the lists of free blocks that this may be in, where it has the mark
  /// of one.
  [[nodiscard]] bool is_live(Address address) const noexcept requires(Tracker::kEnabled) {
    const Size size_class = class_at(address);
    if (size_class == 0) return is_live_chunk(address);
    return is_place_in_slab(address, size_class) &&
           !(looks_free(address) && is_free_in_slab(address, size_class));
  }

  [[nodiscard]] Size live_blocks() const noexcept requires(Tracker::kEnabled) {
    return tracker_.live_blocks();
  }

  /// The counters. The largest free block is looked for in one bin and in the lists of ready
  /// blocks; all else is at hand.
  [[nodiscard]] Statistics statistics() const noexcept requires(Tracker::kEnabled) {
    Statistics statistics = tracker_.counters();
    for (Address region = oldest_region(); region != 0; region = next_region(region)) {
      statistics.heap_bytes += region_end(region) - first_chunk(region);
    }
    statistics.free_bytes = statistics.heap_bytes - tracker_.used_bytes();
    statistics.slack_bytes = top_ == 0 ? 0 : limit_ - top_;
    statistics.largest_free_bytes = largest_free(statistics.heap_bytes / kGranule);
    return statistics;
  }

  /// A cursor over free and used stretches in address order. Constant time a step; where a slab
  /// begins, the list of its free blocks and that of the ready ones of its size.
  [[nodiscard]] auto walk() const noexcept requires(Tracker::kEnabled) {
    return SegregatedFitCursor<SegregatedFit>(*this);
  }

  /// Looks for anything that cannot be in tags, lists, slabs and counters. Time in proportion to
  /// the number of chunks and of free blocks; for each slab also to the ready blocks of its size.
  [[nodiscard]] Corruption find_corruption() const noexcept requires(Tracker::kEnabled) {
    return SegregatedFitCheck<SegregatedFit>(*this).run();
  }

  [[nodiscard]] Pages& pages() noexcept { return pages_; }
  [[nodiscard]] const Pages& pages() const noexcept { return pages_; }

 private:
  friend SlabPicture<SegregatedFit>;
  friend SegregatedFitCursor<SegregatedFit>;
  friend SegregatedFitCheck<SegregatedFit>;
  friend SegregatedFitTotals<SegregatedFit>;

  static constexpr Size kTag = 4;
  static constexpr Size kFree = 1;       // in a tag: the chunk is free
  static constexpr Size kBelowFree = 2;  // in a tag: the chunk below is free, and ends in its size
  static constexpr Size kAligned = 4;    // in a tag: asked with an alignment; known with `Tracking`
  static constexpr Size kUsedFlags = kBelowFree | kAligned;
  static constexpr Size kFlags = kGranule - 1;

  /// In front of a region's first chunk: the region's record, for those who want to look at it, and
  /// the first tag. The last tag, right below the end, is that of a used chunk of size 0.
  static constexpr Size kRegionHead = kGranule;

  static constexpr Size kSlab = 4096;
  static constexpr Size kSlabHead = kGranule;
  static constexpr Size kMaxSmall = 512;
  static constexpr Size kClasses = kMaxSmall / kGranule + 1;  // class c has blocks of c units
  static constexpr Size kMaxSpare = 16;
  static constexpr Size kSteps = 8;
  static constexpr Size kFirstMap = 60;  // bytes of the map at first: for 240 KiB
  /// The most blocks that a list of ready ones can have: those of a slab, and what free put above.
  static constexpr Size kMaxReady = kSlab / kGranule + kGranule;

  static constexpr bool kOwnsAllPages = requires { requires Pages::kOwnsAllPages; };

  /// As stored: see `next_chunk` and `previous_chunk`.
  struct FreeChunk {
    Address next;
    Address previous;
  };

  struct Slab {
    Size until_turn;  // so many frees to its own list from now on, its state changes
    Address free;     // the first free block; the slab itself if there is none. See `put_block`
    Address next;
    Address previous;
  };
  static_assert(sizeof(Slab) == kSlabHead, "blocks behind the head must be aligned");

  /// The mark of a free block is its address mixed with a number, so that a block in use does not
  /// look free, and in the lowest digit the count of blocks that free has put above those of a
  /// slab.
  static constexpr Size kMaxAbove = kGranule - 1;

  /// What is added to the mark of a block that was never handed out. With `Tracking` such a block
  /// also looks free, but `free` does not call it freed. Its lowest digit is 0: no block is above.
  static constexpr Size kFresh = kMaxAbove + 1;

  /// What a block takes.
  struct Footprint {
    Size bytes;
    Size head;  // so many of them are not its owner's
  };

  /// Whether a class, 1 to 32, divides a number up to 255: by a multiplication, since a division
  /// takes longer than all else in a free. The fraction number / class in `kFraction` binary digits
  /// has none but zeroes, within the error of the reciprocal, iff it is whole.
  ///
  /// Source: Lemire, Kaser and Kurz, Faster remainder by direct computation, 2019.
  [[nodiscard]] static constexpr bool divides(Size size_class, Size number) noexcept {
    const Size reciprocal = kReciprocals[size_class];
    return number * reciprocal % kFraction < reciprocal;
  }

  static constexpr Size kFraction = 8192;  // over 255 * 32, the largest sum of errors
  static constexpr auto kReciprocals = [] {
    std::array<std::uint16_t, kClasses> reciprocals = {};
    for (Size size_class = 1; size_class < kClasses; ++size_class) {
      reciprocals[size_class] =
          static_cast<std::uint16_t>((kFraction + size_class - 1) / size_class);
    }
    return reciprocals;
  }();

  template <typename T>
  [[nodiscard]] T& at(Address address) const noexcept {
    return *pages_.template at<T>(address);
  }

  Address fail() noexcept {
    tracker_.failed();
    return 0;
  }

  /// Ends the program where metadata was overwritten: to go on would hand out memory that is in
  /// use, or memory of the writer's choice.
  static void expect(bool holds) noexcept {
    if (!holds) [[unlikely]]
      __builtin_trap();
  }

  // --- blocks

  [[nodiscard]] Footprint footprint_of(Address block) const noexcept {
    const Size size_class = class_at(block);
    if (size_class != 0) return {size_class * kGranule, 0};
    return {chunk_size(block), kTag};
  }

  [[nodiscard]] Size capacity(Address block) const noexcept {
    const Size size_class = class_at(block);
    return size_class != 0 ? size_class * kGranule : chunk_size(block) - kTag;
  }

  void count_new(Address block, Size prefix) noexcept {
    if constexpr (Tracker::kEnabled) {
      const Footprint footprint = footprint_of(block);
      tracker_.allocated(footprint.bytes, footprint.head + prefix);
    }
  }

  [[nodiscard]] Address take_block(Size size) noexcept {
    return is_ready(size) ? take_ready(class_for(size)) : take_unready(size);
  }

  [[nodiscard]] static constexpr Size class_for(Size size) noexcept {
    return (size + kGranule - 1) / kGranule;
  }

  /// Whether there is a block for this size at hand; never for a size of 0.
  [[nodiscard]] bool is_ready(Size size) const noexcept {
    return size <= kMaxSmall && !is_end_of_list(ready_[class_for(size)]);
  }

  [[nodiscard]] Address take_ready(Size size_class) noexcept {
    const Address block = ready_[size_class];
    const Address next = next_block(block);
    if constexpr (Hardening::kEnabled) expect(next % kGranule == 0);
    ready_[size_class] = next;
    mark_of(block) = 0;
    return block;
  }

  [[nodiscard, gnu::noinline]] Address take_unready(Size size) noexcept {
    if (size <= kMaxSmall) {
      const Size size_class = class_for(std::max<Size>(1, size));
      const bool has_block = !is_end_of_list(ready_[size_class]);  // for a size of 0
      if (has_block || make_ready(size_class)) return take_ready(size_class);
    }
    return size > kMaxBlock ? 0 : take_chunk(chunk_size_for(size), kGranule, 0);
  }

  // From here on layouts are taken apart, so that numbers stay in registers.

  /// A block with its prefix in front.
  [[nodiscard]] Address take_any(Size size, Size alignment, Size prefix) noexcept {
    if (size > kMaxSize) return 0;
    const Size whole = std::max<Size>(size, 1) + prefix;
    if (alignment <= kGranule) return take_block(whole);
    const Address block = take_chunk(chunk_size_for(whole), alignment, prefix);
    if constexpr (Tracker::kEnabled) {
      if (block != 0) set_tag(block, tag_of(block) | kAligned);
    }
    return block;
  }

  /// The same for a caller, or 0; what is behind the prefix.
  [[nodiscard]] Address take_counted(Size size, Size alignment, Size prefix) noexcept {
    const Address block = take_any(size, alignment, prefix);
    if (block == 0) return fail();
    count_new(block, prefix);
    return block + prefix;
  }

  /// The alignment that a block keeps when it moves: at least what it was asked with.
  [[nodiscard]] Size alignment_of(Address block) const noexcept {
    if constexpr (Tracker::kEnabled) {
      const bool is_aligned = class_at(block) == 0 && (tag_of(block) & kAligned) != 0;
      return is_aligned ? std::min(block & (~block + 1), kMaxAlignment) : kGranule;
    } else {
      return kGranule;
    }
  }

  /// Whether a used chunk that is a block starts here, where no slab lies.
  [[nodiscard]] bool is_live_chunk(Address address) const noexcept requires(Tracker::kEnabled) {
    const Address region = region_around(address);
    if (address % kGranule != 0 || region == 0 || address - map_ < map_size_) return false;
    const Size tag = tag_of(address);
    // Where the region ends the size is 0, which `is_used_chunk` rejects.
    return (tag & ~kFlags) <= region_end(region) - address && is_used_chunk(address, tag);
  }

  /// Whether this, which is no live block, looks like one that was freed.
  [[nodiscard]] bool was_freed(Address address) const noexcept requires(Tracker::kEnabled) {
    if (address % kGranule != 0 || !owns(address, kGranule)) return false;
    if (looks_freed(address)) return true;
    const Size tag = tag_of(address);
    return class_at(address) == 0 && (tag & kFlags & ~kUsedFlags) == kFree &&
           owns(address, tag & ~kFlags);
  }

  FreeResult release(Address block, Size prefix) noexcept {
    const Size size_class = class_at(block);
    return size_class != 0 ? release_small(block, size_class, prefix)
                           : release_large(block, prefix);
  }

  FreeResult release_small(Address block, Size size_class, Size prefix) noexcept {
    if (looks_free(block) && is_free_in_slab(block, size_class)) [[unlikely]] {
      return FreeResult::kAlreadyFree;
    }
    tracker_.deallocated(size_class * kGranule, prefix);
    put_block(block, size_class);
    return FreeResult::kFreed;
  }

  [[gnu::noinline]] FreeResult release_large(Address block, Size prefix) noexcept {
    if (block == 0) return FreeResult::kFreed;
    if (block % kGranule != 0) return FreeResult::kNotABlock;
    const Size tag = tag_of(block);
    if (!is_used_chunk(block, tag)) {
      return (tag & kFree) != 0 ? FreeResult::kAlreadyFree : FreeResult::kNotABlock;
    }
    return release_chunk(block, prefix);
  }

  FreeResult release_chunk(Address block, Size prefix) noexcept {
    tracker_.deallocated(chunk_size(block), prefix + kTag);
    put_chunk(block);
    return FreeResult::kFreed;
  }

  /// Makes `missing` bytes behind `end` free, where the newest region's last used chunk ends. False
  /// iff no such chunk ends there, or memory cannot grow, or the region cannot go on.
  [[nodiscard]] bool grow_behind(Address end, Size missing) noexcept {
    return (end == limit_ || end == top_) && goes_on() && grow(missing, kGranule, 0);
  }

  /// The address of the block with another size, or 0 and all is as it was.
  [[nodiscard]] Address resize(Address block, Size alignment, Size prefix, Size size) noexcept {
    const Size size_class = class_at(block);
    const Size old_size = capacity(block);
    const Address moved = move(block, size_class, old_size, alignment, prefix, size);
    if (moved == 0) return fail();
    if constexpr (Tracker::kEnabled) {
      const Footprint now = footprint_of(moved);
      tracker_.resized(old_size, now.bytes - now.head);
      tracker_.overhead_grew(now.head - (size_class != 0 ? 0 : kTag));
    }
    return moved + prefix;
  }

  /// Resizes in place, or takes another block and copies.
  [[nodiscard]] Address move(Address block, Size size_class, Size old_size, Size alignment,
                             Size prefix, Size size) noexcept {
    if (size > kMaxSize) return 0;
    const Size whole = std::max<Size>(size, 1) + prefix;
    if (size_class != 0) {
      if (whole <= old_size) return block;
    } else {
      const Size chunk = chunk_size_for(whole);
      do {
        if (resize_chunk(block, old_size + kTag, chunk)) return block;
        if (alignment <= kGranule) {
          const Address below = slide_down(block, chunk);
          if (below != 0) return below;
        }
      } while (find_chunk(chunk, alignment, prefix) == 0 &&
               (reclaim() || grow_behind(block + old_size + kTag, chunk - old_size - kTag)));
    }
    const Address moved = take_any(size, alignment, prefix);
    if (moved == 0) return 0;
    std::memcpy(pages_.template at<std::byte>(moved), pages_.template at<std::byte>(block),
                std::min(old_size, whole));
    if (size_class != 0) {
      put_block(block, size_class);
    } else {
      put_chunk(block);
    }
    return moved;
  }

  // --- slabs

  [[nodiscard]] static constexpr Address slab_of(Address block) noexcept {
    return align_down(block, kSlab);
  }

  [[nodiscard]] static constexpr bool is_end_of_list(Address block) noexcept {
    return block % kSlab == 0;
  }

  LITE_ALLOC_SMALL_CODE
  [[nodiscard]] Address next_block(Address block) const noexcept {
    return hardening_.link(block, at<Address>(block));
  }

  [[nodiscard]] Size& mark_of(Address block) const noexcept {
    return at<Size>(block + sizeof(Address));
  }

  LITE_ALLOC_SMALL_CODE
  void set_next_block(Address block, Address next, Size above = 0) noexcept {
    at<Address>(block) = hardening_.link(block, next);
    mark_of(block) = hardening_.mark(block) + above;
  }

  /// How many blocks free has put in `ready_` up to this one, as it counts them.
  [[nodiscard]] Size above_of(Address block) const noexcept { return mark_of(block) % kGranule; }

  [[nodiscard]] bool looks_free(Address block) const noexcept {
    return mark_of(block) - hardening_.mark(block) <= (Tracker::kEnabled ? kFresh : kMaxAbove);
  }

  /// Whether it looks free because `free` was called for it.
  [[nodiscard]] bool looks_freed(Address block) const noexcept {
    return mark_of(block) - hardening_.mark(block) <= kMaxAbove;
  }

  /// Whether it really is: O(blocks in a slab). A list that leads in a circle ends the program.
  [[nodiscard, gnu::noinline]] bool is_free_in_slab(Address block, Size size_class) const noexcept {
    return is_in_list(at<Slab>(slab_of(block)).free, block) ||
           is_in_list(ready_[size_class], block);
  }

  LITE_ALLOC_SMALL_CODE
  [[nodiscard]] bool is_in_list(Address list, Address block) const noexcept {
    for (Size left = kMaxReady; list != block; --left) {
      if (is_end_of_list(list)) return false;
      list = next_block(list);
      expect(left != 0 && (!Hardening::kEnabled || list % kGranule == 0));
    }
    return true;
  }

  [[nodiscard]] Size map_index(Address address) const noexcept {
    return address / kSlab - pages_.begin() / kSlab;
  }

  /// The size of the blocks in the slab that this address lies in, in units; 0: it is no slab.
  [[nodiscard]] Size class_at(Address address) const noexcept {
    const Size index = map_index(address);
    return index < map_size_ ? at<std::uint8_t>(map_ + index) : 0;
  }

  /// Whether a block, free or not, starts at this address in a slab.
  [[nodiscard]] static constexpr bool is_place_in_slab(Address address, Size size_class) noexcept {
    constexpr Size units_of_blocks = (kSlab - kTag - kSlabHead) / kGranule;
    const Size offset = address % kSlab - kSlabHead;
    // One comparison for what is too high, and for the head, whose offset wraps.
#ifdef __OPTIMIZE_SIZE__
    if constexpr (!Tracker::kEnabled) {  // 110 bytes less, the table of reciprocals included
      const Size size = size_class * kGranule;
      return offset <= kSlab - kTag - kSlabHead - size && offset % size == 0;
    }
#endif
    return offset % kGranule == 0 && offset / kGranule <= units_of_blocks - size_class &&
           divides(size_class, offset / kGranule);
  }

  /// Puts a freed block on top of `ready_`, unless enough are there. Where that list ends, `free`
  /// in the head of a slab is read for a mark: a multiple of 16, so nothing is above. If the slab
  /// is gone by now, it is any number, and any will do.
  void put_block(Address block, Size size_class) noexcept {
    const Address ready = ready_[size_class];
    const Size above = above_of(ready);
    if (above != kMaxAbove) {
      set_next_block(block, ready, above + 1);
      ready_[size_class] = block;
    } else {
      put_in_slab(block, size_class);
    }
  }

  void put_in_slab(Address block, Size size_class) noexcept {
    const Address slab = slab_of(block);
    Slab& head = at<Slab>(slab);
    set_next_block(block, head.free);
    head.free = block;
    if (--head.until_turn == 0) turn(slab, size_class);
  }

  /// A slab that had none has a free block, or one has no used block any more.
  [[gnu::noinline]] void turn(Address slab, Size size_class) noexcept {
    if (slab == active_[size_class]) return;
    if (is_end_of_list(next_block(at<Slab>(slab).free))) {
      at<Slab>(slab).until_turn = blocks_in_slab(size_class) - 1;
      add_partial(slab, size_class);
    } else {
      remove_partial(slab, size_class);
      if (spare_count_ < kMaxSpare) {
        at<Slab>(slab).next = spare_;
        spare_ = slab;
        ++spare_count_;
      } else {
        give_up_slab(slab, size_class);
      }
    }
  }

  /// At the end of the ring: until its turn comes, more of its blocks may be freed.
  void add_partial(Address slab, Size size_class) noexcept {
    at<Slab>(slab).previous = slab;
    if (partial_[size_class] == 0) partial_[size_class] = slab;
    const Address first = partial_[size_class];
    const Address last = at<Slab>(first).previous;
    at<Slab>(slab).next = first;
    at<Slab>(slab).previous = last;
    at<Slab>(last).next = slab;
    at<Slab>(first).previous = slab;
  }

  void remove_partial(Address slab, Size size_class) noexcept {
    const Address next = at<Slab>(slab).next;
    const Address previous = at<Slab>(slab).previous;
    if constexpr (Hardening::kEnabled) {
      expect(at<Slab>(previous).next == slab && at<Slab>(next).previous == slab);
    }
    at<Slab>(previous).next = next;
    at<Slab>(next).previous = previous;
    if (partial_[size_class] == slab) partial_[size_class] = next == slab ? 0 : next;
  }

  /// Fills `ready_`, which is used up. False iff there is no memory for a slab.
  [[nodiscard]] bool make_ready(Size size_class) noexcept {
    Address slab = active_[size_class];
    if (slab == 0 || is_end_of_list(at<Slab>(slab).free)) {
      if (slab != 0) at<Slab>(slab).until_turn = 1;
      active_[size_class] = 0;
      slab = partial_[size_class];
      if (slab != 0) {
        remove_partial(slab, size_class);
      } else {
        slab = new_slab(size_class);
        if (slab == 0) return false;
      }
      active_[size_class] = slab;
    }
    Slab& head = at<Slab>(slab);
    ready_[size_class] = head.free;
    head.free = slab;
    head.until_turn = blocks_in_slab(size_class);
    return true;
  }

  /// A slab of free blocks, in no list; 0: out of memory.
  [[nodiscard]] Address new_slab(Size size_class) noexcept {
    Address slab = spare_;
    if (slab != 0) {
      spare_ = at<Slab>(slab).next;
      --spare_count_;
      const Size old_class = class_at(slab);
      if (old_class == size_class) return slab;
      tracker_.overhead_grew(0 - slab_overhead(old_class));
    } else {
      slab = take_chunk(kSlab, kSlab, 0);
      if (slab == 0) return 0;
      if (!map_reaches(slab)) {
        put_chunk(slab);
        return 0;
      }
    }
    cut_up(slab, size_class);
    return slab;
  }

  [[nodiscard]] static constexpr Size blocks_in_slab(Size size_class) noexcept {
    return (kSlab - kTag - kSlabHead) / (size_class * kGranule);
  }

  [[nodiscard]] static constexpr Size slab_overhead(Size size_class) noexcept {
    return kSlab - blocks_in_slab(size_class) * size_class * kGranule;
  }

  /// The rest of the head is written where the slab comes into use.
  void cut_up(Address slab, Size size_class) noexcept {
    const Size size = size_class * kGranule;
    at<std::uint8_t>(map_ + map_index(slab)) = static_cast<std::uint8_t>(size_class);
    tracker_.overhead_grew(slab_overhead(size_class));
    Address block = slab + kSlabHead;
    at<Slab>(slab).free = block;
    for (Size left = blocks_in_slab(size_class); left != 0; --left, block += size) {
      // Another block may have been freed at this address before.
      const bool is_fresh = Tracker::kEnabled && !looks_freed(block);
      set_next_block(block, left != 1 ? block + size : slab, is_fresh ? kFresh : 0);
    }
  }

  /// Marks every used block of a slab that becomes a free chunk, so that a later free of one is
  /// detected, and overwrites the contents below each block, which may look like a tag.
  void mark_blocks_free(Address slab, Size size_class) noexcept requires(Tracker::kEnabled) {
    const Size size = size_class * kGranule;
    Address block = slab + kSlabHead;
    for (Size left = blocks_in_slab(size_class); left != 0; --left, block += size) {
      if (!looks_free(block)) set_next_block(block, slab);
      // A tag of 0 is that of no chunk, used or free.
      set_tag(block, looks_freed(block) ? kFree : 0);
    }
  }

  /// A slab, all of whose blocks are free and which is in no list, becomes a free chunk.
  void give_up_slab(Address slab, Size size_class) noexcept {
    if constexpr (Tracker::kEnabled) mark_blocks_free(slab, size_class);
    at<std::uint8_t>(map_ + map_index(slab)) = 0;
    tracker_.overhead_grew(0 - slab_overhead(size_class));
    put_chunk(slab);
  }

  /// Gives up all slabs that hold no block. False iff there was none.
  [[nodiscard, gnu::noinline]] bool reclaim() noexcept {
    bool has_reclaimed = false;
    for (Size size_class = 1; size_class < kClasses; ++size_class) {
      while (!is_end_of_list(ready_[size_class])) put_in_slab(take_ready(size_class), size_class);
      const Address slab = active_[size_class];
      if (slab == 0) continue;
      active_[size_class] = 0;
      Slab& head = at<Slab>(slab);
      if (head.until_turn == 0) {
        give_up_slab(slab, size_class);
        has_reclaimed = true;
      } else if (is_end_of_list(head.free)) {
        head.until_turn = 1;
      } else {
        add_partial(slab, size_class);
      }
    }
    while (spare_ != 0) {
      const Address slab = spare_;
      spare_ = at<Slab>(slab).next;
      give_up_slab(slab, class_at(slab));
      has_reclaimed = true;
    }
    spare_count_ = 0;
    return has_reclaimed;
  }

  /// Moves the map into the free chunk below it, where it no longer divides the free memory: it
  /// lies where the last slab was made that the map before could not reach. Only where memory
  /// cannot grow, since a map that moves at each growth made some programs take more memory. False
  /// iff there is no free chunk below.
  [[nodiscard]] bool move_map_down() noexcept {
    if (map_ == 0) return false;
    const Address old_map = map_;
    const Address below = slide_down(old_map, map_size_ + kTag);
    if (below == 0) return false;
    map_ = below;
    return true;
  }

  /// For a map that is none any more: its bytes may look like tags.
  void clear_map() noexcept { std::memset(pages_.template at<std::byte>(map_), 0, map_size_); }

  /// Sees to it that the map has a byte for this address. False iff there is no memory for that.
  [[nodiscard]] bool map_reaches(Address address) noexcept {
    const Size index = map_index(address);
    if (index < map_size_) return true;
    const Size size = chunk_size_for(2 * index + kFirstMap);
    const Address map = take_chunk(size, kGranule, 0);
    if (map == 0) return false;
    const Size old_size = map_size_;
    const Address old_map = map_;
    std::byte* const bytes = pages_.template at<std::byte>(map);
    std::memset(bytes, 0, size - kTag);
    if (old_size != 0) std::memcpy(bytes, pages_.template at<std::byte>(old_map), old_size);
    map_ = map;
    map_size_ = size - kTag;
    tracker_.overhead_grew(size);
    if (old_size != 0) {
      tracker_.overhead_grew(0 - chunk_size(old_map));
      std::memset(pages_.template at<std::byte>(old_map), 0, old_size);  // may look like tags
      put_chunk(old_map);
    }
    return true;
  }

  // --- chunks

  /// A tag, as it was set. In memory it is mixed with the key of tags.
  LITE_ALLOC_SMALL_CODE
  [[nodiscard]] Size tag_of(Address chunk) const noexcept {
    return at<Size>(chunk - kTag) ^ hardening_.tag_key();
  }

  LITE_ALLOC_SMALL_CODE
  void set_tag(Address chunk, Size tag) noexcept {
    at<Size>(chunk - kTag) = tag ^ hardening_.tag_key();
  }

  [[nodiscard]] Size chunk_size(Address chunk) const noexcept { return tag_of(chunk) & ~kFlags; }

  [[nodiscard]] static constexpr Size chunk_size_for(Size size) noexcept {
    return align_up(size + kTag, kGranule);
  }

  /// Whether this may be the tag of a used chunk: whatever stands there, only the heap is read.
  [[nodiscard]] bool is_used_chunk(Address chunk, Size tag) const noexcept {
    const Size size = tag & ~kFlags;
    return ((chunk | (tag & ~kUsedFlags)) & kFlags) == 0 &&
           chunk - pages_.begin() < limit_ - pages_.begin() && size - 1 < limit_ - chunk &&
           (tag_of(chunk + size) & kBelowFree) == 0;
  }

  /// Where in a chunk a block goes: the prefix in front of an aligned address.
  [[nodiscard]] static constexpr Address place_in(Address chunk, Size alignment,
                                                  Size prefix) noexcept {
    return align_up(chunk + prefix, alignment) - prefix;
  }

  [[nodiscard]] Address take_chunk(Size size, Size alignment, Size prefix) noexcept {
    for (;;) {
      const Address chunk = find_chunk(size, alignment, prefix);
      if (chunk != 0) {
        const Address place = place_in(chunk, alignment, prefix);
        cut_out(chunk, place, size);
        return place;
      }
      if (!reclaim() && !grow(size, alignment, prefix) && !move_map_down()) return 0;
    }
  }

  /// A free chunk that is large enough, left where it is; 0 if there is none, or none near enough
  /// to the head of its list.
  [[nodiscard]] Address find_chunk(Size size, Size alignment, Size prefix) const noexcept {
    // What was aligned before fits again.
    const bool is_aligned = alignment > kGranule;
    const Address first = bins_[SizeBins::of(size)];
    if (first != 0) {
      if (fits(first, size, alignment, prefix)) return first;
      const Address near = is_aligned ? find_in_bin(first, size, alignment, prefix) : 0;
      if (near != 0) return near;
    }
    const Size larger = SizeBins::of(size + alignment - kGranule) + 1;
    if (const Address chunk = bins_[filled_bins_.next(larger)]; chunk != 0) return chunk;
    if (top_ != 0 && fits(top_, size, alignment, prefix)) return top_;
    return is_aligned ? 0 : find_in_bin(first, size, alignment, prefix);
  }

  // No closures that hold references here: they would lie on a stack, and the standalone module
  // has none.

  [[nodiscard]] bool fits(Address chunk, Size size, Size alignment, Size prefix) const noexcept {
    return place_in(chunk, alignment, prefix) - chunk + size <= chunk_size(chunk);
  }

  /// The first of `kSteps` chunks of a list that is large enough; 0 if none is.
  [[nodiscard, gnu::noinline]] Address find_in_bin(Address chunk, Size size, Size alignment,
                                                   Size prefix) const noexcept {
    for (Size steps = kSteps; chunk != 0 && !fits(chunk, size, alignment, prefix);) {
      chunk = --steps == 0 ? 0 : next_chunk(chunk);
    }
    return chunk;
  }

  /// Makes `size` bytes at `place` a used chunk; what is around it of the free `chunk` stays free.
  void cut_out(Address chunk, Address place, Size size) noexcept {
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
    if (gap != 0) put_in_bin(chunk, gap);
    const Size rest = whole - gap - size;
    if (rest == 0) {
      set_tag(end, tag_of(end) & ~kBelowFree);
    } else if (is_top) {
      top_ = end - rest;
      mark_free(top_, rest);
    } else {
      put_in_bin(end - rest, rest);
    }
  }

  /// Frees a used chunk and merges it with its neighbours.
  void put_chunk(Address chunk) noexcept {
    const Size tag = tag_of(chunk);
    Address begin = chunk;
    Address end = chunk + (tag & ~kFlags);
    set_tag(chunk, tag | kFree);  // stays when it merges: so a second free is told
    if ((tag & kBelowFree) != 0) {
      const Size below = at<Size>(chunk - 2 * kTag);
      begin -= below;
      remove_from_bin(begin, below);
    }
    const Size next_tag = tag_of(end);
    if ((next_tag & kFree) != 0) {
      const Size above = next_tag & ~kFlags;
      if (end != top_) remove_from_bin(end, above);
      end += above;
    } else {
      set_tag(end, next_tag | kBelowFree);
    }
    if (end == limit_) {
      top_ = begin;
      mark_free(begin, end - begin);
    } else {
      put_in_bin(begin, end - begin);
    }
  }

  /// Moves a used chunk down into the free one below it, where both and what is free above have
  /// room for `size` bytes. Its new place; 0, and nothing done, iff they have not.
  [[nodiscard, gnu::noinline]] Address slide_down(Address chunk, Size size) noexcept {
    const Size tag = tag_of(chunk);
    if ((tag & kBelowFree) == 0) return 0;
    const Size old_size = tag & ~kFlags;
    const Size below = at<Size>(chunk - 2 * kTag);
    const Address end = chunk + old_size;
    const Size above = (tag_of(end) & kFree) != 0 ? chunk_size(end) : 0;
    if (below + old_size + above < size) return 0;
    const Address begin = chunk - below;
    remove_from_bin(begin, below);
    if constexpr (Tracker::kEnabled) set_tag(chunk, kFree);  // no block starts here any more
    std::memmove(pages_.template at<std::byte>(begin), pages_.template at<std::byte>(chunk),
                 old_size - kTag);
    if constexpr (Tracker::kEnabled) {
      if (chunk == map_) {  // what it leaves behind may look like tags
        const Address rest = std::max(chunk, begin + old_size - kTag);
        std::memset(pages_.template at<std::byte>(rest), 0, end - kTag - rest);
      }
    }
    set_tag(begin, below + old_size);
    return resize_chunk(begin, below + old_size, size) ? begin : 0;
  }

  /// Gives a used chunk another size where it is. False, and nothing done, iff the free memory
  /// behind it is too small.
  [[nodiscard]] bool resize_chunk(Address chunk, Size old_size, Size size) noexcept {
    const Address end = chunk + old_size;
    if (size <= old_size) {
      if (size != old_size) {
        set_tag(chunk, tag_of(chunk) - (old_size - size));
        set_tag(chunk + size, old_size - size);
        put_chunk(chunk + size);
      }
      return true;
    }
    const Size missing = size - old_size;
    if ((tag_of(end) & kFree) == 0 || chunk_size(end) < missing) return false;
    cut_out(end, end, missing);
    set_tag(end, kFree);  // no block starts here
    set_tag(chunk, tag_of(chunk) + missing);
    return true;
  }

  // --- free chunks

  LITE_ALLOC_SMALL_CODE
  void mark_free(Address chunk, Size size) noexcept {
    set_tag(chunk, size | kFree);
    at<Size>(chunk + size - 2 * kTag) = size;
  }

  LITE_ALLOC_SMALL_CODE
  [[nodiscard]] Address next_chunk(Address chunk) const noexcept {
    return hardening_.link(chunk, at<FreeChunk>(chunk).next);
  }

  LITE_ALLOC_SMALL_CODE
  [[nodiscard]] Address previous_chunk(Address chunk) const noexcept {
    return hardening_.link(chunk, at<FreeChunk>(chunk).previous);
  }

  [[gnu::noinline]] void put_in_bin(Address chunk, Size size) noexcept {
    mark_free(chunk, size);
    const Size bin = SizeBins::of(size);
    const Address next = bins_[bin];
    at<FreeChunk>(chunk) = {.next = hardening_.link(chunk, next),
                            .previous = hardening_.link(chunk, 0)};
    bins_[bin] = chunk;
    if (next != 0) {
      at<FreeChunk>(next).previous = hardening_.link(next, chunk);
    } else {
      filled_bins_.add(bin);
    }
  }

  /// Its neighbours in the list, or the head of its bin, must point back: otherwise somebody has
  /// overwritten a link, and to follow it would write where that says.
  [[gnu::noinline]] void remove_from_bin(Address chunk, Size size) noexcept {
    if constexpr (Hardening::kEnabled) {
      expect(tag_of(chunk) == (size | kFree) && at<Size>(chunk + size - 2 * kTag) == size);
    }
    const Address next = next_chunk(chunk);
    const Address previous = previous_chunk(chunk);
    if (next != 0) {
      expect(previous_chunk(next) == chunk);
      at<FreeChunk>(next).previous = hardening_.link(next, previous);
    }
    if (previous != 0) {
      expect(next_chunk(previous) == chunk);
      at<FreeChunk>(previous).next = hardening_.link(previous, next);
    } else {
      const Size bin = SizeBins::of(size);
      expect(bins_[bin] == chunk);
      bins_[bin] = next;
      if (next == 0) filled_bins_.remove(bin);
    }
  }

  // --- regions

  /// Where the memory ends that was there before anybody grew it, if the source knows.
  [[nodiscard]] Address first_end() const noexcept {
    if constexpr (requires { pages_.first_end(); }) {
      return pages_.first_end();
    } else {
      return pages_.end();
    }
  }

  /// Whether what memory grows by belongs to the newest region: no other code's pages lie between.
  [[nodiscard]] bool goes_on() const noexcept { return kOwnsAllPages || pages_.end() == limit_; }

  /// Takes the first memory, or the pages that other code added for this heap, or grows memory by
  /// what is missing for such a chunk behind what is free at the end of the newest region; in a new
  /// region, where pages of other code follow that one. False iff it cannot.
  [[nodiscard, gnu::noinline]] bool grow(Size size, Size alignment, Size prefix) noexcept {
    if constexpr (kOwnsAllPages) {
      // One region, empty at first. Memory may end inside its head.
      if (limit_ == 0) {
        hardening_.begin();
        limit_ = pages_.begin() + kRegionHead;
      }
    } else {
      if (claim()) return true;
    }
    const Address memory_end = pages_.end();
    const bool is_same_region = goes_on();
    if (kOwnsAllPages && memory_end > limit_) {
      extend_region(memory_end);
      return true;
    }
    const Address start = is_same_region && top_ != 0 ? top_ : memory_end;
    const Size head = is_same_region ? 0 : kRegionHead;
    const Size needed = place_in(start + head, alignment, prefix) - start + size;
    if (!pages_.grow(needed - (memory_end - start))) return false;
    tracker_.grew();
    if (is_same_region) {
      extend_region(pages_.end());
    } else {
      open_region(memory_end, pages_.end());
    }
    return true;
  }

  void open_region(Address begin, Address end) noexcept {
    if (limit_ == 0) hardening_.begin();
    if (top_ != 0) put_in_bin(top_, chunk_size(top_));
    tracker_.open_region(pages_, begin, limit_);
    limit_ = begin + kRegionHead;
    top_ = 0;
    extend_region(end);
  }

  /// All from the newest region's last used chunk to `end` is free.
  void extend_region(Address end) noexcept {
    if (top_ == 0) top_ = limit_;
    limit_ = end;
    mark_free(top_, end - top_);
    set_tag(end, kBelowFree);
  }

  // A region is known by the address of its record; 0: no region.

  [[nodiscard]] static constexpr Address first_chunk(Address region) noexcept {
    return region + kRegionHead;
  }
  [[nodiscard]] Address region_end(Address region) const noexcept {
    return region == tracker_.newest_region() ? limit_ : at<Tracking::Region>(region).end;
  }
  [[nodiscard]] Address oldest_region() const noexcept { return tracker_.oldest_region(); }
  /// Records lie in address order at the beginning of pages. An overwritten one, of which that is
  /// not true, is the last: so whoever goes through regions gets to an end.
  [[nodiscard]] Address next_region(Address region) const noexcept {
    const Address newest = tracker_.newest_region();
    if (region == newest) return 0;
    const Address next = at<Tracking::Region>(region).next;
    return first_chunk(region) < next && next <= newest && next % kPageBytes == 0 ? next : 0;
  }

  /// The region that an address lies in, or right behind which; 0 if there is no such.
  [[nodiscard]] Address region_around(Address address) const noexcept {
    Address region = oldest_region();
    while (region != 0 && (address < first_chunk(region) || address > region_end(region))) {
      region = next_region(region);
    }
    return region;
  }

  /// The largest free chunk. A slab without used blocks counts as one, since an allocation that
  /// finds no other memory gives it up; the merger with its neighbours is left out. Looks at no
  /// more than `most` chunks, and reads nothing outside the heap, whatever lists and tags say.
  [[nodiscard]] Size largest_free(Size most) const noexcept requires(Tracker::kEnabled) {
    Size largest = 0;
    Address chunk = bins_[filled_bins_.highest()];
    for (Size left = most; left != 0 && chunk % kGranule == 0 && owns(chunk, kGranule); --left) {
      largest = std::max(largest, chunk_size(chunk));
      chunk = next_chunk(chunk);
    }
    for (Size size_class = 1; size_class < kClasses; ++size_class) {
      const Address active = active_[size_class];
      const bool has_free = partial_[size_class] != 0 || !is_end_of_list(ready_[size_class]) ||
                            (active != 0 && !is_end_of_list(at<Slab>(active).free));
      if (has_free) largest = std::max(largest, size_class * kGranule);
      // Where all blocks of a size were freed, at least the last one lies in an unused slab.
      if (is_unused(active, size_class) || is_unused(slab_of(ready_[size_class]), size_class)) {
        largest = std::max(largest, kSlab);
      }
    }
    return spare_ != 0 ? std::max(largest, kSlab) : largest;
  }

  /// Whether every block of a slab is free or ready, so that `reclaim` gives it up.
  [[nodiscard]] bool is_unused(Address slab, Size size_class) const noexcept {
    if (class_at(slab) != size_class) return false;
    const Slab& head = at<Slab>(slab);
    const bool is_full = active_[size_class] != slab && is_end_of_list(head.free);
    Size used = is_full ? blocks_in_slab(size_class) : head.until_turn;
    Address block = ready_[size_class];
    for (Size left = kMaxReady; left != 0 && is_block_of(block, size_class); --left) {
      used -= static_cast<Size>(slab_of(block) == slab);
      block = next_block(block);
    }
    return used == 0;
  }

  /// Whether a link to this address may be followed in a list of blocks of this size.
  [[nodiscard]] bool is_block_of(Address address, Size size_class) const noexcept {
    return class_at(address) == size_class && is_place_in_slab(address, size_class);
  }

  void forget_lists() noexcept {
    top_ = map_ = map_size_ = spare_ = spare_count_ = 0;
    for (Size size_class = 0; size_class < kClasses; ++size_class) {
      ready_[size_class] = active_[size_class] = partial_[size_class] = 0;
    }
    for (Address& bin : bins_) bin = 0;
    filled_bins_ = {};
  }

  [[no_unique_address]] Pages pages_;
  [[no_unique_address]] Tracker tracker_;
  [[no_unique_address]] Hardening hardening_;
  Address top_ = 0;    // the free chunk at the end of the newest region; 0 if there is none
  Address limit_ = 0;  // the end of the newest region; 0 until the first allocation
  Address map_ = 0;
  Size map_size_ = 0;
  Address spare_ = 0;
  Size spare_count_ = 0;
  std::array<Address, kClasses> ready_ = {};
  std::array<Address, kClasses> active_ = {};
  std::array<Address, kClasses> partial_ = {};
  SizeBins filled_bins_;
  std::array<Address, SizeBins::kCount + 1> bins_ =
      {};  // nothing in the last: what `next` gives for none
};

}  // namespace lite_alloc

#undef LITE_ALLOC_SMALL_CODE

#include "lite_alloc/heap/segregated_fit_inspection.hpp"
