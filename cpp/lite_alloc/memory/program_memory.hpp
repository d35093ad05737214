// SPDX-License-Identifier: MIT
#pragma once

#include <emscripten/heap.h>

#include "lite_alloc/memory/stepped_growth.hpp"
#include "lite_alloc/memory/wasm_memory.hpp"

namespace lite_alloc {

/// The memory of a program that Emscripten links. All pages behind the program's static data and
/// stack belong to its malloc, whoever added them: `emscripten_resize_heap`, JavaScript, or code
/// that calls `memory.grow` itself. Emscripten's own mallocs do the same.
///
/// Pages come from `memory.grow` itself, since Emscripten's own growth adds a fifth of all memory
/// at each step.
template <Size kShare = 16>
class ProgramMemory : public SteppedGrowth<WasmMemory<notify_javascript>, kShare> {
 public:
  static constexpr bool kOwnsAllPages = true;

  /// Reports that `bytes` could not be had, and why, as the program's user chose: Emscripten ends
  /// the program under `-sABORTING_MALLOC`. To be called when nothing else is left to try. Sizes
  /// that no memory holds are not reported: Emscripten's own mallocs return null for them.
  [[gnu::cold, gnu::noinline]] static void report_exhausted(Size bytes) noexcept {
    if (bytes > kMaxBlock) return;
    const Size end = __builtin_wasm_memory_size(0) * kPageBytes;
    Size wanted = 0;
    const bool wraps = __builtin_add_overflow(end, bytes, &wanted);
    static_cast<void>(emscripten_resize_heap(wraps ? ~Size{0} : wanted));
  }
};

static_assert(PageSource<ProgramMemory<>>);

}  // namespace lite_alloc
