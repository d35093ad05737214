// SPDX-License-Identifier: MIT
#pragma once

#include "lite_alloc/core/layout.hpp"

namespace lite_alloc::segregated_fit {

/// Which chunk was allocated last, and whether it is *parked*: freed, but not yet merged. The
/// comment on `Chunks` explains parking.
///
/// A pair of `free` and `malloc` that parks a chunk and takes it back writes a single word, `tag_`,
/// and only branches depend on that word. The address that `malloc` returns comes from a word that
/// the pair does not write, so a processor that predicts the branches never waits for a store.
class Parking {
 public:
  /// Notes that a chunk was allocated; 0: that this failed. Requires that no chunk is parked.
  void allocated(Address chunk) noexcept { latest_ = chunk; }

  /// Notes that another chunk has changed since. Requires that no chunk is parked.
  void forget_latest() noexcept { latest_ = 0; }

  /// Checks for the chunk that was allocated last, if no other chunk has changed since.
  [[nodiscard]] bool is_latest(Address chunk) const noexcept { return chunk == latest_; }

  /// Returns that chunk, or 0.
  [[nodiscard]] Address latest() const noexcept { return latest_; }

  [[nodiscard]] bool is_parked(Address chunk) const noexcept {
    return is_latest(chunk) && has_parked();
  }
  [[nodiscard]] bool has_parked() const noexcept { return tag_ != 0; }
  /// Returns the tag of the parked chunk without `kBelowFree`; 0 if no chunk is parked.
  [[nodiscard]] Size tag() const noexcept { return tag_; }

  /// Parks the chunk that was allocated last. `tag` is as above.
  void park(Size tag) noexcept { tag_ = tag; }
  /// Ends the parking: the chunk is taken back, or about to be merged.
  void clear() noexcept { tag_ = 0; }

 private:
  Address latest_ = 0;
  Size tag_ = 0;
};

/// The same for a heap that parks no chunk: takes no memory, and adds no code.
class NoParking {
 public:
  static constexpr void allocated(Address) noexcept {}
  static constexpr void forget_latest() noexcept {}
  [[nodiscard]] static constexpr bool is_latest(Address) noexcept { return false; }
  [[nodiscard]] static constexpr Address latest() noexcept { return 0; }
  [[nodiscard]] static constexpr bool is_parked(Address) noexcept { return false; }
  [[nodiscard]] static constexpr bool has_parked() noexcept { return false; }
  [[nodiscard]] static constexpr Size tag() noexcept { return 0; }
  static constexpr void park(Size) noexcept {}
  static constexpr void clear() noexcept {}
};

}  // namespace lite_alloc::segregated_fit
