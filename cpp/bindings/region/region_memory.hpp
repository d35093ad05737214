// SPDX-License-Identifier: MIT
#pragma once

#include "lite_alloc/memory/page_source.hpp"

namespace lite_alloc::bindings {

/// A region of memory that belongs to other code: the bytes from `begin` to `end`, both multiples
/// of `kGranule`. Never grows.
class RegionMemory {
 public:
  constexpr RegionMemory() noexcept = default;
  constexpr RegionMemory(Address begin, Address end) noexcept : begin_(begin), end_(end) {}

  [[nodiscard]] Address begin() const noexcept { return begin_; }
  [[nodiscard]] Address end() const noexcept { return end_; }
  [[nodiscard]] static bool grow(Size) noexcept { return false; }

  template <typename T>
  [[nodiscard]] T* at(Address address) const noexcept {
    return reinterpret_cast<T*>(static_cast<std::uintptr_t>(address));
  }

 private:
  Address begin_ = 0;
  Address end_ = 0;
};

static_assert(PageSource<RegionMemory>);

}  // namespace lite_alloc::bindings
