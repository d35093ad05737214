// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>

namespace lite_alloc::bench {

/// A lock that spins: an exchange to take it, a store to release it.
class SpinLock {
 public:
  void lock() noexcept {
    while (taken_.exchange(1, std::memory_order_acquire) != 0) {
      while (taken_.load(std::memory_order_relaxed) != 0) {
      }
    }
  }

  void unlock() noexcept { taken_.store(0, std::memory_order_release); }

 private:
  std::atomic<std::uint32_t> taken_ = 0;
};

}  // namespace lite_alloc::bench
