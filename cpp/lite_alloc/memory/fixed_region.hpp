// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>

#include "lite_alloc/memory/page_source.hpp"

namespace lite_alloc {

/// Memory that the caller provides, as a `PageSource`. It never grows, and the heap touches nothing
/// outside of it. The memory must outlive the heap.
class FixedRegion {
 public:
  /// The heap uses the whole granules inside `memory[0, bytes)`, up to `kEndOfAddresses`. In native
  /// programs addresses count from one page below `memory`: a pointer to a block is aligned as the
  /// block is, up to the alignment of `memory`.
  constexpr FixedRegion(std::byte* memory, Size bytes) noexcept : memory_(memory), bytes_(bytes) {}

  [[nodiscard]] Address begin() const noexcept { return align_up(address_of_memory(), kGranule); }

  [[nodiscard]] Address end() const noexcept {
    const Size bytes = std::min(bytes_, kEndOfAddresses - address_of_memory());
    return std::max(begin(), align_down(address_of_memory() + bytes, kGranule));
  }

  [[nodiscard]] static bool grow(Size) noexcept { return false; }

  template <typename T>
  [[nodiscard]] T* at(Address address) const noexcept {
    return reinterpret_cast<T*>(memory_ + (address - address_of_memory()));
  }

 private:
  [[nodiscard]] Address address_of_memory() const noexcept {
    if constexpr (sizeof(void*) == sizeof(Address)) {
      return static_cast<Address>(reinterpret_cast<std::uintptr_t>(memory_));
    } else {
      const auto skew = reinterpret_cast<std::uintptr_t>(memory_) % kGranule;
      return kPageBytes + static_cast<Address>(skew);
    }
  }

  std::byte* memory_;
  Size bytes_;
};

static_assert(PageSource<FixedRegion>);

}  // namespace lite_alloc
