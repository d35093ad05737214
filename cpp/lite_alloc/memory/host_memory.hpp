// SPDX-License-Identifier: MIT
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "lite_alloc/memory/page_source.hpp"

namespace lite_alloc {

/// Linear memory in native programs. Reserves its whole range of addresses once, so that blocks
/// never move, and adds pages on request. A test can make growth fail, as it may fail in a real
/// memory.
class HostMemory {
 public:
  struct Options {
    /// The lowest address: a multiple of a page, not 0. Near 2^32 it brings sums close to wrapping.
    Address begin = kPageBytes;
    /// Pages at the start. The heap uses those below `kEndOfAddresses`.
    Size initial_pages = 1;
    /// The most pages it grows to.
    Size maximum_pages = 4096;
  };

  HostMemory() noexcept : HostMemory(Options{}) {}

  /// Ends the program iff the host cannot reserve the range.
  explicit HostMemory(const Options& options) noexcept
      : begin_(options.begin),
        end_(end_of(options.begin, options.initial_pages)),
        limit_(end_of(options.begin, options.maximum_pages)) {
    // One page more, so that the range can start at a page: pointers are aligned as addresses are.
    mapping_ = ::mmap(nullptr, mapped_bytes(), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping_ == MAP_FAILED) std::abort();
    const auto start = reinterpret_cast<std::uintptr_t>(mapping_);
    base_ = static_cast<std::byte*>(mapping_) + (kPageBytes - start % kPageBytes) % kPageBytes;
  }

  HostMemory(const HostMemory&) = delete;
  HostMemory& operator=(const HostMemory&) = delete;
  ~HostMemory() { ::munmap(mapping_, mapped_bytes()); }

  [[nodiscard]] Address begin() const noexcept { return begin_; }
  [[nodiscard]] Address end() const noexcept { return end_; }

  [[nodiscard]] bool grow(Size bytes) noexcept {
    if (grows_until_failure_ != 0 && --grows_until_failure_ == 0) return false;
    return move_end(bytes);
  }

  /// Makes the n-th `grow` from now on fail, once.
  void fail_grow(Size n) noexcept { grows_until_failure_ = n; }

  /// Adds pages as other code would. They do not belong to the heap, and touching them ends the
  /// program.
  void grow_as_other_code(Size pages) noexcept {
    const Address begin = end_;
    if (move_end(pages * kPageBytes)) {
      ::mprotect(at<std::byte>(begin), end_ - begin, PROT_NONE);
    }
  }

  template <typename T>
  [[nodiscard]] T* at(Address address) const noexcept {
    return reinterpret_cast<T*>(base_ + (address - begin_));
  }

 private:
  [[nodiscard]] static constexpr Address end_of(Address begin, Size pages) noexcept {
    return begin + std::min(pages, (kEndOfAddresses - begin) / kPageBytes) * kPageBytes;
  }

  [[nodiscard]] bool move_end(Size bytes) noexcept {
    const Size whole = align_up(bytes, kPageBytes);
    if (whole < bytes || whole > limit_ - end_) return false;
    end_ += whole;
    return true;
  }

  [[nodiscard]] std::size_t mapped_bytes() const noexcept {
    return std::size_t{limit_ - begin_} + kPageBytes;
  }

  Address begin_;
  Address end_;
  Address limit_;
  Size grows_until_failure_ = 0;
  void* mapping_ = nullptr;
  std::byte* base_ = nullptr;
};

static_assert(PageSource<HostMemory>);

}  // namespace lite_alloc
