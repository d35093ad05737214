// SPDX-License-Identifier: MIT
#pragma once

#include <emscripten/heap.h>

#include <cstdint>

#include "lite_alloc/memory/stepped_growth.hpp"
#include "lite_alloc/memory/wasm_memory.hpp"

/// Defined by the part of Emscripten's libraries that stands in for JavaScript in programs linked
/// with `-sSTANDALONE_WASM`: the part that defines `emscripten_resize_heap` there. Elsewhere this
/// is JavaScript's, and linked only into programs that use WasmFS.
extern "C" [[gnu::weak]] int _wasmfs_get_num_preloaded_dirs();

/// What `emscripten_get_sbrk_ptr` points to, and what it stored there itself. Only programs linked
/// with `-sSAFE_HEAP` or `-sMAIN_MODULE` have it. The loader of side modules, and nothing else,
/// stores another value: the end of their data.
struct lite_alloc_break_cell {
  std::uintptr_t value;
  std::uintptr_t stored;
};
extern "C" [[gnu::weak]] lite_alloc_break_cell lite_alloc_break;

/// Whether the heap may take `bytes` more: see `malloc_set_footprint_limit`. Not defined in
/// programs that set no limit.
[[gnu::weak]] bool lite_alloc_may_grow(lite_alloc::Size bytes);

namespace lite_alloc {

/// Two steps of notifying the glue that memory grew. Both are never called in programs linked with
/// `-sSTANDALONE_WASM`, which must not even import the notification: a WASI host does not have it.
///
/// The linker drops functions that nothing calls, but only an optimiser, which works from `-O2` on,
/// drops a call behind a condition. So the steps have the names of the functions that start
/// standalone programs, `_start` or `_initialize`. Where Emscripten defines one of these, the
/// linker puts it in the place of our weak step, and the notification is not imported.
void notify_glue_first_step() noexcept __asm__("_initialize");
void notify_glue_last_step() noexcept __asm__("_start");

inline void notify_glue() { notify_glue_first_step(); }

/// The pages of a program that Emscripten links.
///
/// They come from `memory.grow` itself and a notification of the glue, since Emscripten's own
/// growth adds a fifth of all memory at each step. In a standalone program there is no glue, and
/// Emscripten's own growth adds what it is asked for; it imports nothing where memory does not
/// grow.
class ProgramPages : public WasmMemory<notify_glue> {
 public:
  /// Ends the program if side modules lie where the heap would begin, since the heap would
  /// overwrite their data. Asked whenever the heap takes memory.
  [[nodiscard]] static Address end() noexcept {
    if (&lite_alloc_break != nullptr && lite_alloc_break.value != lite_alloc_break.stored) {
      __builtin_trap();
    }
    return WasmMemory::end();
  }

  [[nodiscard]] bool grow(Size bytes) noexcept {
    // Both are constants once the program is linked: Emscripten's optimiser drops what is not
    // needed.
    if (&lite_alloc_may_grow != nullptr && !lite_alloc_may_grow(bytes)) return false;
    if (&_wasmfs_get_num_preloaded_dirs == nullptr) return WasmMemory::grow(bytes);
    return bytes <= kEndOfAddresses - end() && emscripten_resize_heap(end() + bytes);
  }
};

/// The memory of a program that Emscripten links. All pages behind the program's static data and
/// stack belong to its malloc, whoever added them: `emscripten_resize_heap`, JavaScript, or code
/// that calls `memory.grow` itself. Emscripten's own mallocs do the same.
template <Size kShare = 16>
class ProgramMemory : public SteppedGrowth<ProgramPages, kShare> {
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
