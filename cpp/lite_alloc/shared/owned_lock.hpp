// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>

#include "lite_alloc/shared/thread_host.hpp"

namespace lite_alloc::shared {

/// A lock whose word names its owner, so that others can tell whether the owner is dead.
template <ThreadHost Host>
class OwnedLock {
 public:
  static constexpr std::uint32_t kWaiters = 0x8000'0000;

  /// Takes the lock for the thread with this id, not 0. A thread must not take it twice.
  [[gnu::always_inline]] void lock(std::uint32_t id) noexcept {
    std::uint32_t free = 0;
    if (!word_.compare_exchange_strong(free, id, std::memory_order_acquire)) [[unlikely]] {
      lock_slowly(id);
    }
  }

  /// Takes the lock iff it is free.
  [[nodiscard]] bool try_lock(std::uint32_t id) noexcept {
    std::uint32_t free = 0;
    return word_.compare_exchange_strong(free, id, std::memory_order_acquire);
  }

  [[gnu::always_inline]] void unlock() noexcept {
    const std::uint32_t word = word_.exchange(0, std::memory_order_release);
    if ((word & kWaiters) != 0) [[unlikely]]
      Host::wake(word_);
  }

  /// Returns the id of the thread that has the lock; 0 if none has it.
  [[nodiscard]] std::uint32_t owner() const noexcept {
    return word_.load(std::memory_order_acquire) & ~kWaiters;
  }

  /// Takes the lock from a dead thread, for the thread `id`. Requires proof that `dead` has ended.
  /// Fails iff `dead` does not have it.
  [[nodiscard]] bool take_from(std::uint32_t dead, std::uint32_t id) noexcept {
    std::uint32_t word = word_.load(std::memory_order_relaxed);
    while ((word & ~kWaiters) == dead) {
      if (word_.compare_exchange_weak(word, id | (word & kWaiters), std::memory_order_acquire)) {
        return true;
      }
    }
    return false;
  }

 private:
  [[gnu::noinline]] void lock_slowly(std::uint32_t id) noexcept {
    for (int tries = 0;; ++tries) {
      std::uint32_t word = word_.load(std::memory_order_relaxed);
      if (word == 0) {
        // Others may still wait: the next `unlock` wakes one of them.
        const std::uint32_t mine = tries > kSpins ? id | kWaiters : id;
        if (word_.compare_exchange_weak(word, mine, std::memory_order_acquire)) return;
      } else if (tries > kSpins) {
        const std::uint32_t waited = word | kWaiters;
        if (word == waited || word_.compare_exchange_weak(word, waited)) {
          Host::wait(word_, waited);
        }
      }
    }
  }

  static constexpr int kSpins = 200;

  std::atomic<std::uint32_t> word_{0};
};

}  // namespace lite_alloc::shared
