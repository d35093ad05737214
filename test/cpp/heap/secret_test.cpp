// SPDX-License-Identifier: MIT
//
// Tests what the secret of a heap prevents: the heap accepts bytes that other code wrote as
// metadata only if they equal what this heap itself last wrote there.

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "lite_alloc/inspect/check.hpp"
#include "support/heap_inspection.hpp"
#include "support/random.hpp"

namespace lite_alloc::test {
namespace {

template <typename Heap>
class SecretTest : public testing::Test {
 protected:
  using Header = std::array<std::uint32_t, 4>;

  void SetUp() override {
    heap_.set_secret(0x0BAD'5EED);
    twin_.set_secret(0x0BAD'5EED);
    other_.set_secret(0x0BAD'5EEC);  // one bit away
  }

  [[nodiscard]] static Header& header(MallocAdaptor<Heap>& heap, Address address) {
    return *heap.allocator().pages().template at<Header>(address - kGranule);
  }

  /// The header of a block of 1024 bytes that `heap` puts 256 bytes into a block of 4096.
  [[nodiscard]] static Header forge(MallocAdaptor<Heap>& heap) {
    const Address block = heap.malloc(4096);
    heap.free(block);
    static_cast<void>(heap.malloc(256 - kGranule));
    const Address inside = heap.malloc(1024);
    return header(heap, inside);
  }

  MallocAdaptor<Heap> heap_;
  MallocAdaptor<Heap> twin_;
  MallocAdaptor<Heap> other_;
};
TYPED_TEST_SUITE(SecretTest, HeaderlessStrategies::On<FixedPages>, HeapName);

TYPED_TEST(SecretTest, AHeaderSealedWithAnotherSecretIsRefused) {
  const Address block = this->heap_.malloc(4096);
  const Address twin_block = this->twin_.malloc(4096);
  ASSERT_EQ(block, twin_block);
  const Address live = this->other_.malloc(4096);
  ASSERT_EQ(live, block);
  EXPECT_NE(this->header(this->heap_, block), this->header(this->other_, block));
  EXPECT_EQ(this->header(this->heap_, block), this->header(this->twin_, block));

  this->header(this->heap_, block) = this->header(this->other_, block);
  EXPECT_FALSE(this->heap_.is_live(block));
  EXPECT_EQ(this->heap_.free(block), FreeResult::kNotABlock);
  EXPECT_EQ(find_corruption(this->heap_).kind, Corruption::Kind::kHeaderOverwritten);
}

TYPED_TEST(SecretTest, AHeaderThatMovedIsRefused) {
  const Address block = this->heap_.malloc(4096);
  for (Size offset = 16; offset < 4096; offset *= 2) {
    this->header(this->heap_, block + offset) = this->header(this->heap_, block);
    EXPECT_FALSE(this->heap_.is_live(block + offset));
    EXPECT_EQ(this->heap_.free(block + offset), FreeResult::kNotABlock) << offset;
  }
  EXPECT_FALSE(find_corruption(this->heap_));
}

TYPED_TEST(SecretTest, AHeaderFromBeforeAResetIsRefused) {
  const Address block = this->heap_.malloc(100);
  const auto before = this->header(this->heap_, block);
  this->heap_.reset();
  EXPECT_FALSE(this->heap_.is_live(block));
  ASSERT_EQ(this->heap_.malloc(100), block);
  EXPECT_NE(this->header(this->heap_, block), before);
  this->header(this->heap_, block) = before;
  EXPECT_EQ(this->heap_.free(block), FreeResult::kNotABlock);
}

TYPED_TEST(SecretTest, AHeapWithoutASecretRefusesHeadersSealedWithASecret) {
  MallocAdaptor<TypeParam> plain;
  const Address block = plain.malloc(100);
  ASSERT_EQ(this->heap_.malloc(100), block);
  this->header(plain, block) = this->header(this->heap_, block);
  EXPECT_EQ(plain.free(block), FreeResult::kNotABlock);
}

TYPED_TEST(SecretTest, TheCheckFindsAFreeBlockSealedWithAnotherSecret) {
  Address block = 0;
  for (MallocAdaptor<TypeParam>* heap : {&this->heap_, &this->other_}) {
    block = heap->malloc(64);
    static_cast<void>(heap->malloc(64));
    heap->free(block);
  }
  this->header(this->heap_, block) = this->header(this->other_, block);
  EXPECT_EQ(find_corruption(this->heap_).kind, Corruption::Kind::kFreeListOutsideHeap);
  EXPECT_EQ(find_corruption(this->heap_).address, block - kGranule);
}

TYPED_TEST(SecretTest, AWalkIgnoresAHeaderThatReachesBeyondItsExtent) {
  const Address block = this->heap_.malloc(400);
  static_cast<void>(this->heap_.malloc(400));
  // A sized call frees the middle of the block, so the size in the header is now too large.
  this->heap_.allocator().deallocate(block + 128, {.size = 64});
  BlockWalk<TypeParam> walk(this->heap_);
  Size headers = 0;
  Size free_bytes = 0;
  for (Block found; walk.next(found);) {
    headers += found.has_header ? 1U : 0U;
    if (found.address == block + 128) free_bytes = found.size;
    ASSERT_LE(found.size, 64 * kPageBytes);
  }
  EXPECT_EQ(headers, 1U);
  EXPECT_EQ(free_bytes, 64U);
  EXPECT_TRUE(find_corruption(this->heap_));
}

// --- memory up to the last address

/// Memory up to the last granule of the address space. That granule is left out, because it would
/// end at 2^32, which is not a 32-bit address.
class LastPages : public HostMemory {
 public:
  LastPages() noexcept
      : HostMemory(Options{
            .begin = 0U - kPages * kPageBytes, .initial_pages = kPages, .maximum_pages = kPages}) {}
  [[nodiscard]] Address end() const noexcept { return HostMemory::end() - kGranule; }
  [[nodiscard]] static bool grow(Size) noexcept { return false; }

 private:
  static constexpr Size kPages = 32;
};
static_assert(PageSource<LastPages>);

template <typename Heap>
class LastAddress : public testing::Test {};
TYPED_TEST_SUITE(LastAddress, HeaderlessStrategies::On<LastPages>, HeapName);

TYPED_TEST(LastAddress, BlocksUpToTheEndOverlapNothing) {
  Random random;
  MallocAdaptor<TypeParam> heap;
  heap.set_secret(99);
  ShadowHeap<LastPages> shadow(heap.allocator().pages());
  std::vector<Address> blocks;
  Size failures = 0;
  for (int step = 0; step < 3000; ++step) {
    if (blocks.empty() || random.below(5) < 3) {
      const Layout layout = {.size = random.log_uniform(18), .alignment = random.alignment()};
      const Address address = heap.memalign(layout.alignment, layout.size);
      failures += address == 0 ? 1U : 0U;
      if (address == 0) continue;
      ASSERT_TRUE(shadow.add(address, layout));
      blocks.push_back(address);
    } else {
      std::swap(blocks[random.below(static_cast<Size>(blocks.size()))], blocks.back());
      ASSERT_TRUE(shadow.remove(blocks.back()));
      ASSERT_EQ(heap.free(blocks.back()), FreeResult::kFreed);
      blocks.pop_back();
    }
    if (step % 100 == 0) {
      ASSERT_FALSE(find_corruption(heap));
    }
  }
  EXPECT_TRUE(shadow.verify_all());
  EXPECT_GT(failures, 0U) << "memory was full at times";
}

TYPED_TEST(LastAddress, SizesThatWouldWrapAreRefused) {
  TypeParam heap;
  const Size first = 100'000;
  ASSERT_NE(heap.allocate({.size = first}), 0U);
  for (const Size size : {0U - first, 0U - 16, 0U - 64, kMaxSize, kMaxSize + 1, ~0U,
                          0U - 32 * kPageBytes, 0U - 33 * kPageBytes}) {
    EXPECT_EQ(heap.allocate({.size = size}), 0U) << size;
    EXPECT_EQ(heap.allocate({.size = size, .alignment = kMaxAlignment}), 0U) << size;
    EXPECT_EQ(heap.allocate({.size = size, .prefix = kGranule}), 0U) << size;
  }
  EXPECT_FALSE(heap.find_corruption());
  EXPECT_EQ(heap.statistics().live_blocks, 1U);
}

// --- how much of a memory can be used

class EightMebibytes : public HostMemory {
 public:
  EightMebibytes() noexcept : HostMemory(Options{.initial_pages = 4, .maximum_pages = 128}) {}
};
class SteppedEightMebibytes : public SteppedGrowth<EightMebibytes> {};

template <typename Heap>
class UseOfMemory : public testing::Test {};
using HeapsIn8MiB =
    Concatenate<Strategies::On<EightMebibytes>, Strategies::On<SteppedEightMebibytes>>::Result;
TYPED_TEST_SUITE(UseOfMemory, HeapsIn8MiB, HeapName);

TYPED_TEST(UseOfMemory, BlocksOf100000BytesFill95PercentOfAMemoryThatGrows) {
  TypeParam heap;
  Size count = 0;
  while (heap.allocate({.size = 100'000}) != 0) ++count;
  // 8 MiB would hold 83 such blocks without any metadata.
  EXPECT_GE(count, 79U);
}

template <typename Heap>
class OneBlock : public testing::Test {};
TYPED_TEST_SUITE(OneBlock, List<UseFreeList>::On<FixedPages>, HeapName);

TYPED_TEST(OneBlock, Holds90PercentOfAFixedMemoryOnceEverythingIsFreed) {
  Random random;
  MallocAdaptor<TypeParam> heap;
  const Size bytes = FixedPages::kBytes;
  std::vector<Address> blocks;
  for (Address block = 0; (block = heap.malloc(random.log_uniform(12))) != 0;) {
    blocks.push_back(block);
  }
  while (!blocks.empty()) {
    std::swap(blocks[random.below(static_cast<Size>(blocks.size()))], blocks.back());
    heap.free(blocks.back());
    blocks.pop_back();
  }
  EXPECT_NE(heap.malloc(bytes / 10 * 9), 0U);
}

}  // namespace
}  // namespace lite_alloc::test
