// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>

#include "lite_alloc/core/layout.hpp"

namespace lite_alloc {

/// Bytes in a WebAssembly page, the step in which linear memory grows.
inline constexpr Size kPageBytes = 65536;

/// The end of the last page that a heap can use, the 65 535th: that of the next is 2^32, which no
/// 32-bit address can say.
inline constexpr Address kEndOfAddresses = 0xFFFF'0000;

/// Where a heap's pages come from. One source serves one heap.
///
///   begin()      the first address the heap may use, a multiple of `kGranule`, never 0
///   end()        the address behind the last page there is now, whoever grew it: what the next
///                `grow` adds starts here; at most `kEndOfAddresses`
///   grow(bytes)  adds at least `bytes` (not 0) behind `end()`, in whole pages, or fails and leaves
///                everything as it was; `end()` tells what was added
///   at<T>(a)     the object of type T at address `a`
///
/// A source may also declare `static constexpr bool kOwnsAllPages = true`: all pages behind the
/// heap's are for this heap then, whoever added them, and it takes them before it grows memory.
/// Without that a heap steps over pages that it did not add.
///
/// All are constant time but `grow`, whose time is the platform's.
// The formatter takes the requirements for statements.
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
