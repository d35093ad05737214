// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>

#include "lite_alloc/core/layout.hpp"

namespace lite_alloc {

/// A source of a heap's pages. One source serves one heap.
///
///   begin()      Returns the first address that the heap may use: a multiple of `kGranule`, not 0.
///   end()        Returns the address behind the last page that exists now, whoever added it, but
///                at most `kEndOfAddresses`. The pages that `grow` adds next start here.
///   grow(bytes)  Adds at least `bytes` (not 0) behind `end()`, in whole pages, and returns true;
///                `end()` then includes them. Returns false, and changes nothing, iff the platform
///                refuses.
///   at<T>(a)     Returns a pointer to the object of type T at address `a`.
///
/// A source may also declare `static constexpr bool kOwnsAllPages = true`. Then all pages behind
/// the heap belong to it, whoever added them, and the heap uses them before it grows memory.
/// Without that a heap steps over pages that it did not add.
///
/// A source may also declare `static constexpr bool kParks = true`. Then a `SegregatedFit` over it
/// takes less time for a block above 1008 bytes that is freed right after its allocation, and about
/// 150 bytes more code. All source files that share a heap must see the same declaration.
///
/// All calls take constant time, except `grow`, whose time is the platform's.
// clang-format would lay the requirements out as statements.
// clang-format off
template <typename Source>
concept PageSource = requires(Source source, const Source constant, Address address, Size bytes) {
  { constant.begin() } noexcept -> std::same_as<Address>;
  { constant.end() } noexcept -> std::same_as<Address>;
  { source.grow(bytes) } noexcept -> std::same_as<bool>;
  { constant.template at<std::byte>(address) } noexcept -> std::same_as<std::byte*>;
};
// clang-format on

}  // namespace lite_alloc
