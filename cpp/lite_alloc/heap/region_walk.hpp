// SPDX-License-Identifier: MIT
#pragma once

#include "lite_alloc/core/layout.hpp"

namespace lite_alloc {

/// Goes through the regions of a heap, in address order. A heap has one region, unless other code
/// grows the same memory: then the heap goes on behind the pages of that code, in another region.
///
///     | record | blocks, free blocks ... |
///     ^ region ^ begin                   ^ end
///
/// A region is known by the address of its record; 0 is not a region. `Heap`, which derives from
/// this, provides:
///
///   oldest_region()           the first region, or 0
///   next_region(region)       the one above, or 0
///   region_begin(region)
///   region_end(region)
///
/// Each function takes time in proportion to the number of regions.
template <typename Heap>
class RegionWalk {
 public:
  /// Returns the region that an address lies in, or that ends there; 0 if no region does.
  [[nodiscard]] Address region_around(Address address) const noexcept {
    Address region = heap().oldest_region();
    while (region != 0 &&
           (address < heap().region_begin(region) || address > heap().region_end(region))) {
      region = heap().next_region(region);
    }
    return region;
  }

  /// Returns the bytes in all regions, without their records.
  [[nodiscard]] Size bytes_in_regions() const noexcept {
    Size bytes = 0;
    for (Address region = heap().oldest_region(); region != 0;
         region = heap().next_region(region)) {
      bytes += heap().region_end(region) - heap().region_begin(region);
    }
    return bytes;
  }

  /// Checks whether `[address, address + size)` lies in one region, slack included.
  [[nodiscard]] bool is_in_region(Address address, Size size) const noexcept {
    const Address region = region_around(address);
    return region != 0 && size <= heap().region_end(region) - address;
  }

 private:
  friend Heap;
  RegionWalk() = default;

  [[nodiscard]] const Heap& heap() const noexcept { return static_cast<const Heap&>(*this); }
};

}  // namespace lite_alloc
