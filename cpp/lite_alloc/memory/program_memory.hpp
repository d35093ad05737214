// SPDX-License-Identifier: MIT
#pragma once

#include <emscripten/heap.h>

#include <cstdint>

#include "lite_alloc/memory/stepped_growth.hpp"
#include "lite_alloc/memory/wasm_memory.hpp"

/// Shows whether a program is linked with `-sSTANDALONE_WASM`. There a library of Emscripten
/// defines it, the one that replaces JavaScript and also defines `emscripten_resize_heap`. In other
/// programs JavaScript defines it, and only those that use WasmFS link it.
extern "C" [[gnu::weak]] int _wasmfs_get_num_preloaded_dirs();

/// The word that `emscripten_get_sbrk_ptr` points to, and the value that this function stored
/// there. Only programs linked with `-sSAFE_HEAP` or `-sMAIN_MODULE` have it. The loader of side
/// modules, and no other code, stores another value: the end of their data.
struct lite_alloc_break_cell {
  std::uintptr_t value;
  std::uintptr_t stored;
};
extern "C" [[gnu::weak]] lite_alloc_break_cell lite_alloc_break;

/// Returns whether the heap may take `bytes` more bytes: see `malloc_set_footprint_limit`. Programs
/// that set no limit do not define it.
[[gnu::weak]] bool lite_alloc_may_grow(lite_alloc::Size bytes);

namespace lite_alloc {

/// Two steps that notify the glue that memory grew; the first calls the second. A program linked
/// with `-sSTANDALONE_WASM` calls neither. It must not even import the notification, since a WASI
/// host does not provide it.
///
/// The linker drops functions that nothing calls, but only an optimiser, which runs from `-O2` on,
/// drops a call behind a condition. So the steps have the names of the functions that start
/// standalone programs, `_start` and `_initialize`. Where Emscripten defines one of these, the
/// linker takes that definition instead of this weak step, and nothing refers to the notification.
void notify_glue_first_step() noexcept __asm__("_initialize");
void notify_glue_last_step() noexcept __asm__("_start");

inline void notify_glue() { notify_glue_first_step(); }

/// The pages of a program that Emscripten links.
///
/// Memory grows by the instruction `memory.grow` and a notification of the glue, since Emscripten's
/// own function adds a fifth of all memory at each step. A standalone program has no glue. There
/// Emscripten's function adds what it is asked for, and imports nothing in a program whose memory
/// does not grow.
class ProgramPages : public WasmMemory<notify_glue> {
 public:
  /// Ends the program iff side modules lie where the heap would begin, since the heap would
  /// overwrite their data. The heap calls this whenever it takes memory.
  [[nodiscard]] static Address end() noexcept {
    if (&lite_alloc_break != nullptr && lite_alloc_break.value != lite_alloc_break.stored) {
      __builtin_trap();
    }
    return WasmMemory::end();
  }

  [[nodiscard]] bool grow(Size bytes) noexcept {
    // Both addresses are constants after linking, so Emscripten's optimiser drops the branches that
    // are never taken.
    if (&lite_alloc_may_grow != nullptr && !lite_alloc_may_grow(bytes)) return false;
    if (&_wasmfs_get_num_preloaded_dirs == nullptr) return WasmMemory::grow(bytes);
    return bytes <= kEndOfAddresses - end() && emscripten_resize_heap(end() + bytes);
  }
};

/// The memory of a program that Emscripten links. All pages behind the program's static data and
/// stack belong to its malloc, whoever added them: `emscripten_resize_heap`, JavaScript, or other
/// code that calls `memory.grow`. Emscripten's own mallocs do the same.
template <Size kShare = 16>
class ProgramMemory : public SteppedGrowth<ProgramPages, kShare> {
 public:
  static constexpr bool kOwnsAllPages = true;

  /// Reports to Emscripten that an allocation of `bytes` failed for lack of memory: under
  /// `-sABORTING_MALLOC` Emscripten ends the program and says why. To be called after everything
  /// else was tried. Does not report sizes above what any memory holds: Emscripten's own mallocs
  /// return null for them.
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
