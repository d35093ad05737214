// SPDX-License-Identifier: MIT
//
// The functions that Emscripten's mallocs have beside those of the standards. A program links only
// those that it calls.
//
// Left out are functions that no header of Emscripten declares: `independent_calloc`,
// `independent_comalloc`, `bulk_free`, `malloc_inspect_all`, and those whose names begin with `dl`,
// `emmalloc` or `mspace`.

#include <malloc.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "lite_alloc/malloc/process_heap.hpp"

namespace {

lite_alloc::Size footprint_limit = ~lite_alloc::Size{0};

}  // namespace

/// In programs that link this file, the heap's memory calls this before it grows.
bool lite_alloc_may_grow(lite_alloc::Size bytes) {
  const lite_alloc::Size footprint = lite_alloc::process::footprint();
  return footprint <= footprint_limit && bytes <= footprint_limit - footprint;
}

extern "C" {

/// Counts free chunks and free blocks in slabs. Takes time in proportion to their number.
[[gnu::weak]] struct mallinfo mallinfo() {
  const lite_alloc::HeapTotals totals = lite_alloc::process::totals();
  struct mallinfo info = {};
  info.arena = totals.heap_bytes;
  info.ordblks = totals.free_blocks;
  info.uordblks = totals.heap_bytes - totals.free_bytes;
  info.fordblks = totals.free_bytes;
  info.keepcost = totals.slack_bytes;
  return info;
}

/// Prints to stderr how many bytes the heap has taken and how many are in use.
[[gnu::weak]] void malloc_stats() {
  const lite_alloc::HeapTotals totals = lite_alloc::process::totals();
  std::fprintf(stderr, "max system bytes = %10zu\n", std::size_t{totals.heap_bytes});
  std::fprintf(stderr, "system bytes     = %10zu\n", std::size_t{totals.heap_bytes});
  std::fprintf(stderr, "in use bytes     = %10zu\n",
               std::size_t{totals.heap_bytes - totals.free_bytes});
}

/// Returns 0: WebAssembly memory never shrinks, so the heap cannot release any.
[[gnu::weak]] int malloc_trim(std::size_t) { return 0; }

/// Accepts the thresholds of trimming and of mapping, and ignores them, because this malloc does
/// neither: returns 1. For every other parameter returns 0, which says that it is not supported.
[[gnu::weak]] int mallopt(int parameter, int) {
  return parameter == M_TRIM_THRESHOLD || parameter == M_MMAP_THRESHOLD ? 1 : 0;
}

/// Returns a block at a multiple of the page size, 65 536 bytes.
[[gnu::weak]] void* valloc(std::size_t size) {
  return memalign(static_cast<std::size_t>(getpagesize()), size);
}

/// Like `valloc`, with the size rounded up to whole pages.
[[gnu::weak]] void* pvalloc(std::size_t size) {
  const auto page = static_cast<std::size_t>(getpagesize());
  const std::size_t rest = size % page;
  const std::size_t whole = rest == 0 ? size : size + (page - rest);
  if (whole < size) {
    errno = ENOMEM;
    return nullptr;
  }
  return memalign(page, whole);
}

/// Returns the bytes that the heap has taken.
[[gnu::weak]] std::size_t malloc_footprint() { return lite_alloc::process::footprint(); }

/// Returns the same, since a heap never releases memory.
[[gnu::weak]] std::size_t malloc_max_footprint() { return lite_alloc::process::footprint(); }

/// Returns the most bytes that the heap may take by growing memory; SIZE_MAX if there is no limit.
[[gnu::weak]] std::size_t malloc_footprint_limit() { return footprint_limit; }

/// Sets that limit in bytes, rounded up to whole pages, and returns it. SIZE_MAX removes it. The
/// heap keeps the memory that it has.
[[gnu::weak]] std::size_t malloc_set_footprint_limit(std::size_t bytes) {
  const auto page = static_cast<std::size_t>(getpagesize());
  const bool has_limit = bytes <= ~std::size_t{0} - page;
  footprint_limit = has_limit ? (bytes + page - 1) / page * page : ~std::size_t{0};
  return footprint_limit;
}

/// Gives a block another size where it is, and returns it. Returns null, with ENOMEM, iff there is
/// no room.
[[gnu::weak]] void* realloc_in_place(void* block, std::size_t size) {
  if (block == nullptr) return nullptr;
  const bool fits = size <= malloc_usable_size(block) ||
                    lite_alloc::process::resize_in_place(lite_alloc::address_of(block), size);
  if (fits) return block;
  errno = ENOMEM;
  return nullptr;
}

}  // extern "C"
