// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "lite_alloc/heap/inspectable.hpp"
#include "lite_alloc/memory/fixed_region.hpp"
#include "lite_alloc/memory/host_memory.hpp"
#include "lite_alloc/memory/stepped_growth.hpp"

namespace lite_alloc::test {

/// The maximum of a heap under test in pages: 16 MiB, so that tests exhaust it quickly.
inline constexpr Size kHeapPages = 256;

/// Host memory that can refuse every growth, and that records the requests and the pages of other
/// code.
class WatchedMemory : public HostMemory {
 public:
  using HostMemory::HostMemory;

  [[nodiscard]] bool grow(Size bytes) noexcept {
    requests_.push_back(bytes);
    return !refuses_ && HostMemory::grow(bytes);
  }

  void refuse_growth(bool refuses) noexcept { refuses_ = refuses; }

  void grow_as_other_code(Size pages) {
    const Address begin = end();
    HostMemory::grow_as_other_code(pages);
    if (end() != begin) foreign_.push_back({begin, end() - begin, Extent::State::kUsed});
  }

  /// The bytes of each `grow` call so far.
  [[nodiscard]] const std::vector<Size>& requests() const noexcept { return requests_; }

  /// Pages of other code, in address order.
  [[nodiscard]] const std::vector<Extent>& foreign() const noexcept { return foreign_; }

 private:
  bool refuses_ = false;
  std::vector<Size> requests_;
  std::vector<Extent> foreign_;
};

class HostPages : public WatchedMemory {
 public:
  HostPages() noexcept : WatchedMemory(Options{.maximum_pages = kHeapPages}) {}
};

/// Memory up to the last page that a heap can use. If a size is slightly too large, its sum with an
/// address wraps.
class HighPages : public WatchedMemory {
 public:
  HighPages() noexcept
      : WatchedMemory(
            Options{.begin = 0xFFFF'0000 - kHeapPages * kPageBytes, .maximum_pages = kHeapPages}) {}
};

class SteppedPages : public SteppedGrowth<HostPages> {};

/// Pages of a heap that parks the chunk that was allocated last.
class ParkingPages : public HostPages {
 public:
  static constexpr bool kParks = true;
};

/// Zeroed bytes between two guards. They start `skew` bytes behind a multiple of a granule.
class GuardedBytes {
 public:
  explicit GuardedBytes(Size size, Size skew = 7)
      : size_(size), skew_(skew), bytes_(static_cast<std::byte*>(std::calloc(whole(), 1))) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(bytes_) % kGranule, 0U);
    std::fill(guards_begin(), data(), kGuard);
    std::fill(data() + size_, guards_end(), kGuard);
  }

  ~GuardedBytes() {
    EXPECT_TRUE(untouched());
    std::free(bytes_);
  }

  GuardedBytes(const GuardedBytes&) = delete;
  GuardedBytes& operator=(const GuardedBytes&) = delete;

  [[nodiscard]] std::byte* data() const noexcept { return bytes_ + kGuardSize + skew_; }
  [[nodiscard]] Size size() const noexcept { return size_; }

  [[nodiscard]] bool untouched() const noexcept {
    const auto is_guard = [](std::byte byte) { return byte == kGuard; };
    return std::all_of(guards_begin(), data(), is_guard) &&
           std::all_of(data() + size_, guards_end(), is_guard);
  }

 private:
  static constexpr Size kGuardSize = 64;
  static constexpr std::byte kGuard{0xA5};

  [[nodiscard]] std::size_t whole() const noexcept {
    return std::size_t{size_} + skew_ + 2 * kGuardSize;
  }
  [[nodiscard]] std::byte* guards_begin() const noexcept { return bytes_; }
  [[nodiscard]] std::byte* guards_end() const noexcept { return bytes_ + whole(); }

  Size size_;
  Size skew_;
  std::byte* bytes_;
};

class FixedPages : private GuardedBytes, public FixedRegion {
 public:
  static constexpr Size kBytes = 64 * kPageBytes - 100;

  FixedPages() : FixedPages(kBytes) {}
  explicit FixedPages(Size bytes, Size skew = 7)
      : GuardedBytes(bytes, skew), FixedRegion(GuardedBytes::data(), GuardedBytes::size()) {}

  using GuardedBytes::untouched;
};

template <typename Pages>
concept GrowingPages = std::derived_from<Pages, WatchedMemory>;

}  // namespace lite_alloc::test
