// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "lite_alloc/heap/bump_free_list.hpp"
#include "lite_alloc/heap/free_list.hpp"
#include "lite_alloc/heap/segregated_bump.hpp"
#include "shared_values.hpp"

namespace lite_alloc::bindings {

#define LITE_ALLOC_ENUMERATOR(number, name) k##name = number,
/// The strategies by their numbers in JavaScript.
enum class Strategy : std::uint8_t { LITE_ALLOC_STRATEGIES(LITE_ALLOC_ENUMERATOR) };
#undef LITE_ALLOC_ENUMERATOR

/// A heap of one of the headerless strategies, which is chosen when the instance starts. Each call
/// goes to the same call of the chosen heap. So the module contains the code over it,
/// `MallocAdaptor` and the walk, only once.
template <PageSource Pages>
class ChosenHeap {
 public:
  constexpr ChosenHeap() noexcept : none_(0) {}

  /// Makes the heap, empty and over these pages. Requires that no other call was made before.
  void choose(Strategy strategy, const Pages& pages) noexcept {
    strategy_ = strategy;
    visit([&](auto& heap) noexcept { std::construct_at(&heap, pages); });
  }

  [[nodiscard]] Address allocate(const Layout& layout) noexcept {
    return visit([&](auto& heap) noexcept { return heap.allocate(layout); });
  }
  void deallocate(Address address, const Layout& layout) noexcept {
    visit([&](auto& heap) noexcept { heap.deallocate(address, layout); });
  }
  [[nodiscard]] Address reallocate(Address address, const Layout& layout, Size size) noexcept {
    return visit([&](auto& heap) noexcept { return heap.reallocate(address, layout, size); });
  }
  [[nodiscard]] Size capacity(const Layout& layout) const noexcept {
    return visit([&](const auto& heap) noexcept { return heap.capacity(layout); });
  }
  bool claim() noexcept {
    return visit([](auto& heap) noexcept { return heap.claim(); });
  }
  [[nodiscard]] Pages& pages() noexcept {
    return visit([](auto& heap) noexcept -> Pages& { return heap.pages(); });
  }
  [[nodiscard]] const Pages& pages() const noexcept {
    return visit([](const auto& heap) noexcept -> const Pages& { return heap.pages(); });
  }

  void set_secret(std::uint32_t secret) noexcept {
    visit([&](auto& heap) noexcept { heap.set_secret(secret); });
  }
  void reset() noexcept {
    visit([](auto& heap) noexcept { heap.reset(); });
  }
  [[nodiscard]] bool owns(Address address, Size size) const noexcept {
    return visit([&](const auto& heap) noexcept { return heap.owns(address, size); });
  }
  [[nodiscard]] bool has_handed_out(Address address, Size size) const noexcept {
    return visit([&](const auto& heap) noexcept { return heap.has_handed_out(address, size); });
  }
  [[nodiscard]] bool may_be_used(Address address, Size size) const noexcept {
    return visit([&](const auto& heap) noexcept { return heap.may_be_used(address, size); });
  }
  [[nodiscard]] Statistics statistics() noexcept {
    return visit([](auto& heap) noexcept { return heap.statistics(); });
  }
  [[nodiscard]] auto walk() noexcept {
    return visit([](auto& heap) noexcept { return heap.walk(); });
  }
  [[nodiscard]] Corruption find_corruption() noexcept {
    return visit([](auto& heap) noexcept { return heap.find_corruption(); });
  }

 private:
  template <typename Visitor>
  decltype(auto) visit(Visitor visitor) noexcept {
    return visit_in(*this, visitor);
  }
  template <typename Visitor>
  decltype(auto) visit(Visitor visitor) const noexcept {
    return visit_in(*this, visitor);
  }

  template <typename Self, typename Visitor>
  static decltype(auto) visit_in(Self& self, Visitor visitor) noexcept {
    switch (self.strategy_) {
      case Strategy::kBumpFreeList:
        return visitor(self.bump_free_list_);
      case Strategy::kSegregatedBump:
        return visitor(self.segregated_bump_);
      default:
        return visitor(self.free_list_);
    }
  }

  Strategy strategy_{};
  union {
    char none_;
    BumpFreeList<Pages> bump_free_list_;
    SegregatedBump<Pages> segregated_bump_;
    FreeList<Pages> free_list_;
  };
};

}  // namespace lite_alloc::bindings
