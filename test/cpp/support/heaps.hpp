// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "lite_alloc/heap/bump_free_list.hpp"
#include "lite_alloc/heap/free_list.hpp"
#include "lite_alloc/heap/segregated_bump.hpp"
#include "lite_alloc/heap/segregated_fit.hpp"
#include "lite_alloc/inspect/check.hpp"
#include "lite_alloc/inspect/statistics.hpp"
#include "lite_alloc/inspect/walk.hpp"
#include "support/page_sources.hpp"

namespace lite_alloc::test {

// Every allocator has an entry here, and its name in `Strategies` below.
struct UseBumpFreeList {
  template <PageSource P>
  using Heap = BumpFreeList<P>;
};
struct UseSegregatedBump {
  template <PageSource P>
  using Heap = SegregatedBump<P>;
};
struct UseFreeList {
  template <PageSource P>
  using Heap = FreeList<P>;
};
struct UseSegregatedFit {
  template <PageSource P>
  using Heap = SegregatedFit<P>;
};

/// Whether a heap's blocks take just `block_size(layout)` bytes.
template <typename Heap>
inline constexpr bool kBlocksTakeWholeGranules = false;
template <PageSource P>
inline constexpr bool kBlocksTakeWholeGranules<BumpFreeList<P>> = true;
template <PageSource P>
inline constexpr bool kBlocksTakeWholeGranules<FreeList<P>> = true;

/// Whether a heap merges some free memory only when it runs out of memory.
template <typename Heap>
inline constexpr bool kMergesLate = false;
template <PageSource P>
inline constexpr bool kMergesLate<SegregatedFit<P>> = true;

template <typename... Strategy>
struct List {
  template <PageSource Pages>
  using On = testing::Types<typename Strategy::template Heap<Pages>...>;
};
using Strategies = List<UseBumpFreeList, UseSegregatedBump, UseFreeList, UseSegregatedFit>;
/// The strategies whose blocks have no header.
using HeaderlessStrategies = List<UseBumpFreeList, UseSegregatedBump, UseFreeList>;

template <typename... Lists>
struct Concatenate;
template <typename... Types>
struct Concatenate<testing::Types<Types...>> {
  using Result = testing::Types<Types...>;
};
template <typename... First, typename... Second, typename... Rest>
struct Concatenate<testing::Types<First...>, testing::Types<Second...>, Rest...>
    : Concatenate<testing::Types<First..., Second...>, Rest...> {};

/// The heaps whose memory grows.
using GrowingHeaps =
    Concatenate<Strategies::On<HostPages>, Strategies::On<HighPages>, Strategies::On<SteppedPages>,
                List<UseSegregatedFit>::On<ParkingPages>>::Result;
using AllHeaps = Concatenate<GrowingHeaps, Strategies::On<FixedPages>>::Result;

/// The heaps for tests of the layers above. Only addresses and growth matter to those layers, so
/// two kinds of memory are enough: one at the highest addresses, and a region that never grows.
using HeapsToStandOn =
    Concatenate<HeaderlessStrategies::On<HighPages>, HeaderlessStrategies::On<FixedPages>>::Result;

/// Names a test after its heap.
struct HeapName {
  template <typename Heap>
  static std::string GetName(int) {
    std::string name = testing::internal::GetTypeName<Heap>();
    const std::string pages = name.substr(0, name.find_first_of(",>"));
    std::string clean;
    for (const std::string& part : {name.substr(0, name.find('<')), pages}) {
      const std::size_t colon = part.rfind(':');
      clean += (clean.empty() ? "" : "_") + part.substr(colon + 1);
    }
    return clean;
  }
};

}  // namespace lite_alloc::test
