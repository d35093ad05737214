// SPDX-License-Identifier: MIT
#pragma once

#include "lite_alloc/heap/bump_free_list.hpp"
#include "lite_alloc/heap/free_list.hpp"
#include "lite_alloc/heap/segregated_bump.hpp"

namespace lite_alloc::bindings {

enum class SmallStrategy : std::uint8_t { kBumpFreeList, kSegregatedBump, kFreeList };

/// The bins of `BumpFreeList` or those of `SegregatedBump`, chosen when the instance starts.
class ChosenBins {
 public:
  static constexpr Size kLists = PowerOfTwoBins::kLists;

  static void choose(SmallStrategy strategy) noexcept {
    are_powers_of_two_ = strategy == SmallStrategy::kSegregatedBump;
  }

  [[nodiscard]] static Size block_bytes(const Layout& layout) noexcept {
    return are_powers_of_two_ ? PowerOfTwoBins::block_bytes(layout) : OneBin::block_bytes(layout);
  }

  /// The one list is the last of those there are: a search begins and ends with it.
  [[nodiscard]] static Size list_of(Size size) noexcept {
    return are_powers_of_two_ ? PowerOfTwoBins::list_of(size) : kLists - 1;
  }

 private:
  static inline constinit bool are_powers_of_two_ = false;
};

/// The three strategies without headers in one heap, of which an instance uses one: what they have
/// in common, and `MallocAdaptor` and the walk above it, is in the module once.
template <PageSource Pages>
class SmallHeap
    : public FreeListStrategy<
          BumpStrategy<HeaderlessHeap<SmallHeap<Pages>, Pages, Tracking, ChosenBins::kLists>,
                       Tracking, ChosenBins>,
          Tracking> {
  using Base = HeaderlessHeap<SmallHeap, Pages, Tracking, ChosenBins::kLists>;
  using Bump = BumpStrategy<Base, Tracking, ChosenBins>;
  using List = FreeListStrategy<Bump, Tracking>;
  friend Base;

 public:
  constexpr SmallHeap() noexcept = default;

  /// To be called before any other call.
  void choose(SmallStrategy strategy) noexcept {
    is_free_list_ = strategy == SmallStrategy::kFreeList;
    ChosenBins::choose(strategy);
  }

  /// Whether these bytes can be a block of the sized calls, as far as the heap can tell in the time
  /// that `deallocate` takes: they are no slack, nor in a free block at the end of the heap.
  [[nodiscard]] bool may_be_used(Address address, Size size) const noexcept {
    return Base::has_handed_out(address, size) &&
           (!is_free_list_ || address + size - 1 < List::used_end());
  }

 private:
  // Both round alike: `ChosenBins` of a free list are none.
  using Bump::block_bytes;

  [[nodiscard]] Address acquire(Size size, Size alignment, Size prefix) noexcept {
    return is_free_list_ ? List::acquire(size, alignment, prefix)
                         : Bump::acquire(size, alignment, prefix);
  }
  [[nodiscard]] bool extend(Address begin, Address end, const Layout& layout, Size size) noexcept {
    return is_free_list_ ? List::extend(begin, end, layout, size)
                         : Bump::extend(begin, end, layout, size);
  }
  void release(Address begin, Address end) noexcept {
    is_free_list_ ? List::release(begin, end) : Bump::release(begin, end);
  }
  void enter_region(Address begin, Address end) noexcept {
    is_free_list_ ? List::enter_region(begin, end) : Bump::enter_region(begin, end);
  }
  void forget_free_blocks() noexcept { Bump::forget_free_blocks(); }
  [[nodiscard]] Address top() const noexcept { return is_free_list_ ? List::top() : Bump::top(); }

  bool is_free_list_ = false;
};

}  // namespace lite_alloc::bindings
