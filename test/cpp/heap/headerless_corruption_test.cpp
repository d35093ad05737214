// SPDX-License-Identifier: MIT
//
// Overwrites one word of metadata, then checks the heap and goes on using it. The check must report
// the corruption if it does harm later, and every call must return or trap. LITE_ALLOC_SEED sets
// the seed, LITE_ALLOC_CORRUPTIONS the number of words.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csetjmp>
#include <csignal>
#include <utility>
#include <vector>

#include "lite_alloc/inspect/check.hpp"
#include "support/heaps.hpp"
#include "support/random.hpp"
#include "support/shadow_heap.hpp"

namespace lite_alloc::test {
namespace {

/// Memory in which every 32-bit address is mapped: a heap that follows a wrong address cannot touch
/// the test itself. The heap can grow to `kHeapPages` only.
class WholeAddressSpace : public HostMemory {
 public:
  WholeAddressSpace() noexcept : HostMemory(Options{.maximum_pages = 65534}) {}

  [[nodiscard]] bool grow(Size bytes) noexcept {
    return bytes <= kHeapPages * kPageBytes - end() && HostMemory::grow(bytes);
  }
};
static_assert(PageSource<WholeAddressSpace>);

/// The signals of a native program where a WebAssembly engine would trap.
constexpr int kTraps[] = {SIGILL, SIGSEGV, SIGBUS};
sigjmp_buf after_trap;
void leave_call(int) { siglongjmp(after_trap, 1); }

class TrapHandlers {
 public:
  TrapHandlers() {
    struct sigaction action {};
    action.sa_handler = leave_call;
    for (std::size_t i = 0; i < std::size(kTraps); ++i) sigaction(kTraps[i], &action, &before_[i]);
  }
  ~TrapHandlers() {
    for (std::size_t i = 0; i < std::size(kTraps); ++i) sigaction(kTraps[i], &before_[i], nullptr);
    ::alarm(0);
  }
  TrapHandlers(const TrapHandlers&) = delete;
  TrapHandlers& operator=(const TrapHandlers&) = delete;

 private:
  struct sigaction before_[std::size(kTraps)];
};

/// Calls `action`; returns false iff it trapped. If it does not end within 20 s, the program is
/// killed.
template <typename Action>
[[nodiscard]] bool returns(Action action) {
  ::alarm(20);
  if (sigsetjmp(after_trap, 1) != 0) return false;
  action();
  return true;
}

/// A heap in use, its blocks in a shadow heap, and the places of its metadata.
template <typename Heap>
class Victim {
 public:
  Victim(Random& random, std::uint32_t secret)
      : random_(random), shadow_(heap_.allocator().pages()) {
    heap_.set_secret(secret);
  }

  /// Makes a random call. Returns false iff the shadow heap refuses a new block or contents
  /// changed.
  [[nodiscard]] bool step() {
    if (blocks_.empty() || random_.below(16) < 8) {
      const Layout layout = {.size = random_.log_uniform(random_.one_in(20) ? 17 : 10),
                             .alignment = random_.one_in(4) ? random_.alignment() : kGranule};
      const Address address = heap_.memalign(layout.alignment, layout.size);
      return address == 0 || add(address, layout);
    }
    std::swap(blocks_[random_.below(static_cast<Size>(blocks_.size()))], blocks_.back());
    const Address block = blocks_.back();
    if (!shadow_.verify(block)) return false;
    if (random_.one_in(4)) {
      const Size size = random_.log_uniform(12);
      const Address moved = heap_.realloc(block, size);
      if (moved == 0) return true;
      blocks_.back() = moved;
      return static_cast<bool>(shadow_.move(block, moved, size));
    }
    blocks_.pop_back();
    if (!shadow_.remove(block)) return false;
    if (heap_.free(block) == FreeResult::kFreed) freed_.push_back(block);
    return true;
  }

  /// Adds pages of other code, so that the next growth starts a second region behind them.
  void start_region() {
    const Address end = pages().end();
    static_cast<void>(pages().grow(kPageBytes));
    static_cast<void>(step_into(end + kPageBytes));
  }

  /// Overwrites a random word of metadata, or of a block that was freed.
  void overwrite() {
    auto& words = heap_.allocator().pages();
    std::uint32_t& word = *words.template at<std::uint32_t>(random_place());
    const std::uint32_t before = word;
    while (word == before) word = random_value(before);
  }

  [[nodiscard]] Corruption check() { return find_corruption(heap_); }
  [[nodiscard]] bool is_intact() const { return static_cast<bool>(shadow_.verify_all()); }

 private:
  [[nodiscard]] auto& pages() { return heap_.allocator().pages(); }

  [[nodiscard]] bool add(Address address, const Layout& layout) {
    blocks_.push_back(address);
    return static_cast<bool>(shadow_.add(address, layout, false));
  }

  [[nodiscard]] bool step_into(Address record) {
    records_.push_back(record);
    const Layout layout = {.size = 2 * kPageBytes};
    const Address address = heap_.malloc(layout.size);
    return address == 0 || add(address, layout);
  }

  [[nodiscard]] Address random_place() {
    const auto any = [&](const std::vector<Address>& places) {
      return places[random_.below(static_cast<Size>(places.size()))];
    };
    const Size kind = random_.below(8);
    if (kind == 0 && !records_.empty()) return any(records_) + 4 * random_.below(4);
    if (kind <= 3 && !blocks_.empty()) return any(blocks_) - kGranule + 4 * random_.below(4);
    std::vector<Address> starts;
    auto cursor = heap_.allocator().walk();
    for (Extent extent; cursor.next(extent);) {
      if (extent.state == Extent::State::kFree) starts.push_back(extent.begin);
    }
    if (kind == 4 && !freed_.empty()) {
      const Address freed = any(freed_) - kGranule + 4 * random_.below(8);
      const bool is_free = std::any_of(starts.begin(), starts.end(),
                                       [&](Address start) { return freed - start < 2 * kGranule; });
      if (is_free) return freed;
    }
    return starts.empty() ? pages().begin() : any(starts) + 4 * random_.below(4);
  }

  [[nodiscard]] std::uint32_t random_value(std::uint32_t before) {
    switch (random_.below(7)) {
      case 0:
        return before ^ (1U << random_.below(32));
      case 1:
        return random_.below(~0U);
      case 2:
        return random_.below(4) * kGranule;
      case 3:
        return before + kGranule * (random_.below(64) - 32);
      case 4:
        return blocks_.empty() ? 0 : blocks_[random_.below(static_cast<Size>(blocks_.size()))];
      case 5:  // a copy of another word of metadata
        return *pages().template at<std::uint32_t>(
            blocks_.empty() ? pages().begin()
                            : blocks_[random_.below(static_cast<Size>(blocks_.size()))] - kGranule +
                                  4 * random_.below(4));
      default:
        return before & ~(0xFFU << (8 * random_.below(4)));
    }
  }

  Random& random_;
  MallocAdaptor<Heap> heap_;
  ShadowHeap<WholeAddressSpace> shadow_;
  std::vector<Address> blocks_;
  std::vector<Address> freed_;
  std::vector<Address> records_ = {pages().begin()};
};

template <typename Heap>
class OverwrittenWord : public testing::Test {};
TYPED_TEST_SUITE(OverwrittenWord, HeaderlessStrategies::On<WholeAddressSpace>, HeapName);

TYPED_TEST(OverwrittenWord, IsReportedByTheCheckWheneverItDoesHarm) {
  const Size count = number_from_environment("LITE_ALLOC_CORRUPTIONS", 200);
  Random random;
  const TrapHandlers handlers;
  Size reported = 0;
  Size trapped = 0;
  Size harmed = 0;
  for (Size i = 0; i < count; ++i) {
    Victim<TypeParam> victim(random, random.below(~0U));
    const Size steps = 20 + random.below(300);
    for (Size step = 0; step < steps; ++step) {
      ASSERT_TRUE(victim.step());
      if (random.one_in(100)) victim.start_region();
    }
    ASSERT_FALSE(victim.check());
    victim.overwrite();

    volatile bool is_reported = false;
    ASSERT_TRUE(returns([&] { is_reported = static_cast<bool>(victim.check()); }))
        << "the check trapped in case " << i;
    volatile bool is_harmed = false;
    const bool returned = returns([&] {
      for (Size step = 0; step < 300 && !is_harmed; ++step) is_harmed = !victim.step();
      is_harmed = is_harmed || !victim.is_intact();
    });
    reported += is_reported ? 1U : 0U;
    trapped += returned ? 0U : 1U;
    harmed += is_harmed ? 1U : 0U;
    EXPECT_TRUE(is_reported || (returned && !is_harmed))
        << "case " << i << (returned ? "" : " trapped") << (is_harmed ? " lost contents" : "");
  }
  std::cout << count << " overwritten words: the check reported " << reported << ", " << trapped
            << " ended in a trap, " << harmed << " in blocks that overlap" << std::endl;
  EXPECT_GT(reported, count / 4) << "some words, as the last of a header, mean nothing";
}

}  // namespace
}  // namespace lite_alloc::test
