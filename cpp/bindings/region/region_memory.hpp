// SPDX-License-Identifier: MIT
#pragma once

#include "lite_alloc/memory/page_source.hpp"

namespace lite_alloc::bindings {

/// The region of somebody else's memory that an instance was given: of all heaps in a module, only
/// the one that is used takes it. Never grows.
class RegionMemory {
 public:
  static void take(Address begin, Address end) noexcept {
    begin_ = begin;
    end_ = end;
  }

  [[nodiscard]] static Address begin() noexcept { return begin_; }
  [[nodiscard]] static Address end() noexcept { return end_; }
  [[nodiscard]] static bool grow(Size) noexcept { return false; }

  template <typename T>
  [[nodiscard]] T* at(Address address) const noexcept {
    return reinterpret_cast<T*>(static_cast<std::uintptr_t>(address));
  }

 private:
  static inline constinit Address begin_ = 0;
  static inline constinit Address end_ = 0;
};

static_assert(PageSource<RegionMemory>);

}  // namespace lite_alloc::bindings
