// SPDX-License-Identifier: MIT
//
// Reads the bytes of an input as a program of heap calls, and runs it on a heap and on its shadow
// heap. All fuzz targets are built from this file. The first violation is printed and ends the
// process.

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "lite_alloc/memory/stepped_growth.hpp"
#include "support/heap_inspection.hpp"
#include "support/heaps.hpp"
#include "support/page_sources.hpp"
#include "support/shadow_heap.hpp"

namespace lite_alloc::test {

/// Reads the bytes of an input from the front. Behind the last one every byte is 0.
class Bytes {
 public:
  Bytes(const std::uint8_t* bytes, std::size_t count) : next_(bytes), end_(bytes + count) {}

  [[nodiscard]] bool empty() const noexcept { return next_ == end_; }
  [[nodiscard]] Size byte() noexcept { return empty() ? 0 : *next_++; }
  [[nodiscard]] Size two() noexcept {
    const Size low = byte();
    return low | byte() << 8U;
  }
  [[nodiscard]] Size four() noexcept {
    const Size low = two();
    return low | two() << 16U;
  }

 private:
  const std::uint8_t* next_;
  const std::uint8_t* end_;
};

/// A heap whose blocks know their size, so that it has the calls of malloc's family.
template <typename Heap>
concept HasMalloc = requires(Heap heap, Address address, Size size) {
  { heap.malloc(size) } -> std::same_as<Address>;
  { heap.free(address) } -> std::same_as<FreeResult>;
  { heap.is_live(address) } -> std::same_as<bool>;
};

template <typename Heap>
inline constexpr bool kCoalesces = false;
template <PageSource P>
inline constexpr bool kCoalesces<FreeList<P>> = true;

/// The bytes that a block takes in a headerless heap.
template <typename Heap>
inline constexpr Size (*kBlockBytes)(const Layout&) =
    [](const Layout& layout) { return block_size(layout); };
template <PageSource P>
inline constexpr Size (*kBlockBytes<SegregatedBump<P>>)(const Layout&) =
    [](const Layout& layout) { return PowerOfTwoBins::block_bytes(layout); };

/// A heap, its shadow, and the program that runs on both.
template <Inspectable Heap>
class FuzzProgram {
 public:
  template <typename... Arguments>
  explicit FuzzProgram(Bytes input, const Arguments&... arguments)
      : input_(input), heap_(arguments...) {}

  void run() {
    // Without a first region the heap would use pages that other code adds.
    if (input_.byte() % 2 == 0) heap_.claim();
    is_begun_ = heap_.statistics().heap_bytes != 0;
    while (!input_.empty() && ++operation_ <= kMaxOperations) {
      operate();
      if (operation_ % kOperationsPerCheck == 0) check();
    }
    require(shadow_.verify_all());
    check();
    while (!blocks_.empty()) deallocate(static_cast<Size>(blocks_.size()) - 1);
    check();
    require(heap_.statistics().live_blocks == 0, "blocks are live after the last was freed");
  }

 private:
  using Pages = std::remove_cvref_t<decltype(std::declval<Heap&>().pages())>;
  static constexpr bool kHasMalloc = HasMalloc<Heap>;

  static constexpr Size kMaxOperations = 1000;
  static constexpr Size kOperationsPerCheck = 16;
  static constexpr Size kMaxBlocks = 1000;
  /// The count of freed blocks whose addresses are freed again and again.
  static constexpr Size kMaxFreed = 100;
  /// After this count of failures, the program stops searching for free extents that could have
  /// served the failed call.
  static constexpr Size kMaxLooks = 100;

  /// With LITE_ALLOC_FUZZ_TRACE set, prints what is called.
  template <typename... Numbers>
  static void trace(const char* format, Numbers... numbers) {
    static const bool is_on = std::getenv("LITE_ALLOC_FUZZ_TRACE") != nullptr;
    if (is_on) std::fprintf(stderr, format, numbers...);
  }

  // --- violations

  [[noreturn]] void violate(const std::string& what) const {
    std::fprintf(stderr, "VIOLATION in operation %u: %s\n", operation_, what.c_str());
    std::abort();
  }

  void require(bool holds, const char* what) const {
    if (!holds) violate(what);
  }

  void require(const testing::AssertionResult& result) const {
    if (!result) violate(result.message());
  }

  void check() {
    require(is_sound(heap_, shadow_));
    require(heap_.statistics().failures == failures_, "the count of failures is wrong");
    if constexpr (requires { heap_.pages().untouched(); }) {
      require(heap_.pages().untouched(), "bytes outside of the region changed");
    }
    if constexpr (kCoalesces<Heap>) {
      Address free_end = 0;
      for (const Extent& extent : extents_of(heap_)) {
        if (extent.state == Extent::State::kUsed) continue;
        require(extent.begin != free_end, "two free neighbours were not joined");
        free_end = extent.end();
      }
    }
    if constexpr (kHasMalloc) {
      for (const Address block : freed_) require_gone(block);
    }
  }

  // --- the program

  void operate() {
    switch (input_.byte() % 32) {
      default:
        return allocate(layout());
      case 8:
      case 9:
      case 10:
      case 11:
      case 12:
      case 13:
        return deallocate(index());
      case 14:
      case 15:
        return reallocate(index(), size());
      case 16:
        return resize_a_little();
      case 17:
        return allocate_many();
      case 18:
        return deallocate_many();
      case 19:
        return misbehave();
      case 20:
        return ask_about(random_address());
      case 21:
        return check();
      case 22:
        if (input_.byte() % 8 == 0) reset();
        return;
      case 23:
      case 24:
      case 25:
      case 26:
      case 27:
      case 28:
      case 29:
      case 30:
        if constexpr (kHasMalloc) return call_malloc_family();
        return allocate(layout());
    }
  }

  [[nodiscard]] Size size() {
    const Size kind = input_.byte();
    switch (kind % 8) {
      case 0:
        return input_.byte();
      case 1:
        return 16 * input_.byte() + kind / 8 - 8;
      case 2:
        return input_.two();
      case 3:  // around the powers of two
        return (1U << (kind / 8)) + input_.byte() - 128;
      case 4:  // from 2^32 down
        return 0U - 1U - input_.byte() * (kind / 8 + 1);
      case 5:  // around the largest valid size
        return (kind % 16 < 8 ? kMaxSize : kMaxBlock) + input_.byte() - 128;
      case 6:
        return kPageBytes * (kind / 64) + 256 * input_.byte() + kind / 8 - 8;
      default:
        return last_size_;
    }
  }

  [[nodiscard]] Layout layout() {
    const Size kind = input_.byte();
    Layout layout{.size = size()};
    last_size_ = layout.size;
    if (kind % 4 >= 2) layout.alignment = 1U << (kind / 4 % 17);
    if (kind % 4 == 3) {
      const Size prefix = input_.byte();
      layout.prefix = kGranule << (prefix < 128 ? prefix % 4 : prefix % 13);
    }
    return layout;
  }

  [[nodiscard]] Size index() {
    const Size index = input_.byte();
    const auto count = static_cast<Size>(blocks_.size());
    if (count == 0) return 0;
    // A byte can select among the oldest blocks and among the newest, even if there are more than
    // 256.
    return index < 128 ? index % count : count - 1 - (255 - index) % count;
  }

  [[nodiscard]] Address random_address() {
    const Size kind = input_.byte();
    if (blocks_.empty() || kind % 4 == 0) {
      const Address begin = heap_.pages().begin();
      const auto limit = std::uint64_t{heap_.pages().end()} - begin + kPageBytes;
      return begin + static_cast<Size>(input_.four() % limit);
    }
    return blocks_[index()] + kGranule * input_.byte() - (kind % 4 == 1 ? 1024 : 0) -
           (kind >= 192 ? 1 : 0);
  }

  void allocate(const Layout& layout) { take(layout, heap_.allocate(layout)); }

  /// Many blocks of one size fill slabs and lists.
  void allocate_many() {
    const Layout all = layout();
    const Size count = std::min(all.size <= 4096 ? input_.byte() : 4, kMaxBlocks);
    const Size failures = failures_;
    for (Size i = 0; i < count && failures_ == failures; ++i) allocate(all);
  }

  void deallocate_many() {
    const Size first = index();
    const Size stride = 1 + input_.byte() % 8;
    const Size count = input_.byte();
    // Freeing a block moves the newest block to its index, so that index is not skipped.
    for (Size i = 0, at = first; i < count && at < blocks_.size(); ++i, at += stride - 1) {
      deallocate(at);
    }
  }

  void resize_a_little() {
    const Size at = index();
    const Size change = input_.byte() - 128;
    if (at < blocks_.size()) reallocate(at, layout_of(blocks_[at]).size + change);
  }

  void misbehave() {
    const Size kind = input_.byte();
    trace("misbehave %u\n", kind);
    if constexpr (GrowingPages<Pages>) {
      switch (kind % 4) {
        case 0:
          return heap_.pages().fail_grow(1 + kind / 4 % 4);
        case 1:
          return heap_.pages().refuse_growth(kind / 4 % 2 == 0);
        default:
          if (is_begun_) heap_.pages().grow_as_other_code(1 + kind / 4 % 3);
          return;
      }
    }
  }

  void reset() {
    require(shadow_.verify_all());
    if constexpr (kHasMalloc) {
      for (const Address block : blocks_) remember_freed(block - layout_of(block).prefix);
    }
    trace("reset of %zu blocks\n", blocks_.size());
    heap_.reset();
    shadow_.forget_all();
    blocks_.clear();
    check();
  }

  // --- blocks

  [[nodiscard]] const Layout& layout_of(Address block) const {
    return shadow_.blocks().at(block).layout;
  }

  /// Checks and records the result of an allocation.
  void take(const Layout& layout, Address block) {
    trace("%#x = new block {size %u, alignment %u, prefix %u}\n", block, layout.size,
          layout.alignment, layout.prefix);
    if (block == 0) return fail(layout);
    is_begun_ = true;
    require(layout.size <= kMaxSize || kHasMalloc,
            "a block was allocated for a size that is never valid");
    require(shadow_.add(block, layout));
    blocks_.push_back(block);
    require_whole(block);
    if (blocks_.size() > kMaxBlocks) deallocate(0);
  }

  void deallocate(Size at) {
    if (at >= blocks_.size()) return;
    const Address block = blocks_[at];
    const Layout layout = layout_of(block);
    drop(at);
    heap_.deallocate(block, layout);
    if constexpr (kHasMalloc) note_freed(block - layout.prefix);
  }

  void reallocate(Size at, Size size) {
    if (at >= blocks_.size()) return;
    const Address block = blocks_[at];
    const Layout layout = layout_of(block);
    require(shadow_.verify(block));
    move(at, size, heap_.reallocate(block, layout, size));
  }

  /// Checks and records the result of a reallocation.
  void move(Size at, Size size, Address moved) {
    const Address block = blocks_[at];
    const Layout layout = layout_of(block);
    trace("%#x = resize %#x from %u to %u\n", moved, block, layout.size, size);
    if (moved == 0) {
      require(shadow_.verify(block));
      return fail({size, layout.alignment, layout.prefix});
    }
    require(shadow_.move(block, moved, size));
    blocks_[at] = moved;
    require_whole(moved);
    if constexpr (kHasMalloc) {
      if (moved != block) note_freed(block - layout.prefix);
    }
  }

  /// Removes a block from the records of the test; the heap still holds it.
  void drop(Size at) {
    trace("free %#x\n", blocks_[at]);
    require(shadow_.remove(blocks_[at]));
    blocks_[at] = blocks_.back();
    blocks_.pop_back();
  }

  /// Checks an allocation that returned 0.
  void fail(const Layout& layout) {
    ++failures_;
    if constexpr (!kHasMalloc) {
      if (layout.size > kMaxSize || failures_ > kMaxLooks) return;
      const std::uint64_t size = kBlockBytes<Heap>(layout);
      const Size alignment = std::max(layout.alignment, kGranule);
      for (const Extent& extent : extents_of(heap_)) {
        if (extent.state == Extent::State::kUsed) continue;
        const Address lowest = align_up(extent.begin + layout.prefix, alignment) - layout.prefix;
        require(lowest < extent.begin || lowest + size > extent.end(),
                "a call failed though a free extent holds the block");
      }
    }
  }

  /// Checks the invariants of a live block.
  void require_whole(Address block) {
    const Layout& layout = layout_of(block);
    const Address begin = block - layout.prefix;
    const Size bytes = layout.prefix + layout.size;
    require(heap_.owns(begin, bytes), "owns() is false for a live block");
    require(heap_.has_handed_out(begin, bytes), "has_handed_out() is false for a live block");
    if constexpr (kHasMalloc) {
      require(heap_.is_live(begin), "is_live() is false for a live block");
      const Size usable = heap_.usable_size(begin);
      require(usable >= bytes && usable >= 1, "a block has fewer bytes than requested");
      freed_.erase(freed_.lower_bound(begin), freed_.lower_bound(begin + usable));
      // The caller may also use the bytes up to the usable size.
      std::byte* const rest = heap_.pages().template at<std::byte>(begin + bytes);
      std::memset(rest, 0xFF, std::min<Size>(usable - bytes, 64));
    }
  }

  // --- any address

  void ask_about(Address address) {
    const auto above = shadow_.blocks().upper_bound(address);
    bool is_in_block = false;
    if (above != shadow_.blocks().begin()) {
      const auto& [block, it] = *std::prev(above);
      is_in_block = address - block < it.layout.size;
    }
    const bool is_owned = heap_.owns(address, 1);
    require(!is_in_block || is_owned, "owns() is false inside a live block");
    require(!heap_.has_handed_out(address, 1) || is_owned,
            "memory was handed out that the heap does not own");
    require(!is_owned || (address >= heap_.pages().begin() && address < heap_.pages().end()),
            "the heap owns an address outside of memory");
    if constexpr (GrowingPages<Pages>) {
      for (const Extent& foreign : heap_.pages().foreign()) {
        require(!is_owned || address - foreign.begin >= foreign.size,
                "the heap owns a page of other code");
      }
    }
    if constexpr (kHasMalloc) {
      const bool is_live = heap_.is_live(address);
      require(!is_live || (is_owned && address % kGranule == 0),
              "is_live() is true where no block can start");
    }
  }

  // --- blocks that know their size

  void call_malloc_family() {
    const Size kind = input_.byte();
    switch (kind % 8) {
      case 0:
      case 1:
      case 2: {
        const Size bytes = last_size_ = size();
        return take({.size = bytes}, heap_.malloc(bytes));
      }
      case 3: {
        const Size alignment = kind < 224 ? 1U << (kind / 8 % 17) : kind;
        const Size bytes = last_size_ = size();
        const Address block = heap_.memalign(alignment, bytes);
        require(block == 0 || (is_alignment(alignment) && block % alignment == 0),
                "memalign returned an address that is not aligned");
        // Recorded without the alignment, which realloc need not keep.
        return take({.size = bytes}, block);
      }
      case 4: {
        const Size count = kind < 128 ? 1 + kind / 8 : size();
        const Size each = size();
        const Size whole = count * each;
        const Address block = heap_.calloc(count, each);
        if (block != 0) require_zero(block, std::uint64_t{count} * each);
        return take({.size = whole}, block);
      }
      case 5:
      case 6:
        return free_block(index(), kind >= 128);
      default:
        return realloc_block(index(), size());
    }
  }

  void require_zero(Address block, std::uint64_t size) const {
    require(size <= kMaxBlock, "calloc returned a block for a size that is never valid");
    const auto* const bytes = heap_.pages().template at<std::byte>(block);
    require(std::all_of(bytes, bytes + size, [](std::byte byte) { return byte == std::byte{}; }),
            "calloc returned a block with a byte that is not 0");
  }

  void free_block(Size at, bool twice) {
    if (at >= blocks_.size()) return;
    const Address block = blocks_[at];
    if (layout_of(block).prefix != 0) return;
    drop(at);
    require(heap_.free(block) == FreeResult::kFreed, "a free of a live block was refused");
    note_freed(block);
    if (twice && !heap_.is_live(block)) {
      require(heap_.free(block) != FreeResult::kFreed, "a block was freed twice");
    }
  }

  void realloc_block(Size at, Size size) {
    if (at >= blocks_.size()) return take({.size = size}, heap_.realloc(0, size));
    if (layout_of(blocks_[at]).prefix != 0) return;
    if (layout_of(blocks_[at]).alignment > kGranule) return;
    require(shadow_.verify(blocks_[at]));
    move(at, size, heap_.realloc(blocks_[at], size));
  }

  void note_freed(Address block) {
    remember_freed(block);
    require_gone(block);
  }

  void remember_freed(Address block) {
    if (freed_.size() < kMaxFreed) freed_.insert(block);
  }

  void require_gone(Address block) {
    if (heap_.is_live(block)) violate("a freed block is live: " + std::to_string(block));
  }

  Bytes input_;
  Heap heap_;
  ShadowHeap<Pages> shadow_{heap_.pages()};
  std::vector<Address> blocks_;
  /// The addresses of freed blocks; another block that covers one removes it.
  std::set<Address> freed_;
  Size operation_ = 0;
  Size failures_ = 0;
  Size last_size_ = 0;
  /// Whether the heap has a region.
  bool is_begun_ = false;
};

/// Runs an input on the memory that its first bytes choose.
template <typename Strategy>
void run_input(Bytes input) {
  const Size place = input.byte();
  const Size size = input.byte();
  if (place % 4 == 0) {
    using Heap = typename Strategy::template Heap<FixedPages>;
    const Size bytes = place < 64 ? size : 64 * size + 1024 * (place / 4);
    return FuzzProgram<Heap>(input, bytes, size % kGranule).run();
  }
  const Size pages = 1 + (place < 192 ? size % 32 : size);
  const Address begin =
      place % 4 == 1 ? kPageBytes * (1 + place / 4) : 0xFFFF'0000 - pages * kPageBytes;
  const HostMemory::Options memory{.begin = begin, .maximum_pages = pages};
  if (place % 4 == 3) {
    using Heap = typename Strategy::template Heap<SteppedGrowth<WatchedMemory>>;
    FuzzProgram<Heap>(input, memory).run();
  } else {
    using Heap = typename Strategy::template Heap<WatchedMemory>;
    FuzzProgram<Heap>(input, memory).run();
  }
}

}  // namespace lite_alloc::test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
  lite_alloc::test::run_input<lite_alloc::test::LITE_ALLOC_FUZZ_STRATEGY>({bytes, count});
  return 0;
}
