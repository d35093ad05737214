// SPDX-License-Identifier: MIT
//
// What JavaScript calls, by name. The names and argument names also make the generated types.

#include <emscripten/bind.h>

#include "heap_functions.hpp"

namespace lite_alloc::bindings {

EMSCRIPTEN_BINDINGS(lite_alloc) {
  using emscripten::function;

  function("start(strategy)", &start);
  function("malloc(size)", &malloc);
  function("zeroed(size)", &zeroed);
  function("memalign(alignment, size)", &memalign);
  function("realloc(address, size)", &realloc);
  function("free(address)", &free);
  function("usableSize(address)", &usable_size);
  function("reset()", &reset);

  function("allocate(size, alignment)", &allocate);
  function("deallocate(address, size, alignment)", &deallocate);
  function("reallocate(address, oldSize, newSize, alignment)", &reallocate);
  function("mayBeSizedBlock(address, size, alignment)", &may_be_sized_block);

  function("liveBlocks()", &statistic<&Statistics::live_blocks>);
  function("liveBytes()", &statistic<&Statistics::live_bytes>);
  function("peakLiveBytes()", &statistic<&Statistics::peak_live_bytes>);
  function("freeBytes()", &statistic<&Statistics::free_bytes>);
  function("slackBytes()", &statistic<&Statistics::slack_bytes>);
  function("largestFreeBytes()", &statistic<&Statistics::largest_free_bytes>);
  function("allocations()", &statistic<&Statistics::allocations>);
  function("frees()", &statistic<&Statistics::frees>);
  function("failures()", &statistic<&Statistics::failures>);
  function("growths()", &statistic<&Statistics::growths>);
  function("fragmentation()", &fragmentation);

  function("check()", &check);
  function("corruptAddress()", &corrupt_address);
  function("walkStart()", &walk_start);
  function("walkNext()", &walk_next);
  function("walkSize()", &walk_size);
  function("walkIsUsed()", &walk_is_used);
}

}  // namespace lite_alloc::bindings
