// SPDX-License-Identifier: MIT
//
// Overwrites one word of a heap's metadata, or of a freed block, with any value. After that the
// check, the statistics and a walk must return and must not read outside the heap. No later call
// may hang. If a later call does harm, the check must have found the corruption.
//
// LITE_ALLOC_CORRUPTIONS sets the number of words to try.

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <iterator>
#include <string>
#include <vector>

#include "lite_alloc/heap/segregated_fit.hpp"
#include "lite_alloc/inspect/check.hpp"
#include "lite_alloc/inspect/statistics.hpp"
#include "lite_alloc/inspect/walk.hpp"
#include "support/random.hpp"
#include "support/shadow_heap.hpp"
#include "support/slab_sizes.hpp"

namespace lite_alloc::test {
namespace {

/// Memory in which an access outside its pages ends the program, as in the memory of a module.
class FencedMemory {
 public:
  FencedMemory() noexcept {
    void* const range =
        ::mmap(nullptr, kReserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (range == MAP_FAILED) std::abort();
    base_ = static_cast<std::byte*>(range);
    open(begin(), end_);
  }

  FencedMemory(const FencedMemory&) = delete;
  FencedMemory& operator=(const FencedMemory&) = delete;
  ~FencedMemory() { ::munmap(base_, kReserved); }

  [[nodiscard]] static Address begin() noexcept { return kPageBytes; }
  [[nodiscard]] Address end() const noexcept { return end_; }

  [[nodiscard]] bool grow(Size bytes) noexcept {
    if (bytes > kMaxPages * kPageBytes - end_) return false;
    const Address begin = end_;
    end_ += align_up(bytes, kPageBytes);
    open(begin, end_);
    return true;
  }

  /// Grows memory by a page as other code would; the heap must not use that page.
  void grow_as_other_code() noexcept {
    if (end_ < kMaxPages * kPageBytes) end_ += kPageBytes;
  }

  template <typename T>
  [[nodiscard]] T* at(Address address) const noexcept {
    return reinterpret_cast<T*>(base_ + address);
  }

 private:
  static constexpr std::size_t kReserved = (std::size_t{1} << 32U) + kPageBytes;
  static constexpr Size kMaxPages = 128;

  void open(Address begin, Address end) const noexcept {
    if (::mprotect(base_ + begin, end - begin, PROT_READ | PROT_WRITE) != 0) std::abort();
  }

  std::byte* base_ = nullptr;
  Address end_ = 2 * kPageBytes;
};

/// The same for a heap that parks the chunk that was allocated last.
class ParkingFencedMemory : public FencedMemory {
 public:
  static constexpr bool kParks = true;
};

/// The progress of a process that tries one corruption: its current phase, and what it has found.
/// The process that started it reads this from shared memory.
struct Progress {
  enum Phase { kCheck, kStatistics, kWalk, kCalls, kDone } phase;
  bool is_found;   // by the check
  bool does_harm;  // a later call gave a block twice, lost contents, or refused a live block
};

template <PageSource Pages>
class CorruptedHeap {
 public:
  explicit CorruptedHeap(Random& random) : random_(&random) {
    heap_.set_secret(random.below(0xFFFF'FFFF));
    heap_.claim();
    for (int i = 0; i < 600; ++i) {
      if (random_->one_in(150)) heap_.pages().grow_as_other_code();
      call();
    }
    // Where a heap parks chunks, the word to overwrite may be the tag of a parked one.
    const Address parked = heap_.malloc(3000);
    expect(heap_.free(parked) == FreeResult::kFreed);
  }

  [[nodiscard]] bool is_sound() const { return !heap_.find_corruption(); }

  /// Returns the words of metadata, and some unused words of each free block.
  [[nodiscard]] std::vector<Address> words() const {
    std::vector<Address> words;
    const auto add = [&](Address begin, Address end) {
      for (Address word = begin; word != end; word += 4) words.push_back(word);
    };
    Address end = 0;
    auto cursor = heap_.walk();
    for (Extent extent; cursor.next(extent);) {
      const bool is_region = extent.begin != end;
      if (is_region) add(extent.begin - kGranule, extent.begin);
      end = extent.end();
      if (cursor.is_block()) {
        if (extent.size > kMaxSmall || extent.size % kGranule != 0)
          words.push_back(extent.end() - 4);
      } else if (extent.state == Extent::State::kFree) {
        add(extent.begin, extent.begin + 12);  // links or link and mark, and an unused word
        if (extent.size > kMaxSmall) add(extent.end() - 12, extent.end());
      } else {
        add(extent.begin, extent.end());  // the head or end of a slab, or the map
      }
    }
    return words;
  }

  /// Overwrites a word, looks into the heap, and goes on with calls.
  void corrupt(Address address, Progress& progress) {
    auto& word = *heap_.pages().template at<std::uint32_t>(address);
    const auto before = word;
    word = wrong_value(word);
    changed_ =
        std::to_string(address) + ": " + std::to_string(before) + " to " + std::to_string(word);
    progress.phase = Progress::kCheck;
    progress.is_found = bool{heap_.find_corruption()};
    progress.phase = Progress::kStatistics;
    static_cast<void>(heap_.statistics());
    progress.phase = Progress::kWalk;
    Size extents = 0;
    auto cursor = heap_.walk();
    for (Extent extent; cursor.next(extent);) ++extents;
    progress.phase = Progress::kCalls;
    for (int i = 0; i < 300 && !does_harm_; ++i) call();
    does_harm_ = does_harm_ || !shadow_.verify_all();
    progress.does_harm = does_harm_;
    progress.phase = Progress::kDone;
  }

  [[nodiscard]] std::uint32_t wrong_value(std::uint32_t right) {
    const Address somewhere =
        FencedMemory::begin() + random_->below(heap_.pages().end() - FencedMemory::begin());
    switch (random_->below(8)) {
      case 0:
        return right ^ (1U << random_->below(32));
      case 1:
        return random_->below(0xFFFF'FFFF);
      case 2:
        return 0;
      case 3:
        return right + kGranule;
      case 4:
        return right - kGranule;
      case 5:
        return align_down(somewhere, kGranule);
      case 6:
        return *heap_.pages().template at<std::uint32_t>(any_word());
      default:
        return random_->below(5000);
    }
  }

 private:
  [[nodiscard]] Address any_word() const {
    const std::vector<Address> all = words();
    return all[random_->below(static_cast<Size>(all.size()))];
  }

  void call() {
    const Size count = static_cast<Size>(shadow_.blocks().size());
    if (count == 0 || (count < 150 && !random_->one_in(3))) {
      const Size alignment = random_->one_in(12) ? random_->alignment() : kGranule;
      const Size size =
          random_->one_in(2) ? random_->below(kMaxSmall + 16) : random_->log_uniform(13);
      const Address block = heap_.memalign(alignment, size);
      if (block != 0) expect(bool{shadow_.add(block, {.size = size, .alignment = alignment})});
      return;
    }
    // Now and then frees many blocks, so that slabs become empty.
    for (Size left = random_->one_in(60) ? count : 1; left != 0 && !does_harm_; --left) {
      const auto index = random_->below(static_cast<Size>(shadow_.blocks().size()));
      const Address block = std::next(shadow_.blocks().begin(), index)->first;
      const Size size = random_->log_uniform(12);
      if (left == 1 && random_->one_in(3)) {
        expect(bool{shadow_.verify(block)});
        const Address moved = heap_.realloc(block, size);
        if (moved != 0) expect(bool{shadow_.move(block, moved, size)});
      } else {
        expect(bool{shadow_.remove(block)});
        expect(heap_.free(block) == FreeResult::kFreed);
      }
    }
  }

  void expect(bool holds) { does_harm_ = does_harm_ || !holds; }

  Random* random_;
  SegregatedFit<Pages> heap_;
  ShadowHeap<Pages> shadow_{heap_.pages()};
  bool does_harm_ = false;
  std::string changed_;
};

/// Tries one corruption in a process of its own. Returns what is wrong, or nothing if all is well.
std::string failure_of(auto& heap, Address word, Progress& progress) {
  progress = {};
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(10);
    heap.corrupt(word, progress);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) return "a call hangs";
  const bool has_ended = progress.phase == Progress::kDone;
  if (!has_ended && progress.phase != Progress::kCalls) {
    constexpr std::array kNames = {"the check", "statistics", "a walk"};
    return std::string(kNames[progress.phase]) + " leaves the heap";
  }
  const bool has_trapped = !has_ended;
  if (!progress.is_found && has_trapped) return "the check misses what ends the program";
  if (!progress.is_found && progress.does_harm) return "the check misses what does harm";
  return {};
}

template <PageSource Pages>
class CorruptedSegregatedFit : public testing::Test {};
using Memories = testing::Types<FencedMemory, ParkingFencedMemory>;
TYPED_TEST_SUITE(CorruptedSegregatedFit, Memories);

TYPED_TEST(CorruptedSegregatedFit, IsFoundByTheCheckBeforeItDoesHarmAndNeverHangs) {
  Random random;
  Size left = number_from_environment("LITE_ALLOC_CORRUPTIONS", 300);
  Size found = 0;
  Size trapped = 0;
  void* const shared =
      ::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  auto& progress = *static_cast<Progress*>(shared);
  const Size tried = left;
  while (left != 0) {
    CorruptedHeap<TypeParam> heap(random);
    ASSERT_TRUE(heap.is_sound());
    const std::vector<Address> words = heap.words();
    for (Size i = 0; i < 50 && left != 0; ++i, --left) {
      const Address word = words[random.below(static_cast<Size>(words.size()))];
      const std::string failure = failure_of(heap, word, progress);
      EXPECT_EQ(failure, "") << "word " << word << ", " << left << " left";
      found += static_cast<Size>(progress.is_found);
      trapped += static_cast<Size>(progress.phase != Progress::kDone);
    }
  }
  ::munmap(shared, sizeof(Progress));
  // The test is not vacuous: most words are metadata, and some corruptions stop later calls.
  EXPECT_GT(found, tried / 4);
  EXPECT_GT(trapped, tried / 100);
  std::cout << tried << " corruptions, " << found << " found by the check, " << trapped
            << " stopped by a trap" << std::endl;
}

}  // namespace
}  // namespace lite_alloc::test
