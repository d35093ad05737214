// SPDX-License-Identifier: MIT
//
// Starts a module instance whose heap lies in a region of memory that belongs to other code. The
// module is position independent: its importer decides where its state and its stack lie, both in
// the region. heap_functions.hpp exports the other functions.

#include "../heap_functions.hpp"

namespace lite_alloc::bindings::region {

/// `start` of heap_functions.hpp over `[begin, end)`, multiples of `kGranule`. Requires that all
/// bytes there are 0: metadata that remains from an earlier heap could be accepted as blocks.
[[clang::export_name("start")]] Size start(Size strategy, Address begin, Address end,
                                           std::uint32_t secret) noexcept {
  return bindings::start(RegionMemory(begin, end), strategy, secret);
}

}  // namespace lite_alloc::bindings::region
