// SPDX-License-Identifier: MIT
#pragma once

#include "lite_alloc/heap/segregated_fit.hpp"

namespace lite_alloc {

/// How introspection reaches the parts of a `SegregatedFit`: by a pointer. A program with a single
/// heap can use a class without a pointer in its place, with the same members: then the compiler
/// knows all addresses, and the code is smaller.
template <typename PartsOfHeap>
class PartsPointer {
 public:
  using Parts = PartsOfHeap;

  // NOLINTNEXTLINE(google-explicit-constructor): stands for the parts.
  PartsPointer(const Parts& parts) noexcept : parts_(&parts) {}

  const Parts& operator*() const noexcept { return *parts_; }
  const Parts* operator->() const noexcept { return parts_; }

 private:
  const Parts* parts_;
};

}  // namespace lite_alloc
