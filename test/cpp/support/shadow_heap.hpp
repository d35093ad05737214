// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>

#include "lite_alloc/memory/page_source.hpp"

namespace lite_alloc::test {

/// The live blocks of a heap and their contents, recorded outside of it. Each new block is filled
/// with a pattern of its own; a long block only at both ends and at every 1021st byte.
template <PageSource Pages>
class ShadowHeap {
 public:
  struct Block {
    Layout layout;
    /// Whether the bytes below the address belong to the test, not to an adaptor's header.
    bool fills_prefix;
    std::uint32_t pattern;
  };
  using Blocks = std::map<Address, Block>;

  explicit ShadowHeap(const Pages& pages) : pages_(&pages) {}

  /// Records a new block. Fails unless it is aligned, in memory, and apart from every other.
  [[nodiscard]] testing::AssertionResult add(Address address, const Layout& layout,
                                             bool fills_prefix = true) {
    const auto valid = has_place(address, layout);
    if (!valid) return valid;
    const auto [place, is_new] =
        blocks_.emplace(address, Block{layout, fills_prefix, ++count_ * 0x85EB'CA77U});
    live_bytes_ += round_to_granules(layout.size);
    requested_bytes_ += layout.size;
    block_bytes_ += block_size(layout);
    fill(*place);
    return testing::AssertionSuccess();
  }

  /// Removes a block. Fails unless it still holds its pattern.
  [[nodiscard]] testing::AssertionResult remove(Address address) {
    const auto place = blocks_.find(address);
    const auto intact = verify(*place, place->second.layout.size);
    forget(place);
    return intact;
  }

  /// Records a reallocation. Requires that `verify` was true for the block.
  [[nodiscard]] testing::AssertionResult move(Address from, Address to, Size new_size) {
    const auto place = blocks_.find(from);
    typename Blocks::value_type moved{to, place->second};
    Layout& layout = moved.second.layout;
    const Size kept = std::min(layout.size, new_size);
    moved.second.fills_prefix = false;  // only contents are kept
    const auto intact = verify(moved, kept);
    const bool fills_prefix = place->second.fills_prefix;
    layout.size = new_size;
    forget(place);
    return intact ? add(to, layout, fills_prefix) : intact;
  }

  [[nodiscard]] testing::AssertionResult verify(Address address) const {
    const auto place = blocks_.find(address);
    return verify(*place, place->second.layout.size);
  }

  [[nodiscard]] testing::AssertionResult verify_all() const {
    for (const auto& entry : blocks_) {
      if (auto intact = verify(entry, entry.second.layout.size); !intact) return intact;
    }
    return testing::AssertionSuccess();
  }

  void forget_all() {
    blocks_.clear();
    live_bytes_ = 0;
    requested_bytes_ = 0;
    block_bytes_ = 0;
  }

  [[nodiscard]] const Blocks& blocks() const noexcept { return blocks_; }
  /// Bytes at the blocks' addresses, in whole granules.
  [[nodiscard]] Size live_bytes() const noexcept { return live_bytes_; }
  /// The same without rounding.
  [[nodiscard]] Size requested_bytes() const noexcept { return requested_bytes_; }
  /// The bytes of the blocks in whole granules, prefixes included.
  [[nodiscard]] Size block_bytes() const noexcept { return block_bytes_; }

 private:
  using Entry = typename Blocks::value_type;

  [[nodiscard]] testing::AssertionResult has_place(Address address, const Layout& layout) const {
    const std::uint64_t begin = std::uint64_t{address} - layout.prefix;
    const std::uint64_t end = std::uint64_t{address} + layout.size;
    if (address % std::max(layout.alignment, kGranule) != 0) {
      return testing::AssertionFailure() << address << " is not aligned to " << layout.alignment;
    }
    if (address < layout.prefix || begin < pages_->begin() || end > pages_->end()) {
      return testing::AssertionFailure() << address << " leaves memory";
    }
    const auto above = blocks_.lower_bound(address);
    const bool meets_above =
        above != blocks_.end() && above->first - above->second.layout.prefix < end;
    if (meets_above) {
      return testing::AssertionFailure() << address << " overlaps block " << above->first;
    }
    if (above != blocks_.begin()) {
      const auto& below = *std::prev(above);
      if (below.first + below.second.layout.size > begin) {
        return testing::AssertionFailure() << address << " overlaps block " << below.first;
      }
    }
    return testing::AssertionSuccess();
  }

  /// Calls `visit(offset)` for the bytes of a block of `size` bytes that are compared, until it
  /// returns false.
  template <typename Visit>
  static bool sample(Size size, Visit visit) {
    constexpr Size kEnd = 48;
    constexpr Size kStride = 1021;
    Size offset = 0;
    const auto visit_until = [&](Size end, Size step) {
      for (; offset < end; offset += step) {
        if (!visit(offset)) return false;
      }
      offset = end;
      return true;
    };
    const Size head = std::min(size, kEnd);
    const Size tail = std::max(head, size - head);
    return visit_until(head, 1) && visit_until(tail, kStride) && visit_until(size, 1);
  }

  [[nodiscard]] static std::byte value(std::uint32_t pattern, Size offset) noexcept {
    return static_cast<std::byte>((pattern + offset * 0x9E37'79B1U) >> 24U);
  }

  [[nodiscard]] std::byte* prefix_of(const Entry& entry) const noexcept {
    return pages_->template at<std::byte>(entry.first - entry.second.layout.prefix);
  }

  void fill(const Entry& entry) const {
    const auto write = [](std::byte* bytes, std::uint32_t pattern) {
      return [=](Size offset) {
        bytes[offset] = value(pattern, offset);
        return true;
      };
    };
    const auto& [address, block] = entry;
    sample(block.layout.size, write(pages_->template at<std::byte>(address), block.pattern));
    if (block.fills_prefix) sample(block.layout.prefix, write(prefix_of(entry), ~block.pattern));
  }

  /// Whether the first `size` bytes are what they were filled with, and those of the prefix.
  [[nodiscard]] testing::AssertionResult verify(const Entry& entry, Size size) const {
    const auto is_intact = [](const std::byte* bytes, Size end, std::uint32_t pattern) {
      return [=](Size offset) { return offset >= end || bytes[offset] == value(pattern, offset); };
    };
    const auto& [address, block] = entry;
    const std::byte* bytes = pages_->template at<std::byte>(address);
    if (!sample(block.layout.size, is_intact(bytes, size, block.pattern))) {
      return testing::AssertionFailure() << "block " << address << " has other contents";
    }
    const Size prefix = block.layout.prefix;
    if (block.fills_prefix &&
        !sample(prefix, is_intact(prefix_of(entry), prefix, ~block.pattern))) {
      return testing::AssertionFailure() << "the bytes below block " << address << " changed";
    }
    return testing::AssertionSuccess();
  }

  void forget(typename Blocks::iterator place) {
    live_bytes_ -= round_to_granules(place->second.layout.size);
    requested_bytes_ -= place->second.layout.size;
    block_bytes_ -= block_size(place->second.layout);
    blocks_.erase(place);
  }

  const Pages* pages_;
  Blocks blocks_;
  std::uint32_t count_ = 0;
  Size live_bytes_ = 0;
  Size requested_bytes_ = 0;
  Size block_bytes_ = 0;
};

}  // namespace lite_alloc::test
